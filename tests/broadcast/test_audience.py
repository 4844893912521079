"""Whom a rule means: the same for PostgreSQL as for a reader of the rule, whatever people wrote into it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from server import voice
from server.bot.facts import Scalar
from server.broadcast.audience import Rule, condition

NOW = datetime.now(UTC)
CAMPAIGNS = [UUID(int=number) for number in (1, 2)]
PEOPLE = [UUID(int=100 + number) for number in range(24)]
HOSTILE = ["'", "';--", "\\", '"', "$1", "%s", "{}", "') OR true --", "\u2028", "é", "🦊", "%", "_", "a" * 40]
TAGS = ["vip", "new", "a,b", "{x}", *(text for text in HOSTILE if text.isprintable())]
LANGUAGES = ["de", "de-ch", "pt", "pt-br", "en"]
NAMES = ["city", "age", "x"]
VALUES: list[Scalar] = ["Bern", "", "1", "true", 1, 1.0, 0, -2.5, 1e-7, 10**15, True, False, *HOSTILE]
OUTCOMES = ["sent", "failed", "blocked", "unknown"]

Contact = dict[str, Any]

texts = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
tags = st.sampled_from(TAGS)
values = st.sampled_from(VALUES) | texts.map(lambda text: text[:500])
contacts = st.fixed_dictionaries(
    {
        "tags": st.lists(tags, max_size=3),
        "channel": st.sampled_from(["telegram", "web"]),
        "language": st.none() | st.sampled_from(LANGUAGES),
        "attributes": st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
        "seen_at": st.none() | st.integers(0, 60).map(lambda days: NOW - timedelta(days=days, hours=1)),
        "deliveries": st.lists(st.tuples(st.sampled_from(CAMPAIGNS), st.sampled_from(OUTCOMES)), max_size=2),
    }
)
comparisons = (
    st.fixed_dictionaries({"equals": values})
    | st.fixed_dictionaries({"differs": values})
    | st.fixed_dictionaries({"one_of": st.lists(values, min_size=1, max_size=3)})
    | st.fixed_dictionaries({"exists": st.booleans()})
    | st.fixed_dictionaries({"above": st.sampled_from([-1, 0, 0.5, 1e9])})
    | st.fixed_dictionaries({"below": st.sampled_from([-1, 0, 0.5, 1e9])})
)
leaves = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"tag": tags}),
    st.fixed_dictionaries({"channel": st.sampled_from(["telegram", "web"])}),
    st.fixed_dictionaries({"language": st.sampled_from([*LANGUAGES, "PT_BR"])}),
    st.builds(lambda name, how: {"attribute": name, **how}, st.sampled_from(NAMES), comparisons),
    st.fixed_dictionaries({"active_within_days": st.integers(1, 60)}),
    st.fixed_dictionaries({"campaign": st.sampled_from(CAMPAIGNS)}, optional={"outcome": st.sampled_from(OUTCOMES)}),
    st.fixed_dictionaries({"contacts": st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=5)}),
)
rules = st.recursive(
    leaves,
    lambda inner: (
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=6,
)


def same(one: object, other: object) -> bool:
    """As JSON sees it: true is no 1, and 1 is 1.0."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def means(rule: Rule, who: UUID, contact: Contact) -> bool:
    """What a reader of the rule would say."""
    match rule.kind:
        case "all" | "any":
            return (all if rule.kind == "all" else any)(means(each, who, contact) for each in rule.parts)
        case "not":
            return not means(rule.parts[0], who, contact)
        case "tag":
            return rule.tag in contact["tags"]
        case "channel":
            return bool(rule.channel == contact["channel"])
        case "language":
            theirs = contact["language"] or ""
            return theirs == rule.language or theirs.startswith(f"{rule.language}-")
        case "attribute":
            return compares(rule, contact["attributes"])
        case "active_within_days":
            since = NOW - timedelta(days=rule.active_within_days or 0)
            return contact["seen_at"] is not None and contact["seen_at"] > since
        case "campaign":
            return any(c == rule.campaign and rule.outcome in (None, state) for c, state in contact["deliveries"])
        case "contacts":
            return who in (rule.contacts or ())
    return True


def compares(rule: Rule, attributes: dict[str, Scalar]) -> bool:
    name = rule.attribute or ""
    is_there, value = name in attributes, attributes.get(name)
    if rule.exists is not None:
        return is_there == rule.exists
    wanted = rule.one_of or [each for each in (rule.equals, rule.differs) if each is not None]
    if wanted:
        return (is_there and any(same(value, each) for each in wanted)) == (rule.differs is None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > rule.above if rule.above is not None else rule.below is not None and value < rule.below


@pytest.fixture(scope="module")
async def rows(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Tables of this connection alone, in front of those with all their columns."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("""
        CREATE TEMP TABLE t (LIKE contacts INCLUDING DEFAULTS);
        ALTER TABLE t RENAME TO contacts;
        ALTER TABLE contacts ALTER thread_id DROP NOT NULL;
        CREATE TEMP TABLE runs (id uuid, campaign_id uuid);
        CREATE TEMP TABLE deliveries (run_id uuid, contact_id uuid, state text);
        INSERT INTO runs SELECT ('00000000-0000-0000-0000-0000000000f' || n)::uuid,
                                ('00000000-0000-0000-0000-00000000000' || n)::uuid FROM generate_series(1, 2) n;
    """)
    yield connection
    await connection.close()


async def keep(rows: asyncpg.Connection[asyncpg.Record], people: list[Contact]) -> None:
    await rows.execute("TRUNCATE contacts; TRUNCATE deliveries")
    known = list(zip(PEOPLE, people, strict=False))
    await rows.executemany(
        "INSERT INTO contacts (id, bot_id, chat_id, kind, name, channel, language, attributes, tags, seen_at)"
        " VALUES ($1, 1, 1, 'private', 'Ada', $2, $3, $4, $5, $6)",
        [
            (who, each["channel"], each["language"], json.dumps(each["attributes"]), each["tags"], each["seen_at"])
            for who, each in known
        ],
    )
    await rows.executemany(
        "INSERT INTO deliveries VALUES ($1, $2, $3)",
        [(UUID(int=campaign.int + 0xF0), who, state) for who, each in known for campaign, state in each["deliveries"]],
    )


async def meant(rows: asyncpg.Connection[asyncpg.Record], rule: Rule, first: int = 2) -> set[UUID]:
    sql, values = condition(rule, first)
    before = list(range(1, first))
    unused = "".join(f" AND ${number}::int IS NOT NULL" for number in before)
    assert await rows.fetchval(f"SELECT count(*) FROM contacts c WHERE ({sql}) IS NULL{unused}", *before, *values) == 0
    found = await rows.fetch(f"SELECT c.id FROM contacts c WHERE {sql}{unused}", *before, *values)
    return {row["id"] for row in found}


@settings(
    max_examples=80,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(people=st.lists(contacts, min_size=8, max_size=16), wanted=st.lists(rules, min_size=6, max_size=12))
async def test_postgresql_finds_whom_a_reader_would_name(
    rows: asyncpg.Connection[asyncpg.Record], people: list[Contact], wanted: list[Any]
) -> None:
    await keep(rows, people)
    for written in wanted:
        rule = Rule.model_validate(written)
        expected = {who for who, contact in zip(PEOPLE, people, strict=False) if means(rule, who, contact)}
        assert await meant(rows, rule) == expected
        kept = Rule.model_validate_json(rule.model_dump_json(exclude_none=True))
        assert await meant(rows, kept, first=1) == expected


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts)
async def test_what_people_write_is_never_sql(rows: asyncpg.Connection[asyncpg.Record], text: str) -> None:
    nobody: Contact = {"tags": [], "channel": "web", "language": None, "attributes": {}, "seen_at": None}
    nobody["deliveries"] = []
    await keep(rows, [nobody, {**nobody, "tags": [text], "attributes": {"x": text[:500]}}])
    rule = Rule.model_validate({"attribute": "x", "equals": text[:500]})
    assert text not in condition(rule, 1)[0] or text in condition(Rule(attribute="x", equals="-"), 1)[0]
    assert await meant(rows, rule) == {PEOPLE[1]}
    with_tag = {"tag": text}
    try:
        tagged = Rule.model_validate(with_tag)
    except ValidationError:
        return  # too long, or not printable: no contact has such a tag either
    assert await meant(rows, tagged) == {PEOPLE[1]}


DEEP: Any = {"tag": "x"}
for _ in range(8):
    DEEP = {"not": DEEP}

REFUSED: list[tuple[Any, str, str]] = [
    ({"tag": "x", "language": "de"}, "", "put `tag` and `language` into an `all`"),
    ({"all": [{"any": []}]}, "all.0.any", "give at least 1 entry"),
    ({"all": [{"tag": "x"}, {"attribute": "a"}]}, "all.1", "by exactly one of `equals`"),
    ({"attribute": "a", "above": 1, "below": 2}, "", "by exactly one of `equals`"),
    ({"equals": 3}, "", "name it beside"),
    ({"outcome": "sent"}, "", "name it beside"),
    ({"campaign": str(UUID(int=1)), "outcome": "lost"}, "outcome", "choose 'sent'"),
    ({"not": {"attribute": "a b", "exists": True}}, "not.attribute", "begin with a letter"),
    ({"tagg": "x"}, "tagg", "correct its name"),
    ({"tag": " x"}, "tag", "without spaces at its ends"),
    ({"tag": "\x00"}, "tag", "remove the NUL"),
    ({"language": "german"}, "language", "`de`, or `pt-br`"),
    ({"attribute": "a", "equals": [1]}, "equals", "give a text of at most 500 characters, a number"),
    ({"attribute": "a", "equals": float("nan")}, "equals", "give a text"),
    ({"attribute": "a", "above": 10**16}, "above", "or less"),
    ({"contacts": []}, "contacts", "give at least 1 entry"),
    ({"active_within_days": 0}, "active_within_days", "1 or more"),
    (DEEP, "", "rules may stand 8 deep"),
    ({"all": [{"all": [{"tag": "x"}] * 60}, {"any": [{"tag": "x"}] * 60}]}, "", "may have 100 rules"),
]


@pytest.mark.parametrize(("written", "where", "advice"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_rule_that_cannot_be_meant_is_told_where_and_what_to_do(written: Any, where: str, advice: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Rule.model_validate(written)
    (fault,) = voice.faults(refused.value.errors())
    assert fault.field == where
    assert advice in fault.message


def test_even_a_thousand_rules_in_each_other_are_only_refused() -> None:
    deep: Any = {"tag": "x"}
    for _ in range(1000):
        deep = {"all": [deep]}
    with pytest.raises(ValidationError):
        Rule.model_validate(deep)
