"""The protobuf flavour, against what others generated from the protocol's definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import Raw, Struct, inspect, structs

from server.realtime import protocol
from server.realtime.codec import JSON
from server.realtime.protobuf import NUMBERS, PROTOBUF
from server.realtime.protocol import EMPTY, PING, PONG, Command, ConnectResult, Malformed, Reply, SubscribeResult
from server.realtime.seam import Motion, Publication
from tests.unit.realtime import peer
from tests.unit.realtime.peer import dicts, line, message, spanned, unframed, unspanned

COMMANDS = dicts(peer.Command.DESCRIPTOR)
often = settings(max_examples=300, deadline=None)


def replies(kind: inspect.Type) -> SearchStrategy[Any]:
    """Whatever may stand in such a field."""
    match kind:
        case inspect.StructType(cls=struct, fields=fields):
            return st.builds(struct, **{field.name: replies(field.type) for field in fields})
        case inspect.UnionType(types=kinds):
            return st.one_of(*(replies(each) for each in kinds))
        case inspect.VarTupleType(item_type=item):
            return st.lists(replies(item), max_size=3).map(tuple)
        case inspect.DictType(value_type=value):
            return st.dictionaries(st.text(max_size=5), replies(value), max_size=3)
        case inspect.RawType():
            return st.text(max_size=300).map(lambda text: Raw(text.encode()))
        case inspect.NoneType():
            return st.none()
        case inspect.IntType():
            return st.integers(0, 2**32 - 1)
        case inspect.BoolType():
            return st.booleans()
    return st.text(max_size=40)


def plain(value: Any) -> Any:
    """A Struct as the words of a message."""
    match value:
        case Struct():
            return {name: plain(each) for name, each in structs.asdict(value).items() if each is not None}
        case Raw():
            return bytes(value).decode()
        case tuple():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(each) for key, each in value.items()}
    return value


def told(frames: bytes) -> list[Any]:
    """What the peer understands; each frame holds one reply behind its length."""
    payloads = [unspanned(payload) for payload in unframed(frames)]
    return [peer.Reply.FromString(reply) for (reply,) in payloads]


@often
@given(COMMANDS)
def test_commands_are_read_as_from_json(words: dict[str, Any]) -> None:
    payload = spanned(message(words, peer.Command).SerializeToString())
    assert PROTOBUF.read(payload) == JSON.read(line(words).encode())


@often
@given(st.lists(COMMANDS, min_size=1, max_size=4))
def test_a_frame_holds_several(some: list[dict[str, Any]]) -> None:
    payload = b"".join(spanned(message(words, peer.Command).SerializeToString()) for words in some)
    assert PROTOBUF.read(payload) == JSON.read("\n".join(map(line, some)).encode())


@often
@given(COMMANDS, COMMANDS)
def test_a_message_in_two_parts_is_one(first: dict[str, Any], second: dict[str, Any]) -> None:
    both = b"".join(message(words, peer.Command).SerializeToString() for words in (first, second))
    whole = peer.Command.FromString(both).SerializeToString()
    assert PROTOBUF.read(spanned(both)) == PROTOBUF.read(spanned(whole))


@often
@given(replies(inspect.type_info(Reply)))
def test_replies_are_understood(reply: Reply) -> None:
    (heard,) = told(PROTOBUF.write(reply))
    assert heard == message(plain(reply), peer.Reply)
    assert len(heard.SerializeToString()) == heard.ByteSize()


@often
@given(
    st.text(max_size=255),
    st.lists(st.tuples(st.integers(0, 2**63), st.sampled_from([2, 90, 127, 16_384, 65_536])), max_size=3),
)
def test_publications_are_a_frame_each(channel: str, places: list[tuple[int, int]]) -> None:
    written = PROTOBUF.publish(channel, [Publication(offset, b"7" * size) for offset, size in places])
    wanted = [{"channel": channel, "pub": {"data": "7" * size, "offset": offset}} for offset, size in places]
    assert told(written) == [message({"push": each}, peer.Reply) for each in wanted]


def test_the_shortest_words() -> None:
    assert PROTOBUF.write(PING) == b"\x82\x01\x00"
    assert PROTOBUF.read(b"\x00") == [PONG]
    assert PROTOBUF.read(b"\x00\x02\x08\x07\x00") == [PONG, Command(7), PONG]
    assert PROTOBUF.write(Reply(3, subscribe=SubscribeResult())) == b"\x82\x05\x04\x08\x03\x32\x00"
    assert PROTOBUF.write(Reply(3, publish=EMPTY)) == b"\x82\x05\x04\x08\x03\x42\x00"
    (expiring,) = told(PROTOBUF.write(Reply(1, connect=ConnectResult("c", "v", expires=True, ttl=0))))
    assert (expiring.connect.expires, expiring.connect.ttl) == (True, 0)


def test_every_word_has_its_numbers_and_no_others() -> None:
    known = [each for each in vars(protocol).values() if isinstance(each, type) and issubclass(each, Struct)]
    assert set(NUMBERS) == {each for each in known if each is not Struct}
    for struct, numbers in NUMBERS.items():
        assert sorted(each.partition("=")[0] for each in numbers.split()) == sorted(struct.__struct_fields__), struct


def test_a_limit_may_be_negative() -> None:
    (command,) = PROTOBUF.read(spanned(message({"history": {"limit": -1}}, peer.Command).SerializeToString()))
    assert command.history is not None
    assert command.history.limit == -1


UNKNOWN = [b"\x10\x96\x01", b"\x12\x03abc", b"\x15abcd", b"\x11abcdefgh", b"\xf8\xff\xff\xff\x0f\x00"]


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_unknown_fields_are_ignored(unknown: bytes) -> None:
    assert PROTOBUF.read(spanned(unknown + b"\x08\x05" + unknown)) == [Command(5)]


@pytest.mark.parametrize("length", [b"\x02", b"\x82\x00", b"\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"])
def test_a_number_may_be_longer_than_it_need_be(length: bytes) -> None:
    assert PROTOBUF.read(length + b"\x08\x05") == [Command(5)]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x80",
        b"\x01",
        b"\x01\x08",
        b"\x02\x08\x80",
        b"\x00\x03\x08\x07",
        spanned(b"\x08\x80\x80\x80\x80\x10"),
        spanned(b"\x08" + b"\x80" * 10 + b"\x00"),
        spanned(b"\x08" + b"\xff" * 9 + b"\x02"),
        spanned(b"\x2a\x0b\x70" + b"\xff" * 9 + b"\x02"),
        b"\x80" * 10 + b"\x00",
        spanned(b"\x0a\x00"),
        spanned(b"\x3a\x05\x0a\x01c"),
        spanned(b"\x3a\x03\x0a\x02c") + b"c",
        spanned(b"\x3a\x01\x0a\x01c"),
        spanned(b"\x38\x01"),
        spanned(b"\x3d\x01\x01\x01\x01"),
        spanned(b"\x3a\x03\x0a\x01\xff"),
        spanned(b"\x3a\x05\x0a\x03\xed\xa0\x80"),
        spanned(b"\x00\x00"),
        spanned(b"\x02\x00"),
        spanned(b"\x13\x14"),
        spanned(b"\x16\x00"),
        spanned(b"\x80\x80\x80\x80\x10\x00"),
        spanned(b"\x12\x05abc"),
        spanned(b"\x11abc"),
        spanned(b"\x15abc"),
    ],
    ids=[
        *("empty", "half a length", "no command", "no id", "half an id", "beyond the frame", "id of 33 bits"),
        *("eleven bytes", "65 bits", "flag of 65 bits", "length of eleven bytes", "id as bytes", "beyond the command"),
        *("text into the next command", "tag at the end", "publish as a number", "publish as four bytes"),
        *("no utf-8", "a surrogate", "field 0", "field 0 as bytes", "a group", "type 6", "a tag of 33 bits"),
        *("unknown beyond", "half of eight", "half of four"),
    ],
)
def test_what_is_no_command_is_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        PROTOBUF.read(payload)


def test_who_comes_and_goes() -> None:
    info = b'{"user":"ann","client":"c1","conn_info":{"name":"Ann"}}'
    wanted = {"user": "ann", "client": "c1", "conn_info": '{"name":"Ann"}'}
    for has_come, name in ((True, "join"), (False, "leave")):
        written = PROTOBUF.publish("c", [Motion(info, has_come)])
        assert told(written) == [message({"push": {"channel": "c", name: {"info": wanted}}}, peer.Reply)]
