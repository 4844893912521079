"""Long texts in pieces: nothing but blanks is lost, and every piece fits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.bot.splitting import spans, units


def pieces(text: str, longest: int) -> list[str]:
    return [text[start:end] for start, end in spans(text, longest)]


LETTERS = st.sampled_from(["a", "é", "🌍", " ", "\n", "\n\n", ". ", ","])


@given(st.lists(LETTERS, max_size=200).map("".join), st.integers(2, 40))
def test_every_piece_fits_and_no_letter_is_lost(text: str, longest: int) -> None:
    found = pieces(text, longest)
    assert all(0 < units(piece) <= longest for piece in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_it_is_cut_where_a_reader_would_pause() -> None:
    assert pieces("First words. Second words here", 20) == ["First words.", "Second words here"]
    assert pieces("paragraph one\n\nparagraph two", 20) == ["paragraph one", "paragraph two"]
    assert pieces("short", 20) == ["short"]
    assert pieces("   ", 20) == []
