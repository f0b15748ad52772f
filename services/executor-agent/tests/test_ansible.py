"""One stage at a time, with the command that was asked for, a log as it comes, and nothing secret left behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from parts.nodes import SshNode
from parts.playing import Prepare

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner import ansible
from executor_agent.runner.ansible import write_project
from executor_agent.runner.ansible_events import failure_in, read_event
from executor_agent.runner.stages import AGAIN, APPLY, SYNTAX, StagePlan
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import SHIPPED
from mesh_core.actions.remedies.recipe_tasks import example_playbooks
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.playbook_lint.table import table

HEAD = "- hosts: box\n  gather_facts: false\n  tasks:\n"
TOUCH = HEAD + "    - ansible.builtin.copy: {content: 'x', dest: '%s'}\n"


def tail(command: tuple[str, ...], pool: AnsiblePool) -> list[str]:
    assert command[: len(pool.command)] == pool.command
    return [word for word in command[len(pool.command) :] if "/" not in word]


def test_each_stage_runs_its_own_command_line_and_apply_really_applies(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path
) -> None:
    run = prepare(pool, text=TOUCH % (tmp_path / "made"))
    syntax = run.play(SYNTAX)
    assert syntax.ok
    assert tail(syntax.command, pool) == ["--syntax-check", "apply.yml", "-i", "-i", "--limit", "box"]
    assert not (tmp_path / "made").exists()
    apply = run.play(APPLY)  # in one private_data_dir this would be the syntax check once more, and "done"
    assert tail(apply.command, pool) == ["apply.yml", "-i", "-i", "--limit", "box"]
    assert (apply.ok, apply.rc, apply.changed) == (True, 0, 1)
    assert (tmp_path / "made").read_text() == "x"
    again = run.play(AGAIN)
    assert tail(again.command, pool) == ["--check", "apply.yml", "-i", "-i", "--limit", "box"]
    assert (again.ok, again.changed) == (True, 0)


def test_a_stage_with_another_command_line_has_failed_and_ran_nothing(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_config = ansible.RunnerConfig.prepare

    def remembers(config: Any) -> None:
        prepare_config(config)
        config.command.insert(-2, "--syntax-check")

    monkeypatch.setattr(ansible.RunnerConfig, "prepare", remembers)
    stage = prepare(pool, text=TOUCH % (tmp_path / "made")).play(APPLY)
    assert not stage.ok
    assert stage.rc == ansible.NOT_RUN
    assert "another command" in stage.detail


def test_a_play_that_met_no_host_has_failed(pool: AnsiblePool, prepare: Prepare) -> None:
    elsewhere = prepare(pool, text="- hosts: nobody\n  gather_facts: false\n  tasks: []\n").play(APPLY)
    assert not elsewhere.ok
    assert "nothing was played on box" in elsewhere.detail
    other = prepare(
        pool,
        text=HEAD + "    - ansible.builtin.ping:\n",
        inventory=b"all: {hosts: {other: {ansible_connection: local}}}",
    )
    assert not other.play(APPLY).ok


def test_a_task_that_fails_says_why(pool: AnsiblePool, prepare: Prepare) -> None:
    run = prepare(pool, text=HEAD + "    - ansible.builtin.fail: {msg: the disk is gone}\n")
    stage = run.play(APPLY)
    assert (stage.ok, stage.rc, stage.detail) == (False, 2, "the disk is gone")
    assert "the disk is gone" in run.log("02_apply")


def test_a_playbook_with_an_error_fails_at_the_syntax_check(pool: AnsiblePool, prepare: Prepare) -> None:
    stage = prepare(pool, text=HEAD + "    - ansible.builtin.no_such_module: {}\n").play(SYNTAX)
    assert not stage.ok
    assert stage.detail


def test_every_module_that_the_gate_allows_is_one_that_the_executor_has(pool: AnsiblePool, prepare: Prepare) -> None:
    tasks = [{module: {}} for module in table().modules]
    text = yaml.safe_dump([{"hosts": "box", "gather_facts": False, "tasks": tasks}])
    stage = prepare(pool, text=text).play(SYNTAX)
    assert stage.ok, f"{stage.detail}; if a collection is missing: make env"


def test_what_the_shipped_recipes_run_passes_the_syntax_check(pool: AnsiblePool, prepare: Prepare) -> None:
    texts = [text for recipe in SHIPPED.recipes.values() for text in example_playbooks(recipe, "box")]
    stage = prepare(pool, text="\n".join(text.removeprefix("---\n") for text in texts)).play(SYNTAX)
    assert stage.ok, stage.detail


def test_what_would_still_change_fails_the_check(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    stage = prepare(pool, text=TOUCH % (tmp_path / "missing")).play(AGAIN)
    assert not stage.ok
    assert stage.changed == 1
    assert not (tmp_path / "missing").exists()


def test_lines_arrive_while_the_playbook_still_runs(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    door = tmp_path / "door"
    text = (
        HEAD
        + f"    - name: wait at the door\n      ansible.builtin.wait_for: {{path: '{door}', timeout: 20, sleep: 1}}\n"
    )
    run = prepare(pool, text=text)

    def on_line(line: str) -> None:
        run.lines.append(line)
        if "wait at the door" in line:  # it opens only if this line comes before the task's end
            door.touch()

    stage = ansible.run_stage(APPLY, run.context, on_line)
    assert stage.ok, stage
    assert stage.seconds < 15
    assert run.log("02_apply").splitlines() == run.lines
    assert "\x1b" not in run.log("02_apply")


def test_nothing_secret_and_nothing_of_the_runner_stays_behind(
    prepare: Prepare, pool: AnsiblePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-do-not-write-me")
    text = HEAD + "    - ansible.builtin.command: {argv: [echo, hidden-result]}\n"
    run = prepare(pool, text=text)
    during: list[str] = []

    def on_line(line: str) -> None:
        for path in (run.folder / "stages").rglob("*"):
            if path.is_file():
                during.append(path.read_text(errors="replace"))

    assert ansible.run_stage(APPLY, run.context, on_line).ok
    assert during
    left = {path.relative_to(run.folder).parts[0] for path in run.folder.rglob("*") if path.is_file()}
    assert left == {"project", "inventory", "logs"}
    for content in [*during, *(path.read_text() for path in run.folder.rglob("*") if path.is_file())]:
        assert "sk-do-not-write-me" not in content


def test_what_a_run_drops_leads_nobody_anywhere(tmp_path: Path) -> None:
    secret, event = tmp_path / "secret.json", tmp_path / "1-partial.json"
    secret.write_text('{"stdout": "a secret"}')
    event.symlink_to(secret)
    assert read_event(event) == {}
    event.unlink()
    os.mkfifo(event)
    assert read_event(event) == {}  # at once: nobody writes into it
    event.unlink()
    event.write_text("[]")
    assert read_event(event) == {}
    event.write_text('{"stdout": "a line"}')
    assert read_event(event) == {"stdout": "a line"}
    assert not event.exists()
    assert secret.exists()


def test_a_python_that_may_not_be_run_is_told_first(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    """Ansible's own words for it are "MODULE FAILURE, see stdout"."""
    (tmp_path / "python3").write_text("#!/bin/sh\n")
    inventory = (
        f"all: {{hosts: {{box: {{ansible_connection: local, ansible_python_interpreter: {tmp_path}/python3}}}}}}"
    )
    stage = prepare(pool, text=HEAD + "    - ansible.builtin.ping:\n", inventory=inventory.encode()).play(APPLY)
    assert not stage.ok
    assert "ermission denied" in stage.detail.partition("(")[0], stage.detail


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "the disk is gone"}, "the disk is gone"),
        ({"stderr": "only this"}, "only this"),
        ({}, "a task failed"),
        (
            {"msg": "MODULE FAILURE:\nSee stdout", "module_stderr": "sh: /x: cannot\nShared connection to a closed.\n"},
            "sh: /x: cannot (MODULE FAILURE)",
        ),
        ({"msg": "no such file: /x", "module_stdout": "/x\n"}, "no such file: /x"),
        (
            {"msg": "non-zero return code", "stdout": "looking\n", "stderr": "fsck: bad magic\n"},
            "fsck: bad magic (non-zero return code)",
        ),
        ({"msg": "non-zero return code", "stdout": "no lock"}, "no lock (non-zero return code)"),
        (
            {"msg": "One or more items failed", "results": [1, {"msg": "well"}, {"failed": True, "msg": "no daemon"}]},
            "no daemon",
        ),
        ({"msg": "All items completed", "results": [{"failed": False}]}, "All items completed"),
        (
            {"msg": "M", "module_stdout": "sudo: a password is required", "module_stderr": ""},
            "sudo: a password is required (M)",
        ),
    ],
)
def test_a_failure_begins_with_its_cause(result: dict[str, Any], said: str) -> None:
    assert failure_in(result) == said


def test_what_lies_beside_the_inventory_goes_along_and_nobody_else_reads_it(
    pool: AnsiblePool, prepare: Prepare, tmp_path: Path
) -> None:
    inventory = Inventory.parse(
        b"[web]\nbox\n",
        files={"group_vars/web.yml": b"ansible_connection: local\nsaid: group\n", "host_vars/box/x": b"said: host\n"},
    ).only("box")
    run = prepare(pool, text=HEAD + "    - ansible.builtin.debug: {msg: '{{ said }}'}\n")
    write_project(run.folder, PlaybookSet("", "", ""), inventory)
    seen: list[str] = []
    assert run.play(APPLY, lambda task, result: seen.append(result["msg"])).ok
    assert seen == ["host"]
    for name in inventory.files:
        assert (run.folder / "inventory" / name).stat().st_mode & 0o777 == 0o600


def test_a_host_whose_address_and_key_stand_beside_the_inventory_is_reached(
    pool: AnsiblePool, prepare: Prepare, ssh_node: SshNode, tmp_path: Path
) -> None:
    said = dict(ssh_node.inventory_vars)
    own = {name: said.pop(name) for name in ("ansible_host", "ansible_port")}
    for name, text in {
        "inventory.yml": "[fleet]\nbox\nM\u00fcller-PC\n",
        "group_vars/fleet/ssh.yml": yaml.safe_dump(said),
        "host_vars/box.yml": yaml.safe_dump(own),
    }.items():
        (tmp_path / "config" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "config" / name).write_text(text)
    run = prepare(pool, text=HEAD + "    - ansible.builtin.ping:\n")
    write_project(
        run.folder, PlaybookSet("", "", ""), Inventory.load(tmp_path / "config" / "inventory.yml").only("box")
    )
    stage = run.play(APPLY)
    assert stage.ok, stage


def test_a_local_host_uses_our_python_unless_the_inventory_says_otherwise(pool: AnsiblePool, prepare: Prepare) -> None:
    text = HEAD + "    - ansible.builtin.debug: {msg: '{{ ansible_python_interpreter }}'}\n"
    for inventory, wanted in (
        (b"all: {hosts: {box: {ansible_connection: local}}}", sys.executable),
        (b"all: {hosts: {box: {}}, vars: {ansible_connection: local}}", sys.executable),
        (b"all: {hosts: {box: {}}}", "auto_silent"),
        (b"all: {hosts: {box: {ansible_connection: local}}, vars: {ansible_python_interpreter: /opt/py}}", "/opt/py"),
    ):
        seen: list[str] = []
        stage = prepare(pool, text=text, inventory=inventory).play(APPLY, lambda task, res: seen.append(res["msg"]))  # noqa: B023
        assert stage.ok, stage
        assert seen == [wanted]


def test_an_inventory_cannot_run_a_plugin_or_a_script(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    run = prepare(pool, text=HEAD + "    - ansible.builtin.ping:\n")
    script = run.folder / "inventory" / "inventory.yml"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    assert not run.play(APPLY).ok
    assert not (tmp_path / "ran").exists()


def test_text_that_is_marked_unsafe_is_never_a_template(pool: AnsiblePool, prepare: Prepare, tmp_path: Path) -> None:
    evil = "{{ lookup('pipe', 'touch " + str(tmp_path / "ran") + "') }}"
    text = (
        '- hosts: box\n  gather_facts: false\n  vars: {said: !unsafe "' + evil + '"}\n  tasks:\n'
        "    - ansible.builtin.command: {argv: [echo, '{{ said }}']}\n"
    )
    seen: list[str] = []
    assert prepare(pool, text=text).play(APPLY, lambda task, result: seen.append(result["stdout"])).ok
    assert seen == [evil]
    assert not (tmp_path / "ran").exists()


def test_a_log_that_grows_without_end_is_cut(pool: AnsiblePool, prepare: Prepare) -> None:
    run = prepare(pool, text=HEAD + "    - ansible.builtin.debug: {msg: \"{{ 'x' * 5000 }}\"}\n")
    run.limits = ansible.StageLimits(stage_seconds=60, log_bytes=1000)
    assert run.play(APPLY).ok
    assert "(the log is cut here: too long)" in run.log("02_apply")
    assert len(run.log("02_apply")) < 1100


def test_a_stage_without_a_log_writes_none(pool: AnsiblePool, prepare: Prepare) -> None:
    run = prepare(pool, text=HEAD + "    - ansible.builtin.ping:\n")
    assert run.play(StagePlan("look", "", "apply.yml")).ok
    assert list((run.folder / "logs").iterdir()) == []
