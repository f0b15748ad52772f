"""Make a compose service anew from the image that it was healthy with, which its node's agent remembers.

The name that its declaration uses is given to that image, so nothing of the declaration is touched. Never across a
change of the form of its data; never where nobody saw the older image do well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mesh_core.actions.action_type import ActionType, Choice, not_where
from mesh_core.actions.compose_projects import (
    containers_made_anew,
    folder_known,
    is_wide,
    left_without,
    made_anew,
    missing_folder,
    of_service,
)
from mesh_core.actions.container_state import read_look as read_containers_look
from mesh_core.actions.containers import ContainerQuery, compose_of
from mesh_core.actions.playbooks import PlaybookSet, Task, UnsafeText, must_hold, play, target_of
from mesh_core.actions.remedies.offering import NOBODY_LOOKED
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.incidents.investigation import fact_in
from mesh_core.models.durations import span_in_words
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Proposal, Risk
from mesh_core.models.whole_numbers import whole_in

NEW_FOR_SECONDS = 7 * 86400  # longer ago, and the change of the image is hardly the cause
WELL_FOR_SECONDS = 86400  # an image that was well for so long is not what is broken
SHORT_ID = 12  # digits of an image's id that people see

_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
_NAME = re.compile(
    r"(?!(?:sha256:)?[0-9a-f]{12,64}$)[a-z0-9][\w.-]*(?::[0-9]+/[\w.-]+)?(?:/[\w.-]+)*(?::\w[\w.-]{0,127})?"
)


def _unmet(event: HealthEvent) -> str:
    if event.trust is not Trust.NODE:
        return NOBODY_LOOKED
    if fact_in(event, "image.previous") is None:
        return "the agent remembers no other image with which it was healthy"
    if compose_of(event) is None:
        return "no compose project declares it, so nothing says how to make it anew"
    if not _images_in(event):
        return "its declaration names an image by a number, which no other image can have"
    changed, well = (_number(event, f"image.{name}") for name in ("changed_seconds_ago", "current_healthy_seconds"))
    if changed is None or changed > NEW_FOR_SECONDS:
        return "its image was not changed within a week"
    if well is None or well >= WELL_FOR_SECONDS:
        return "it was healthy with the image of now for a day or more"
    if fact_in(event, "image.previous_there") is not True:
        return "the image that it was healthy with is no longer on its host"
    if fact_in(event, "image.data_format_changed") is not False:
        return "the older image may not understand the data that the newer one wrote"
    return ""


_CHOICE = Choice(
    "rollback_image",
    "make it anew from the image that it ran while it was healthy; it became unhealthy after its image was changed",
    interrupts=True,
    loop_guarded=True,
    conditions=not_where("rollback_image", ("operator", "maintenance")),
    unmet=_unmet,
)


def _images_in(event: HealthEvent) -> tuple[str, str] | None:
    """(id of the image that it was healthy with, name that its container was made of); None where one is none."""
    previous, name = fact_in(event, "image.previous"), fact_in(event, "image.name")
    number = _ID.fullmatch(previous) if isinstance(previous, str) else None
    if number is None or not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    return f"sha256:{number[1]}", name


def _number(event: HealthEvent, name: str) -> int | None:
    return whole_in(fact_in(event, name))


def _query(proposal: Proposal) -> tuple[str, str, str, str, ContainerQuery]:
    """(node, service, image, its name, its containers). ValueError where the event does not give them."""
    node, service = target_of(proposal)
    images = _images_in(proposal.event)
    if images is None or compose_of(proposal.event) is None:
        raise ValueError("its event gives no image that this service was healthy with, or no compose project")
    return node, service, *images, of_service(proposal.event, node, service)


def _playbooks(proposal: Proposal) -> PlaybookSet:
    node, service, image, name, found = _query(proposal)
    query = replace(
        found, variables={**found.variables, "mend_image": UnsafeText(image), "mend_image_name": UnsafeText(name)}
    )
    see: Task = {
        "name": "Find the image that it was healthy with",
        "community.docker.docker_image_info": {"name": ["{{ mend_image }}"]},
        "register": "kept",
    }
    there = must_hold(
        "That image is there",
        "kept.images | length == 1",
        f"The image that {service} was healthy with is no longer on {node}: nothing was changed.",
    )
    rename: Task = {
        "name": "Give it the name that the declaration uses",
        "community.docker.docker_image_tag": {"name": "{{ mend_image }}", "repository": ["{{ mend_image_name }}"]},
    }
    tasks = (folder_known(proposal.event, node, service), see, there, rename, made_anew(proposal.event, "never"))
    return PlaybookSet(
        apply=play(f"Roll the image of {service} on {node} back", node, query.variables, *tasks),
        look=query.look(node, service),
        converge=query.started(node, service),
    )


def _read_look(proposal: Proposal, result: Mapping[str, Any]) -> TargetState:
    """Well is what runs well and is made of that image."""
    seen = read_containers_look(proposal, result)
    image = (_images_in(proposal.event) or ("", ""))[0].removeprefix("sha256:")
    others = [str(one["name"]) for one in _own(seen.facts) if one["image_id"] != image]
    if not others:
        return seen
    words = f"{seen.sentence}; not made of the image that it was healthy with: {', '.join(others)}"
    health = seen.health if seen.health is TargetStatus.UNKNOWN else TargetStatus.UNHEALTHY
    return TargetState.seen(health, words, **{key: value for key, value in seen.facts.items() if key != "words"})


def _told_change(proposal: Proposal, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    first, then = (
        ", ".join(sorted({str(one.get("image_id"))[:SHORT_ID] for one in _own(facts)})) for facts in (before, after)
    )
    return f"image {first} -> {then}" if first and then and first != then else ""


def _own(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Its containers that a look saw, without those that only live in its network."""
    containers = facts.get("containers")
    return [one for one in containers if not one.get("beside")] if isinstance(containers, list) else []


def _touches(proposal: Proposal) -> str:
    event = proposal.event
    images = _images_in(event)
    said = f"makes {containers_made_anew(proposal)} anew from the image that it was healthy with"
    if images is None:  # nothing will run; why not is said where the playbook would stand
        return said
    image, name = images
    well, changed = _number(event, "image.previous_healthy_seconds"), _number(event, "image.changed_seconds_ago")
    spans = [
        f"healthy for {span_in_words(well)}" if well else "",
        f"until {span_in_words(changed)} ago" if changed else "",
    ]
    more = ", ".join(part for part in (image.removeprefix("sha256:")[:SHORT_ID], *spans) if part)
    lasting = f"{name} is that image until somebody pulls or builds again: pin the one that works, or mend the newer"
    return f"{said} ({more}); {lasting}{_data(event)}{left_without(proposal)}"


def _data(event: HealthEvent) -> str:
    """What it keeps, where it keeps something: the newer image may have written there."""
    places = fact_in(event, "image.volumes")
    names = [str(place) for place in places if isinstance(place, str)] if isinstance(places, list) else []
    if not names:
        return ""
    return f"; its data stays as the newer image left it, which the older one may not understand: {', '.join(names)}"


ACTION = ActionType(
    name="rollback_image",
    risk=Risk.GUARDED,
    choice=_CHOICE,
    playbooks=_playbooks,
    read_look=_read_look,
    touches=_touches,
    is_wide=is_wide,
    missing=missing_folder,
    told_change=_told_change,
    sees_the_trouble=True,
)
