"""The fake Telegram reads HTML as the real one does."""

from __future__ import annotations

import pytest

from bots.fake.markup import NotMarkup, read


def test_tags_become_entities_and_are_gone_from_the_words() -> None:
    text, entities = read('🌍 <b>bold <i>both</i></b> <a href="https://a.b?c=1&amp;d">x</a> &lt;&amp;')
    assert text == "🌍 bold both x <&"
    assert entities == [
        {"type": "bold", "offset": 3, "length": 9},
        {"type": "italic", "offset": 8, "length": 4},
        {"type": "text_link", "offset": 13, "length": 1, "url": "https://a.b?c=1&d"},
    ]


@pytest.mark.parametrize("html", ["<b>open", "<h1>x</h1>", "x</b>", "<b><i>x</b></i>"])
def test_what_does_not_fit_together_is_refused(html: str) -> None:
    with pytest.raises(NotMarkup):
        read(html)
