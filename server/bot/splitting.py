"""A long text in pieces that Telegram takes, cut where a reader would pause. Pure."""

from __future__ import annotations

LONGEST_UNITS = 4096  # UTF-16 code units, as Telegram counts
BORDERS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")
SHORTEST_SHARE = 0.5  # a border in the first half is no reason to send half a piece


def units(text: str) -> int:
    """How long Telegram finds the text."""
    return len(text) + sum(letter > "\uffff" for letter in text)


def spans(text: str, longest_units: int = LONGEST_UNITS) -> list[tuple[int, int]]:
    """Where the pieces begin and end, in order, without the blanks at the cuts; each has something to show."""
    found = []
    end = len(text.rstrip())
    start = len(text) - len(text.lstrip())
    while units(rest := text[start:end]) > longest_units:
        cut = _border(rest, _fitting(rest, longest_units))
        found.append((start, start + len(rest[:cut].rstrip())))
        start += len(rest) - len(rest[cut:].lstrip())
    return [*found, (start, end)] if start < end else found


def _fitting(text: str, longest_units: int) -> int:
    """How many characters of the text fit."""
    end = min(len(text), longest_units)
    while units(text[:end]) > longest_units:
        end -= max(1, (units(text[:end]) - longest_units) // 2)
    return end


def _border(text: str, end: int) -> int:
    """Where to cut: after the last of the best borders, else at the very end."""
    for border in BORDERS:
        found = text.rfind(border, 0, end + len(border) - 1)
        cut = found + len(border.rstrip())
        if found >= 0 and end * SHORTEST_SHARE <= cut <= end and text[:cut].strip():
            return cut
    return end
