"""Markdown becomes words and entities, counted as Telegram counts; cut anywhere, they still fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.bot.rendering import Entity, Words, rendered
from server.bot.splitting import units

PIECES = st.sampled_from(
    ["a", "🌍", " ", "\n", "*", "**", "_", "~~", "`", "```\n", "> ", "# ", "[", "](https://x.y)", "\\"]
)


def marked(words: Words) -> list[tuple[str, str]]:
    """Each entity, and what it is about."""
    raw = words.text.encode("utf-16-le")
    return [
        (each.type, raw[2 * each.offset : 2 * (each.offset + each.length)].decode("utf-16-le"))
        for each in words.entities
    ]


@pytest.mark.parametrize(
    ("markdown", "text", "entities"),
    [
        ("🌍 **bold** and *it*", "🌍 bold and it", [("bold", "bold"), ("italic", "it")]),
        ("~~old~~ `code *`", "old code *", [("strikethrough", "old"), ("code", "code *")]),
        ("**a *b* c**", "a b c", [("bold", "a b c"), ("italic", "b")]),
        ("# Head\n\nbody", "Head\n\nbody", [("bold", "Head")]),
        ("> said\n> so\nno", "said\nso\n\nno", [("blockquote", "said\nso")]),
        ("```py\nx = '*a*'\n\ny\n```\nend", "x = '*a*'\n\ny\nend", [("pre", "x = '*a*'\n\ny")]),
        ("- one\n  - **two**\n1. three", "- one\n  - two\n1. three", [("bold", "two")]),
        (r"5\*3\*2", "5*3*2", []),
    ],
)
def test_marks_become_entities(markdown: str, text: str, entities: list[tuple[str, str]]) -> None:
    words = rendered(markdown)
    assert (words.text, marked(words)) == (text, entities)


@pytest.mark.parametrize(
    "text", ["snake_case_name", "2 * 3 * 4", "  indented\n\n\n    far", "a < b & c", "#tag", "arr[0](x)", "x\n---\ny"]
)
def test_what_is_no_mark_stays_as_it_was_typed(text: str) -> None:
    assert rendered(text) == Words(text)


def test_links_lead_to_pages_and_to_nothing_else() -> None:
    assert rendered("[here](https://a.b/c)").entities == (Entity("text_link", 0, 4, url="https://a.b/c"),)
    assert rendered("[here](javascript:alert(1))") == Words("[here](javascript:alert(1))")


@given(st.lists(PIECES, max_size=60).map("".join), st.data())
def test_entities_lie_within_whatever_is_cut_out(markdown: str, data: st.DataObject) -> None:
    words = rendered(markdown)
    start = data.draw(st.integers(0, len(words.text)))
    end = data.draw(st.integers(start, len(words.text)))
    for some in (words, words.between(start, end)):
        for entity in some.entities:
            assert entity.length > 0
            assert 0 <= entity.offset <= entity.offset + entity.length <= units(some.text)
        marked(some)  # no entity begins or ends within a letter
