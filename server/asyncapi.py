"""The socket as an AsyncAPI 3.0 document, written from the code that speaks it. Knows no client and no request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import inspect
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from server.chat.calls import CALLS
from server.chat.events import HEARD, Event
from server.chat.names import KINDS, Channels
from server.chat.schemas import ChatMessageRequest, MessageView, TypingNotice
from server.config import VERSION
from server.realtime import protocol
from server.realtime.codec import FLAVOURS
from server.realtime.handshake import PATH

Json: TypeAlias = dict[str, Any]
Code = TypeVar("Code", protocol.Error, protocol.Close, protocol.Unsubscribe)

DESCRIPTION = """Conversations in threads over a WebSocket, in the Centrifuge client protocol, version 2: use a stock
Centrifuge SDK. A frame holds one command, or several, one a line; each is answered by a reply with its `id`. Pushes
have no `id`. `{}` is a ping, to be answered with `{}`. The channels after `socket` are not opened but subscribed to
with `subscribe`; their messages are what stands in the `data` of a publication."""

COMMANDS = {
    "connect": "Sign in with an access token or a personal access token: the first command.",
    "subscribe": "Listen to a channel, and with `recover` get what was missed since `offset` of `epoch`.",
    "unsubscribe": "Listen no longer.",
    "publish": "Post a message to a thread or a room; answered after the commit.",
    "presence": "Who listens to a channel, by connection.",
    "presence_stats": "How many listen to a channel.",
    "history": "Changes of a channel, from its beginning, or from `since`, or backwards.",
    "ping": "Ask whether anybody is there.",
    "send": "Say that one types; never answered.",
    "rpc": "Call one of the methods; each is an operation of its own here.",
    "refresh": "Go on with a newer token of the same person.",
    "sub_refresh": "Go on listening with a newer subscription token.",
}
UNANSWERED = frozenset({"send"})


def document(address: str) -> Json:
    """The document for clients that reach this server at `address`, an http or https URL."""
    parts = urlsplit(address)
    server: Json = {
        "host": parts.netloc,
        "pathname": parts.path.rstrip("/") + PATH,
        "protocol": "wss" if parts.scheme == "https" else "ws",
        "description": "The token goes into `connect`; browsers have to come from an allowed origin.",
        "bindings": {"ws": {}},
    }
    return {**_written(), "servers": {"parley": server}}


@cache
def _written() -> Json:
    """All of it but the address."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Parley", "version": VERSION, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {"socket": _socket(), **{each.kind: _channel(each) for each in KINDS}},
        "operations": {**_commands(), **_calls(), **_pushes()},
        "components": {"schemas": _schemas()},
    }


def codes(kind: type[Code]) -> list[Code]:
    """The errors, closes or unsubscribes that the protocol has words for, by their code."""
    return sorted((each for each in vars(protocol).values() if isinstance(each, kind)), key=lambda one: one.code)


def _socket() -> Json:
    messages = {name: _message(COMMANDS[name], _said(name, _ref(_part(protocol.Command, name)))) for name in COMMANDS}
    for name in COMMANDS.keys() - UNANSWERED:
        messages[f"{name}.reply"] = _message(f"The answer to `{name}`.", _said(name, _ref(_part(protocol.Reply, name))))
    for name, call in CALLS.items():
        asked = {"properties": {"method": {"const": name}, "data": _ref(call.form)}, "required": ["method", "data"]}
        answered = {"properties": {"data": _ref(call.answer)}, "required": ["data"]}
        messages[name] = _message(call.about, _said("rpc", {"type": "object", **asked}))
        messages[f"{name}.reply"] = _message("Its answer.", _said("rpc", {"type": "object", **answered}))
    messages["error"] = _message("Why a command was refused.", _said("error", _ref(protocol.Error)))
    empty = {"type": "object", "maxProperties": 0}
    messages["keepalive"] = _message("The server asks, and the client answers with the same.", empty)
    messages["push"] = _message("News: a publication, somebody who comes or goes, the end of a subscription.", _push())
    query = {"type": "object", "properties": {"format": {"enum": list(FLAVOURS)}}}
    return {
        "address": PATH,
        "description": "The one connection.",
        "messages": messages,
        "bindings": {"ws": {"method": "GET", "query": query}},
        "x-close-codes": {str(each.code): each.reason for each in codes(protocol.Close)},
        "x-unsubscribe-codes": {str(each.code): each.reason for each in codes(protocol.Unsubscribe)},
    }


def _channel(one: Channels) -> Json:
    messages = {_tag(event): _message(event.__doc__ or "", _ref(event)) for event in HEARD[one.kind]}
    if one.has_stream:
        messages["message"] = _message(
            "A message as it now is: posted, edited, deleted, reacted to.", _ref(MessageView)
        )
        messages["post"] = _message("A message to post, as the data of `publish`.", _ref(ChatMessageRequest))
        messages["notice"] = _message("Somebody types, as the data of `send`.", _ref(TypingNotice))
    parameter = one.address.partition("{")[2].rstrip("}")
    return {
        "address": one.address,
        "description": one.about,
        "messages": messages,
        **({"parameters": {parameter: {}}} if parameter else {}),
        "x-recoverable": one.has_stream,
        "x-presence": one.has_presence,
    }


def _commands() -> Json:
    operations = {name: _operation("receive", "socket", [name]) for name in COMMANDS}
    for name in COMMANDS.keys() - UNANSWERED:
        operations[name]["reply"] = _answer(name)
    return {name: {"summary": COMMANDS[name], **operation} for name, operation in operations.items()}


def _calls() -> Json:
    return {
        name: {"summary": call.about, **_operation("receive", "socket", [name]), "reply": _answer(name)}
        for name, call in CALLS.items()
    }


def _pushes() -> Json:
    operations = {
        "push": _operation("send", "socket", ["push"]),
        "keepalive": _operation("send", "socket", ["keepalive"]),
    }
    for one in KINDS:
        heard = [_tag(event) for event in HEARD[one.kind]] + (["message"] if one.has_stream else [])
        operations[f"{one.kind}.hear"] = _operation("send", one.kind, heard)
        if one.has_stream:
            operations[f"{one.kind}.post"] = _operation("receive", one.kind, ["post"])
            operations[f"{one.kind}.notice"] = _operation("receive", one.kind, ["notice"])
    return operations


def _tag(event: type[Event]) -> str:
    return str(event.__struct_config__.tag)


def _operation(action: str, channel: str, messages: list[str]) -> Json:
    said = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages]
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "messages": said}


def _answer(name: str) -> Json:
    return {key: part for key, part in _operation("", "socket", [f"{name}.reply", "error"]).items() if key != "action"}


def _message(summary: str, payload: Json) -> Json:
    return {"summary": summary, "payload": payload}


def _said(name: str, part: Json) -> Json:
    """A command or a reply: its number, and the one thing it says. What is not answered needs no number."""
    number = {"type": "integer", "minimum": 1, "maximum": 2**32 - 1}
    needed = [name] if name in UNANSWERED else ["id", name]
    return {"type": "object", "properties": {"id": number, name: part}, "required": needed}


def _push() -> Json:
    kinds = {name: _ref(_part(protocol.Push, name)) for name in ("join", "leave", "unsubscribe")}
    news = {"channel": {"type": "string"}, "pub": _ref(protocol.Published), **kinds}
    push = {"type": "object", "properties": news, "required": ["channel"]}
    return {"type": "object", "properties": {"push": push}, "required": ["push"]}


def _part(whole: type[msgspec.Struct], name: str) -> type[msgspec.Struct]:
    """What stands under this name in a command, a reply or a push."""
    (field,) = [each for each in msgspec.structs.fields(whole) if each.name == name]
    found = _struct(inspect.type_info(field.type))
    assert found is not None
    return found


def _struct(kind: inspect.Type) -> type[msgspec.Struct] | None:
    if isinstance(kind, inspect.UnionType):
        return next(filter(None, map(_struct, kind.types)), None)
    return kind.cls if isinstance(kind, inspect.StructType) else None


def _ref(kind: type) -> Json:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def _schemas() -> Json:
    forms: list[tuple[type[BaseModel], JsonSchemaMode]] = [(call.form, "validation") for call in CALLS.values()]
    forms += [(call.answer, "serialization") for call in CALLS.values()] + [(TypingNotice, "validation")]
    _, known = models_json_schema(list(dict.fromkeys(forms)), ref_template="#/components/schemas/{model}")
    heard = list(dict.fromkeys(event for events in HEARD.values() for event in events))
    _, said = msgspec.json.schema_components(heard, ref_template="#/components/schemas/{name}")
    # Of a command, a reply and a push each message shows the one part that it holds.
    wholes = (msgspec.Struct, protocol.Command, protocol.Reply, protocol.Push)
    words = [each for each in vars(protocol).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    spoken = {each.__name__: _word(each) for each in words if each not in wholes}
    errors = [{"const": each.code, "title": each.message} for each in codes(protocol.Error)]
    spoken["Error"]["properties"]["code"] = {"type": "integer", "oneOf": errors}
    return {**spoken, **said, **known["$defs"]}


def _word(struct: type[msgspec.Struct]) -> Json:
    """One of the protocol's own words. msgspec's schemas cannot show a payload that is left out."""
    fields = msgspec.structs.fields(struct)
    schema: Json = {
        "type": "object",
        "properties": {each.name: _shape(inspect.type_info(each.type)) for each in fields},
        "required": [each.name for each in fields if each.required],
    }
    return {"description": struct.__doc__, **schema} if struct.__doc__ else schema


def _shape(kind: inspect.Type) -> Json:
    match kind:
        case inspect.IntType(ge=least, le=most):
            bounds: Mapping[str, int | None] = {"minimum": least, "maximum": most}
            return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.StrType():
            return {"type": "string"}
        case inspect.VarTupleType(item_type=item):
            return {"type": "array", "items": _shape(item)}
        case inspect.DictType(value_type=value):
            return {"type": "object", "additionalProperties": _shape(value)}
        case inspect.StructType(cls=cls):
            return _ref(cls)
        case inspect.UnionType(types=types):  # of one thing and nothing; what is nothing is left out
            return next(_shape(each) for each in types if not isinstance(each, inspect.NoneType))
        case _:
            return {}  # a payload: any JSON
