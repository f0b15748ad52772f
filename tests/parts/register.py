"""No test leaves its own remedies to the next one: the register of a process is what it ships."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def shipped_register() -> Iterator[None]:
    yield
    if register := sys.modules.get("mesh_core.actions.register"):
        register.use(register.SHIPPED)
