"""What is done to a text before it is kept."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.chat.text import merged_tags, normalised, tags_in
from server.errors import Invalid


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("no tags here", []),
        ("#Delivery is late, (#refund) please #delivery", ["delivery", "refund"]),
        ("see page.html#part and #42 but #v2", ["v2"]),
        ("#größe und #доставка", ["größe", "доставка"]),
        ("# alone ## twice", []),
    ],
)
def test_tags_are_found_in_the_text(text: str, tags: list[str]) -> None:
    assert tags_in(text) == tags


def test_given_tags_come_first_and_each_once() -> None:
    assert merged_tags("about #refund and #vip", ["VIP", "#early"]) == ["vip", "early", "refund"]


def test_too_many_tags_are_refused() -> None:
    with pytest.raises(Invalid, match="20 tags"):
        merged_tags("", [f"tag{number}" for number in range(21)])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_text"),
        (" \n\t ", "empty_text"),
        ("\x07\x1b", "empty_text"),
        ("a\x00b", "nul_character"),
        ("a\ud800b", "lone_surrogate"),
        ("x" * 11, "text_too_long"),
    ],
)
def test_what_is_no_text_is_refused_with_what_to_change(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalised(text, 10)
    assert refused.value.code == code


def test_line_ends_and_forms_become_one() -> None:
    assert normalised(" e\u0301te\u0301\r\nlast\rline ", 100) == "été\nlast\nline"


@given(st.text(max_size=200))
def test_a_normalised_text_stays_as_it_is(text: str) -> None:
    try:
        once = normalised(text, 1000)
    except Invalid:
        return
    assert normalised(once, 1000) == once
    assert unicodedata.is_normalized("NFC", once)
