"""Back to the image that a service was healthy with: offered only on what its node's agent remembers, said in full."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from action_rig import EVIL, a_proposal

from mesh_core.actions.container_state import read_look as read_containers_look
from mesh_core.actions.register import action_type, is_loop_guarded, playbook_for, what_it_touches
from mesh_core.actions.target_state import TargetStatus
from mesh_core.incidents.findings import findings_in
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Proposal
from mesh_core.policy.playbook_lint import OURS, lint_text
from mesh_core.policy.playbook_lint.table import table
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import TrackRecord

POLICY = Policy.load(None)
OLD, NEW = "a" * 64, "b" * 64
FOUND: dict[str, Any] = {
    **{"name": "shop:latest", "current": f"sha256:{NEW}", "current_healthy_seconds": 0, "changed_seconds_ago": 7300},
    **{"previous": f"sha256:{OLD}", "previous_healthy_seconds": 3 * 86400, "previous_there": True},
    **{"volumes": ["/data"], "data_format_changed": False},
}
COMPOSE = {"project": "shop", "service": "web"}


def event(type_: str = "container_restart_loop", trust: Trust = Trust.NODE, **found: Any) -> HealthEvent:
    image = {key: value for key, value in {**FOUND, **found}.items() if value is not None}
    payload = {
        **{"runtime": "docker", "compose": COMPOSE, "container": "shop-web-1", "replicas": ["shop-web-1"]},
        **{"status": "restarting", "investigation": {"image": image}},
    }
    said = {"id": "n1/1-0", "node": "n1", "service": "shop.web", "severity": "critical", "type": type_}
    return HealthEvent.model_validate({**said, "trust": trust, "payload": payload})


def proposal(**found: Any) -> Proposal:
    return a_proposal("rollback_image", "shop.web").model_copy(update={"event": event(**found)})


def with_payload(**fields: Any) -> HealthEvent:
    made = event()
    return made.model_copy(update={"payload": {**made.payload, **fields}})


def test_a_crash_loop_that_began_with_a_new_image_goes_back_and_other_trouble_may() -> None:
    allowed = POLICY.allows(event())
    assert (allowed.preferred, allowed.rule) == ("rollback_image", "loop-of-a-container")
    assert allowed.reason == "it is restarted again and again already; one more does not mend it"
    for type_, fields, preferred in (
        ("container_died", {"status": "exited", "exit_code": 1, "restart_policy": "no"}, "restart"),
        ("container_unhealthy", {"status": "running", "health": "unhealthy"}, "restart"),
        ("http_probe_failed", {"status": "running"}, "restart"),
        ("container_died", {"status": "exited", "exit_code": 1, "logs": ["Error: cannot find module 'x'"]}, "notify"),
        ("container_restart_loop", {"logs": ["exec format error"]}, "rollback_image"),
    ):
        told = POLICY.allows(event(type_).model_copy(update={"payload": {**event().payload, **fields}}))
        assert "rollback_image" in told.actions, (type_, told)
        assert told.preferred == preferred, (type_, told)
    assert is_loop_guarded("rollback_image")


ENDED = {"status": "exited", "exit_code": 78, "restart_policy": "no"}
AT_ONCE = {**ENDED, "lived_ms": 40, "first_start": True}


@pytest.mark.parametrize(
    ("found", "fields", "preferred", "may_restart"),
    [
        ({"changed_seconds_ago": 30}, AT_ONCE, "rollback_image", False),
        ({"changed_seconds_ago": 30, "previous": None}, AT_ONCE, "notify", False),
        ({"changed_seconds_ago": 30}, {**ENDED, "lived_ms": 20_000}, "rollback_image", True),
        ({"changed_seconds_ago": 30, "previous_there": False}, {**ENDED, "lived_ms": 20_000}, "restart", True),
        ({"changed_seconds_ago": 7200}, {**ENDED, "exit_code": 1, "lived_ms": 20_000}, "restart", True),
        ({"previous": None}, {**AT_ONCE, "declared_image": "a", "live_image": "b"}, "redeploy", False),
    ],
)
def test_what_was_just_replaced_goes_back_and_what_failed_at_once_is_not_started_again(
    found: dict[str, Any], fields: dict[str, Any], preferred: str, may_restart: bool
) -> None:
    made = event("container_died", **found)
    told = POLICY.allows(made.model_copy(update={"payload": {**made.payload, **fields}}))
    assert (told.preferred, "restart" in told.actions) == (preferred, may_restart), told


@pytest.mark.parametrize(
    ("sick", "why"),
    [
        (event(trust=Trust.FOREIGN), "no node agent looked into it"),
        (event(previous=None), "the agent remembers no other image with which it was healthy"),
        (event(previous="shop:1"), "its declaration names an image by a number"),
        (event(name=f"shop@sha256:{OLD}"), "its declaration names an image by a number"),
        (event(name=OLD[:12]), "its declaration names an image by a number"),
        (event(name=EVIL), "its declaration names an image by a number"),
        (event(name="-v"), "its declaration names an image by a number"),
        (event(changed_seconds_ago=8 * 86400), "its image was not changed within a week"),
        (event(changed_seconds_ago="soon"), "its image was not changed within a week"),
        (event(current_healthy_seconds=2 * 86400), "it was healthy with the image of now for a day or more"),
        (event(previous_there=False), "is no longer on its host"),
        (event(data_format_changed=True), "may not understand the data"),
        (event(data_format_changed=None), "may not understand the data"),
        (with_payload(compose={"project": "other", "service": "web"}), "no compose project declares it"),
    ],
)
def test_what_stands_against_it_is_said_and_it_is_not_offered(sick: HealthEvent, why: str) -> None:
    told = POLICY.allows(sick)
    assert (told.actions, told.preferred) == ({"notify"}, "notify")
    assert f"rollback_image ({why}" in told.reason or why in told.reason, told.reason


def test_it_is_kept_from_the_lifeline_from_what_its_owner_forbids_and_from_what_a_person_does() -> None:
    for fields in (
        {"image": "redis:7"},
        {"labels": {"mendmesh.restart": "false"}},
        {"stopped_by_person": True},
        {"maintenance": True},
    ):
        assert "rollback_image" not in POLICY.allows(with_payload(**fields)).actions, fields
    assert "rollback_image" not in POLICY.allows(event(), TrackRecord(restarts=3)).actions


def test_it_gives_the_name_to_the_older_image_and_makes_nothing_else_anew() -> None:
    plays = playbook_for(proposal())
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
    assert f"!unsafe 'sha256:{OLD}'" in plays.apply
    assert "!unsafe 'shop:latest'" in plays.apply
    (made,) = yaml.safe_load(plays.apply.replace("!unsafe ", ""))
    names = [next(key for key in task if "." in key) for task in made["tasks"]]
    assert names[-2:] == ["community.docker.docker_image_tag", "community.docker.docker_compose_v2"]
    anew = made["tasks"][-1]["community.docker.docker_compose_v2"]
    assert (anew["pull"], anew["dependencies"], anew["services"]) == ("never", False, ["{{ mend_compose_service }}"])
    for wrong in ({"previous": EVIL}, {"name": EVIL}, {"previous": None}):
        with pytest.raises(ValueError, match="gives no image"):
            playbook_for(proposal(**wrong))
        assert EVIL not in what_it_touches(proposal(**wrong))


def test_the_card_says_which_image_how_long_it_lasts_and_what_becomes_of_the_data() -> None:
    assert what_it_touches(proposal()) == (
        "makes 1 container (shop-web-1) of shop.web on n1 anew from the image that it was healthy with (aaaaaaaaaaaa, "
        "healthy for 3 days, until 2 h ago); shop:latest is that image until somebody pulls or builds again: pin the "
        "one that works, or mend the newer; its data stays as the newer image left it, which the older one may not "
        "understand: /data"
    )
    assert "its data" not in what_it_touches(proposal(volumes=None))
    missing = action_type("rollback_image").missing(proposal(), {"mend_compose_dirs": {"other": "/srv"}})
    assert "add mend_compose_dirs with shop" in missing


def test_the_findings_cite_it() -> None:
    told = [str(finding) for finding in findings_in(event(previous_there=False, data_format_changed=True))]
    assert told == [
        "its image was changed 2 h before [image.changed_seconds_ago]",
        "the image before it was healthy for 3 days, and is no longer on the host [image.previous_healthy_seconds]",
        "the two images name different forms of its data [image.data_format_changed]",
    ]


def inspected(image: str, **state: Any) -> dict[str, Any]:
    return {"Id": "1" * 64, "Name": "/shop-web-1", "Image": f"sha256:{image}", "State": {"Status": "running", **state}}


@pytest.mark.parametrize(
    ("image", "state", "health", "words"),
    [
        (OLD, {}, "healthy", "shop-web-1 running"),
        (NEW, {}, "unhealthy", "not made of the image that it was healthy with: shop-web-1"),
        (OLD, {"Status": "restarting"}, "unhealthy", "shop-web-1 restarting"),
        (NEW, {"Health": {"Status": "starting"}}, "unknown", "not made of the image"),
    ],
)
def test_well_is_what_runs_well_of_the_older_image(image: str, state: dict[str, Any], health: str, words: str) -> None:
    read = action_type("rollback_image").read_look
    assert read is not None
    seen = read(proposal(), {"exists": True, "container": inspected(image, **state)})
    assert (seen.health, words in seen.sentence, seen.facts["words"]) == (TargetStatus(health), True, seen.sentence)


def test_the_outcome_tells_both_images() -> None:
    before, after = (
        read_containers_look(proposal(), {"exists": True, "container": inspected(image)}).facts for image in (NEW, OLD)
    )
    told = action_type("rollback_image").told_change
    assert told(proposal(), before, after) == f"image {NEW[:12]} -> {OLD[:12]}"
    assert told(proposal(), after, after) == told(proposal(), {}, after) == ""
