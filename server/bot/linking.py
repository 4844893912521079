"""The word after `/start` that says whose account a chat belongs to. Signed, short enough for Telegram, and pure."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence
from uuid import UUID

LINK_SECONDS = 900  # long enough to change to the phone, short enough that a forgotten link opens nothing
_USER_BYTES, _TIME_BYTES, _PROOF_BYTES = 16, 5, 15  # 36 bytes: 48 characters without padding, where 64 are allowed


def link_word(key: str, bot_id: int, user: UUID, expires_at: int) -> str:
    """What to send after `/start` for this account, up to this moment in seconds since 1970."""
    said = user.bytes + expires_at.to_bytes(_TIME_BYTES, "big")
    return base64.urlsafe_b64encode(said + _proof(key, bot_id, said)).decode()


def linked_user(keys: Sequence[str], bot_id: int, word: str, at: int) -> UUID | None:
    """The account that the word was made for; None when it is not ours, is another bot's, or is too old."""
    try:
        raw = base64.b64decode(word, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    said, proof = raw[: _USER_BYTES + _TIME_BYTES], raw[_USER_BYTES + _TIME_BYTES :]
    matches = [hmac.compare_digest(_proof(key, bot_id, said), proof) for key in keys]
    if True not in matches or int.from_bytes(said[_USER_BYTES:], "big") < at:
        return None
    return UUID(bytes=said[:_USER_BYTES])


def _proof(key: str, bot_id: int, said: bytes) -> bytes:
    return hmac.digest(key.encode(), f"telegram link {bot_id} ".encode() + said, "sha256")[:_PROOF_BYTES]
