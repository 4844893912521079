"""What a refusal says beside its number: the code, and the field at fault where one is known."""

from __future__ import annotations

from server.errors import Fault, Invalid
from server.realtime import refusal
from server.realtime.protocol import Error


def test_the_field_at_fault_is_named_behind_the_code() -> None:
    problem = Invalid("invalid_input", faults=[Fault("text", "is needed"), Fault("tags", "are too many")])
    for door in (refusal.of, refusal.of_call, refusal.of_join):
        assert door(problem) == Error(107, "invalid_input: text: is needed")


def test_where_no_field_is_known_the_code_stands_alone() -> None:
    assert refusal.of(Invalid("invalid_input")) == Error(107, "invalid_input")


def test_a_field_of_any_length_makes_no_endless_message() -> None:
    refused = refusal.of(Invalid("invalid_input", faults=[Fault("x" * 5_000, "is unknown")]))
    assert isinstance(refused, Error)
    assert len(refused.message) == 200
