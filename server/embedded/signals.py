"""What the machine tells a supervisor: stop, or a child has ended. Waiting is woken by it at once."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WATCHED = (*STOP, signal.SIGCHLD)


class Signals:
    """Between `with` and its end a stop is only noted: whoever waits sees it and ends things in order."""

    def __init__(self) -> None:
        self.stop = False
        self._reader, self._writer = os.pipe()
        self._wakeup_before = -1
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Signals:
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        # Started with nohup, we outlive our terminal.
        watched = [each for each in WATCHED if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in watched}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal itself gave us
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Return after the time, or as soon as any of the signals came."""
        if select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 4096)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.stop = self.stop or number in STOP
