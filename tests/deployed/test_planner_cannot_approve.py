"""Inside the running planner's container, as its user: no way leads into approved/, and none to what lies there."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.product import Product

from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

SCRIPT = Path(__file__).with_name("breaking_in.py")
WAYS_AT_LEAST = 15
# Opens its own proposal, says so, waits for a line, and writes through what it has opened.
KEEPS_OPEN = """
import os, sys
file = open(sys.argv[1], "r+b", buffering=0)
print("open", flush=True)
sys.stdin.readline()
file.write(b'{"schema_version":1,"id":"evil"}')
print("written", flush=True)
"""


async def a_proposal(product: Product) -> Path:
    """A file in pending/, made by the planner about something that nobody watches."""
    service = f"x{secrets.token_hex(4)}"
    event = {"type": "service_down", "node": "near", "service": service, "payload": {"runtime": "docker"}}
    found: list[Path] = []

    def filed() -> bool:
        found[:] = product.actions.folder(Folder.PENDING).glob(f"plan-near-{service}-*.json")
        return bool(found)

    product.admin("PUBLISH", "health_events", json.dumps(event))
    await wait_for(filed, 20, "a proposal")
    return found[0]


@pytest.fixture
def paused_executor(product: Product) -> Iterator[None]:
    """What is approved stays in approved/ meanwhile."""
    name = product.container("executor-agent")
    product.compose.engine.docker("pause", name)
    yield
    product.compose.engine.docker("unpause", name, check=False)


def listing(product: Product) -> list[str]:
    return sorted(path.name for path in product.actions.folder(Folder.APPROVED).iterdir())


@pytest.mark.usefixtures("paused_executor")
async def test_every_way_into_approved_is_closed_to_the_planner(product: Product) -> None:
    own = await a_proposal(product)
    before = listing(product)
    inside = f"/opt/homelab/actions/pending/{own.name}"
    said = product.compose.engine.exec(
        product.container("planner-agent"), "python", "-c", SCRIPT.read_text(), inside, stdin=""
    )
    came_to: dict[str, str] = json.loads(said)
    print(said)
    assert len(came_to) >= WAYS_AT_LEAST
    assert [name for name, result in came_to.items() if result == "DONE"] == []
    assert listing(product) == before
    assert own.exists()
    product.as_operator("rm", str(own))


@pytest.mark.parametrize("way", ["an old descriptor", "a hard link"])
async def test_what_the_planner_changes_after_a_person_approved_it_is_not_run(product: Product, way: str) -> None:
    own = await a_proposal(product)
    engine, planner = product.compose.engine, product.container("planner-agent")
    executor = product.container("executor-agent")
    path = f"/opt/homelab/actions/pending/{own.name}"
    if way == "a hard link":
        link = f"/opt/homelab/actions/pending/.wip/{own.name}.link"
        engine.exec(planner, "python", "-c", "import os, sys; os.link(*sys.argv[1:])", path, link)
        path = link
    command = [engine.client, "exec", "-i", planner, "python", "-c", KEEPS_OPEN, path]
    with subprocess.Popen(
        command, env=engine.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        engine.docker("pause", executor)
        try:
            product.approve(own)
            process.stdin.write("now\n")
            assert process.stdout.readline() == "written\n"
        finally:
            engine.docker("unpause", executor)
    refused = product.actions.folder(Folder.QUARANTINE) / own.name
    await wait_for(refused.exists, 20, "the changed file in quarantine")
    assert not list(product.actions.folder(Folder.DONE).glob(f"{own.name.split('.')[0]}*"))
    assert (refused.parent / f"{own.name}.reason.txt").read_text().strip()


async def test_a_stranger_of_the_host_cannot_approve_either(product: Product) -> None:
    own = await a_proposal(product)
    approved = str(product.actions.folder(Folder.APPROVED))
    with pytest.raises(PermissionError):
        product.as_operator("mv", str(own), approved, gid=23456)
    assert own.exists()
    product.as_operator("rm", str(own))
