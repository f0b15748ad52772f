"""Whether Ansible can read a playbook that is not filed yet: said by an executor, which touches nothing for it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import socket
import sys
from pathlib import Path

import pytest

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.isolation import syscalls
from executor_agent.isolation.sandbox import Isolation
from executor_agent.isolation.view import Wall
from executor_agent.runner.ansible import StageContext, StageLimits, run_stage, write_project
from executor_agent.runner.stages import SYNTAX
from executor_agent.runner.syntax_desk import SyntaxDesk
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.messaging.bus import Bus
from mesh_core.messaging.syntax_questions import ask
from mesh_core.models.proposals import Playbook
from mesh_core.models.run_options import AnsibleRole, RoleFile
from mesh_core.models.syntax_check import SyntaxAnswer, SyntaxQuestion
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.inventory import Inventory
from mesh_core.testing import RedisServer, wait_for

HEAD = "- hosts: web01\n  gather_facts: false\n  tasks:\n"
POLICY = "requests: {modules: {ansible.builtin.no_such: [], ansible.builtin.debug: [no_such]}}\n"


def question(tasks: str) -> SyntaxQuestion:
    text = HEAD + tasks
    playbook = Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
    return SyntaxQuestion(ts="2026-01-01T00:00:00Z", node="web01", playbook=playbook)


GOOD = question("    - ansible.builtin.package: {name: nginx}\n")


@pytest.fixture
def config(tmp_path: Path) -> ConfigReader:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {web01: {ansible_password: of-web01}}}\n")
    (tmp_path / "config" / "policy.yml").write_text(POLICY)
    return ConfigReader(tmp_path)


def test_what_ansible_can_read_has_no_problem_and_what_it_cannot_is_told(
    pool: AnsiblePool, config: ConfigReader
) -> None:
    desk = SyntaxDesk(Bus.connect("redis://127.0.0.1:1/0", "none"), pool, config)
    assert desk.check(GOOD) == SyntaxAnswer()
    for tasks in (
        "    - community.general.ufw: {rule: allow, port: '80'}\n",
        "    - ansible.posix.sysctl: {name: vm.swappiness, value: '1'}\n",
        "    - community.docker.docker_container: {name: a, state: started}\n",
    ):
        assert desk.check(question(tasks)) == SyntaxAnswer(), tasks
    wrong = desk.check(question("    - ansible.builtin.no_such: {}\n"))
    assert wrong
    assert "couldn't resolve module/action 'ansible.builtin.no_such'" in wrong.problem
    assert str(pool.home) not in wrong.problem
    assert not [*pool.home.glob("syntax-*")], "nothing is left of it"


def test_the_files_of_a_role_are_read_as_well(pool: AnsiblePool, config: ConfigReader) -> None:
    desk = SyntaxDesk(Bus.connect("redis://127.0.0.1:1/0", "none"), pool, config)
    text = "- hosts: web01\n  gather_facts: false\n  roles: [webapp]\n"
    for module, readable in (("ping", True), ("no_such", False)):
        tasks = f"- ansible.builtin.{module}: {{}}\n"
        file = RoleFile(path="tasks/main.yml", sha256=hashlib.sha256(tasks.encode()).hexdigest(), text=tasks)
        role = AnsibleRole(name="webapp", files=(file,))
        playbook = Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text, role=role)
        said = desk.check(GOOD.model_copy(update={"playbook": playbook}))
        assert said
        assert (said.problem == "") is readable, said


def test_the_gate_comes_first_because_checking_the_syntax_runs_what_a_template_says(
    pool: AnsiblePool, config: ConfigReader, tmp_path: Path
) -> None:
    desk = SyntaxDesk(Bus.connect("redis://127.0.0.1:1/0", "none"), pool, config)
    made = tmp_path / "made"
    text = f"- hosts: \"{{{{ lookup('pipe', 'touch {made}; echo web01') }}}}\"\n  tasks: []\n"
    playbook = Playbook(name="p", sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)
    said = desk.check(GOOD.model_copy(update={"playbook": playbook}))
    assert said
    assert "hosts of each play must be one plain host name" in said.problem
    assert not made.exists()
    hides = desk.check(question("    - {ansible.builtin.ping: {}, ignore_errors: true}\n"))
    assert hides
    assert "of a request may not use ignore_errors" in hides.problem
    (tmp_path / "config" / "policy.yml").write_text("rulez: []")
    spoilt = desk.check(GOOD)
    assert spoilt
    assert "the policy cannot be read" in spoilt.problem


@pytest.mark.parametrize(
    ("wall", "namespaces"),
    [(Wall.NONE, True), (Wall.NAMESPACES, True), (Wall.NAMESPACES, False), (Wall.LANDLOCK, False)],
)
def test_even_what_slipped_through_the_gate_reaches_nobody_and_finds_no_key(
    wall: Wall, namespaces: bool, tmp_path: Path
) -> None:
    """`NONE` is the control: the same attempt gets through, so a silent listener means the wall."""
    if wall is Wall.LANDLOCK and syscalls.landlock_version() < 4:
        pytest.skip("Landlock of this kernel knows no network (Linux 6.7)")
    key = tmp_path / "key"
    key.write_text("of-the-executor")
    inventory = Inventory.parse(f"all: {{hosts: {{web01: {{ansible_ssh_private_key_file: {key}}}}}}}".encode())
    pool = AnsiblePool.start(os.environ, namespaces=namespaces, isolation=Isolation(wall))

    def runs(command: str) -> str:
        """Its output is the name of a file, which Ansible looks for and then says that there is none."""
        (tmp_path / "project").mkdir(exist_ok=True)
        (tmp_path / "project" / "try.sh").write_text(command)
        text = HEAD + "    - import_tasks: \"{{ lookup('pipe', 'sh try.sh') }}\"\n"
        write_project(tmp_path, PlaybookSet(text, "", ""), inventory)
        said: list[str] = []
        context = StageContext(pool, "syntax-check", "web01", tmp_path, StageLimits(stage_seconds=60))
        stage = run_stage(SYNTAX, context, said.append)
        assert not stage.ok
        return " ".join(said)

    try:
        assert pool.wait_ready(60)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            to = f"import socket; socket.create_connection({listener.getsockname()!r}, 5)"
            connects = runs(
                f"{shlex.quote(sys.executable)} -c {shlex.quote(to)} 2>/dev/null && echo reached || echo cut"
            )
        reads = runs(f"cat {key} 2>/dev/null || echo no-key")
    finally:
        pool.stop()
    through = wall is Wall.NONE
    assert ("project/reached" in connects, "project/cut" in connects) == (through, not through), connects
    assert ("project/of-the-executor" in reads, "project/no-key" in reads) == (through, not through), reads


async def test_a_question_over_redis_is_answered_and_where_nobody_answers_it_is_not(
    pool: AnsiblePool, config: ConfigReader, redis_server: RedisServer
) -> None:
    planner, executor = Bus.connect(redis_server.url, "planner"), Bus.connect(redis_server.url, "executor")
    assert await ask(planner, GOOD, 0.3) is None
    stop = asyncio.Event()
    desk = asyncio.create_task(SyntaxDesk(executor, pool, config).run(stop))

    async def listens() -> bool:
        return "cmd=xread " in str(await planner.call("CLIENT", "LIST"))

    await wait_for(listens, 20, "it reads")
    assert not await planner.call("GET", GOOD.answer_key), "what was asked before its start is nobody's any more"
    await planner.call("XADD", GOOD.stream, "*", "p", b"{nonsense")
    assert await ask(planner, GOOD, 60) == SyntaxAnswer()
    bad = await ask(planner, question("    - ansible.builtin.no_such: {}\n"), 60)
    assert bad
    assert bad.problem
    stop.set()
    await asyncio.wait_for(desk, 20)
    for bus in (planner, executor):
        await bus.close()
