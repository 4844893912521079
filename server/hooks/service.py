"""Endpoints: made, changed, suspended, tested, and sent again what they missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import delete as sql_delete
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from server import clock, ids
from server.config import Misconfigured
from server.database import Database, Transaction
from server.errors import Conflict, Invalid, Missing
from server.hooks import statements
from server.hooks.client import Client, Notice, Outcome
from server.hooks.constants import (
    ANSWER_KEPT,
    ENDPOINTS_LIMIT,
    EVERYTHING,
    KINDS,
    LOG_PAGE,
    REPLAY_LIMIT,
    SECRETS_LIMIT,
    TEST,
)
from server.hooks.models import Endpoint
from server.hooks.signing import new_secret
from server.hooks.targets import Reach, Refused

FROM_SETTINGS = uuid5(NAMESPACE_URL, "parley:hooks:settings")
WAITING_COUNTED = 10_000
_EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Hooks:
    """What this room works with; one a process, built by the roof."""

    database: Database
    client: Client
    reach: Reach


async def create(
    tx: Transaction,
    hooks: Hooks,
    *,
    url: str,
    kinds: Sequence[str],
    description: str,
    may_answer: bool,
    secret: str | None,
) -> Endpoint:
    """Make an endpoint; it receives what happens from now on. Its first secret is in `secrets`."""
    _check(hooks, url)
    if (await tx.session.scalar(select(func.count()).select_from(Endpoint)) or 0) >= ENDPOINTS_LIMIT:
        raise Conflict("too_many_endpoints", f"there are {ENDPOINTS_LIMIT} endpoints; delete one first")
    made = Endpoint(url=url, kinds=list(dict.fromkeys(kinds)), description=description, may_answer=may_answer)
    made.secrets = [secret or new_secret()]
    tx.session.add(made)
    await tx.session.flush()
    await tx.session.refresh(made)
    return made


async def endpoints(tx: Transaction) -> list[Endpoint]:
    """All of them, the oldest first."""
    return list(await tx.session.scalars(select(Endpoint).order_by(Endpoint.id)))


async def one(tx: Transaction, endpoint_id: UUID) -> Endpoint:
    """One endpoint; raises Missing."""
    found = await tx.session.get(Endpoint, endpoint_id)
    if found is None:
        raise _missing()
    return found


async def waiting(hooks: Hooks, endpoint_id: UUID) -> int:
    """How many events wait for an endpoint, counted up to a bound."""
    async with hooks.database.connection() as connection:
        return int(await connection.fetchval(statements.WAITING, endpoint_id, WAITING_COUNTED))


async def change(
    tx: Transaction,
    hooks: Hooks,
    endpoint_id: UUID,
    *,
    url: str | None,
    kinds: Sequence[str] | None,
    description: str | None,
    may_answer: bool | None,
    is_suspended: bool | None,
) -> Endpoint:
    """Change an endpoint. Resumed, it receives all that waited, at once; suspended, its events wait."""
    found = await _own(tx, endpoint_id, to_change=(url, kinds, description, may_answer))
    if url is not None:
        _check(hooks, url)
        found.url = url
    if kinds is not None:
        found.kinds = list(dict.fromkeys(kinds))
    if description is not None:
        found.description = description
    if may_answer is not None:
        found.may_answer = may_answer
    if is_suspended and found.suspended_at is None:
        found.suspended_at, found.suspended_why = clock.now(), "an administrator suspended it"
    if is_suspended is False and found.suspended_at is not None:
        found.suspended_at = found.suspended_why = None
        await tx.session.execute(statements.RESUME, {"endpoint": endpoint_id})
    await tx.session.flush()
    return found


async def rotate(tx: Transaction, endpoint_id: UUID, secret: str | None, *, drop_others: bool) -> Endpoint:
    """Put a new secret in front; the others sign on beside it unless they are dropped."""
    found = await _own(tx, endpoint_id, to_change=("secrets",))
    others = [] if drop_others else found.secrets
    found.secrets = [secret or new_secret(), *others][:SECRETS_LIMIT]
    await tx.session.flush()
    return found


async def delete(tx: Transaction, endpoint_id: UUID) -> None:
    """Delete an endpoint, with its log and whatever waits for it."""
    await _own(tx, endpoint_id, to_change=("all",))
    await tx.session.execute(sql_delete(Endpoint).where(Endpoint.id == endpoint_id))


async def test(hooks: Hooks, endpoint_id: UUID) -> tuple[Notice, Outcome]:
    """Send one signed event now and return what came back; no transaction is open meanwhile."""
    async with hooks.database.transaction() as tx:
        found = await one(tx, endpoint_id)
    data = f'{{"endpoint_id":"{endpoint_id}"}}'
    notice = Notice(found.url, tuple(found.secrets), ids.new(), TEST, clock.now(), data)
    outcome = await hooks.client.send(notice)
    await note(hooks.database, endpoint_id, notice, outcome, "test")
    return notice, outcome


async def note(
    database: Database, endpoint_id: UUID, notice: Notice, outcome: Outcome, word: str, *, became: str = ""
) -> None:
    """Keep one request and its answer in the log of its endpoint, and what became of the answer."""
    answer = outcome.answer[:ANSWER_KEPT]
    values = (notice.event_id, notice.kind, notice.url, word, outcome.status, answer, outcome.seconds, became)
    async with database.connection() as connection:
        await connection.execute(statements.LOGGED, ids.new(), endpoint_id, *values)


async def attempts(tx: Transaction, hooks: Hooks, endpoint_id: UUID, before: UUID | None) -> list[Any]:
    """A page of the log, the latest first."""
    await one(tx, endpoint_id)
    async with hooks.database.connection() as connection:
        return list(await connection.fetch(statements.LOG, endpoint_id, before, LOG_PAGE))


async def replay(
    hooks: Hooks, endpoint_id: UUID, event_id: UUID | None, span: tuple[datetime | None, datetime | None], after: int
) -> tuple[int, int | None]:
    """Send one event again, or a span of them, under their old ids; returns how many, and where to go on."""
    if event_id is None and span == (None, None):
        raise Invalid("invalid_input", "name an `event_id`, or `since` and `until`")
    since, until = span[0] or _EVER[0], span[1] or _EVER[1]
    async with hooks.database.transaction() as tx:
        await one(tx, endpoint_id)
    async with hooks.database.connection() as connection:
        row = await connection.fetchrow(statements.REPLAY, endpoint_id, since, until, after, REPLAY_LIMIT, event_id)
    assert row is not None
    if event_id is not None and row["events"] == 0:
        raise Missing("no_such_event", "there is no such event, or it is not kept any more")
    return row["events"], row["last"] if row["events"] == REPLAY_LIMIT else None


def known_kinds(words: Sequence[str]) -> tuple[str, ...]:
    """The kinds of event in WEBHOOK_EVENTS; raises Misconfigured for one that there is not."""
    unknown = [word for word in words if word not in (EVERYTHING, *KINDS)]
    if unknown or not words:
        named = f"there is no kind `{unknown[0]}`" if unknown else "it names no kind"
        raise Misconfigured(f"WEBHOOK_EVENTS: {named}; write {EVERYTHING}, or some of {', '.join(KINDS)}")
    return tuple(words)


async def adopt(database: Database, url: str, secrets: Sequence[str], kinds: Sequence[str]) -> None:
    """Make the endpoint of the settings what they say; without a URL there is none. The same again changes nothing."""
    async with database.transaction() as tx:
        if not url:
            await tx.session.execute(sql_delete(Endpoint).where(Endpoint.id == FROM_SETTINGS))
            return
        values = {"url": url, "secrets": list(secrets), "kinds": list(kinds), "description": "WEBHOOK_URL"}
        new = insert(Endpoint).values(id=FROM_SETTINGS, is_from_settings=True, **values)
        await tx.session.execute(new.on_conflict_do_update(index_elements=["id"], set_=values))


async def _own(tx: Transaction, endpoint_id: UUID, *, to_change: tuple[object, ...]) -> Endpoint:
    """The endpoint, locked; that of the settings can be suspended and resumed, and nothing else."""
    found = await tx.session.get(Endpoint, endpoint_id, with_for_update=True)
    if found is None:
        raise _missing()
    if found.is_from_settings and any(value is not None for value in to_change):
        raise Conflict("endpoint_from_settings", "change WEBHOOK_URL and its companions in the settings instead")
    return found


def _check(hooks: Hooks, url: str) -> None:
    try:
        hooks.reach.check_url(url)
    except Refused as error:
        raise Invalid("url_refused", str(error)) from error


def _missing() -> Missing:
    return Missing("no_such_endpoint", "there is no such endpoint")
