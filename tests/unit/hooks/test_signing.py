"""Signatures are those of Standard Webhooks, as its other implementations make them."""

from __future__ import annotations

import pytest

from server.hooks.signing import headers, key_of, new_secret

# The vector of the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_vector_of_the_specification() -> None:
    signed = headers([SECRET], ID, 1614265330, b'{"test": 2432232314}')
    assert signed == {"webhook-id": ID, "webhook-timestamp": "1614265330", "webhook-signature": SIGNATURE}


def test_every_secret_signs_while_they_rotate() -> None:
    other = new_secret()
    signed = headers([other, SECRET], ID, 1614265330, b'{"test": 2432232314}')
    first, second = signed["webhook-signature"].split(" ")
    assert second == SIGNATURE
    assert first == headers([other], ID, 1614265330, b'{"test": 2432232314}')["webhook-signature"]


@pytest.mark.parametrize(
    "word", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***", "whsec_ä"]
)
def test_what_is_no_secret_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        key_of(word)
