"""What a campaign says: variants by language, filled with a person's own words, and whether that can be sent. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from server.bot.facts import AttributeName, Language, Value
from server.broadcast.markup import shown
from server.broadcast.placeholders import SOURCE_CHARACTERS, Filling, Unfit, Variables, filling, is_missing
from server.errors import Fault, Invalid
from server.inputs import Input, Text, Written

TEXT_UNITS = 4096  # what Telegram takes, in UTF-16 units and after its markup
CAPTION_UNITS = 1024
BUTTON_UNITS = 64  # more is cut off on a telephone
URL_CHARACTERS = 2048
DATA_BYTES = 64
ROWS, COLUMNS = 10, 8  # of buttons; Telegram shows no more side by side
LANGUAGES = 50
FINDINGS = 1000  # people named in a report; all are counted

URL_STARTS = ("https://", "http://", "tg://")
File = Annotated[
    Text,
    Field(max_length=URL_CHARACTERS),
    Written(
        r"^(https://\S+|[A-Za-z0-9_-]{10,})$", "give a `file_id` of Telegram's, or a URL that begins with https://"
    ),
]
Source = Annotated[Text, Field(min_length=1, max_length=SOURCE_CHARACTERS)]


def _bytes(text: str) -> int:
    return len(text.encode())


class Button(Input):
    """A button under the message: it opens a `url`, or sends the bot its `data`. Texts and URLs may hold variables."""

    text: Annotated[Text, Field(min_length=1, max_length=1000)]
    url: Annotated[Text, Field(min_length=1, max_length=URL_CHARACTERS)] | None = None
    data: Annotated[Text, Field(min_length=1, max_length=DATA_BYTES)] | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        if (self.url is None) == (self.data is None):
            raise ValueError("give a button either a `url` or `data`")
        if self.data is not None and _bytes(self.data) > DATA_BYTES:
            raise ValueError(f"`data` may have {DATA_BYTES} bytes in UTF-8")
        for source in (self.text, self.url):
            if source is not None:
                filling(source, is_html=False)
        if self.url is not None and not self.url.startswith((*URL_STARTS, "{{")):
            raise ValueError("a `url` begins with https://, http:// or tg://")
        return self


class Variant(Input):
    """The message in one language: a text, or a photo or document with the text as its caption.

    With `parse_mode` HTML the text may hold Telegram's tags, and what variables bring is escaped.
    """

    text: Source
    parse_mode: Literal["plain", "HTML"] = "plain"
    photo: File | None = None
    document: File | None = None
    buttons: list[Annotated[list[Button], Field(min_length=1, max_length=COLUMNS)]] = Field(
        default_factory=list, max_length=ROWS
    )

    @model_validator(mode="after")
    def _can_be_filled(self) -> Self:
        if self.photo is not None and self.document is not None:
            raise ValueError("send a `photo` or a `document`; one message carries one of them")
        if not self.filling.uses:  # the same for everybody: so what is wrong with it is wrong now
            faults: list[Fault] = []
            text = _filled(self.filling, {}, "text", faults)
            for fault in faults or _faults_of(self, text):
                raise ValueError(f"{fault.field}: {fault.message}")
        return self

    @property
    def limit(self) -> int:
        """How many UTF-16 units Telegram takes of the text."""
        return TEXT_UNITS if self.photo is None and self.document is None else CAPTION_UNITS

    @cached_property
    def filling(self) -> Filling:
        """Its text, ready to be filled."""
        return filling(self.text, is_html=self.parse_mode == "HTML")

    @cached_property
    def is_plain(self) -> bool:
        """Whether it can be told without filling it that it fits somebody: see `fits_surely`."""
        sources = (source for row in self.buttons for each in row for source in (each.text, each.url))
        are_fixed = not any(filling(source, is_html=False).uses for source in sources if source is not None)
        return self.filling.is_plain and self.filling.is_visible and are_fixed


class Content(Input):
    """The message in its languages. `defaults` stand in where a person lacks a variable."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "variants": {"en": {"text": "Hello {{ first_name }}!"}, "de": {"text": "Hallo {{ first_name }}!"}},
                    "fallback_language": "en",
                    "defaults": {"first_name": "friend"},
                }
            ]
        }
    )

    variants: dict[Language, Variant] = Field(min_length=1, max_length=LANGUAGES)
    fallback_language: Language | None = Field(
        None, description="For whoever speaks none of these; needed with several."
    )
    defaults: dict[AttributeName, Value] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _has_a_fallback(self) -> Self:
        if self.fallback_language is None and len(self.variants) > 1:
            raise ValueError("name the `fallback_language`: with several variants nobody else knows which to send")
        if self.fallback_language is not None and self.fallback_language not in self.variants:
            raise ValueError(f"there is no variant in the `fallback_language` {self.fallback_language}; write one")
        return self

    def variant(self, language: str | None) -> Variant:
        """The one in this language and region, else in this language, else the fallback."""
        asked = (language or "").lower().replace("_", "-")
        found = self.variants.get(asked) or self.variants.get(asked.partition("-")[0])
        return found or self.variants[self.fallback_language or next(iter(self.variants))]

    def with_defaults(self, variables: Variables) -> Variables:
        """The same, with a default wherever one is missing."""
        return {**variables, **{k: v for k, v in self.defaults.items() if is_missing(variables.get(k))}}


class RenderedButton(NamedTuple):
    """A button as it is sent."""

    text: str
    url: str | None
    data: str | None


@dataclass(frozen=True, slots=True)
class Rendered:
    """The message as one person gets it; `parse_mode` as Telegram wants it, None for a plain text."""

    text: str
    parse_mode: str | None
    photo: str | None
    document: str | None
    buttons: tuple[tuple[RenderedButton, ...], ...]


def render(variant: Variant, variables: Variables) -> Rendered:
    """The message for whoever these variables belong to.

    Raises Invalid `unfit_content`: its faults name every missing variable, and whatever Telegram would refuse.
    """
    faults: list[Fault] = []
    text = _filled(variant.filling, variables, "text", faults)
    if not faults:
        faults += _faults_of(variant, text)
    rows = [[_button(each, variables, faults) for each in row] for row in variant.buttons]
    if faults:
        raise Invalid("unfit_content", "; ".join(f"{fault.field}: {fault.message}" for fault in faults), faults=faults)
    parse_mode = None if variant.parse_mode == "plain" else variant.parse_mode
    return Rendered(text, parse_mode, variant.photo, variant.document, tuple(map(tuple, rows)))


def _filled(source: Filling, variables: Variables, where: str, faults: list[Fault]) -> str:
    try:
        return source.fill(variables)
    except Unfit as error:
        lacks = (Fault(name, "this variable is missing; give it a default") for name in error.missing)
        faults += [fault for fault in lacks if fault not in faults]
        if error.reason:
            faults.append(Fault(where, error.reason))
    return ""


def _faults_of(variant: Variant, text: str) -> Iterator[Fault]:
    read = shown(text) if variant.parse_mode == "HTML" else text
    if not read.strip() and variant.limit == TEXT_UNITS:
        yield Fault("text", "nothing would be left of it")
    if (units := _units(read)) > variant.limit:
        yield Fault("text", f"it has {units} UTF-16 units; Telegram takes {variant.limit}")


def _button(button: Button, variables: Variables, faults: list[Fault]) -> RenderedButton:
    text = _filled(filling(button.text, is_html=False), variables, "buttons", faults)
    url = None if button.url is None else _filled(filling(button.url, is_html=False), variables, "buttons", faults)
    if not faults:
        if not text.strip() or _units(text) > BUTTON_UNITS:
            faults.append(
                Fault("buttons", f"a button's text has 1 to {BUTTON_UNITS} UTF-16 units; this: {text[:80]!r}")
            )
        if url is not None and not (url.startswith(URL_STARTS) and len(url) <= URL_CHARACTERS and url.isprintable()):
            faults.append(Fault("buttons", f"this is no URL that Telegram opens: {url[:80]!r}"))
    return RenderedButton(text, url, button.data)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class Recipient(NamedTuple):
    """Somebody who is to be told."""

    contact_id: UUID
    language: str | None
    variables: Variables


@dataclass(frozen=True, slots=True)
class Finding:
    """Somebody who cannot be told, and why."""

    contact_id: UUID
    faults: tuple[Fault, ...]


@dataclass
class DryRun:
    """What came of trying a message on an audience. All are counted; the first `FINDINGS` are named."""

    checked: int = 0
    unfit: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


async def dry_run(content: Content, people: AsyncIterable[Recipient]) -> DryRun:
    """Try the message on everybody. Waits only where `people` does: let that give way between its batches."""
    found = DryRun()
    variants: dict[str | None, Variant] = {}
    async for contact_id, language, own in people:
        found.checked += 1
        variant = variants.get(language)
        if variant is None:
            variant = variants[language] = content.variant(language)
        if fits_surely(variant, own):
            continue
        try:
            render(variant, content.with_defaults(own))
        except Invalid as error:
            found.unfit += 1
            missing = (fault.field for fault in error.faults if fault.field not in ("text", "buttons"))
            found.missing.update(missing)
            if len(found.findings) < FINDINGS:
                found.findings.append(Finding(contact_id, error.faults))
    return found


def fits_surely(variant: Variant, variables: Mapping[str, object]) -> bool:
    """True only if `render` would succeed: told from the lengths alone, a tenth of its work. False says nothing."""
    if not variant.is_plain:
        return False
    room = variant.limit - 2 * variant.filling.length
    for name, count in variant.filling.uses:
        value = variables.get(name)
        if type(value) is not str or not value or value.isspace():
            return False
        room -= 2 * count * len(value)  # a character is at most two UTF-16 units
    return room >= 0
