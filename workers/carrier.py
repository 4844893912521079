"""Carries tasks out: taskiq's receiver, which hands each to its function and says how it ended."""

from __future__ import annotations

import asyncio
from typing import Any

from taskiq import TaskiqResult
from taskiq.acks import AckController
from taskiq.message import TaskiqMessage
from taskiq.receiver import Receiver
from typing_extensions import override

from server import clock
from server.errors import Problem
from server.logging import named
from workers.intake import Intake
from workers.ledger import Delivery
from workers.verdict import CUT, DONE, after

AT_ONCE = 20
LEAVE_SECONDS = 5.0
CUT_SECONDS = 1.0
LONGEST_SECONDS = 900.0  # longer is a hang, and counts as a failure: long work goes in portions, each of them a task
WATCH_SECONDS = 1.0  # one look at all of them: a timer for each costs a quarter of a short task

log = named("worker")


class Unknown(Exception):
    """Nobody here knows such a task: it comes from a newer server, or is none."""


class Carrier(Receiver):
    """Any number of workers of any version may run: a task that one cannot read goes to the others."""

    def __init__(self, intake: Intake, at_once: int = AT_ONCE, *, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._intake = intake
        self._longest_seconds = longest_seconds
        self._running: dict[asyncio.Task[Any], Delivery] = {}
        super().__init__(intake, max_async_tasks=at_once, run_startup=False, wait_tasks_timeout=LEAVE_SECONDS)

    @override
    async def listen(self, finish_event: asyncio.Event) -> None:
        """Carry out what comes until told to stop, and for some seconds what is under way then."""
        watch = asyncio.create_task(self._watch(), name="task watch")
        try:
            await super().listen(finish_event)
        finally:
            watch.cancel()

    async def leave(self) -> None:
        """Cut whatever still runs; it is given back and carried out by others."""
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            log.warning("tasks_cut", tasks=len(running), remedy="none: other workers carry them out")
            await asyncio.wait(running, timeout=CUT_SECONDS)

    @override
    async def callback(self, message: bytes | Delivery, raise_err: bool = False) -> None:  # type: ignore[override]
        """From taskiq, once for each delivery; whatever happens here, the delivery is settled."""
        assert isinstance(message, Delivery)
        task = asyncio.current_task()
        assert task is not None
        self._running[task] = message
        message.began = clock.monotonic()
        try:
            await super().callback(message, raise_err)
            message.verdict = message.verdict or after(Unknown(message.data), message.count)
        except Exception as error:
            log.exception("task_unreadable")
            message.verdict = after(error, message.count)
        finally:
            del self._running[task]
            self._intake.settle(message, message.verdict or CUT)

    @override
    async def run_task(
        self, target: Any, message: TaskiqMessage, ack_controller: AckController | None = None
    ) -> TaskiqResult[Any]:
        """Carry it out, and note how it ended."""
        task = asyncio.current_task()
        assert task is not None
        delivery = self._running[task]
        try:
            await target(**message.kwargs)
        except Problem as problem:
            log.info("task_refused", task=message.task_name, code=problem.code, why=problem.detail)
            delivery.verdict = after(problem, delivery.count)
        except Exception as error:
            log.exception("task_failed", task=message.task_name, fields=message.kwargs, delivery=delivery.count)
            delivery.verdict = after(error, delivery.count)
        else:
            delivery.verdict = DONE
        return TaskiqResult(is_err=False, return_value=None, execution_time=0.0)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._longest_seconds))
            latest = clock.monotonic() - self._longest_seconds
            for task, delivery in self._running.items():
                if delivery.began < latest and delivery.verdict is None:
                    log.error("task_hangs", task=delivery.data.decode(errors="replace"), seconds=self._longest_seconds)
                    delivery.verdict = after(TimeoutError("it hung, and was cut"), delivery.count)
                    task.cancel()
