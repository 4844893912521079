"""Articles out of files: Markdown, one article a file, and CSV, one a line. Reads text, knows no table."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from server import voice
from server.assistant.constants import IMPORT_LIMIT
from server.assistant.schemas import NewArticle
from server.errors import Invalid

COLUMNS = {"key", "language", "title", "text"}
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_NAME = re.compile(r"^(?P<stem>.+?)(?:\.(?P<language>[a-z]{2,3}))?\.md$")


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent."""

    name: str
    content: str


def articles_of(files: list[File], language: str) -> list[NewArticle]:
    """Every article in the files; raises Invalid `bad_import`, which names file and line."""
    found: list[NewArticle] = []
    for file in files:
        found += _csv(file, language) if file.name.endswith(".csv") else [_markdown(file, language)]
        if len(found) > IMPORT_LIMIT:
            raise Invalid("bad_import", f"{IMPORT_LIMIT} articles at once are the most; send several imports")
    names = [(each.key, each.language) for each in found]
    for name in names:
        if names.count(name) > 1:
            raise Invalid("bad_import", f"the article {name[0]} in {name[1]} comes twice")
    return found


def _markdown(file: File, language: str) -> NewArticle:
    parts = _NAME.match(file.name)
    assert parts is not None  # the form of the name is checked where it comes in
    heading = _HEADING.search(file.content)
    if heading is None:
        raise Invalid("bad_import", f"{file.name} has no title: begin it with a line `# Title`")
    text = (file.content[: heading.start()] + file.content[heading.end() :]).strip()
    values = {"language": parts["language"] or language, "title": heading[1], "text": text}
    return _article({"key": _key(parts["stem"]), **values}, file.name)


def _csv(file: File, language: str) -> Iterator[NewArticle]:
    reader = csv.DictReader(io.StringIO(file.content.removeprefix("\ufeff")), strict=True)
    try:
        missing = COLUMNS - {"language"} - set(reader.fieldnames or ())
        if missing:
            raise Invalid("bad_import", f"{file.name} has no column `{sorted(missing)[0]}` in its first line")
        for row in reader:
            values = {name: row.get(name) or "" for name in COLUMNS}
            values["language"] = values["language"] or language
            yield _article(values, f"{file.name}, line {reader.line_num}")
    except csv.Error as error:
        raise Invalid("bad_import", f"{file.name}, line {reader.line_num}: {error}") from error


def _article(values: dict[str, str], where: str) -> NewArticle:
    try:
        return NewArticle.model_validate(values)
    except ValidationError as error:
        raise Invalid("bad_import", f"{where}: {voice.summary(voice.faults(error.errors()))}") from error


def _key(stem: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", stem.lower()).strip("-.")
