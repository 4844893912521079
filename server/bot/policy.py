"""Which bot this is, by what secret Telegram proves itself, and to which chat an update belongs. Pure."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated

import msgspec

from server.errors import Invalid

Id = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Place(msgspec.Struct):
    """A chat, or the person who stands for one."""

    id: Id


class Happened(msgspec.Struct):
    """Whatever happened in a chat."""

    chat: Place


class Pressed(msgspec.Struct, rename={"person": "from"}):
    """A button; its message may be too old to be shown."""

    person: Place
    message: Happened | None = None


class Envelope(msgspec.Struct):
    """Of an update, only what tells where it belongs."""

    update_id: Id
    message: Happened | None = None
    edited_message: Happened | None = None
    my_chat_member: Happened | None = None
    callback_query: Pressed | None = None

    @property
    def chat_id(self) -> int:
        """The chat whose order it keeps; 0 for what belongs to none."""
        happened = self.message or self.edited_message or self.my_chat_member
        if happened is not None:
            return happened.chat.id
        if self.callback_query is None:
            return 0
        pressed = self.callback_query
        return pressed.message.chat.id if pressed.message is not None else pressed.person.id


_read = msgspec.json.Decoder(Envelope).decode


def envelope(body: bytes) -> Envelope:
    """What the update says of itself; raises Invalid for what Telegram would never send."""
    try:
        return _read(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("not_an_update", f"this is no update of the Bot API: {error}") from error


def bot_id(token: str) -> int:
    """The bot's own id, which its token begins with; 0 without a token."""
    return int(token.partition(":")[0] or 0)


def webhook_secrets(keys: Sequence[str], token: str) -> tuple[str, ...]:
    """What Telegram sends along to prove itself, one for each signing secret; the first is registered."""
    return tuple(hmac.new(key.encode(), f"webhook {token}".encode(), hashlib.sha256).hexdigest() for key in keys)


def is_proven(given: str, secrets: Sequence[str]) -> bool:
    """Whether the header holds one of the secrets; takes as long for a near miss as for any other."""
    matches = [hmac.compare_digest(given.encode(), secret.encode()) for secret in secrets]
    return True in matches
