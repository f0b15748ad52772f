"""What hangs because it depends on a sick container is restarted after it, in order, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from action_rig import EVIL, a_proposal

from mesh_core.actions.container_state import read_containers
from mesh_core.actions.register import action_type, is_wide, playbook_for, what_it_touches
from mesh_core.incidents.findings import findings_in
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Proposal
from mesh_core.policy.playbook_lint import OURS, lint_text
from mesh_core.policy.playbook_lint.table import table
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None)
API, PAGE = {"container": "shop-api-1", "image": "api:2"}, {"container": "shop-page-1", "image": "page:1"}
DB = {"runtime": "docker", "container": "db", "status": "running", "health": "unhealthy"}


def event(*hanging: Any, trust: Trust = Trust.NODE, more: int | None = None, **fields: Any) -> HealthEvent:
    found = {"hanging": list(hanging), **({} if more is None else {"more": more})}
    payload = {**DB, "investigation": {"dependents": found if hanging else {}}, **fields}
    said = {"id": "n1/1-0", "node": "n1", "service": "db", "severity": "error", "type": "container_unhealthy"}
    return HealthEvent.model_validate({**said, "trust": trust, "payload": payload})


def proposal(*hanging: Any, **fields: Any) -> Proposal:
    made = event(*hanging, **fields)
    return a_proposal("restart_with_dependents", "db").model_copy(update={"event": made})


def test_it_is_offered_next_to_a_restart_where_something_hangs_on_it() -> None:
    allowed = POLICY.allows(event(API, PAGE))
    assert allowed.preferred == "restart"
    assert "restart_with_dependents" in allowed.actions
    told = [str(finding) for finding in findings_in(event(API, PAGE, more=2))]
    assert told == ["what depends on it hangs as well: shop-api-1, shop-page-1 and 2 more [dependents.hanging]"]


@pytest.mark.parametrize(
    ("sick", "why"),
    [
        (event(API, trust=Trust.FOREIGN), "no node agent looked into it"),
        (event(), "nothing that depends on it hangs"),
        (event({"container": EVIL}, API), "nothing that depends on it hangs"),
        (event({"image": "x"}), "nothing that depends on it hangs"),
        (event("db"), "nothing that depends on it hangs"),
        (event({"container": "db"}), "nothing that depends on it hangs"),
        (event(API, more=3), "more depends on it and hangs than one action may restart"),
        (event(API, runtime="systemd"), "no container is named"),
        (event(API, compose={"project": "shop", "service": "db"}), "no container is named"),
    ],
)
def test_where_it_is_not_offered_its_choice_says_why(sick: HealthEvent, why: str) -> None:
    if "compose" in sick.payload:  # of several replicas nobody says which
        payload = {key: value for key, value in sick.payload.items() if key != "container"}
        sick = sick.model_copy(update={"payload": payload, "service": "shop.db"})
    choice = action_type("restart_with_dependents").choice
    assert choice is not None
    assert choice.unmet(sick) == why
    assert "restart_with_dependents" not in POLICY.allows(sick).actions


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"container": "cache", "image": "valkey:8"}, "image valkey:8, which"),
        ({"container": "sshd"}, "container sshd, which"),
        ({"container": "x", "labels": {"mendmesh.restart": "no"}}, "x, whose owner"),
        ({"container": "x", "compose": {"project": "mendmesh-home", "service": "page"}}, "compose project mendmesh-"),
    ],
)
def test_the_lifeline_and_owners_words_hold_for_each_of_those_that_would_be_restarted_too(
    other: dict[str, Any], what: str
) -> None:
    told = POLICY.allows(event(API, other))
    assert "restart_with_dependents" not in told.actions
    assert "restart" in told.actions, "of itself nothing forbids it"
    assert f"restart_with_dependents would touch {what}" in told.reason


def test_each_is_restarted_once_the_one_before_is_well() -> None:
    plays = playbook_for(proposal(API, PAGE))
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
    (made,) = yaml.safe_load(plays.apply.replace("!unsafe ", ""))
    assert made["vars"]["mend_others"] == ["shop-api-1", "shop-page-1"]
    restarts = [task for task in made["tasks"] if "community.docker.docker_container" in task]
    assert [task["name"] for task in restarts] == ["Restart it", "Restart what depends on it, in order"]
    assert restarts[1]["loop"] == "{{ mend_others }}"
    for task in restarts:
        options = task["community.docker.docker_container"]
        assert (options["state"], options["restart"], options["recreate"]) == ("healthy", True, False)
    with pytest.raises(ValueError, match="names nothing that depends on it and hangs"):
        playbook_for(proposal({"container": EVIL}))


def test_the_card_names_all_of_them_in_order() -> None:
    touched = what_it_touches(proposal(API, PAGE, in_its_network=["sidecar"]))
    assert touched == (
        "restarts 4 containers on n1: db, sidecar, then in this order shop-api-1, shop-page-1, each once the one "
        "before is healthy"
    )
    assert is_wide(proposal(API))


def test_the_outcome_says_how_many_are_well() -> None:
    def seen(*healths: str) -> dict[str, Any]:
        each = [{"Id": str(n), "State": {"Status": "running", "Health": {"Status": h}}} for n, h in enumerate(healths)]
        return read_containers(each).facts

    told = action_type("restart_with_dependents").told_change
    before, after = seen("unhealthy", "healthy", "unhealthy"), seen("healthy", "healthy", "healthy")
    assert told(proposal(API), before, after) == "1 -> 3 of 3 are healthy"
    assert told(proposal(API), after, after) == told(proposal(API), {}, after) == ""
