"""A playbook that got past every gate: it runs for real, and finds nothing of the executor's.

`none` is the control: the same attempts without a wall, so that an empty answer means the wall and no typing error.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from parts.playing import Run, a_proposal

from executor_agent.ansible import Where, write_project
from executor_agent.isolation import Isolation
from executor_agent.stages import APPLY
from executor_agent.view import Wall, executors_own
from executor_agent.warm_client import TOKEN
from executor_agent.zygote import Zygote
from mesh_core.inventory import Inventory
from mesh_core.playbooks import PlaybookSet

SECRET = "sk-of-the-executor"
WAYS = {
    "none": (Wall.NONE, True),
    "namespaces": (Wall.NAMESPACES, True),
    "user namespaces": (Wall.NAMESPACES, False),
    "landlock": (Wall.LANDLOCK, False),
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
    zygote: Zygote
    wall: Wall
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
        return Run(folder, proposal, Where(self.zygote, proposal.id, node))


@pytest.fixture(scope="module", params=WAYS)
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    wall, namespaces = WAYS[request.param]
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
    isolation = Isolation(wall, executors_own(runtime, environment))
    zygote = Zygote.start(environment, namespaces=namespaces, isolation=isolation)
    assert zygote.wait_ready(60)
    yield Victim(runtime, process, zygote, wall)
    zygote.stop()
    listener.close()
    process.kill()
    process.wait()


def attack(victim: Victim, node: str) -> dict[str, Any]:
    """What the module got, with `connection: local`: on the executor's machine, whatever the inventory says."""
    runtime = victim.runtime
    told = {
        "secret": SECRET,
        "runtime": str(runtime),
        "victim": victim.process.pid,
        "socket": str(runtime / "redis.sock"),
        "variables": ["REDIS_URL", "REDIS_PASSWORD", TOKEN, "MEND_VIEW"],
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
            "the runs of all others": str(victim.zygote.home / "home" / "plugin.py"),
        },
    }
    program = Path(__file__).with_name("attack.py").read_text()
    text = json.dumps(
        [
            {
                "hosts": node,
                "gather_facts": False,
                "connection": "local",
                "tasks": [
                    {"ansible.builtin.command": {"argv": [sys.executable, "-I", "-c", program, json.dumps(told)]}}
                ],
            }
        ]
    )
    said: list[str] = []
    stage = victim.run(node, text).play(APPLY, lambda task, result: said.append(str(result["stdout"])))
    assert stage.ok, stage
    found: dict[str, Any] = json.loads(said[0])
    return found


def is_forged(path: Path) -> bool:
    return path.is_file() and path.stat().st_size == len("forged") and path.read_bytes() == b"forged"


@pytest.mark.parametrize("node", ["far", "box"])
def test_a_hostile_module_gets_nothing(victim: Victim, node: str) -> None:
    found = attack(victim, node)
    got = {name for name, what in found.items() if what}
    if victim.wall is Wall.NONE:
        own_processes = {
            "trace it",
            "end it",
            "take the wall down",
            "its own environment",
        }  # of root's process-id namespace
        assert got >= set(found) - own_processes, found
        return
    # Beside the run's own folder, nothing of running/ and nothing of approved/ can be listed.
    lists = {name for name in got if name.startswith("list ")}
    assert all(SECRET not in str(found[name]) and "other_key" not in str(found[name]) for name in lists), found
    writes = {name for name in got if name.startswith("write ")}  # what seemed to be written, into a root of its own
    assert got - lists - writes <= WEAKER.get(victim.wall, set()), found
    assert victim.process.poll() is None
    forged = [path for place in (victim.runtime, victim.zygote.home) for path in place.rglob("*") if is_forged(path)]
    assert forged == []


@pytest.mark.parametrize("node", ["far", "box"])
def test_a_hostile_template_gets_nothing(victim: Victim, node: str) -> None:
    secret = victim.runtime / "secrets" / "redis_password"
    places = {"secret": secret, "folder": secret.parent, "inventory": victim.runtime / "config" / "inventory.yml"}
    asks = {name: "{{ " + ask.format(**places) + " }}" for name, ask in LOOKUPS.items()}
    asks["copy"] = f"copy {secret}"
    copied = Path("/tmp") / f"mend-stolen-{os.getpid()}"
    tasks = [
        {"name": name, "ignore_errors": True, "ansible.builtin.debug": {"msg": ask}}
        if name != "copy"
        else {"name": name, "ignore_errors": True, "ansible.builtin.copy": {"src": str(secret), "dest": str(copied)}}
        for name, ask in asks.items()
    ]
    got: dict[str, str] = {}
    play = [{"hosts": node, "gather_facts": False, "connection": "local", "tasks": tasks}]
    run = victim.run(node, json.dumps(play))
    try:
        run.play(APPLY, lambda task, result: got.__setitem__(task, str(result.get("msg") or result.get("dest") or "")))
        stolen = copied.exists() and SECRET in copied.read_text()
    finally:
        copied.unlink(missing_ok=True)
    said = "\n".join([*got.values(), *run.lines])
    assert not any(got.get(name) for name in ("hostvars", "all hostvars")), got  # with or without a wall: not there
    if victim.wall is Wall.NONE:
        assert {"file", "pipe", "template", "fileglob", "copy"} <= set(got), got
        assert SECRET in said
        assert stolen
    else:
        assert SECRET not in said
        assert "redis_password" not in "".join(got.values())
        assert not stolen


def test_a_run_sees_the_key_of_its_host_and_leaves_only_events(victim: Victim) -> None:
    run = victim.run("far", "")
    play = f"""
        - hosts: far
          gather_facts: false
          connection: local
          tasks:
            - ansible.builtin.command: {{argv: [cat, '{victim.key("far")}']}}
            - ansible.builtin.shell: "touch {run.folder}/outcome.json {run.folder}/project/added.yml || echo no"
    """
    said: list[str] = []
    (run.folder / "project" / "apply.yml").write_text(textwrap.dedent(play))
    assert run.play(APPLY, lambda task, result: said.append(str(result["stdout"]))).ok
    assert said[0] == f"{SECRET} secrets/far_key"
    assert ((run.folder / "outcome.json").exists(), said[1]) == (
        (True, "") if victim.wall is Wall.NONE else (False, "no")
    )
