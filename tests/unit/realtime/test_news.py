"""What goes into the bus comes out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.realtime import news
from server.realtime.seam import Motion, News, Publication

data = st.text(max_size=40).map(lambda each: repr(each).encode())
publications = st.builds(Publication, st.integers(0, 2**53), data)
motions = st.builds(Motion, data, st.booleans())


@given(st.text("abc0123-"), st.lists(publications | motions, min_size=1, max_size=20))
def test_round_trip(epoch: str, told: list[News]) -> None:
    heard: list[News] = []
    for payload in news.write(epoch, told):
        said, some = news.read(payload)
        assert said == epoch
        heard += some
    assert heard == told


def test_a_large_batch_becomes_several_payloads() -> None:
    told = [Publication(each, b"x" * 100_000) for each in range(1, 11)]
    payloads = list(news.write("e", told))
    assert len(payloads) == 5
    assert [each for payload in payloads for each in news.read(payload)[1]] == told


def test_strange_payloads_are_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        news.read(b"epoch\nhello")
