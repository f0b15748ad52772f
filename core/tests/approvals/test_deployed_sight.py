"""Who sees what in a deployment's folders: obstacles come from who may read the inventory, and the planner may not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh_core.security.permissions import EXECUTOR, OBSERVER, PLANNER, USERS, Group

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be other users")

# What each sees, as its own process: the program of a service's user, in that user's groups.
LOOK = """
import json, sys
from pathlib import Path
from mesh_core.approvals.surroundings import SurroundingsReader
from mesh_core.policy.inventory.name_book import NameBook
from mesh_core.runtime.heartbeats import heartbeat_file
runtime = Path(sys.argv[1])
if sys.argv[2] == "executor-agent":
    heartbeat_file(runtime, "executor-agent").touch()
around = SurroundingsReader(runtime).read(offline={})
book = NameBook(runtime / "config" / "inventory.yml")
book()
found = around.inventory
kind = found if isinstance(found, str) else type(found).__name__
print(json.dumps({"inventory": kind, "approve": around.may_approve, "closed": book.is_closed}))
"""


@pytest.fixture
def runtime() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        made = Path(place) / "homelab"
        bootstrap = [sys.executable, "-m", "mesh_core.security.bootstrap", "--here", "web01", str(made)]
        subprocess.run(bootstrap, check=True, capture_output=True)
        yield made


def everybodys_python() -> tuple[str, dict[str, str]]:
    """One that every user may start, and its environment: ours may lie in somebody's home."""
    ours = [place for place in sys.path if place and not place.startswith(sys.base_prefix)]
    return "/usr/bin/python3", {"PYTHONPATH": os.pathsep.join(ours)}


def seen_by(runtime: Path, service: str, user: int, *groups: int) -> dict[str, Any]:
    python, environment = everybodys_python()
    done = subprocess.run(
        [python, "-c", LOOK, str(runtime), service],
        env=environment,
        user=user,
        group=Group.MENDMESH,
        extra_groups=groups,
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_executor_observer_and_operators_see_the_inventory_and_the_planner_knows_that_it_does_not(
    runtime: Path,
) -> None:
    sees = {"inventory": "Inventory", "approve": True, "closed": False}
    assert seen_by(runtime, EXECUTOR, USERS[EXECUTOR], Group.OPERATORS) == sees
    assert seen_by(runtime, OBSERVER, USERS[OBSERVER], Group.OPERATORS) == sees
    assert seen_by(runtime, "a person", 1000, Group.OPERATORS) == sees
    assert seen_by(runtime, PLANNER, USERS[PLANNER]) == {"inventory": "NoneType", "approve": False, "closed": True}


def test_an_inventory_that_root_saved_for_itself_is_an_obstacle_for_everybody_who_looks(runtime: Path) -> None:
    seen_by(runtime, EXECUTOR, USERS[EXECUTOR], Group.OPERATORS)
    file = runtime / "config" / "inventory.yml"
    os.chown(file, 0, 0)
    file.chmod(0o600)
    for service, user in ((OBSERVER, USERS[OBSERVER]), ("root", 0)):
        told = seen_by(runtime, service, user, Group.OPERATORS)["inventory"]
        assert "the executor (uid 10002) may not read it" in told
        assert f"`chgrp {Group.OPERATORS:d} {file} && chmod g+r {file}` lets it" in told
