"""What the assistant takes and gives over REST, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from server.assistant.constants import (
    IMPORT_LIMIT,
    KEY_CHARACTERS,
    LANGUAGE_PATTERN,
    TEXT_CHARACTERS,
    TITLE_CHARACTERS,
    Carrier,
    Path,
)
from server.inputs import Input, Text, Written


def _visible(text: str) -> str:
    if not text.strip():
        raise ValueError("write at least one visible character")
    return text.strip()


ArticleKey = Annotated[
    Text,
    Field(min_length=1, max_length=KEY_CHARACTERS),
    Written(r"^[a-z0-9][a-z0-9_.-]*$", "write a key in lower-case letters, digits, `.`, `_` and `-`: `lost-parcel`"),
]
Language = Annotated[
    Text, Field(min_length=2, max_length=3), Written(LANGUAGE_PATTERN, "give an ISO 639 code, as in `en`")
]
Title = Annotated[Text, Field(min_length=1, max_length=TITLE_CHARACTERS), AfterValidator(_visible)]
Truth = Annotated[bool, Field(strict=True)]
Body = Annotated[Text, Field(min_length=1, max_length=TEXT_CHARACTERS), AfterValidator(_visible)]


class NewArticle(Input):
    """An article in one language; translations share its key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "key": "opening-hours",
                    "language": "en",
                    "title": "When we are open",
                    "text": "Monday to Friday, 9 to 18.",
                }
            ]
        }
    )

    key: ArticleKey
    language: Language = "en"
    title: Title
    text: Body
    enabled: Truth = True


class ArticleChange(Input):
    """What of an article changes; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    title: Title | None = None
    text: Body | None = None
    enabled: Truth | None = None


class ArticleView(BaseModel):
    """An article as it is now; `version` counts the wordings that it has had."""

    id: UUID
    key: str
    language: str
    title: str
    text: str
    enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime
    updated_by: UUID | None


class ArticlePage(BaseModel):
    """Articles by key and language, or the best first where words were searched; `next` is the cursor."""

    articles: list[ArticleView]
    next: str | None


class ArticleVersionView(BaseModel):
    """A wording that was replaced."""

    version: int
    title: str
    text: str
    replaced_by: UUID | None
    replaced_at: datetime


class ImportFile(Input):
    """One file. `name` tells its kind and, of a Markdown file, key and language: `lost-parcel.en.md`."""

    name: Annotated[
        Text,
        Field(min_length=1, max_length=200),
        Written(r"^[^/\\]+\.(md|csv)$", "send files whose names end in `.md` or `.csv`, without folders"),
    ]
    content: Text


class ArticleImport(Input):
    """Markdown files (the first heading is the title) and CSV files with `key,language,title,text`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"files": [{"name": "hours.en.md", "content": "# Hours\n\nMonday to Friday."}]}]
        }
    )

    files: list[ImportFile] = Field(min_length=1, max_length=IMPORT_LIMIT)
    language: Language = Field("en", description="Of files that do not say it.")


class ImportOutcome(BaseModel):
    """What came of an import: all of it, or none."""

    created: int
    updated: int
    unchanged: int


class ArticleScore(BaseModel):
    """An article that was considered, and how near it came."""

    id: UUID
    key: str
    title: str
    score: float


class DecisionView(BaseModel):
    """What came of one question. `reply_id` is null until the reply is posted, and where nothing was said.

    `reason` says what language models were passed over for, and why.
    """

    question_id: UUID
    thread_id: UUID
    path: Path
    carrier: str
    language: str
    articles: list[ArticleScore]
    model: str | None
    latency_ms: int
    prompt_tokens: int | None
    answer_tokens: int | None
    reason: str | None
    reply_id: UUID | None
    is_helpful: bool | None
    created_at: datetime
    finished_at: datetime | None


class DecisionPage(BaseModel):
    """Decisions, the newest first; `next` is the cursor."""

    decisions: list[DecisionView]
    next: str | None


class Feedback(Input):
    """Thumbs up or down."""

    helpful: Truth


class AttendanceChange(Input):
    """Who answers in this thread; null for what the installation is set to."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"carrier": "none"}]})

    carrier: Carrier | None


class AttendanceView(BaseModel):
    """Who answers in this thread."""

    thread_id: UUID
    carrier: Carrier | None
