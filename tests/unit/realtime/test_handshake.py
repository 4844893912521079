"""The usual opening of a socket is answered as somebody else's parser would answer it, any other is left to that."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.protocol import State

from server.realtime.codec import FLAVOURS, JSON
from server.realtime.handshake import PATH, Handshake, spoken, usual

PAGES = frozenset({"https://chat.example.com"})
HEADERS = {
    "host": "localhost:8000",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BROWSER = {
    **HEADERS,
    "connection": "keep-alive, Upgrade",
    "origin": "https://chat.example.com",
    "sec-websocket-extensions": "permessage-deflate; client_max_window_bits",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64): of its own kind",
}


def request(headers: dict[str, str], line: str = f"GET {PATH} HTTP/1.1") -> bytes:
    return "\r\n".join([line, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


def judged(data: bytes) -> Handshake:
    """The core, after it has read the request and said what it thinks of it."""
    core = Handshake(PAGES)
    core.receive_data(data)
    for event in core.events_received():
        assert isinstance(event, Request)
        core.send_response(core.accept(event))
    return core


def test_the_example_of_the_rfc() -> None:
    found = usual(request(HEADERS), PAGES)
    assert found is not None
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in found[0]
    assert found[1] is JSON


@pytest.mark.parametrize("name", FLAVOURS)
def test_a_flavour_that_is_asked_for_is_echoed(name: str) -> None:
    found = usual(request({**BROWSER, "sec-websocket-protocol": f"centrifuge-{name}"}), PAGES)
    assert found is not None
    assert found[0].endswith(f"\r\nSec-WebSocket-Protocol: centrifuge-{name}\r\n\r\n".encode())
    assert found[1] is FLAVOURS[name]


UNUSUAL = {
    "another path": request(HEADERS, "GET /elsewhere HTTP/1.1"),
    "a query": request(HEADERS, f"GET {PATH}?format=protobuf HTTP/1.1"),
    "another method": request(HEADERS, f"POST {PATH} HTTP/1.1"),
    "a strange page": request({**BROWSER, "origin": "https://evil.example.com"}),
    "another version": request({**HEADERS, "sec-websocket-version": "8"}),
    "no key": request({name: value for name, value in HEADERS.items() if name != "sec-websocket-key"}),
    "a short key": request({**HEADERS, "sec-websocket-key": "dGhlIHNhbXBsZQ=="}),
    "a header twice": request(HEADERS)[:-2] + b"origin: https://evil.example.com\r\norigin: a\r\n\r\n",
    "flavours to choose from": request({**HEADERS, "sec-websocket-protocol": "soap, centrifuge-json"}),
    "no colon": request(HEADERS)[:-2] + b"nothing\r\n\r\n",
    "no header at all": b"GET /connection/websocket HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_whatever_is_unusual_is_left_to_the_core(data: bytes) -> None:
    assert usual(data, PAGES) is None


_PIECES = st.sampled_from(
    [
        *HEADERS.values(),
        *BROWSER.values(),
        "",
        "13 ",
        "websocket, h2c",
        "centrifuge-json",
        "centrifuge-json, a",
        "=" * 24,
    ]
)


@settings(max_examples=2_000, deadline=None)
@given(
    st.sampled_from([HEADERS, BROWSER]),
    st.dictionaries(
        st.sampled_from([*BROWSER, "sec-websocket-protocol", "x"]), _PIECES | st.text("aé=,; ", max_size=24)
    ),
    st.sets(st.sampled_from([*BROWSER]), max_size=1),
)
def test_what_is_answered_here_is_answered_alike_by_the_core(
    usually: dict[str, str], changed: dict[str, str], missing: set[str]
) -> None:
    headers = {name: value for name, value in {**usually, **changed}.items() if name not in missing}
    data = request(headers)
    found = usual(data, PAGES)
    if found is None:
        return
    core = judged(data)
    assert core.state is State.OPEN
    answer = b"".join(core.data_to_send())
    assert sorted(line for line in answer.split(b"\r\n") if not line.startswith(b"Date:")) == sorted(
        found[0].split(b"\r\n")
    )
    assert spoken(PATH, core.subprotocol) is found[1]
