"""Signatures of Standard Webhooks: who holds the secret knows that an event is ours, whole and fresh."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "whsec_"
SECRET_BYTES = 32
SHORTEST_BYTES = 24  # what the specification asks for at least
LONGEST_BYTES = 64


def new_secret() -> str:
    """A fresh secret in the form that receivers are given."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret; raises ValueError for one that is not in the form `whsec_<base64>`."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise ValueError("a secret is `whsec_` and base64") from error
    if not secret.startswith(PREFIX) or not SHORTEST_BYTES <= len(key) <= LONGEST_BYTES:
        raise ValueError(f"a secret is `whsec_` and the base64 of {SHORTEST_BYTES} to {LONGEST_BYTES} bytes")
    return key


def headers(keys: Iterable[str], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; every secret signs, so that a receiver may hold the old or the new one."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(key_of(key), signed, hashlib.sha256).digest()).decode() for key in keys
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
