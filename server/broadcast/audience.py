"""Whom a campaign is for: rules as people write them, and the same as SQL. Knows no connection and no campaign."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool, model_validator

from server.bot.facts import LARGEST, AttributeName, Language, Tag, Value
from server.inputs import Input

DEPTH = 8  # of rules in rules; nobody can read more
RULES = 100  # in one audience: PostgreSQL plans that many within some milliseconds
PEOPLE = 10_000  # named one by one; more are marked with a tag
COMPARISONS = ("equals", "differs", "one_of", "exists", "above", "below")
KINDS = ("all", "any", "not", "tag", "channel", "language", "attribute", "active_within_days", "campaign", "contacts")
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
EXAMPLE: Any = {"all": [{"tag": "customer"}, {"not": {"attribute": "city", "equals": "Bern"}}]}


class Rule(Input):
    """Who is meant: one of `all`, `any`, `not`, or one fact about a person. `{}` means everybody.

    An attribute is compared by one of `equals`, `differs`, `one_of`, `exists`, `above`, `below`. Whoever has no such
    attribute matches only `differs` and `exists: false`. A `language` without a region takes in all its regions.
    """

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True, json_schema_extra={"examples": [EXAMPLE]})

    all: list[Rule] | None = Field(None, max_length=RULES, description="Every one of these.")
    any: list[Rule] | None = Field(None, min_length=1, max_length=RULES, description="At least one of these.")
    not_: Rule | None = Field(None, alias="not", description="Everybody else.")
    tag: Tag | None = None
    channel: Literal["telegram", "web"] | None = None
    language: Language | None = None
    attribute: AttributeName | None = None
    equals: Value | None = None
    differs: Value | None = None
    one_of: list[Value] | None = Field(None, min_length=1, max_length=RULES)
    exists: StrictBool | None = None
    above: Number | None = None
    below: Number | None = None
    active_within_days: Annotated[int, Field(strict=True, ge=1, le=3650)] | None = Field(
        None, description="Wrote within so many days; nobody who was only imported."
    )
    campaign: UUID | None = Field(None, description="Was in it; with `outcome`, only those whose delivery ended so.")
    outcome: Literal["sent", "failed", "blocked", "unknown"] | None = None
    contacts: list[UUID] | None = Field(None, min_length=1, max_length=PEOPLE)

    @property
    def kind(self) -> str:
        """What it speaks of; empty for everybody."""
        return next(iter(self._given(KINDS)), "")

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        kinds, comparisons = list(self._given(KINDS)), list(self._given(COMPARISONS))
        if len(kinds) > 1:
            raise ValueError(f"a rule holds one of {_listed(KINDS)}; put `{kinds[0]}` and `{kinds[1]}` into an `all`")
        if self.attribute is not None and len(comparisons) != 1:
            raise ValueError(f"compare an attribute by exactly one of {_listed(COMPARISONS)}")
        if self.attribute is None and comparisons:
            raise ValueError(f"`{comparisons[0]}` compares an `attribute`; name it beside")
        if self.campaign is None and self.outcome is not None:
            raise ValueError("`outcome` belongs to a `campaign`; name it beside")
        if self.depth > DEPTH:
            raise ValueError(f"rules may stand {DEPTH} deep in each other; make it flatter, or mark people with a tag")
        if self.size > RULES:
            raise ValueError(f"an audience may have {RULES} rules; leave some out, or mark people with a tag")
        return self

    @property
    def depth(self) -> int:
        """How many rules stand in each other, this one included."""
        return 1 + max((rule.depth for rule in self.parts), default=0)

    @property
    def size(self) -> int:
        """How many rules these are, this one included."""
        return 1 + sum(rule.size for rule in self.parts)

    @property
    def parts(self) -> list[Rule]:
        """The rules right within."""
        return [*(self.all or ()), *(self.any or ()), *([] if self.not_ is None else [self.not_])]

    def _given(self, names: tuple[str, ...]) -> Iterator[str]:
        return (name for name in names if getattr(self, "not_" if name == "not" else name) is not None)


def condition(rule: Rule, first: int) -> tuple[str, list[object]]:
    """A condition over `contacts c`, true or false and never NULL, and the values of its parameters.

    They are numbered from `first`; nothing that somebody wrote stands in the SQL itself.
    """
    values: list[object] = []

    def parameter(value: object, kind: str) -> str:
        values.append(value)
        return f"${first + len(values) - 1}::{kind}"

    return _sql(rule, parameter), values


Parameter: TypeAlias = Callable[[object, str], str]


def _sql(rule: Rule, parameter: Parameter) -> str:
    match rule.kind:
        case "all" | "any":
            return _joined(" AND " if rule.kind == "all" else " OR ", rule.parts, parameter) or "true"
        case "not":
            return f"NOT {_sql(rule.parts[0], parameter)}"
        case "tag":
            return f"c.tags @> ARRAY[{parameter(rule.tag, 'text')}]"
        case "channel":
            return f"c.channel = {parameter(rule.channel, 'text')}"
        case "language":
            return _language(rule.language or "", parameter)
        case "attribute":
            return _attribute(rule, parameter)
        case "active_within_days":
            since = f"now() - {parameter(rule.active_within_days, 'int')} * interval '24 hours'"
            # On the web the rows of contacts do not know: no post waits for one of them.
            wrote = f"m.thread_id = c.thread_id AND m.author_id = c.user_id AND m.created_at >= {since}"
            on_the_web = f"c.channel = 'web' AND EXISTS (SELECT FROM messages m WHERE {wrote})"
            return f"(c.seen_at IS NOT NULL AND c.seen_at >= {since} OR {on_the_web})"
        case "campaign":
            return _campaign(rule, parameter)
        case "contacts":
            return f"c.id = ANY ({parameter(rule.contacts, 'uuid[]')})"
    return "true"


def _joined(word: str, rules: list[Rule], parameter: Parameter) -> str:
    return f"({word.join(_sql(rule, parameter) for rule in rules)})" if rules else ""


def _language(asked: str, parameter: Parameter) -> str:
    theirs = "lower(c.language)" if "-" in asked else "split_part(lower(c.language), '-', 1)"
    return f"(c.language IS NOT NULL AND {theirs} = {parameter(asked, 'text')})"


def _attribute(rule: Rule, parameter: Parameter) -> str:
    name = rule.attribute or ""
    if rule.exists is not None:
        return f"{'' if rule.exists else 'NOT '}c.attributes ? {parameter(name, 'text')}"
    if rule.one_of is not None:
        return "(" + " OR ".join(_holds(name, value, parameter) for value in rule.one_of) + ")"
    if rule.equals is not None:
        return _holds(name, rule.equals, parameter)
    if rule.differs is not None:
        return f"NOT {_holds(name, rule.differs, parameter)}"
    sign, bound = (">", rule.above) if rule.above is not None else ("<", rule.below)
    value = f"c.attributes -> {parameter(name, 'text')}"
    # Only a CASE keeps PostgreSQL from casting first what is no number.
    number = f"({value})::numeric {sign} {parameter(repr(bound), 'text')}::numeric"
    return f"CASE WHEN jsonb_typeof({value}) = 'number' THEN {number} ELSE false END"


def _holds(name: str, value: object, parameter: Parameter) -> str:
    return f"c.attributes @> {parameter(json.dumps({name: value}), 'text')}::jsonb"


def _campaign(rule: Rule, parameter: Parameter) -> str:
    of_it = f"d.contact_id = c.id AND r.campaign_id = {parameter(rule.campaign, 'uuid')}"
    ended = "" if rule.outcome is None else f" AND d.state = {parameter(rule.outcome, 'text')}"
    return f"EXISTS (SELECT FROM deliveries d JOIN runs r ON r.id = d.run_id WHERE {of_it}{ended})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
