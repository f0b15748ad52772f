"""What a service does not need at rest it carries not in its memory, and no start of it waits for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mesh_core.runtime.services import SERVICES

UNUSED_AT_REST = {
    *("rich", "pygments"),  # what the command line draws with
    "jsonschema",  # what a model's answer is looked at with
}


@pytest.mark.slow
@pytest.mark.parametrize("module", [service.module for service in SERVICES.values()])
def test_no_service_has_in_memory_what_it_does_not_need_at_rest(module: str) -> None:
    code = f"import sys, {module}.__main__; print(*({UNUSED_AT_REST} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert found.stdout.split() == []
