"""The part of the Python SDK's own tests that talks to a server talks to ours; `make sdk` runs all of them."""

from __future__ import annotations

import pytest

from tests.compat import suite


@pytest.mark.timeout(400)  # 4 s where nothing else runs; their tests wait for what a busy machine does late
@pytest.mark.skipif(not suite.ARCHIVE.exists(), reason="python3 dev.py sdk fetches the suite")
def test_the_live_tests_of_the_python_sdk_pass(redis_url: str) -> None:
    outcome = suite.run(redis_url, suite.LIVE, port=0)
    assert outcome.is_good, f"{outcome.said}\n{outcome.server_said}"
    assert (outcome.tests, outcome.passed) == (62, {"json": 24, "protobuf": 24})
