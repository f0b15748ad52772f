"""What is asked of the target itself just before an action begins: the lifeline, its owner's labels, its host."""

from __future__ import annotations

from typing import Any

from admission_rig import CONFIG, changed
from executor_rig import proposal_for

from executor_agent.admission.beginning import lifeline_problem, owner_problem
from mesh_core.actions.container_state import read_containers
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.policy.current_config import ConfigSnapshot
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.policy import Policy


def test_what_turns_out_to_be_the_lifeline_is_not_touched_whatever_it_is_called() -> None:
    def seen(**facts: Any) -> TargetState:
        return TargetState(TargetStatus.UNHEALTHY, "exited", {"containers": [{"name": "web", **facts}]})

    policy = Policy.load(None, Lifeline.at(["redis://10.0.0.9:6380"], "here"))
    far = Inventory.parse(b"all: {hosts: {here: {ansible_host: 10.0.0.9}}}")
    assert "is image redis:7" in (lifeline_problem(proposal_for(1), CONFIG, seen(image="redis:7")) or "")
    assert "is port 6380" in (lifeline_problem(proposal_for(1), ConfigSnapshot(far, policy), seen(ports=[6380])) or "")
    assert lifeline_problem(proposal_for(1), ConfigSnapshot(far, policy), seen(ports=[6379], image="web:1")) is None
    assert lifeline_problem(proposal_for(1), CONFIG, TargetState(TargetStatus.UNKNOWN)) is None
    told = changed(type="notify", action="notify")
    assert lifeline_problem(told, CONFIG, seen(image="redis:7")) is None


def test_a_host_that_the_mesh_needs_is_not_taken_away_whole_nor_one_that_could_not_be_looked_at() -> None:
    policy = Policy.load(None, Lifeline.at(["redis://10.0.0.9:6380"], "elsewhere"))

    def problem(host: str, **facts: Any) -> str:
        config = ConfigSnapshot(Inventory.parse(f"all: {{hosts: {{here: {host}}}}}".encode()), policy)
        return (
            lifeline_problem(changed(type="node_reboot"), config, TargetState.seen(TargetStatus.UNKNOWN, "", **facts))
            or ""
        )

    assert problem("{ansible_host: 10.0.0.8}", carries_mesh=False) == ""
    assert "the mesh itself runs there" in problem("{ansible_host: 10.0.0.8}", carries_mesh=True)
    assert "the mesh itself runs there" in problem("{ansible_connection: local}", carries_mesh=False)
    assert "the mesh needs 10.0.0.9:6380" in problem("{ansible_host: 10.0.0.9}", carries_mesh=False)
    assert "nobody could see whether" in problem("{ansible_host: 10.0.0.8}", hung_processes=5)
    assert "nobody could see what node_reboot would interrupt on here" in problem("{ansible_host: 10.0.0.8}")


def test_what_its_owner_labelled_is_not_touched_although_no_event_told_of_the_label() -> None:
    def seen(*labels: dict[str, str]) -> TargetState:
        return read_containers([{"Name": f"/web-{n}", "Config": {"Labels": one}} for n, one in enumerate(labels, 1)])

    forbidden = owner_problem(proposal_for(1), seen({}, {"mendmesh.restart": "no"})) or ""
    assert "the owner of web-2 forbids automatic restarts by a label" in forbidden
    assert "autoheal" in (owner_problem(proposal_for(1), seen({"autoheal": "false"})) or "")
    assert owner_problem(proposal_for(1), seen({}, {"mendmesh.restart": "true", "autoheal": "false"})) is None
    assert owner_problem(changed(type="notify", action="notify"), seen({"mendmesh.restart": "no"})) is None
