"""Contacts out of a CSV file that arrives piece by piece. Reads bytes, keeps one line of it, knows no table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from server import voice
from server.bot.constants import IMPORT_COLUMNS, LINE_BYTES
from server.bot.facts import AttributeName
from server.bot.schemas import NewContact, RefusedLine
from server.errors import Invalid

OWN = ("chat_id", "name", "language", "tags", "opted_out")
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_attribute = TypeAdapter[str](AttributeName)
BOM = "\ufeff".encode()
_number = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,16})?")


@dataclass(frozen=True, slots=True)
class Line:
    """A line that can be taken in."""

    number: int
    contact: NewContact


class Unreadable(Exception):
    """From this line on nothing can be read."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


Converter: TypeAlias = Callable[[str], object]


def _truth(cell: str) -> bool:
    try:
        return TRUTHS[cell.strip().lower()]
    except KeyError:
        raise ValueError("write true or false") from None


def _numeral(cell: str) -> int | float:
    if _number.fullmatch(cell.strip()) is None:
        raise ValueError("write a number, as in 36 or -1.5")
    return float(cell) if "." in cell else int(cell)


KINDS: dict[str, Converter] = {"": str, "text": str, "number": _numeral, "truth": _truth}


class Reader:
    """Give it the file in pieces of any size; the first line names the columns."""

    def __init__(self) -> None:
        self._rest = b""
        self._line = 1
        self._delimiter = ","
        self._attributes: list[tuple[int, str, Converter]] = []
        self._own: dict[str, int] = {}
        self._width = 0

    def feed(self, piece: bytes, *, is_last: bool = False) -> Iterator[Line | RefusedLine]:
        """Each line that is complete now. Raises Invalid for the first one, Unreadable for what cannot go on."""
        self._rest += piece
        for record in self._records(is_last):
            number = self._line
            self._line += record.count(b"\n")
            if not self._width:
                self._name_columns(record.removeprefix(BOM))
            elif record.strip():
                yield self._read(number, record)
        if len(self._rest) > LINE_BYTES:
            raise self._unreadable(f"this line has no end within {LINE_BYTES} bytes; is a quote left open?")

    def finish(self) -> Iterator[Line | RefusedLine]:
        """The last line, if nothing ended it. Raises as `feed` does; also for a file without a first line."""
        yield from self.feed(b"", is_last=True)
        if not self._width:
            raise _bad("the file is empty; begin it with a line that names the columns: chat_id,name,language,tags")

    def _records(self, is_last: bool) -> Iterator[bytes]:
        """Lines, each with its end; a break within quotes ends none."""
        text, start, searched, is_open = self._rest, 0, 0, False
        while (end := text.find(b"\n", searched) + 1) > 0:
            is_open ^= text.count(b'"', searched, end) % 2 == 1
            searched = end
            if not is_open:
                yield text[start:end]
                start = end
            elif end - start > LINE_BYTES:
                break
        self._rest = text[start:]
        if is_last and self._rest:
            self._rest, last = b"", self._rest
            if last.count(b'"') % 2:
                raise self._unreadable("a quote is opened here and never closed")
            yield last

    def _unreadable(self, reason: str) -> Exception:
        return Unreadable(self._line, reason) if self._width else _bad(f"line {self._line}: {reason}")

    def _name_columns(self, record: bytes) -> None:
        if not record.strip():
            return
        if b";" in record and b"," not in record:
            self._delimiter = ";"  # as spreadsheets write it where the comma is in numbers
        try:
            names = [name.strip() for name in self._cells(record)]
        except (ValueError, csv.Error) as error:
            raise _bad(f"line {self._line}: {error}") from error
        if len(names) > IMPORT_COLUMNS:
            raise _bad(f"there may be {IMPORT_COLUMNS} columns, and here are {len(names)}")
        for column, name in enumerate(names):
            if names.index(name) != column:
                raise _bad(f"the column `{name}` comes twice")
            if name in OWN:
                self._own[name] = column
            else:
                self._attributes.append((column, *_attribute_of(name)))
        if "chat_id" not in self._own:
            raise _bad("there is no column `chat_id` in the first line; it tells who is meant")
        self._width = len(names)

    def _read(self, number: int, record: bytes) -> Line | RefusedLine:
        try:
            cells = self._cells(record)
            if len(cells) != self._width:
                raise ValueError(f"{len(cells)} cells under {self._width} columns; quote a cell that holds a separator")
            return Line(number, NewContact.model_validate(self._facts(cells)))
        except ValidationError as error:
            return RefusedLine(line=number, reason=voice.summary(voice.faults(error.errors())))
        except (ValueError, csv.Error) as error:
            return RefusedLine(line=number, reason=str(error))

    def _cells(self, record: bytes) -> list[str]:
        try:
            text = record.decode()
        except UnicodeDecodeError as error:
            raise ValueError("this is not UTF-8; save the file as UTF-8") from error
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True))

    def _facts(self, cells: list[str]) -> dict[str, Any]:
        facts: dict[str, Any] = {name: cells[column].strip() for name, column in self._own.items()}
        if not facts.get("language"):
            facts.pop("language", None)
        facts["tags"] = [tag.strip() for tag in re.split("[;|]", facts.get("tags", "")) if tag.strip()]
        facts["opted_out"] = bool(facts.get("opted_out")) and _truth(facts["opted_out"])
        facts["attributes"] = attributes = {}
        for column, name, convert in self._attributes:
            if cell := cells[column]:
                try:
                    attributes[name] = convert(cell)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from error
        return facts


def _attribute_of(heading: str) -> tuple[str, Converter]:
    name, _, kind = heading.partition(":")
    if kind not in KINDS:
        raise _bad(f"the column `{heading}` is none of {', '.join(f'`{name}:{kind}`' for kind in KINDS if kind)}")
    try:
        return _attribute.validate_python(name), KINDS[kind]
    except ValidationError as error:
        raise _bad(f"the column `{name}`: {voice.summary(voice.faults(error.errors()))}") from error


def _bad(detail: str) -> Invalid:
    return Invalid("bad_import", detail)
