"""What the assistant decides by rule: who asks for a person, what is masked, which language a thread is in."""

from __future__ import annotations

import pytest

from server.assistant import rules


@pytest.mark.parametrize(
    "line",
    [
        "operator",
        "I want to talk to a human",
        "can somebody connect me to an agent please, this does not help me at all",
        "Mitarbeiter bitte",
        "Ich möchte mit einem Menschen sprechen, das hier bringt mir gar nichts",
        "Quiero hablar con una persona de verdad por favor",
        "Je voudrais parler à un conseiller",
        "позовите оператора",
        "Соедините меня с живым человеком, пожалуйста, я устал",
    ],
)
def test_who_asks_for_a_person_is_heard(line: str) -> None:
    assert rules.wants_person(line)


@pytest.mark.parametrize(
    "line",
    [
        "Where is my parcel?",
        "The delivery person left the parcel in the rain and now it is wet",
        "Wie viele Personen passen in das Zelt, das ich gestern bestellt habe?",
        "¿Cuándo llega mi pedido?",
        "Сколько стоит доставка в Германию?",
    ],
)
def test_who_asks_for_something_else_gets_something_else(line: str) -> None:
    assert not rules.wants_person(line)


@pytest.mark.parametrize(
    ("line", "courtesy"),
    [
        ("Hello!", "hello"),
        ("Guten Tag", "hello"),
        ("Спасибо!", "thanks"),
        ("thank you very much", "thanks"),
        ("Hello, where is my parcel?", None),
        ("", None),
        ("???", None),
    ],
)
def test_a_line_that_only_greets_is_no_question(line: str, courtesy: str | None) -> None:
    assert rules.courtesy(line) == courtesy


def test_cards_and_accounts_are_masked_and_order_numbers_are_not() -> None:
    said = "Card 4111 1111 1111 1111, account DE89 3704 0044 0532 0130 00, order 1234567890123456."
    assert rules.masked(said) == f"Card {rules.MASK}, account {rules.MASK}, order 1234567890123456."


@pytest.mark.parametrize(
    ("prior", "latest", "before", "settled"),
    [
        (None, None, None, "en"),
        (None, "de", None, "de"),
        ("de", "en", None, "de"),
        ("de", "en", "de", "de"),
        ("de", "en", "en", "en"),
        ("de", None, "en", "de"),
    ],
)
def test_a_thread_changes_its_language_when_two_messages_agree(
    prior: str | None, latest: str | None, before: str | None, settled: str
) -> None:
    assert rules.settled_language(prior, latest, before) == settled
