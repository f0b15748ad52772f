"""A preview says task by task what would change, changes nothing, and is red where the card says less."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from executor_rig import QUICK, ExecutorHarness, file_pending, proposal_for, write_inventory

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.action_runner import ActionRunner
from executor_agent.runner.preview_findings import NEVER_SHOWN, ONLY_LOOKS, as_they_are, sentence_of, surprises_in
from executor_agent.runner.preview_recorder import MAX_DIFF_CHARS, NOT_RUN, PreviewRecorder
from mesh_core.approvals.previews import preview_of, read_preview
from mesh_core.approvals.proposal_files import ActionName, Filed, digest_of
from mesh_core.models.previews import Effect, TaskPreview
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.policy.playbook_lint.yaml_text import plays_in
from mesh_core.testing import wait_for

PLAY = """
- hosts: here
  gather_facts: false
  vars: {folder: FOLDER}
  tasks:
    - name: Write it
      ansible.builtin.copy:
        dest: "{{ folder }}/motd"
        content: |
          welcome
          password = hunter2hunter2
    - name: Not today
      ansible.builtin.copy: {dest: "{{ folder }}/never", content: x}
      when: folder is not defined
    - name: For nobody
      ansible.builtin.file: {path: "{{ item }}", state: absent}
      loop: []
    - name: Make each
      ansible.builtin.file: {path: "{{ folder }}/{{ item }}", state: directory}
      loop: [one, two, there]
    - name: Ask the program
      ansible.builtin.command: {argv: [touch, "{{ folder }}/touched"]}
      register: ran
    - name: Hide it
      ansible.builtin.copy: {dest: "{{ folder }}/hidden", content: zebra}
      no_log: true
    - name: It ran
      ansible.builtin.assert: {that: ["ran.stdout == 'so'"], fail_msg: it did not run}
"""


def own_playbook(text: str) -> Proposal:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    book = {"name": "p", "sha256": sha256, "text": text}
    return proposal_for(1, type="playbook", action="playbook", risk_level="high", playbook=book)


def asked(of: Proposal, who: str = "anna") -> Proposal:
    return preview_of(Filed(ActionName(of.id, digest_of(of.wire())), Path("x"), of), who, datetime.now(UTC))


async def test_it_says_of_each_task_what_it_would_do_and_does_none_of_it(pool: AnsiblePool, tmp_path: Path) -> None:
    """With real Ansible, on this machine."""
    folder, run_dir = tmp_path / "there", tmp_path / "run"
    (folder / "there").mkdir(parents=True)
    run_dir.mkdir()
    (folder / "motd").write_text("go away\n")
    before = sorted(path.name for path in folder.iterdir())
    of = own_playbook(PLAY.replace("FOLDER", str(folder)))
    preview, lines = asked(of), []
    runner = ActionRunner(pool, write_inventory(tmp_path, "here"))
    result = await runner.run(preview, run_dir, lambda *line: lines.append(line), asyncio.Event())
    assert (result.result, result.verdict) == ("done", "previewed"), result
    assert [(stage.name, stage.ok) for stage in result.stages] == [("preview", True)]
    assert sorted(path.name for path in folder.iterdir()) == before
    assert (folder / "motd").read_text() == "go away\n"

    said = read_preview(run_dir)
    assert said is not None
    assert (said.of, said.digest, said.problem) == (of.id, digest_of(of.wire()), "")
    tasks = {task.name: task for task in said.tasks}
    assert [(name, task.effect.value) for name, task in tasks.items()] == [
        ("Write it", "changes"),
        ("Not today", "skipped"),
        ("For nobody", "nothing"),
        ("Make each", "changes"),
        ("Ask the program", "unknown"),
        ("Hide it", "changes"),
        ("It ran", "unknown"),
    ]
    assert tasks["Write it"].things == (f"{folder}/motd",)
    assert tasks["Make each"].things == (f"{folder}/one", f"{folder}/two")
    assert "-go away\n+welcome" in tasks["Write it"].diff
    assert tasks["Ask the program"].why == "check mode does not run it, so nobody can say"
    assert tasks["It ran"].why.startswith("it asks what an earlier task did")
    assert said.surprises == ()
    assert said.sentence == result.reason
    assert said.sentence.startswith("3 of 7 tasks would change something: Write it, Make each, Hide it; of 2 tasks")
    everything = "\n".join(
        [*map(str, lines), *(path.read_text() for path in run_dir.rglob("*.[jl]*") if path.is_file())]
    )
    kept = everything + (run_dir / "preview.json").read_text()
    assert "hunter2hunter2" not in kept
    assert "zebra" not in kept
    assert ("preview", f"would change     Write it: {folder}/motd") in lines
    assert "would change     Write it" in (run_dir / "logs" / "02_preview.log").read_text()


async def test_what_would_fail_is_red_and_a_host_that_does_not_answer_is_no_preview(
    pool: AnsiblePool, tmp_path: Path
) -> None:
    play = "- hosts: here\n  gather_facts: false\n  tasks:\n    - name: Copy it\n      TASK\n"
    task = "ansible.builtin.copy: {src: /no/such/file/here, dest: /tmp/x, remote_src: true}"
    runner = ActionRunner(pool, write_inventory(tmp_path, "here"))
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    result = await runner.run(
        asked(own_playbook(play.replace("TASK", task))), run_dir, lambda *_: None, asyncio.Event()
    )
    said = read_preview(run_dir)
    assert said is not None
    assert (result.result, result.verdict) == ("done", "previewed")
    assert said.sentence == "nothing would change; it would fail: Copy it"
    assert len(said.surprises) == 1
    assert said.surprises[0].startswith("it would fail at 'Copy it': ")

    (tmp_path / "config" / "inventory.yml").write_text(
        "all: {hosts: {here: {ansible_host: 127.0.0.1, ansible_port: 1}}}"
    )
    (away := tmp_path / "away").mkdir()
    result = await runner.run(
        asked(own_playbook(play.replace("TASK", "ping: {}"))), away, lambda *_: None, asyncio.Event()
    )
    said = read_preview(away)
    assert said is not None
    assert (result.result, result.verdict, said.tasks) == ("failed", "not_run", ())
    assert said.problem.startswith("here gave no answer: ")


def event(kind: str, task: str = "a", *, stdout: str = "", **result: Any) -> dict[str, Any]:
    data = {"task": task, "task_uuid": task, "resolved_action": "ansible.builtin.copy", "res": result}
    return {"event": kind, "stdout": stdout, "event_data": data}


@pytest.mark.slow
def test_what_is_kept_of_a_result_is_bounded() -> None:
    recorder = PreviewRecorder(lambda text: text)
    big = {"before": "", "after": "y\n" * 100_000}
    for number in range(300):
        recorder.on_event(event("runner_on_ok", f"t{number}", changed=True, dest="/x", diff=[big, big]))
        for item in range(60):
            recorder.on_event(event("runner_item_on_ok", f"t{number}", changed=True, item=f"{item} " + "long " * 100))
    for odd in ({}, {"event": "runner_on_ok"}, {"event": "runner_on_ok", "event_data": {"res": []}}, event("verbose")):
        recorder.on_event(odd)
    tasks = recorder.tasks()
    assert len(tasks) == 200
    assert recorder.cut
    assert max(len(task.diff) for task in tasks) <= MAX_DIFF_CHARS + 100
    assert sum(len(json.dumps(task.model_dump(mode="json"))) for task in tasks) < 250_000


def test_a_failure_that_the_playbook_passes_over_is_none() -> None:
    recorder = PreviewRecorder(lambda text: text)
    failed = event("runner_on_failed", msg="no such unit")
    failed["event_data"]["ignore_errors"] = True
    recorder.on_event(failed)
    [task] = recorder.tasks()
    assert (task.effect, task.why, recorder.failed) == (
        Effect.NOTHING,
        "it would fail, which the playbook passes over",
        False,
    )


def would_change(name: str, *things: str, module: str = "ansible.builtin.copy") -> TaskPreview:
    return TaskPreview(name=name, module=module, effect=Effect.CHANGES, things=things)


MIXED = """
- hosts: here
  vars: {mount: /srv/data, mend_unit: !unsafe shop}
  tasks:
    - {name: See, ansible.builtin.stat: {path: /opt}}
    - {name: Judge, ansible.builtin.assert: {that: [true]}}
    - {name: Forgive, ansible.builtin.command: {argv: [systemctl, reset-failed]}, changed_when: false}
    - {name: Write, ansible.builtin.copy: {dest: "{{ mount }}/x", content: /etc/passwd.d/}}
    - block:
        - {name: Start, ansible.builtin.systemd_service: {name: "{{ mend_unit }}", state: started}}
"""
UNIT = "ansible.builtin.systemd_service"


@pytest.mark.parametrize(
    ("task", "surprise"),
    [
        (would_change("Write", "/srv/data/x"), ""),
        (would_change("Write", "/srv/data"), ""),
        (
            would_change("Write", "/srv/database"),
            "'Write' would change /srv/database, which the playbook does not name",
        ),
        (would_change("Write", "/etc/passwd"), "'Write' would change /etc/passwd, which the playbook does not name"),
        (would_change("Start", "shop.service", module=UNIT), ""),
        (would_change("Start", "shop", module=UNIT), ""),
        (would_change("Start", "sshd.service", module=UNIT), "'Start' would change sshd.service, which the card"),
        (would_change("See"), "'See' would change something, and it is there to look only"),
        (would_change("Forgive"), "'Forgive' would change something, and it is there to look only"),
        (would_change("Elsewhere"), "'Elsewhere' would change something"),
        (TaskPreview(name="Write", module="x", effect=Effect.FAILED, why="no"), "it would fail at 'Write': no"),
        (TaskPreview(name="See", module="x", effect=Effect.UNKNOWN, things=("/etc",)), ""),
    ],
)
def test_what_neither_playbook_nor_card_name_is_a_surprise(task: TaskPreview, surprise: str) -> None:
    found = surprises_in(own_playbook(MIXED), plays_in(MIXED), [task])
    assert [one.startswith(surprise) for one in found] == ([True] if surprise else []), found


def test_a_container_that_the_card_does_not_name_is_a_surprise_unless_it_says_every() -> None:
    restart = plays_in(
        "- {hosts: here, tasks: [{name: Restart it, community.docker.docker_container: {name: x, restart: true}}]}"
    )
    module = "community.docker.docker_container"
    one = proposal_for(1)
    assert not surprises_in(one, restart, [would_change("Restart it", "web", module=module)])
    assert surprises_in(one, restart, [would_change("Restart it", "web", "db", module=module)])[0].count("db") == 1
    assert sentence_of([would_change("a"), would_change("b")]) == "2 of 2 tasks would change something: a, b"


async def test_nobody_is_told_of_a_repair_and_no_repair_waits_for_a_preview(harness: ExecutorHarness) -> None:
    harness.limits = replace(QUICK, stop_seconds=0.2)
    await harness.begin()
    of = proposal_for(1)
    name = file_pending(harness.actions, of)
    harness.runner.seconds = 60
    preview = harness.approve(asked(of))
    await wait_for(lambda: preview.id in harness.runner.runs(), 10, "the preview runs")
    harness.runner.seconds = 0
    (harness.folder(Folder.PENDING) / name.file).rename(harness.folder(Folder.APPROVED) / name.file)
    await harness.ends_in(Folder.DONE, name)
    assert (harness.folder(Folder.RUNNING) / preview.id).is_dir(), "the repair did not wait for it"
    await harness.end()
    events = [(event["type"], event["payload"]["action_id"]) for event in await harness.events()]
    assert {action_id for _, action_id in events} == {of.id}, events
    (yes,) = [u for u in await harness.updates() if u["action_id"] == preview.id and u["to"] == "approved"]
    assert yes["reason"] == f"anna asks what {of.id} would change"


def test_a_restart_that_is_told_as_no_change_is_not_said_to_do_nothing() -> None:
    """As a request's restart is written: its second pass would find for ever that it could be done once more."""
    plays = plays_in(
        """
- hosts: here
  tasks:
    - {name: Again, ansible.builtin.service: {name: nginx, state: restarted}, changed_when: false}
    - {name: Look, ansible.builtin.stat: {path: /etc/motd}, changed_when: false}
    - {name: Ask, ansible.builtin.command: {argv: [systemctl, show, nginx]}, changed_when: false}
    - {name: There, ansible.builtin.file: {path: /srv, state: directory}}
"""
    )
    heard = [TaskPreview(name=name, module="m", effect=Effect.NOTHING) for name in ("Again", "Look", "Ask", "There")]
    again, *others = as_they_are(plays, heard)
    assert (again.effect, again.why) == (Effect.UNKNOWN, NEVER_SHOWN)
    assert others == heard[1:]
    assert (
        sentence_of([again]) == "nothing that check mode can see would change; of 1 task check mode cannot say: Again"
    )


def test_what_leans_on_a_file_that_check_mode_did_not_make_is_not_said_to_do_nothing() -> None:
    plays = plays_in(
        """
- hosts: here
  tasks:
    - {name: Copy, ansible.builtin.copy: {src: /etc/a.conf, dest: /run/a.conf, remote_src: true}}
    - {name: Cut, ansible.builtin.lineinfile: {path: /run/a.conf, regexp: include, state: absent}}
    - {name: Look, ansible.builtin.stat: {path: /run/a.conf}}
    - {name: Other, ansible.builtin.lineinfile: {path: /run/a.config, line: x}}
    - {name: "Clear {{ item }}", ansible.builtin.file: {path: "{{ item }}", state: absent}, loop: [/run/a.conf, /run/b]}
"""
    )
    cut, look, other, clear = (
        TaskPreview(name=name, module="m", effect=Effect.NOTHING)
        for name in ("Cut", "Look", "Other", "Clear {{ item }}")
    )
    copied = would_change("Copy", "/run/a.conf")
    assert as_they_are(plays, [cut, copied, look, other]) == (cut, copied, look, other), "nothing was changed before it"
    after = as_they_are(plays, [copied, cut, look, other, clear])
    assert [one.effect.value for one in after] == ["changes", "unknown", "nothing", "nothing", "unknown"]
    assert after[1].why == "an earlier task would change /run/a.conf first, which check mode did not do"


def test_what_only_waits_for_something_changes_nothing() -> None:
    plays = plays_in(
        """
- hosts: here
  tasks:
    - {name: Restart, ansible.builtin.command: {argv: [supervisorctl, restart, shop]}}
    - {name: Wait, ansible.builtin.command: {argv: [chronyc, tracking]}, register: seen, until: seen.rc == 0}
    - {name: Odd, ansible.builtin.command: chronyc tracking}
"""
    )
    heard = [
        TaskPreview(name=name, module="m", effect=Effect.UNKNOWN, why=NOT_RUN) for name in ("Restart", "Wait", "Odd")
    ]
    restart, wait, odd = as_they_are(plays, heard)
    assert (restart, odd) == (heard[0], heard[2])
    assert (wait.effect, wait.why) == (Effect.NOTHING, ONLY_LOOKS)
    failed = wait.model_copy(update={"effect": Effect.UNKNOWN, "why": "it asks what an earlier task did"})
    assert as_they_are(plays, [failed]) == (failed,)
