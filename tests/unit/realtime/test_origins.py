"""Which pages may open a socket: those of this address, however it is reached, and those that are named."""

from __future__ import annotations

import pytest

from server.realtime.origins import may_open, origin_of

NAMED = frozenset({"https://shop.example"})


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://192.168.1.7:8000", "192.168.1.7:8000"),
        ("http://[::1]:8080", "[::1]:8080"),
        ("http://parley.example", "parley.example"),
        ("http://parley.example", "Parley.Example:80"),
        ("https://parley.example", "parley.example:443"),
        ("https://parley.example", "parley.example"),
        ("https://shop.example", "parley.example"),
    ],
)
def test_who_may(origin: str, host: str) -> None:
    assert may_open(origin, host, NAMED)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://theirs.example", "parley.example"),
        ("http://parley.example:8001", "parley.example:8000"),
        ("http://parley.example", "parley.example:443"),
        ("https://parley.example", "parley.example:80"),
        ("https://shop.example.theirs.example", "parley.example"),
        ("null", "null"),
        ("null", ""),
        ("http://", ""),
        ("file://parley.example", "parley.example"),
        ("", ""),
    ],
)
def test_who_may_not(origin: str, host: str) -> None:
    assert not may_open(origin, host, NAMED)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Parley.Example/", "https://parley.example"),
        ("https://parley.example:443/chat/", "https://parley.example"),
        ("HTTP://parley.example:80", "http://parley.example"),
        ("http://parley.example:8080/a?b#c", "http://parley.example:8080"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://parley.example:80", "https://parley.example:80"),
    ],
)
def test_an_address_as_a_browser_names_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin
