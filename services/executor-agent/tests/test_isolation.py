"""A playbook that got past the lint: it runs for real, and finds nothing of the executor's.

`none` is the control: the same attempts without a wall, so that an empty answer means the wall and no typing error.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from parts.playing import Run, a_proposal

from executor_agent.ansible_pool.client import TOKEN
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.isolation.sandbox import Isolation
from executor_agent.isolation.view import VARIABLE, Wall, protected_paths
from executor_agent.runner.ansible import write_project
from executor_agent.runner.stages import APPLY
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.policy.inventory import Inventory

SECRET = "sk-of-the-executor"
WAYS = {  # the wall, as root or not, the hosts: `box` is this machine, `far` is not
    "none": (Wall.NONE, True, ("box",)),
    "namespaces": (Wall.NAMESPACES, True, ("far", "box")),
    "user namespaces": (Wall.NAMESPACES, False, ("far",)),
    "landlock": (Wall.LANDLOCK, False, ("far", "box")),
}
# Landlock (before Linux 7) does not look at sockets in folders; the password of Redis is what stands there.
WEAKER = {Wall.LANDLOCK: {"its socket"}}
LOOKUPS = {
    "file": "lookup('file', '{secret}')",
    "pipe": "lookup('pipe', 'cat {secret}')",
    "template": "lookup('template', '{inventory}')",
    "fileglob": "query('fileglob', '{folder}/*') | join",
    "hostvars": "hostvars['other'].ansible_password",
    "all hostvars": "(hostvars | dict2items | to_json) is search('of-the-other') | ternary('of-the-other', '')",
}


@dataclass
class Victim:
    """A runtime folder with everything that a thief would want, and a process that stands for the executor."""

    runtime: Path
    process: subprocess.Popen[bytes]
    pool: AnsiblePool
    wall: Wall
    nodes: tuple[str, ...]
    hosts: Inventory = field(init=False)

    def __post_init__(self) -> None:
        local = {"ansible_connection": "local", "ansible_password": "of-the-box"}
        far = {
            "ansible_host": "127.0.0.1",
            "ansible_ssh_private_key_file": str(self.key("far")),
            "ansible_python_interpreter": sys.executable,
        }
        other = {"ansible_password": "of-the-other", "ansible_ssh_private_key_file": str(self.key("other"))}
        tree = {"all": {"hosts": {"box": local, "far": far, "other": other}}}
        (self.runtime / "config" / "inventory.yml").write_text(json.dumps(tree))
        self.hosts = Inventory.load(self.runtime / "config" / "inventory.yml")

    def key(self, host: str) -> Path:
        return self.runtime / "secrets" / f"{host}_key"

    def run(self, node: str, text: str) -> Run:
        proposal = a_proposal(node=node)
        folder = self.runtime / "actions" / "running" / f"{proposal.id}-{len(list(self.runtime.rglob('project')))}"
        folder.mkdir()
        write_project(folder, PlaybookSet(text, text, text), self.hosts.only(node))
        return Run(folder, proposal, self.pool)


@pytest.fixture(params=WAYS)
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    wall, namespaces, nodes = WAYS[request.param]
    runtime = tmp_path_factory.mktemp("homelab")
    for folder in (
        "config",
        "secrets",
        "state",
        "audit",
        "index",
        "actions/approved",
        "actions/running/another/project",
    ):
        (runtime / folder).mkdir(parents=True)
    for file in ("secrets/redis_password", "secrets/far_key", "secrets/other_key", "actions/running/another/project/x"):
        (runtime / file).write_text(f"{SECRET} {file}")
    process = subprocess.Popen(["sleep", "600"], env={"REDIS_PASSWORD": SECRET})
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(runtime / "redis.sock"))
    listener.listen()
    environment = {**os.environ, "REDIS_URL": f"redis://:{SECRET}@127.0.0.1/0"}
    isolation = Isolation(wall, protected_paths(runtime, environment))
    pool = AnsiblePool.start(environment, namespaces=namespaces, isolation=isolation)
    assert pool.wait_ready(60)
    yield Victim(runtime, process, pool, wall, nodes)
    pool.stop()
    listener.close()
    process.kill()
    process.wait()


def hostile_play(victim: Victim, node: str, copied: Path) -> list[dict[str, Any]]:
    """Everything at once, with `connection: local`: on the executor's machine, whatever the inventory says."""
    runtime = victim.runtime
    told = {
        "secret": SECRET,
        "runtime": str(runtime),
        "victim": victim.process.pid,
        "socket": str(runtime / "redis.sock"),
        "variables": ["REDIS_URL", "REDIS_PASSWORD", TOKEN, VARIABLE],
        "reads": {
            "secret": str(runtime / "secrets" / "redis_password"),
            "the other host's key": str(victim.key("other")),
            "the inventory": str(runtime / "config" / "inventory.yml"),
            "another run": str(runtime / "actions" / "running" / "another" / "project" / "x"),
        },
        "writes": {
            "approved": str(runtime / "actions" / "approved" / "forged.json"),
            "state": str(runtime / "state" / "executor.lock"),
            "audit": str(runtime / "audit" / "audit.jsonl"),
            "its own playbook": "apply.yml",
            "its own outcome": "../outcome.json",
            "what all runs load": str(victim.pool.home / "home" / "plugin.py"),
        },
    }
    secret = runtime / "secrets" / "redis_password"
    places = {"secret": secret, "folder": secret.parent, "inventory": runtime / "config" / "inventory.yml"}
    program = Path(__file__).with_name("attack.py").read_text()
    tasks: dict[str, dict[str, Any]] = {
        "its own key": {"ansible.builtin.command": {"argv": ["cat", str(victim.key("far"))]}},
        **{
            name: {"ansible.builtin.debug": {"msg": "{{ " + ask.format(**places) + " }}"}}
            for name, ask in LOOKUPS.items()
        },
        "copy": {"ansible.builtin.copy": {"src": str(secret), "dest": str(copied)}},
        "attack": {
            "ansible.builtin.command": {
                "argv": [sys.executable, "-I", "-c", program, json.dumps(told)],
                "chdir": "{{ playbook_dir }}",
            }
        },
    }
    named = [{"name": name, "ignore_errors": True, "ignore_unreachable": True, **task} for name, task in tasks.items()]
    return [{"hosts": node, "gather_facts": False, "connection": "local", "tasks": named}]


def is_forged(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == len("forged") and path.read_bytes() == b"forged"


def test_a_hostile_playbook_gets_nothing(victim: Victim, tmp_path: Path) -> None:
    for node in victim.nodes:
        plays(victim, node, tmp_path / f"copied-{node}")


def plays(victim: Victim, node: str, copied: Path) -> None:
    run = victim.run(node, json.dumps(hostile_play(victim, node, copied)))
    answers: dict[str, dict[str, Any]] = {}
    run.play(APPLY, answers.__setitem__)
    found: dict[str, Any] = json.loads(answers["attack"]["stdout"])
    got = {name for name, what in found.items() if what}
    looked_up = {name: str(answers[name].get("msg") or "") for name in LOOKUPS if name in answers}
    forged = {path.name for place in (victim.runtime, victim.pool.home) for path in place.rglob("*") if is_forged(path)}
    assert not any(looked_up.get(name) for name in ("hostvars", "all hostvars"))  # not even without a wall
    assert victim.process.poll() is None
    if victim.wall is Wall.NONE:
        of_roots_namespaces = {"trace it", "end it", "take the wall down", "its own environment"}
        assert got == set(found) - of_roots_namespaces, found
        assert {"file", "pipe", "template", "fileglob"} <= set(looked_up), looked_up
        assert SECRET in copied.read_text()
        assert forged == {"forged.json", "executor.lock", "audit.jsonl", "apply.yml", "outcome.json", "plugin.py"}
        return
    seen = {name for name in got if name.startswith(("list ", "write "))}  # of a root of its own
    assert got - seen <= WEAKER.get(victim.wall, set()), found
    assert SECRET not in json.dumps([found, looked_up])
    assert "other_key" not in json.dumps([found, looked_up])
    assert not copied.exists() or SECRET not in copied.read_text()
    assert forged == set()
    if node == "far":
        assert answers["its own key"]["stdout"] == f"{SECRET} secrets/far_key"
    else:
        assert "its own key" not in answers
