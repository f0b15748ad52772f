"""A host on which nothing can be run is offered nothing but messages, and the sentence says what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.inventory import Inventory
from mesh_core.policy.inventory.untouchable import untouchable
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None)
INVENTORY = Inventory.parse(b"all: {hosts: {web01: , web02: }}")
SINCE = "2026-01-02T00:00:00Z"


def event(node: str = "web01", trust: Trust = Trust.FOREIGN, kind: str = "container_died") -> HealthEvent:
    payload = {"runtime": "docker", "status": "exited", "exit_code": 1}
    return HealthEvent(type=kind, node=node, service="shop", payload=payload, trust=trust)


@pytest.mark.parametrize(
    ("told", "offline", "words"),
    [
        (event(), "", ""),
        (event("db01"), "", "the host db01 is not in config/inventory.yml; add it there"),
        (event("WEB01"), "", "but web01 is: call it WEB01 there too"),
        (event(), SINCE, f"web01 is offline since {SINCE}"),
        (event(trust=Trust.OBSERVER), SINCE, "is offline"),
        (event(trust=Trust.NODE), SINCE, ""),  # its own agent speaks
        (event("db01", Trust.NODE), "", "is not in config/inventory.yml"),
    ],
)
def test_why_nothing_can_be_run_there(told: HealthEvent, offline: str, words: str) -> None:
    why = untouchable(told, INVENTORY, offline)
    assert words in why
    assert bool(words) is bool(why)
    assert untouchable(told, "the inventory cannot be read", "") == ""


def asking(node: str, **payload: Any) -> HealthEvent:
    payload = {"address": "x:2283", "asks": {"node": node, "port": 2283}, **payload}
    event = {"type": "tcp_probe_failed", "node": "web01", "service": "photos", "payload": payload, "trust": "node"}
    return HealthEvent.model_validate(event)


def test_a_probe_of_another_host_of_ours_restarts_nothing_on_the_one_that_asks() -> None:
    why = untouchable(asking("web02"), INVENTORY)
    assert why == "what does not answer is on web02, at port 2283, and not on web01, which asks"
    assert POLICY.allows(asking("web02"), untouchable=why).actions == {"notify"}
    assert untouchable(asking("web01"), INVENTORY) == ""
    assert untouchable(asking("example.org"), INVENTORY) == "", "it may be any name of this host"
    assert untouchable(asking("web02", runtime="docker", backed_by="photos"), INVENTORY) == "", "a person said so"
    stranger = asking("web02").model_copy(update={"trust": Trust.FOREIGN})
    assert untouchable(stranger, INVENTORY) == ""


def test_what_has_lost_its_network_is_not_ended_by_a_restart_that_cannot_start_it() -> None:
    payload = {
        "runtime": "docker",
        "status": "running",
        "network_mode": "container:5f3",
        "network_container_there": False,
    }
    lost = HealthEvent(type="container_unhealthy", node="web01", service="x", payload=payload, trust=Trust.NODE)
    why = untouchable(lost, INVENTORY)
    assert "a restart cannot find it" in why
    assert POLICY.allows(lost, untouchable=why).actions == {"notify"}
    declared = lost.model_copy(update={"payload": {**payload, "compose": {"project": "media", "service": "x"}}})
    assert untouchable(declared, INVENTORY) == ""
    assert POLICY.allows(declared).preferred == "redeploy"


def test_then_only_messages_are_offered_and_the_reason_says_what_is_missing() -> None:
    why = untouchable(event("db01"), INVENTORY)
    told = POLICY.allows(event("db01"), untouchable=why)
    assert POLICY.allows(event("db01")).preferred == "restart"
    assert (told.actions, told.preferred, told.rule) == ({"notify"}, "notify", "host")
    assert why in told.reason
    over = event("db01").model_copy(update={"payload": {"status": "resolved"}})
    assert POLICY.allows(over, untouchable=why) == POLICY.allows(over), "what touches no host is as it was"
