"""What the command line draws with is on the same machine, and no service carries it in its memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mesh_core.runtime.services import SERVICES

DRAWING = {"rich", "pygments"}


@pytest.mark.slow
@pytest.mark.parametrize("module", [service.module for service in SERVICES.values()])
def test_no_service_has_the_colours_of_the_command_line_in_memory(module: str) -> None:
    code = f"import sys, {module}.__main__; print(*({DRAWING} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert found.stdout.split() == []
