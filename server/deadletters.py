"""Tasks that failed five times, kept for a person: how many, what they say, and the way back into the stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from typing_extensions import override

from server.stream import DATA, SET_ASIDE, STREAM
from server.valkey import connect

ANSWER_SECONDS = 5.0
SHOWN = 20
PAGE = 100

# Of two people who put the same one back, one does; nothing is lost between the two steps.
PUT_BACK = """
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'data', ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One task that was set aside, since when, and why."""

    at: datetime
    task: str
    fields: dict[str, Any]
    why: str

    @override
    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}  {self.task} {json.dumps(self.fields)}: {self.why}"


class DeadLetters:
    """What was set aside in this Redis; each call is a visit of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _visit(self) -> Any:
        return connect(self._url, answer_seconds=ANSWER_SECONDS)

    async def count(self) -> int:
        """How many there are."""
        async with self._visit() as client:
            return int(await client.xlen(SET_ASIDE))

    async def newest(self) -> Sequence[Letter]:
        """The last few, the newest first."""
        async with self._visit() as client:
            return [_letter(entry, fields) for entry, fields in await client.xrevrange(SET_ASIDE, count=SHOWN)]

    async def put_back(self) -> int:
        """Say all of them again, the oldest first; returns how many. What fails once more comes back here."""
        done = 0
        async with self._visit() as client:
            # No further than what is there now: a task that is set aside again meanwhile must not go in circles.
            newest = await client.xrevrange(SET_ASIDE, count=1)
            last = newest[0][0] if newest else "-"
            while page := await client.xrange(SET_ASIDE, "-", last, count=PAGE):
                for entry, fields in page:
                    done += await client.eval(PUT_BACK, 2, SET_ASIDE, STREAM, entry, fields.get(DATA, b""))
        return done


def _letter(entry: bytes, fields: dict[bytes, bytes]) -> Letter:
    milliseconds = int(entry.partition(b"-")[0])
    try:
        said = json.loads(fields.get(DATA, b""))
        task, values = str(said["task_name"]), dict(said["kwargs"])
    except (ValueError, KeyError, TypeError):
        task, values = "something that is no task", {}
    why = fields.get(b"why", b"").decode(errors="replace")
    return Letter(datetime.fromtimestamp(milliseconds / 1000, UTC), task, values, why)
