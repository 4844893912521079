"""The protocol as centrifuge-python has it, generated from its definition: messages, and values for all fields."""

from __future__ import annotations

import base64
import json
from typing import Any

from centrifuge.codecs import _varint_decode
from centrifuge.protocol import client_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

generated: Any = client_pb2  # no type checker sees what it holds
parse: Any = ParseDict
Command, Reply = generated.Command, generated.Reply
BYTES = FieldDescriptor.TYPE_BYTES
MESSAGE = FieldDescriptor.TYPE_MESSAGE
JSON_VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9) | st.lists(st.text(max_size=3))
SCALARS: dict[int, SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=40),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    # A payload: in one flavour it stands there as it is, in the other it is bytes.
    BYTES: JSON_VALUES.map(lambda value: json.dumps(value, ensure_ascii=False)),
}


def dicts(descriptor: Descriptor, levels: int = 3) -> SearchStrategy[dict[str, Any]]:
    """Values for any of the fields of a message."""
    optional: dict[str, SearchStrategy[Any]] = {}
    for field in descriptor.fields:
        values: SearchStrategy[Any]
        if field.type != MESSAGE:
            values = SCALARS[field.type]
        elif field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            inner = SCALARS[value.type] if value.type != MESSAGE else dicts(value.message_type, levels - 1)
            optional[field.name] = st.dictionaries(st.text(max_size=5), inner, max_size=2)
            continue
        elif levels:
            values = dicts(field.message_type, levels - 1)
        else:
            continue
        optional[field.name] = st.lists(values, max_size=2) if field.is_repeated else values
    return st.fixed_dictionaries({}, optional=optional)


def message(words: dict[str, Any], kind: Any) -> Any:
    """A message that says this; payloads are text in `words`."""
    return parse(_encoded(words, kind.DESCRIPTOR), kind())


def _encoded(words: dict[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in words.items():
        field = descriptor.fields_by_name[name]
        if field.type == BYTES:
            said[name] = base64.b64encode(value.encode()).decode()
        elif field.type != MESSAGE:
            said[name] = value
        elif field.message_type.GetOptions().map_entry:
            said[name] = {key: _encoded({"value": each}, field.message_type)["value"] for key, each in value.items()}
        elif field.is_repeated:
            said[name] = [_encoded(each, field.message_type) for each in value]
        else:
            said[name] = _encoded(value, field.message_type)
    return said


def line(words: dict[str, Any], descriptor: Descriptor = Command.DESCRIPTOR) -> str:
    """The same in JSON; payloads are text in `words`, which is JSON already."""
    said = []
    for name, value in words.items():
        field = descriptor.fields_by_name[name]
        if field.type == BYTES:
            text = value
        elif field.type != MESSAGE:
            text = json.dumps(value)
        elif field.message_type.GetOptions().map_entry:
            text = json.dumps(dict.fromkeys(value))  # no command's map is read
        elif field.is_repeated:
            text = json.dumps([None for _ in value])
        else:
            text = line(value, field.message_type)
        said.append(f"{json.dumps(name)}:{text}")
    return "{" + ",".join(said) + "}"


def spanned(content: bytes) -> bytes:
    """Behind its length, as messages stand in a frame."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return length + bytes([size]) + content


def unspanned(payload: bytes) -> list[bytes]:
    """The messages of a payload, as centrifuge-python takes them apart."""
    messages, at = [], 0
    while at < len(payload):
        size, begin = _varint_decode(payload, at)
        at = begin + size
        messages.append(payload[begin:at])
    return messages


def unframed(frames: bytes) -> list[bytes]:
    """The payloads of a server's binary frames."""
    payloads = []
    while frames:
        assert frames[0] == 0x82
        size, at = frames[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(frames[2:at])
        payloads.append(frames[at : at + size])
        assert len(payloads[-1]) == size
        frames = frames[at + size :]
    return payloads
