"""The model of meaning: which processors can run it, and that a question lies nearer to what it is about."""

from __future__ import annotations

import pytest

from server.assistant import meaning

ARTICLES = [
    ("Opening hours", "Our shop is open from Monday to Friday, 9 to 18."),
    ("Returning goods", "Send back what you do not like within thirty days; the money is on your account in a week."),
    ("Sending abroad", "We deliver to all countries of the European Union and to Switzerland."),
]
ASKED = [
    ("Until when can I come by in the evening?", 0),
    ("Ich will mein Geld zurück, der Pullover gefällt mir nicht", 1),
    ("¿Hacéis envíos a Francia?", 2),
    ("Вы доставляете посылки в Германию?", 2),
]


@pytest.mark.unit
def test_only_a_processor_with_avx2_runs_what_was_compiled_for_it() -> None:
    assert meaning.can_run("processor\t: 0\nflags\t\t: fpu sse2 fma avx avx2 bmi1\n")
    assert not meaning.can_run("processor\t: 0\nflags\t\t: fpu sse2 fma avx\n")
    assert not meaning.can_run("")


@pytest.mark.unit
def test_a_question_in_other_words_and_languages_is_nearest_to_its_article() -> None:
    model = meaning.found()
    if model is None:
        pytest.skip("there is no wheel of the model for this machine")
    table = model.table([model.of_article(title, text) for title, text in ARTICLES])
    for question, place in ASKED:
        scores = model.nearness(question, table)
        assert scores.index(max(scores)) == place, (question, scores)
