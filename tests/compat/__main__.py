"""The whole suite of the Python SDK against a server of ours, on the port it has written out: `python3 dev.py sdk`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from server.embedded.home import open_home
from server.embedded.profile import FLEETING
from server.embedded.valkey import Valkey
from tests.compat import suite


def main() -> None:
    """Run it, and say how it went; all it said itself only when something failed."""
    if not suite.ARCHIVE.exists():
        sys.exit(f"{suite.ARCHIVE.name} could not be fetched; the reason stands above.")
    print(f"Running the tests of {suite.ARCHIVE.name} ...", flush=True)
    with tempfile.TemporaryDirectory(prefix="parley-sdk-") as folder:
        Path(folder).chmod(0o711)  # Valkey may run as another user, who has to walk through
        valkey = Valkey(open_home(Path(folder) / "home"), FLEETING)
        valkey.start()
        try:
            outcome = suite.run(valkey.url, suite.EVERYTHING, suite.THEIR_PORT)
        except OSError as why:
            sys.exit(f"port {suite.THEIR_PORT} cannot be had, and the suite knows no other: {why}")
        finally:
            valkey.stop()
    if not outcome.is_good:
        print(outcome.said, outcome.server_said, sep="\n")
    live = ", ".join(f"{count} in {flavour}" for flavour, count in sorted(outcome.passed.items()))
    print(f"{outcome.tests} tests, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped; in both ways: {live}")
    sys.exit(0 if outcome.is_good else 1)


if __name__ == "__main__":
    main()
