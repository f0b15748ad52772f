"""Each shipped remedy on a real fault: found, proposed with numbers, approved by `mv`, run over ssh, proven by numbers.

One node with systemd for all of them, one planner and one executor as they are; no model, so the rules choose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from parts.nodes import SystemdNode

from mesh_core.testing import RedisServer, wait_for

MIB = 1024**2


@dataclass(frozen=True)
class Fault:
    """`make` breaks the node; `event` is what its agent would say then, with what it looked up; `mended` is what the
    test itself sees afterwards. `touches` and `told` are words of the card and of the outcome."""

    remedy: str
    make: str
    event: Callable[[SystemdNode], dict[str, Any]]
    mended: Callable[[SystemdNode], bool]
    touches: str
    told: str
    undo: str = "true"
    service: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


def sh(node: SystemdNode, script: str) -> str:
    return node.engine.exec(node.name, "sh", "-euc", script)


def space(node: SystemdNode, mount: str) -> tuple[int, int]:
    """(percent used, KiB free), as df says."""
    fields = sh(node, f"df -P -k {mount}").splitlines()[-1].split()
    return int(fields[4].rstrip("%")), int(fields[3])


def full_disk(mount: str, **rooms: Callable[[SystemdNode], dict[str, Any]]) -> Callable[[SystemdNode], dict[str, Any]]:
    """An event of the disk probe, with rooms of what the agent found."""

    def event(node: SystemdNode) -> dict[str, Any]:
        found = {name: {"mount": mount, **facts(node)} for name, facts in rooms.items()}
        used, free = space(node, mount)
        told = {"mount": mount, "used_percent": used + 0.0, "free_bytes": free * 1024, "limit_percent": 90}
        return {"type": "disk_space_low", "severity": "error", "payload": {**told, "investigation": found}}

    return event


def bytes_in(folder: str) -> Callable[[SystemdNode], int]:
    return lambda node: int(sh(node, f"du -s -k {folder}").split()[0]) * 1024


# Archived files of 4 MiB, with names that the journal gives them, until the disk is full.
FULL_JOURNAL = """
mkdir -p /var/log/journal /etc/systemd/journald.conf.d
mount -t tmpfs -o size=164m journal /var/log/journal
printf '%s\\n' '[Journal]' Storage=persistent SystemMaxUse=1G SystemMaxFileSize=4M SystemKeepFree=1K \\
  > /etc/systemd/journald.conf.d/test.conf
systemctl restart systemd-journald
logger first; journalctl --sync; journalctl --rotate
cd /var/log/journal/*/
old=$(ls system@*.journal | head -n 1); n=10
truncate -s 4M "$old"; dd if=/dev/urandom of="$old" bs=1M seek=1 count=3 conv=notrunc status=none
while [ "$(df --output=pcent . | tail -n 1 | tr -dc 0-9)" -lt 94 ]; do
  cp "$old" "$(echo "$old" | cut -c 1-57)0005f$n${n}00000$n.journal"; n=$((n + 1))
done
"""
JOURNAL_AS_BEFORE = """
rm -f /etc/systemd/journald.conf.d/test.conf; umount -l /var/log/journal; systemctl restart systemd-journald
"""
FAULTS = (
    Fault(
        "journal_vacuum",
        make=FULL_JOURNAL,
        event=full_disk("/var/log/journal", journal=lambda node: {"bytes": bytes_in("/var/log/journal")(node)}),
        mended=lambda node: space(node, "/var/log/journal")[0] < 60,
        touches="deletes archived journal files on web01; frees up to ",
        told="/var/log/journal 9",
        undo=JOURNAL_AS_BEFORE,
    ),
)


@pytest.fixture
def mesh(tmp_path: Path, systemd_node: SystemdNode, redis_server: RedisServer) -> Iterator[dict[str, str]]:
    """Planner and executor as they are, and an inventory with the node as web01. Gives the environment for `mend`."""
    runtime = tmp_path / "mesh"
    (runtime / "config").mkdir(parents=True)
    hosts = {"web01": dict(systemd_node.inventory_vars)}
    (runtime / "config" / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": "web01",
        "LLM_CHAIN": "",
        "METRICS_LISTEN": "off",
    }
    with (tmp_path / "log").open("wb") as log:
        processes = [
            subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=log, stderr=log)
            for module in ("planner_agent", "executor_agent")
        ]
    yield environment
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(60)


async def test_each_remedy_mends_its_fault_and_says_by_how_much(
    mesh: dict[str, str], systemd_node: SystemdNode, redis_server: RedisServer
) -> None:
    actions = Path(mesh["RUNTIME_PATH"]) / "actions"
    node = systemd_node
    try:
        for fault in FAULTS:
            sh(node, fault.make)
        # Whoever comes before the pool takes the slow road: that is not what is asked here.
        log = actions.parent.parent / "log"
        await wait_for(lambda: b"ansible_pool.ready" in log.read_bytes(), 60, "the executor's Ansible")
        with redis.Redis.from_url(redis_server.url) as client:
            for number, fault in enumerate(FAULTS):
                event = {"node": "web01", "incident": f"web01/{number}", **fault.event(node)}
                entry = f"{int(time.time() * 1000) + number}-0"
                client.xadd("mesh:ev:web01", {"p": json.dumps(event)}, id=entry)
        await wait_for(lambda: len(proposed(actions)) == len(FAULTS), 60, "a proposal for each fault")
        files = proposed(actions)
        assert set(files) == {fault.remedy for fault in FAULTS}

        for fault in FAULTS:
            file, proposal = files[fault.remedy]
            assert (proposal["action"], proposal["model"]["provider"]) == (fault.remedy, "floor")
            assert not fault.mended(node), "nothing runs before a person said yes"
            shown = mend(mesh, "show", proposal["id"])
            assert fault.touches in shown, shown
            file.rename(actions / "approved" / file.name)

        for fault in FAULTS:
            outcome = await outcome_of(actions, files[fault.remedy][1]["id"])
            assert (outcome["result"], outcome["verdict"]) == ("done", "proven"), outcome["reason"]
            assert fault.mended(node), outcome
            assert outcome["reason"].startswith(fault.told), (outcome["reason"], outcome["before"])
            assert " -> " in outcome["reason"].partition(";")[0], outcome["reason"]
    finally:
        for fault in FAULTS:
            sh(node, f"{fault.undo}")


def proposed(actions: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """What waits, by type: (file, proposal)."""
    files = [(file, json.loads(file.read_bytes())) for file in (actions / "pending").glob("plan-*.json")]
    return {proposal["type"]: (file, proposal) for file, proposal in files}


async def outcome_of(actions: Path, action_id: str) -> dict[str, Any]:
    def ended() -> list[Path]:
        return [*actions.glob(f"*/{action_id}/outcome.json")]

    await wait_for(lambda: any(path.parts[-3] != "running" for path in ended()), 120, f"the outcome of {action_id}")
    told: dict[str, Any] = json.loads(ended()[0].read_bytes())
    return told


def mend(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mend", *words], env={**environment, "COLUMNS": "200"}, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()
