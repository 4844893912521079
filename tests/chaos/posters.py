"""People who post and do not give up: they repeat with the same client_id until told that the message is safe."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg
from centrifuge import CentrifugeError, Client
from centrifuge.exceptions import ReplyError
from typing_extensions import override

from tests.chat.writing import written
from tests.fleet.http import Answer, Http

BACK_OFF_SECONDS = 0.1  # a caller's own patience; Retry-After asks for a second, impatience is harder on us


@dataclass(slots=True)
class Record:
    """What all posters were told."""

    acknowledged: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    tops: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    broken: int = 0
    wrong: list[str] = field(default_factory=list)

    def take(self, thread: str, client_id: str, answer: Answer) -> bool:
        """Note the answer; True when the message is safe."""
        match answer.status:
            case 200 | 201:
                body = answer.body
                told = (body["id"], body["number"], body["offset"])
                before = self.acknowledged.setdefault((thread, client_id), told)
                self.tops[thread] = max(self.tops.get(thread, 0), body["offset"])
                if before != told:
                    self.wrong.append(f"{client_id} was acknowledged as {before}, then as {told}")
                return True
            case 503 if "retry-after" in answer.headers:
                self.refused += 1
            case _:
                self.wrong.append(f"{client_id}: {answer}")
        return False


class Mouth(Protocol):
    """A way to say something."""

    async def say(self, thread: str, client_id: str) -> Answer:
        """What came of it; OSError when that is not known, TimeoutError when nothing came and that is a failure."""
        ...

    def close(self) -> None:
        """Say no more."""


@dataclass(slots=True)
class Rest:
    """POST /chat/send at one server, which never hangs."""

    http: Http

    async def say(self, thread: str, client_id: str) -> Answer:
        body = {"thread_id": thread, "text": f"{client_id} #tag", "client_id": client_id}
        return await self.http.call("POST", "/chat/send", body)

    def close(self) -> None:
        self.http.close()


class PatientRest(Rest):
    """The same at a server that may be frozen."""

    @override
    async def say(self, thread: str, client_id: str) -> Answer:
        try:
            return await super().say(thread, client_id)
        except TimeoutError as error:
            raise ConnectionResetError("frozen") from error


@dataclass(slots=True)
class Rpc:
    """chat.post through an SDK client, wherever it is connected."""

    client: Client

    async def say(self, thread: str, client_id: str) -> Answer:
        body = {"thread_id": thread, "text": f"{client_id} #tag", "client_id": client_id}
        try:
            return Answer(200, {}, (await self.client.rpc("chat.post", body)).data)
        except ReplyError as error:
            headers = {"retry-after": "1"} if error.temporary else {}
            return Answer(503, headers, {"code": error.code, "message": error.message})
        except CentrifugeError as error:
            raise ConnectionResetError("between two connections") from error

    def close(self) -> None:
        """It goes on listening."""


async def keep_posting(
    mouths: Sequence[Mouth], thread: str, record: Record, stop: asyncio.Event, *, name: str, pause_seconds: float = 0.0
) -> None:
    """Post one message after another, through whichever mouth is heard, until told to stop."""
    try:
        for number in itertools.count():
            if stop.is_set() or record.wrong:
                break
            await _insist(itertools.islice(itertools.cycle(mouths), number, None), thread, f"{name}-{number}", record)
            await asyncio.sleep(pause_seconds)
    finally:
        for mouth in mouths:
            mouth.close()


async def _insist(mouths: Iterator[Mouth], thread: str, client_id: str, record: Record) -> None:
    """Say it until it is safe, or something is wrong; every try goes the other way."""
    for mouth in mouths:
        try:
            answer = await mouth.say(thread, client_id)
            if record.take(thread, client_id, answer) or record.wrong:
                return
        except TimeoutError:
            record.wrong.append(f"{client_id}: no answer, the server hangs")
            return
        except OSError:
            record.broken += 1
        await asyncio.sleep(BACK_OFF_SECONDS)


async def compare(url: str, record: Record) -> dict[str, list[str]]:
    """The rows are what people were told: each message once, at its place, and none that nobody sent.

    Returns the ids in each thread, in the order of their offsets.
    """
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch('SELECT thread_id, client_id, id, number, "offset" FROM messages ORDER BY 1, 5')
    finally:
        await connection.close()
    kept = {(str(row["thread_id"]), row["client_id"]): (str(row["id"]), row["number"], row["offset"]) for row in rows}
    assert len(kept) == len(rows)
    assert kept == record.acknowledged
    threads: dict[str, list[str]] = {}
    for row in rows:
        threads.setdefault(str(row["thread_id"]), []).append(str(row["id"]))
    for thread, group in itertools.groupby(rows, key=lambda row: row["thread_id"]):
        assert [row["offset"] for row in group] == list(range(1, len(threads[str(thread)]) + 1))
        await written(url, thread)
    return threads
