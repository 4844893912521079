"""Telegram's HTML: the tags that it knows, each closed in its turn; and what of it is shown. Pure."""

from __future__ import annotations

import html
import re

TAGS = {
    *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre"),
    *("a", "span", "tg-spoiler", "tg-emoji", "blockquote"),
}
_TAG = re.compile(r"<(/?)([a-z][a-z-]*)((?:\s+[a-z-]+(?:=\"[^\"<>]*\")?)*)\s*>")
_ANY_TAG = re.compile(r"<[^<>]*>")


def check_tags(text: str) -> None:
    """Raises ValueError for what Telegram would refuse from everybody: a stray `<`, an unknown tag, an unclosed one."""
    opened: list[str] = []
    for found in re.finditer("<", text):
        tag = _TAG.match(text, found.start())
        if tag is None:
            raise ValueError(f"write `&lt;` for a `<` that begins no tag, at {_around(text, found.start())}")
        closes, name, _ = tag.groups()
        if name not in TAGS:
            raise ValueError(f"Telegram knows no <{name}>; it knows {', '.join(sorted(TAGS))}")
        if not closes:
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise ValueError(f"</{name}> closes nothing that is open, at {_around(text, found.start())}")
    if opened:
        raise ValueError(f"close <{opened[-1]}> with </{opened[-1]}>, in the same branch in which it is opened")


def shown(text: str) -> str:
    """What a reader sees of it."""
    return html.unescape(_ANY_TAG.sub("", text))


def _around(text: str, position: int) -> str:
    return repr(text[position : position + 20])
