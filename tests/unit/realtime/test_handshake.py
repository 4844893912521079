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
    "Host": "localhost:8000",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BROWSER = {
    **HEADERS,
    "Connection": "keep-alive, Upgrade",
    "Origin": "https://chat.example.com",
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64): of its own kind",
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
    found = usual(request({**BROWSER, "Sec-WebSocket-Protocol": f"centrifuge-{name}"}), PAGES)
    assert found is not None
    assert found[0].endswith(f"\r\nSec-WebSocket-Protocol: centrifuge-{name}\r\n\r\n".encode())
    assert found[1] is FLAVOURS[name]


UNUSUAL = {
    "another path": request(HEADERS, "GET /elsewhere HTTP/1.1"),
    "a query": request(HEADERS, f"GET {PATH}?format=protobuf HTTP/1.1"),
    "another method": request(HEADERS, f"POST {PATH} HTTP/1.1"),
    "a strange page": request({**BROWSER, "Origin": "https://evil.example.com"}),
    "another version": request({**HEADERS, "Sec-WebSocket-Version": "8"}),
    "no key": request({name: value for name, value in HEADERS.items() if name != "Sec-WebSocket-Key"}),
    "a short key": request({**HEADERS, "Sec-WebSocket-Key": "dGhlIHNhbXBsZQ=="}),
    "a header twice": request(HEADERS)[:-2] + b"origin: https://evil.example.com\r\norigin: a\r\n\r\n",
    "flavours to choose from": request({**HEADERS, "Sec-WebSocket-Protocol": "soap, centrifuge-json"}),
    "no colon": request(HEADERS)[:-2] + b"nothing\r\n\r\n",
    "a name twice in another case": request(HEADERS)[:-2] + b"HOST: localhost:8000\r\n\r\n",
    "a space behind a name": request(HEADERS)[:-2] + b"x : y\r\n\r\n",
    "no space behind a colon": request(HEADERS)[:-2] + b"x:y\r\n\r\n",
    "a line that goes on": request(HEADERS)[:-2] + b"x: y\r\n z\r\n\r\n",
    "a line without its return": request(HEADERS)[:-2] + b"x: y\nz: y\r\n\r\n",
    "more behind the head": request(HEADERS) + b"GET",
    "a piece of a head": request(HEADERS)[:-2],
    "a long head": request({**HEADERS, "x": "y" * 4_096}),
    "letters beyond ASCII": request({**HEADERS, "x": "é"}),
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
        st.sampled_from([*BROWSER, "Sec-WebSocket-Protocol", "x"]), _PIECES | st.text("aé=,; ", max_size=24)
    ),
    st.sets(st.sampled_from([*BROWSER]), max_size=1),
)
def test_what_is_answered_here_is_answered_alike_by_the_core(
    usually: dict[str, str], changed: dict[str, str], missing: set[str]
) -> None:
    headers = {name: value for name, value in {**usually, **changed}.items() if name not in missing}
    alike(request(headers))


@settings(max_examples=2_000, deadline=None)
@given(st.sampled_from([HEADERS, BROWSER]), st.data())
def test_so_it_is_with_any_bytes_in_the_middle_of_a_request(usually: dict[str, str], draw: st.DataObject) -> None:
    data = request(usually)
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, min(len(data), start + 3)))
    alike(
        data[:start]
        + draw.draw(st.binary(max_size=3) | st.sampled_from([b"\r\n", b": ", b" ", b"A", b"x: y\r\n"]))
        + data[end:]
    )


def alike(data: bytes) -> None:
    """What is answered here, the core answers with the same lines."""
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
