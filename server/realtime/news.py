"""How news of one channel travel over the bus: an epoch, then a line for each. Knows no bus.

A line is an offset and a message, `+` and somebody who came, or `-` and somebody who went; all of it JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.realtime.seam import Motion, News, Publication

PAYLOAD_BYTES = 262_144  # one bus message carries about so much; a larger batch becomes several
REVIEW = b"?"  # a whole payload: ask the rooms who may still listen


def write(epoch: str, news: Sequence[News]) -> Iterator[bytes]:
    """The payloads that tell this, in order."""
    head = epoch.encode()
    lines, size = [head], 0
    for each in news:
        if size and size + len(each.data) > PAYLOAD_BYTES:
            yield b"\n".join(lines)
            lines, size = [head], 0
        lines.append(_line(each))
        size += len(each.data)
    yield b"\n".join(lines)


def _line(one: News) -> bytes:
    if isinstance(one, Motion):
        return (b"+ " if one.has_come else b"- ") + one.data
    return b"%d %b" % (one.offset, one.data)


def read(payload: bytes) -> tuple[str, list[News]]:
    """The epoch and the news of one payload; raises ValueError if it is none of ours."""
    head, *lines = payload.split(b"\n")
    news: list[News] = []
    for line in lines:
        mark, _, data = line.partition(b" ")
        news.append(Motion(data, mark == b"+") if mark in (b"+", b"-") else Publication(int(mark), data))
    return head.decode(), news
