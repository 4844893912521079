"""The form of a result: a table for people, what was demanded and whether it holds, one line of JSON for machines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """A promise of this house, and what was seen of it."""

    promise: str
    seen: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What a bench found. `appendix` goes into the record only."""

    table: str
    what: str
    ratio: float
    figures: dict[str, float]
    demands: Sequence[Demand]
    appendix: str = ""

    def line(self, bench: str) -> str:
        """The one line for machines."""
        figures = {name: round(value, 2) for name, value in self.figures.items()}
        figures["demands_missed"] = sum(not demand.holds for demand in self.demands)
        found = {"bench": bench, "what": self.what, "ratio": round(self.ratio, 2), "figures": figures}
        return json.dumps(found, ensure_ascii=False)

    def text(self) -> str:
        """The part for people."""
        rows = [(demand.promise, demand.seen, "yes" if demand.holds else "NO") for demand in self.demands]
        return f"{self.table}\n\n{table(['demanded', 'seen', 'holds'], rows)}"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, aligned for a terminal too: words to the left, numbers to the right."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    words = [all(isinstance(row[column], str) for row in rows) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        placed = zip(row, widths, words, strict=True)
        return f"| {' | '.join(cell.ljust(wide) if is_word else cell.rjust(wide) for cell, wide, is_word in placed)} |"

    rules = [
        "-" * (wide + 2) if is_word else "-" * (wide + 1) + ":" for wide, is_word in zip(widths, words, strict=True)
    ]
    return "\n".join([line(cells[0]), f"|{'|'.join(rules)}|", *map(line, cells[1:])])


def _shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell >= 1000 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def median(numbers: Sequence[float]) -> float:
    """The middle one; machines are noisy, and a mean believes every hiccup."""
    return statistics.median(numbers)
