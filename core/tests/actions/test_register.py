"""The table of action types holds together: names, choices, facts, shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from action_rig import COMPOSE, a_proposal

from mesh_core.actions import register
from mesh_core.actions.action_type import ActionType
from mesh_core.actions.choices import IGNORE
from mesh_core.actions.register import (
    SHIPPED,
    action_type,
    is_loop_guarded,
    is_message,
    is_wide,
    playbook_for,
    what_it_touches,
)
from mesh_core.actions.target_state import TargetStatus
from mesh_core.models.events import Trust
from mesh_core.models.proposals import Risk
from mesh_core.policy.event_facts.facts import Fact
from mesh_core.runtime.metrics import ACTIONS, TYPES

ACTION_TYPES, CHOICES, REMEDIES, TYPE_NAMES = SHIPPED.types, SHIPPED.choices, SHIPPED.remedies, SHIPPED.type_names


def test_a_types_name_is_its_files_name_and_there_is_one_of_each() -> None:
    folder = Path(register.__file__).parent
    assert len(set(TYPE_NAMES)) == len(TYPE_NAMES)
    remedies = folder / "remedies" / "shipped"
    for action in ACTION_TYPES:
        name = action.name.removeprefix("undo_") if action.takes_back else action.name
        assert ((folder / f"{name}.py").is_file(), (remedies / f"{name}.yml").is_file()).count(True) == 1, name
    assert len({choice.word for choice in CHOICES}) == len(CHOICES)


def test_every_choice_but_to_do_nothing_has_a_type_that_carries_it_out() -> None:
    assert {action.choice for action in ACTION_TYPES if action.choice} == {*CHOICES} - {IGNORE}


def test_conditions_name_facts_that_there_are() -> None:
    assert {c.fact for choice in CHOICES for c in choice.conditions} <= {fact.value for fact in Fact}


def test_what_only_a_person_asks_for_is_of_high_risk_and_what_touches_no_host_is_of_low() -> None:
    for action in ACTION_TYPES:
        if action.only_asks:
            assert action.risk is Risk.LOW
            continue
        assert action.choice is not None or action.risk is Risk.HIGH or action.takes_back
        assert action.touches_host or (action.risk is Risk.LOW and action.effect)


def test_metrics_have_room_for_every_word() -> None:
    assert len(TYPE_NAMES) <= TYPES
    assert len(CHOICES) <= ACTIONS


FOUND = {
    "image": {"name": "shop:latest", "previous": f"sha256:{'a' * 64}"},
    "dependents": {"hanging": [{"container": "shop-api-1"}]},
}
WRITTEN = [a for a in ACTION_TYPES if a.name not in REMEDIES and not a.takes_back and not a.only_asks]


@pytest.mark.parametrize("action", WRITTEN, ids=lambda action: action.name)
def test_a_look_is_read_exactly_where_there_is_one(action: ActionType) -> None:
    payload = {"runtime": "systemd"} if action.name == "service_restart" else {**COMPOSE, "investigation": FOUND}
    service = "nginx" if action.name == "service_restart" else "shop.web"
    proposal = a_proposal(action.name, service, payload, text="- hosts: n1\n")
    seen = proposal.event.model_copy(update={"trust": Trust.NODE})
    plays = action.playbooks(proposal.model_copy(update={"event": seen}))
    assert bool(plays.look) is (action.read_look is not None)
    assert bool(plays.apply) is action.touches_host


def test_a_name_that_nobody_knows_has_no_playbook_and_says_why() -> None:
    unknown = a_proposal("container_restart").model_copy(update={"type": "reboot"})
    with pytest.raises(ValueError, match="no action of type reboot here"):
        playbook_for(unknown)
    assert "no action of type reboot here" in what_it_touches(unknown)
    assert action_type("reboot").choice is None
    read = action_type("reboot").read_look
    assert read is not None, "or a remedy that is taken away while it runs would need no look to be proven"
    assert read(unknown, {"msg": {"proven": True}}).health is TargetStatus.UNKNOWN
    assert not is_message("reboot")
    assert not is_loop_guarded("reboot")
    assert not is_loop_guarded(None)
    assert is_message("notify")
    assert is_loop_guarded("restart")
    assert not is_loop_guarded("redeploy")


def test_a_type_is_data_and_pure_functions() -> None:
    """So a remedy that is read from a file can stand in the table beside these."""
    for action in ACTION_TYPES:
        values = [getattr(action, field.name) for field in fields(action)]
        assert all(
            v is None or isinstance(v, str | bool | int | Risk | Callable | Mapping) or v in CHOICES for v in values
        )


@pytest.mark.parametrize(
    ("type_", "service", "payload", "said"),
    [
        ("container_restart", "web", {"runtime": "docker"}, "restarts 1 container on n1: web"),
        (
            "container_restart",
            "shop.web",
            {**COMPOSE, "container": "shop-web-2"},
            "restarts 1 container on n1: shop-web-2",
        ),
        ("container_restart", "shop.web", COMPOSE, "restarts every container of shop.web on n1 that nobody stopped"),
        (
            "container_restart",
            "shop.web",
            {**COMPOSE, "containers": ["shop-web-1", "shop-web-3"]},
            "restarts 2 containers on n1: shop-web-1, shop-web-3",
        ),
        (
            "container_restart",
            "vpn",
            {"in_its_network": ["torrent", "indexer"], "dependents": ["ui"]},
            "restarts 3 containers on n1: vpn, and with it torrent, indexer, which live in its network; 1 other",
        ),
        ("container_restart", "vpn", {"in_its_network": ["vpn", "{{ evil }}"]}, "restarts 1 container on n1: vpn"),
        (
            "container_restart",
            "db",
            {"labels": {"mendmesh.stop-timeout": "90", "autoheal.stop.timeout": "20"}},
            "n1: db; it gets 90 s to stop (label mendmesh.stop-timeout); "
            "mendmesh.stop-timeout and autoheal.stop.timeout",
        ),
        (
            "container_restart",
            "db",
            {"labels": {"mendmesh.restart": "true", "autoheal": "false"}},
            "n1: db; mendmesh.restart and autoheal contradict each other; mendmesh.restart counts",
        ),
        (
            "container_restart",
            "db",
            {"labels": {"autoheal.stop.timeout": "86400"}},
            "it gets 300 s to stop (label autoheal.stop.timeout, which asks for 86400)",
        ),
        (
            "container_restart",
            "db",
            {"labels": {"mendmesh.stop-timeout": "{{ evil }}"}},
            "n1: db; mendmesh.stop-timeout is no number of seconds and is passed over",
        ),
        (
            "redeploy",
            "shop.web",
            {**COMPOSE, "replicas": ["w1", "w2"]},
            "makes 2 containers (w1, w2) of shop.web on n1",
        ),
        ("service_restart", "nginx", {"runtime": "systemd"}, "restarts 1 unit on n1: nginx"),
        ("service_restart", "nginx", {"runtime": "supervisor"}, "restarts 1 program on n1: nginx"),
        ("redeploy", "shop.web", COMPOSE, "makes every container of shop.web on n1 anew"),
        ("notify", None, {"dependents": ["api"]}, "touches no host"),
        (
            "container_restart",
            "db",
            {"runtime": "docker", "dependents": ["api", "{{ evil }}", 7, "web"]},
            "restarts 1 container on n1: db; 2 others depend on it: api, web",
        ),
        (
            "container_restart",
            "db",
            {"runtime": "docker", "dependents": [f"c{n}" for n in range(10)]},
            "10 others depend on it: c0, c1, c2, c3, c4, c5, c6, c7 and 2 more",
        ),
        ("container_restart", "db", {"runtime": "docker", "dependents": ["a"]}, "; 1 other depends on it: a"),
        ("container_restart", "db", {"runtime": "docker", "dependents": "api"}, "restarts 1 container on n1: db"),
    ],
)
def test_what_approval_touches_is_said_with_names_and_numbers(
    type_: str, service: str | None, payload: dict[str, object], said: str
) -> None:
    touched = what_it_touches(a_proposal(type_, service, payload))
    assert said in touched
    assert "evil" not in touched


@pytest.mark.parametrize(
    ("type_", "payload", "wide"),
    [
        ("container_restart", {**COMPOSE, "container": "shop-web-2"}, False),
        ("container_restart", {**COMPOSE, "containers": ["shop-web-1"]}, False),
        ("container_restart", {**COMPOSE, "containers": ["shop-web-1", "shop-web-2"]}, True),
        ("container_restart", {**COMPOSE, "container": "shop-web-2", "in_its_network": ["sidecar"]}, True),
        ("container_restart", COMPOSE, True),  # nobody says how many there are
        ("redeploy", COMPOSE, True),
        ("notify", COMPOSE, False),
    ],
)
def test_what_goes_further_than_its_name_says_is_known(type_: str, payload: dict[str, object], wide: bool) -> None:
    assert is_wide(a_proposal(type_, "shop.web", payload)) is wide
