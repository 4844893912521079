"""How publications of one channel travel over the bus: an epoch, then one offset and its JSON a line. Knows no bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from server.realtime.seam import Publication

PAYLOAD_BYTES = 262_144  # one bus message carries about so much; a larger batch becomes several


def write(epoch: str, publications: Sequence[Publication]) -> Iterator[bytes]:
    """The payloads that tell of these publications, in order."""
    head = epoch.encode()
    lines, size = [head], 0
    for each in publications:
        if size and size + len(each.data) > PAYLOAD_BYTES:
            yield b"\n".join(lines)
            lines, size = [head], 0
        lines.append(b"%d %b" % (each.offset, each.data))
        size += len(each.data)
    yield b"\n".join(lines)


def read(payload: bytes) -> tuple[str, list[Publication]]:
    """The epoch and the publications of one payload; raises ValueError if it is none of ours."""
    head, *lines = payload.split(b"\n")
    publications = []
    for line in lines:
        offset, _, data = line.partition(b" ")
        publications.append(Publication(int(offset), data))
    return head.decode(), publications
