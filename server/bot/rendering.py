"""Markdown as Telegram shows it: words, and entities that say which of them are bold. Pure.

Lists, tables, rules and images stay as they were typed, which reads well and is what Telegram has no form for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from server.bot.splitting import units

BLOCKS = ("fence", "blockquote", "heading")
WITHIN = ("backticks", "emphasis", "strikethrough", "link", "escape")
TYPES = {"strong": "bold", "em": "italic", "s": "strikethrough", "link": "text_link"}
LINKS = ("http://", "https://", "tg://")
ENTITIES_LIMIT = 100  # Telegram shows no more of a message

_marks = re.compile(r"[\\`*_~\[>#]")


@dataclass(frozen=True, slots=True)
class Entity:
    """What is special about some of the words. Offset and length count UTF-16 units, as Telegram does."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is read, without marks."""

    text: str
    entities: tuple[Entity, ...] = ()

    def between(self, start: int, end: int) -> Words:
        """Some of it, from one character to another, with what of the entities lies there."""
        first, last = units(self.text[:start]), units(self.text[:end])
        kept = []
        for entity in self.entities:
            offset, until = max(entity.offset, first), min(entity.offset + entity.length, last)
            if offset < until:
                kept.append(replace(entity, offset=offset - first, length=until - offset))
        return Words(self.text[start:end], tuple(kept[:ENTITIES_LIMIT]))


def rendered(markdown: str) -> Words:
    """The text as its author meant it; without any marks in it, exactly as it is."""
    if _marks.search(markdown) is None:
        return Words(markdown)
    lines, added = _parted(markdown)
    page = _Page(added)
    page.write(_parser.parse("\n".join(lines)))
    if not page.entities and "\\" not in markdown:
        return Words(markdown)
    inside = sorted(page.entities, key=lambda entity: (entity.offset, -entity.length))
    return Words("".join(page.said), tuple(inside))


def _parted(markdown: str) -> tuple[list[str], frozenset[int]]:
    """The lines, with an empty one below each quotation, and which those are.

    Who answers on the next line is not quoted; Markdown would take both together.
    """
    lines: list[str] = []
    added: set[int] = set()
    has_code = "```" in markdown or "~~~" in markdown  # where a line may begin with anything
    for line in markdown.split("\n"):
        if lines and lines[-1].startswith(">") and line.strip() and not (line.startswith(">") or has_code):
            added.add(len(lines))
            lines.append("")
        lines.append(line)
    return lines, frozenset(added)


def _may_be_linked(url: str) -> bool:
    return url.lower().startswith(LINKS)


def _made_parser() -> MarkdownIt:
    parser = MarkdownIt("zero").enable([*BLOCKS, *WITHIN])
    parser.validateLink = _may_be_linked  # type: ignore[method-assign]  # the library's documented way
    return parser


_parser = _made_parser()


@dataclass
class _Page:
    """What has been written so far."""

    added: frozenset[int]  # lines that nobody has typed
    said: list[str] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    length: int = 0
    line: int = 0  # of the source, behind what was written last
    opened: list[tuple[str, int, str | None]] = field(default_factory=list)

    def write(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            match token.type:
                case "blockquote_open":
                    self._break(token)
                    self._open("" if any(kind == "blockquote" for kind, *_ in self.opened) else "blockquote")
                case "heading_open":
                    self._break(token)
                    self._open("bold")
                case "paragraph_open":
                    self._break(token)
                case "heading_close" | "blockquote_close":
                    self._close()
                case "fence":
                    self._break(token)
                    self._open("pre", language=token.info.strip().partition(" ")[0] or None)
                    self._say(token.content.removesuffix("\n"))
                    self._close()
                case "inline":
                    self._write_within(token.children or [])

    def _write_within(self, tokens: Sequence[Token]) -> None:
        for token in tokens:
            name = token.type.rpartition("_")[0]
            if token.type == "code_inline":
                self._open("code")
                self._say(token.content)
                self._close()
            elif token.nesting == 1:
                self._open(TYPES[name], url=str(token.attrGet("href")) if name == "link" else None)
            elif token.nesting == -1:
                self._close()
            else:
                self._say(token.content)

    def _break(self, token: Token) -> None:
        """As many line ends as stand between this block and the one before."""
        begin, end = token.map or (self.line, self.line)
        if self.length:
            self._say("\n" * (begin - self.line + 1 - len(self.added & set(range(self.line, begin)))))
        is_outer = token.type == "blockquote_open"  # what it holds stands on the same lines
        self.line = begin + 1 if is_outer else end

    def _say(self, text: str) -> None:
        self.said.append(text)
        self.length += units(text)

    def _open(self, kind: str, *, url: str | None = None, language: str | None = None) -> None:
        self.opened.append((kind, self.length, url if kind == "text_link" else language))

    def _close(self) -> None:
        kind, begin, more = self.opened.pop()
        if kind and self.length > begin:
            url, language = (more, None) if kind == "text_link" else (None, more)
            self.entities.append(Entity(kind, begin, self.length - begin, url, language))
