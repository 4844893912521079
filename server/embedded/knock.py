"""Who answers at an address: a Parley, which says how it is, or somebody else. Changes nothing there."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

PATIENCE_SECONDS = 3.0
ANSWER_BYTES = 10_000  # a stranger may have a lot to say
PARTS = {"database", "bus"}


def knock(url: str) -> dict[str, str] | None:
    """Each part of the Parley there and its state, `ready` or what is wrong with it; None when it is no Parley."""
    parts = urlsplit(url)
    caller = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    try:
        caller.request("GET", "/health/ready")
        told = json.loads(caller.getresponse().read(ANSWER_BYTES))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        caller.close()
    return told if isinstance(told, dict) and told.keys() >= PARTS else None
