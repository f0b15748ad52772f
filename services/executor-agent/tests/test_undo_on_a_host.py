"""A remedy whose proof fails on a real host is taken back by itself, because its card said so; a look proves it."""

from __future__ import annotations

import json
from pathlib import Path

from executor_rig import QUICK, ExecutorHarness, file_pending, move_by_hand, proposal_for
from parts.nodes import SystemdNode
from remedy_rig import own_folder

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.action_runner import ActionRunner
from executor_agent.runner.verify import WatchLimits
from mesh_core.actions.register import playbook_for, with_digest
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Folder

# It starts the unit, which then answers on no port: what it was for does not come of it.
REMEDY = """\
title: starts the unit, which then has to answer
explain: start this unit, so that its port answers
when: {types: [unit_failed]}
params:
  unit: {type: unit, from: event.service}
risk: low
interrupts: true
look:
  tasks:
    - name: See whether it runs
      ansible.builtin.command: {argv: [systemctl, show, --property=ActiveState, --, "{{ unit }}"]}
      register: state
    - name: See whether its port answers
      ansible.builtin.command: {argv: [ss, -Hltn, sport, "=", ":7331"]}
      register: sockets
  numbers:
    is_running: (state.stdout_lines | select('equalto', 'ActiveState=active') | list | length)
    is_answering: (sockets.stdout_lines | length)
estimate: "starts {unit}"
apply:
  - name: Start it
    ansible.builtin.systemd_service: {name: "{{ unit }}", state: started}
proof: is_answering == 1
shows: "{unit} runs: {is_running}, answers: {is_answering}"
undo:
  by_itself: true
  tasks:
    - name: As it was
      ansible.builtin.systemd_service:
        name: "{{ unit }}"
        state: "{{ 'started' if before_is_running | int == 1 else 'stopped' }}"
limits: {seconds: 120}
"""
POLICY = """
rules:
  - {name: units, when: {types: [unit_failed]}, allow: [answer_start, notify], prefer: answer_start, reason: it is down}
"""
EVENT = HealthEvent(
    id="far/1-0",
    type="unit_failed",
    node="far",
    service="web",
    payload={"runtime": "systemd", "investigation": {"unit": {"enabled": True}}},
    trust=Trust.NODE,
)


async def test_what_does_not_help_a_real_host_is_taken_back_and_proven_so(
    pool: AnsiblePool, systemd_node: SystemdNode, without_redis: ExecutorHarness, tmp_path: Path
) -> None:
    harness = without_redis
    inventory = tmp_path / "config" / "inventory.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"far": dict(systemd_node.inventory_vars)}}}))
    (tmp_path / "config" / "policy.yml").write_text(POLICY)
    own_folder(tmp_path, answer_start=REMEDY)
    settle = WatchLimits(every_seconds=0.2, unhealthy_seconds=1)
    harness.runner = ActionRunner(pool, inventory, settle=settle)  # type: ignore[assignment]
    harness.limits = QUICK.__class__(run_seconds=300, look_seconds=120, scan_seconds=0.2)
    systemd_node.systemctl("stop", "web")
    try:
        await harness.begin()
        proposal = proposal_for(1, node="far", type="answer_start", action="answer_start", event=EVENT)
        proposal = with_digest(proposal.model_copy(update={"id": proposal.id_by_its_parts}))
        name = file_pending(harness.actions, proposal)
        assert "before_is_running" in playbook_for(proposal).undo, "it is part of what is approved"
        move_by_hand(harness.actions, name)
        outcome = await harness.ends_in(Folder.FAILED, name, 300)
        assert systemd_node.show("web", "ActiveState") == {"ActiveState": "inactive"}
    finally:
        systemd_node.systemctl("start", "web")  # as every test finds it
    assert (outcome.verdict, outcome.undone) == ("not_helped", True), outcome
    stages = [(stage.name, stage.ok, stage.changed) for stage in outcome.stages]
    assert stages[:3] == [("syntax", True, 0), ("undo_syntax", True, 0), ("apply", True, 1)]
    assert stages[-2:] == [("undo", True, 1), ("undone", True, 0)], stages
    assert outcome.before["is_running"] == 0
    assert outcome.after["is_running"] == 1
    assert outcome.reason.startswith("web runs: no -> yes, answers: no; "), outcome.reason
    assert outcome.reason.endswith("it was taken back, and all is as before: web runs: no, answers: no")
    ran = harness.folder(Folder.FAILED) / name.id
    assert "As it was" in (ran / "logs" / "05_undo.log").read_text()
    assert (ran / "project" / "undo.yml").read_text() == playbook_for(proposal).undo
