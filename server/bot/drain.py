"""Updates become messages: a chat's in their order, many chats in one transaction, each of them exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from server import clock, metrics
from server.bot.constants import TRIES
from server.bot.intake import Intake, Taken
from server.bot.interpreter import Interpreter
from server.bot.presses import Presses
from server.bot.updates import Heard
from server.chat.announcer import Announcer
from server.database import GONE, Database
from server.errors import Problem
from server.logging import named

CHATS = 128  # in one transaction
TOGETHER = 256  # updates in one transaction
KEPT_HOURS = 48  # Telegram sends nothing again that is older

# Whoever has the lock of a chat's oldest update has the chat: the later ones are then nobody else's.
# One look into the index for each chat, however much waits.
OLDEST = """
WITH RECURSIVE oldest AS (
  (SELECT chat_id, id FROM updates WHERE bot_id = $1 AND state = 'waiting' ORDER BY chat_id, id LIMIT 1)
  UNION ALL
  SELECT next.chat_id, next.id FROM oldest CROSS JOIN LATERAL (
    SELECT u.chat_id, u.id FROM updates u WHERE u.bot_id = $1 AND u.state = 'waiting' AND u.chat_id > oldest.chat_id
    ORDER BY u.chat_id, u.id LIMIT 1) next
)
SELECT u.chat_id FROM oldest JOIN updates u ON u.id = oldest.id
WHERE u.state = 'waiting' AND u.due_at <= now() LIMIT $2 FOR UPDATE OF u SKIP LOCKED
"""
WAITING = """
SELECT id, chat_id, body FROM updates
WHERE bot_id = $1 AND chat_id = ANY ($2::bigint[]) AND state = 'waiting' ORDER BY id LIMIT $3
"""
DONE = "UPDATE updates SET state = 'done', error = NULL WHERE id = ANY ($1::bigint[])"
FAILED = """
UPDATE updates SET tries = tries + 1, error = $2, due_at = now() + make_interval(secs => power(2, tries)),
  state = CASE WHEN tries + 1 >= $3 THEN 'dead' ELSE state END
WHERE id = $1 RETURNING state
"""
FORGET = f"""
DELETE FROM updates WHERE id IN (
  SELECT id FROM (SELECT id, state, received_at FROM updates ORDER BY id LIMIT 2000) oldest
  WHERE state = 'done' AND received_at < now() - interval '{KEPT_HOURS} hours')
"""
FORGET_EVERY_SECONDS = 60.0
NAME = "SELECT username FROM bots WHERE id = $1"
NAME_SECONDS = 10.0  # between looks whether it has another name

log = named("bot")


class Poison(Exception):
    """This update cannot be taken in."""

    def __init__(self, row_id: int, cause: BaseException) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.row_id = row_id


class Drain:
    """Any number of processes may drain at once: a chat is one process's at a time."""

    def __init__(
        self,
        database: Database,
        announcer: Announcer,
        token: str,
        bot_id: int,
        answer: Callable[[str], Awaitable[None]] | None = None,
        *,
        keys: Sequence[str] = (),
    ) -> None:
        """`answer`: tell Telegram that a button's press has arrived; until then the button shows that it waits.

        `keys` signed the links to accounts; without any, none is believed.
        """
        self._presses = Presses(answer)
        self._intake = Intake(bot_id, keys)
        self._database = database
        self._announcer = announcer
        self._interpreter = Interpreter(token)
        self._bot_id = bot_id
        self._is_at_work = self._is_asked_again = False
        self._forgot_at = self._named_at = float("-inf")
        self._username: str | None = None

    async def close(self) -> None:
        """Answer no more presses."""
        await self._presses.close()

    async def sweep(self) -> int:
        """Take in all that waits; returns how many updates. Asked again meanwhile, it looks once more."""
        self._is_asked_again = True
        if self._is_at_work:
            return 0
        self._is_at_work, taken = True, 0
        try:
            while self._is_asked_again:
                self._is_asked_again = False
                await self._read_name()
                while done := await self._take(CHATS, TOGETHER):
                    taken += done
            await self._forget()
        finally:
            self._is_at_work = False
        return taken

    async def _take(self, chats: int, together: int) -> int:
        """One transaction's worth. If it fails, one update at a time shows which of them cannot be taken in."""
        try:
            done, taken = await self._commit(chats, together)
        except Poison as error:
            if together == 1:
                await self._set_back(error)
                return 1
            return await self._take(1, 1)
        except asyncpg.DeadlockDetectedError:  # nobody's fault; one update alone is seldom in anybody's way
            return await self._take(1, 1)
        for thread_id in taken.opened:
            self._announcer.opened(thread_id, {})
        if taken.posted:
            self._announcer.posted(taken.posted)
        for thread_id, slug in taken.called:
            self._announcer.changed(thread_id, slug)
        for pressed in taken.pressed:
            self._presses.tell(pressed)
        return done

    async def _commit(self, chats: int, together: int) -> tuple[int, Taken]:
        async with self._database.connection() as connection, connection.transaction():
            mine = [row[0] for row in await connection.fetch(OLDEST, self._bot_id, chats)]
            if not mine:
                return 0, Taken()
            rows = await connection.fetch(WAITING, self._bot_id, mine, together)
            row_id = rows[0]["id"]
            try:
                heard: list[Heard] = []
                for row in rows:
                    row_id = row["id"]
                    heard += await self._interpreter.heard(row["body"])
                taken = await self._intake.take_in(connection, heard)
            except (Problem, asyncpg.DeadlockDetectedError, *GONE):
                raise
            except Exception as error:  # whatever it is, it is one update's fault, and blocks no other chat
                raise Poison(row_id, error) from error
            await connection.execute(DONE, [row["id"] for row in rows])
            return len(rows), taken

    async def _set_back(self, error: Poison) -> None:
        async with self._database.connection() as connection:
            state = await connection.fetchval(FAILED, error.row_id, str(error)[:1000], TRIES)
        log.warning("update_failed", update=error.row_id, state=state, error=str(error))
        if state == "dead":
            metrics.dead_updates.inc()

    async def _read_name(self) -> None:
        """As long as it has none, nobody can name it: then it is looked for each time."""
        if self._username is not None and clock.monotonic() - self._named_at < NAME_SECONDS:
            return
        async with self._database.connection() as connection:
            found = await connection.fetchval(NAME, self._bot_id)
        self._named_at = clock.monotonic()
        if found is not None and found != self._username:
            self._username = found
            await self._interpreter.be_called(found)

    async def _forget(self) -> None:
        if clock.monotonic() - self._forgot_at > FORGET_EVERY_SECONDS:
            self._forgot_at = clock.monotonic()
            async with self._database.connection() as connection:
                await connection.execute(FORGET)
