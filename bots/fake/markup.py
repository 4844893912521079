"""HTML as the Bot API reads it (`parse_mode`): words and entities. Pure."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from typing_extensions import override

TYPES = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "a": "text_link",
}


class NotMarkup(Exception):
    """Not what Telegram takes; the text says what is wrong, in its words."""


def read(html: str) -> tuple[str, list[dict[str, Any]]]:
    """The words, and their entities in UTF-16 units. Raises NotMarkup."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.opened:
        raise NotMarkup(f'can\'t find end tag corresponding to start tag "{reader.opened[-1][0]}"')
    return "".join(reader.said), sorted(reader.entities, key=lambda one: (one["offset"], -one["length"]))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: list[str] = []
        self.entities: list[dict[str, Any]] = []
        self.opened: list[tuple[str, int, dict[str, Any]]] = []
        self._units = 0

    @override
    def handle_data(self, data: str) -> None:
        self.said.append(data)
        self._units += len(data.encode("utf-16-le")) // 2

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TYPES:
            raise NotMarkup(f'unsupported start tag "{tag}"')
        more = {"url": dict(attrs).get("href") or ""} if tag == "a" else {}
        self.opened.append((tag, self._units, more))

    @override
    def handle_endtag(self, tag: str) -> None:
        if not self.opened or self.opened[-1][0] != tag:
            raise NotMarkup(f'unexpected end tag "{tag}"')
        _, begin, more = self.opened.pop()
        if self._units > begin:
            self.entities.append({"type": TYPES[tag], "offset": begin, "length": self._units - begin, **more})
