"""How the words travel as protobuf: messages in binary frames, each behind its length. Knows the words, not the socket.

Numbers stand in one table, beside each Struct; what a field holds, and how large it may be, its Struct says itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

from msgspec import Raw, Struct, inspect, json, structs

from server.realtime import frames, protocol
from server.realtime.protocol import Command, Malformed, Reply
from server.realtime.seam import Motion, News

NUMBERS: dict[type[Struct], str] = {
    protocol.Command: "id=1 connect=4 subscribe=5 unsubscribe=6 publish=7 presence=8 presence_stats=9 history=10 "
    "ping=11 send=12 rpc=13 refresh=14 sub_refresh=15",
    protocol.ConnectRequest: "token=1 name=4 version=5",
    protocol.SubscribeRequest: "channel=1 token=2 recover=3 epoch=6 offset=7 join_leave=11 flag=14",
    protocol.UnsubscribeRequest: "channel=1",
    protocol.PublishRequest: "channel=1 data=2",
    protocol.PresenceRequest: "channel=1",
    protocol.PresenceStatsRequest: "channel=1",
    protocol.StreamPosition: "offset=1 epoch=2",
    protocol.HistoryRequest: "channel=1 limit=7 since=8 reverse=9",
    protocol.PingRequest: "",
    protocol.SendRequest: "data=1",
    protocol.CallRequest: "data=1 method=2",
    protocol.RefreshRequest: "token=1",
    protocol.SubRefreshRequest: "channel=1 token=2",
    protocol.Reply: "id=1 error=2 push=4 connect=5 subscribe=6 unsubscribe=7 publish=8 presence=9 presence_stats=10 "
    "history=11 ping=12 rpc=13 refresh=14 sub_refresh=15",
    protocol.Error: "code=1 message=2 temporary=3",
    protocol.Push: "channel=2 join=5 leave=6 unsubscribe=7",
    protocol.Motion: "info=1",
    protocol.ClientInfo: "user=1 client=2 conn_info=3 chan_info=4",
    protocol.Unsubscribe: "code=2 reason=3",
    protocol.ConnectResult: "client=1 version=2 expires=3 ttl=4 subs=6 ping=7 pong=8",
    protocol.SubscribeResult: "expires=1 ttl=2 recoverable=3 epoch=6 publications=7 recovered=8 offset=9 "
    "positioned=10 was_recovering=12",
    protocol.Published: "data=4 offset=6",
    protocol.Empty: "",
    protocol.PresenceResult: "presence=1",
    protocol.PresenceStatsResult: "num_clients=1 num_users=2",
    protocol.HistoryResult: "publications=1 epoch=2 offset=3",
    protocol.CallResult: "data=1",
    protocol.RefreshResult: "client=1 version=2 expires=3 ttl=4",
    protocol.SubRefreshResult: "expires=1 ttl=2",
}
# What `publish` writes by hand: a Reply's push=4, a Push's channel=2 and pub=4, a Publication's data=4 and offset=6.
_PUSH, _CHANNEL, _PUB, _DATA, _OFFSET = b"\x22", b"\x12", b"\x22", b"\x22", b"\x30"

_VARINT, _EIGHT, _SPAN, _FOUR = 0, 1, 2, 5  # wire types: a number, eight bytes, a length and as many bytes, four bytes
_NUMBER_BYTES = 10  # the longest a number of 64 bits may be
_LARGEST = 2**64 - 1
_LARGEST_TAG = 2**32 - 1
_BYTES = [bytes([each]) for each in range(128)]


class Protobuf:
    """Payloads are opaque in it: the rooms take and give JSON, but nobody has looked at what comes in."""

    opcode = frames.BINARY

    def read(self, payload: bytes) -> list[Command]:
        read = _reading(Command).read
        commands = []
        at, end = 0, len(payload)
        try:
            while at < end:
                size, at = _number(payload, at)
                begin, at = at, at + size
                if at > end:
                    raise Malformed("a command is cut short")
                commands.append(read(payload, begin, at) if size else protocol.PONG)
        except (IndexError, UnicodeDecodeError) as why:
            raise Malformed(str(why)) from why
        if not commands:
            raise Malformed("an empty frame")
        return commands

    def write(self, reply: Reply) -> bytes:
        return frames.binary(_spanned(b"", _writing(Reply).write(reply)))

    def publish(self, channel: str, news: Sequence[News]) -> bytes:
        head = _spanned(_CHANNEL, channel.encode()) + _PUB
        binary = frames.binary
        written = []
        for each in news:
            if isinstance(each, Motion):
                written.append(self.write(Reply(push=_moved(channel, each))))
                continue
            publication = _spanned(_DATA, each.data)
            if each.offset:
                publication += _OFFSET + _varint(each.offset)
            written.append(binary(_spanned(b"", _spanned(_PUSH, _spanned(head, publication)))))
        return b"".join(written)


def _moved(channel: str, motion: Motion) -> protocol.Push:
    moved = protocol.Motion(json.decode(motion.data, type=protocol.ClientInfo))
    return protocol.Push(channel, join=moved) if motion.has_come else protocol.Push(channel, leave=moved)


def _fields(struct: type[Struct]) -> Iterator[tuple[str, int, inspect.Type]]:
    """Name, number and kind of each field; what may be absent is the kind it has when it is there."""
    numbers = dict(each.split("=") for each in NUMBERS[struct].split())
    shape = inspect.type_info(struct)
    assert isinstance(shape, inspect.StructType)
    for field in shape.fields:
        kind = field.type
        if isinstance(kind, inspect.UnionType):
            (kind,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
        yield field.name, int(numbers[field.name]), kind


class _Reading:
    """How one Struct is read, and all that stands in it."""

    __slots__ = ("_fields", "_numbers", "_struct")

    def __init__(self, struct: type[Struct]) -> None:
        self._struct = struct
        self._numbers = set()
        self._fields: dict[int, tuple[str, Callable[..., Any]]] = {}
        for name, number, kind in _fields(struct):
            wire, take = _taking(kind)
            self._numbers.add(number)
            self._fields[number << 3 | wire] = (name, take)

    def read(self, payload: bytes, at: int, end: int, before: Struct | None = None) -> Any:
        """What stands between `at` and `end`; a message in two parts goes on where it was `before`.

        A number that reaches beyond `end` into its neighbours is found out when nothing is left to read.
        """
        said = {} if before is None else structs.asdict(before)
        fields = self._fields
        while at < end:
            tag = payload[at]
            at += 1
            if tag > 127:
                tag, at = _number(payload, at - 1)
            field = fields.get(tag)
            if field is None:
                at = self._skip(payload, at, tag)
                continue
            name, take = field
            number = payload[at]
            at += 1
            if number > 127:
                number, at = _number(payload, at - 1)
            if tag & 7 == _SPAN:
                begin, at = at, at + number
                if at > end:
                    break
                said[name] = take(payload, begin, at, said.get(name))
            else:
                said[name] = take(number)
        if at != end:
            raise Malformed("a message is cut short")
        return self._struct(**said)

    def _skip(self, payload: bytes, at: int, tag: int) -> int:
        """The end of a field that is not ours."""
        number, wire = tag >> 3, tag & 7
        if number == 0 or tag > _LARGEST_TAG or number in self._numbers:
            raise Malformed(f"no field {number} of type {wire}")
        if wire == _VARINT:
            return _number(payload, at)[1]
        if wire == _SPAN:
            size, at = _number(payload, at)
            return at + size
        if wire == _EIGHT:
            return at + 8
        if wire == _FOUR:
            return at + 4
        raise Malformed(f"no field of type {wire}")


@cache
def _reading(struct: type[Struct]) -> _Reading:
    return _Reading(struct)


def _taking(kind: inspect.Type) -> tuple[int, Callable[..., Any]]:
    """The wire type of what a command holds, and how to take it from there."""
    match kind:
        case inspect.BoolType():
            return _VARINT, bool
        case inspect.IntType(ge=None):
            return _VARINT, _signed
        case inspect.IntType(le=largest):
            return _VARINT, _up_to(largest or _LARGEST)
        case inspect.StrType():
            return _SPAN, _text
        case inspect.RawType():
            return _SPAN, _raw
        case inspect.StructType(cls=struct):
            return _SPAN, _reading(struct).read
    raise TypeError(f"no command holds {kind}")


def _signed(number: int) -> int:
    return number if number < 2**63 else number - 2**64


def _up_to(largest: int) -> Callable[[int], int]:
    def take(number: int) -> int:
        if number > largest:
            raise Malformed(f"{number} is too large")
        return number

    return take


def _text(payload: bytes, begin: int, end: int, _: object) -> str:
    return payload[begin:end].decode()


def _raw(payload: bytes, begin: int, end: int, _: object) -> Raw:
    return Raw(payload[begin:end])


def _number(payload: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends; IndexError at the end of the payload."""
    number = payload[at]
    if number < 128:
        return number, at + 1
    number &= 127
    for place in range(1, _NUMBER_BYTES):
        byte = payload[at + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            if number > _LARGEST:
                break
            return number, at + place + 1
    raise Malformed("a number of more than 64 bits")


class _Writing:
    """How one Struct is written, and all that stands in it."""

    __slots__ = ("_fields",)

    def __init__(self, struct: type[Struct]) -> None:
        self._fields: list[tuple[str, bytes, Callable[[bytes, Any], bytes]]] = []
        for name, number, kind in _fields(struct):
            wire, give = _giving(kind)
            self._fields.append((name, _varint(number << 3 | wire), give))

    def write(self, words: Struct) -> bytes:
        written = []
        for name, tag, give in self._fields:
            value = getattr(words, name)
            if value:  # zero, empty and absent are one; a Struct is true even if it says nothing
                written.append(give(tag, value))
        return b"".join(written)


@cache
def _writing(struct: type[Struct]) -> _Writing:
    return _Writing(struct)


def _giving(kind: inspect.Type) -> tuple[int, Callable[[bytes, Any], bytes]]:
    """The wire type of what a reply holds, and how to write it behind its tag."""
    match kind:
        case inspect.BoolType():
            return _VARINT, lambda tag, _: tag + b"\x01"
        case inspect.IntType():
            return _VARINT, lambda tag, number: tag + _varint(number)
        case inspect.StrType():
            return _SPAN, lambda tag, text: _spanned(tag, text.encode())
        case inspect.RawType():
            return _SPAN, lambda tag, raw: _spanned(tag, bytes(raw))
        case inspect.StructType(cls=struct):
            write = _writing(struct).write
            return _SPAN, lambda tag, words: _spanned(tag, write(words))
        case inspect.VarTupleType(item_type=item):
            _, give = _giving(item)
            return _SPAN, lambda tag, items: b"".join(give(tag, each) for each in items)
        case inspect.DictType(value_type=value):
            _, give = _giving(value)
            # An entry is a message of its own: key=1 value=2.
            return _SPAN, lambda tag, entries: b"".join(
                _spanned(tag, _spanned(b"\x0a", key.encode()) + give(b"\x12", each)) for key, each in entries.items()
            )
    raise TypeError(f"no reply holds {kind}")


def _spanned(head: bytes, content: bytes) -> bytes:
    """The content behind its length."""
    return head + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    if number < 128:
        return _BYTES[number]
    if number < 16_384:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128,)) + _varint(number >> 7)


PROTOBUF = Protobuf()
