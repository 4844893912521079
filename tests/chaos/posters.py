"""People who post and do not give up: they repeat with the same client_id until told that the message is safe."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from uuid import UUID

from tests.fleet.http import Answer, Http
from tests.fleet.server import Server

BACK_OFF_SECONDS = 0.1  # a caller's own patience; Retry-After asks for a second, impatience is harder on us


@dataclass(slots=True)
class Record:
    """What all posters were told."""

    acknowledged: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
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
                if before != told:
                    self.wrong.append(f"{client_id} was acknowledged as {before}, then as {told}")
                return True
            case 503 if "retry-after" in answer.headers:
                self.refused += 1
            case _:
                self.wrong.append(f"{client_id}: {answer}")
        return False


async def keep_posting(
    servers: list[Server], token: str, thread: str, record: Record, name: str, stop: asyncio.Event
) -> None:
    """Post one message after another, through whichever server answers, until told to stop."""
    lines = [Http("127.0.0.1", server.port, token) for server in servers]
    turn = itertools.cycle(lines)
    for number in itertools.count():
        if stop.is_set():
            break
        client_id = f"{name}-{number}"
        for line in turn:  # every message and every try goes to the other server
            try:
                answer = await line.call(
                    "POST", "/chat/send", {"thread_id": thread, "text": f"{client_id} #tag", "client_id": client_id}
                )
                if record.take(thread, client_id, answer) or record.wrong:
                    break
            except TimeoutError:
                record.wrong.append(f"{client_id}: no answer, the server hangs")
                break
            except OSError:
                record.broken += 1
            await asyncio.sleep(BACK_OFF_SECONDS)
    for each in lines:
        each.close()


def threads_of(record: Record) -> set[UUID]:
    """The threads that somebody posted in."""
    return {UUID(thread) for thread, _ in record.acknowledged}
