"""Silences over HTTP: the same files as `mend` writes, the same refusals, nothing half done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from observer_rig import Desk

from mesh_core.models.proposals import Folder
from mesh_core.models.records import rfc3339
from mesh_core.silences.folder import SilenceFolder
from observer.world import HealthState, TargetHealth, World

MAINTENANCE = {"kind": "maintenance", "node": "pi*", "seconds": 3600, "reason": "new disk"}


def folder(desk: Desk) -> SilenceFolder:
    return SilenceFolder(desk.actions.root.parent)


async def test_a_maintenance_is_written_listed_and_ended(desk: Desk) -> None:
    made = await desk.http.post("/silences", json=MAINTENANCE)
    assert made.status_code == 201, made.text
    silence = made.json()["silence"]
    assert silence["active"] is True
    assert [s.id for s in folder(desk).current()] == [silence["id"]]
    listed = (await desk.http.get("/silences")).json()["items"]
    assert listed == [silence]
    ended = await desk.http.delete(f"/silences/{silence['id']}")
    assert ended.status_code == 200
    assert ended.json()["active"] is False
    assert (await desk.http.get("/silences")).json()["items"] == []
    [over] = (await desk.http.get("/silences", params={"ended": True})).json()["items"]
    assert over["ended"].startswith("ended by web")
    assert (await desk.http.delete(f"/silences/{silence['id']}")).status_code == 409
    assert (await desk.http.delete("/silences/maintenance-ffffffff")).status_code == 404
    assert (await desk.http.delete("/silences/maintenance")).status_code == 404  # a program says the whole id


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"seconds": None}, "either seconds or until"),
        ({"until": "2099-01-01T00:00:00Z"}, "either seconds or until"),
        ({"seconds": None, "until": "2020-01-01T00:00:00Z"}, "passed already"),
        ({"seconds": None, "until": "2099-01-01T00:00:00Z"}, "30 days"),
        ({"seconds": 31 * 86400}, "seconds"),
        ({"node": "../x"}, "is no name"),
        ({"kind": "acknowledge"}, "only a maintenance may have patterns"),
        ({"kind": "snooze"}, "kind"),
        ({"reason": "x" * 501}, "reason"),
        ({"starts_at": "soon"}, "starts_at"),
        ({"starts_at": "9999-12-31T23:59:59Z"}, "between the years"),
        ({"starts_at": "9999-12-01T00:00:00-23:59"}, "between the years"),
        ({"starts_at": "0001-01-01T00:00:00+23:59"}, "between the years"),
        ({"seconds": None, "until": "0001-01-01T00:00:00+23:59"}, "between the years"),
        ({"seconds": None, "until": "9999-12-31T23:59:59-23:59"}, "between the years"),
    ],
)
async def test_a_bad_wish_is_a_422_with_a_sentence_and_leaves_nothing(
    desk: Desk, changed: dict[str, Any], word: str
) -> None:
    body = {name: value for name, value in {**MAINTENANCE, **changed}.items() if value is not None}
    answer = await desk.http.post("/silences", json=body)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert folder(desk).current() == ()


async def test_snoozing_moves_the_proposal_and_silences_its_place(desk: Desk) -> None:
    name = desk.propose()
    body = {"digest": name.digest, "seconds": 7200, "reason": "asleep"}
    answer = await desk.http.post(f"/proposals/{name.id}/snooze", json=body)
    assert answer.status_code == 200, answer.text
    assert desk.lies_in(name) == [Folder.REJECTED]
    [silence] = folder(desk).current()
    assert (silence.node, silence.service, silence.reason) == ("pi4", "web", "asleep")
    assert list(silence.put_aside.values()) == [name.id]
    assert answer.json()["silence"]["id"] == silence.id
    again = await desk.http.post(f"/proposals/{name.id}/snooze", json=body)
    assert (again.status_code, again.json()["error"]) == (409, "decided")
    assert len(folder(desk).current()) == 1


async def test_a_snooze_of_other_bytes_or_of_nothing_changes_nothing(desk: Desk) -> None:
    name = desk.propose()
    for action_id, digest, status in ((name.id, "0" * 16, 409), ("plan-x-y-000000000000", name.digest, 404)):
        body = {"digest": digest, "seconds": 60}
        assert (await desk.http.post(f"/proposals/{action_id}/snooze", json=body)).status_code == status
    assert desk.lies_in(name) == [Folder.PENDING]
    assert folder(desk).current() == ()


async def test_an_acknowledgement_says_what_it_put_aside_and_what_goes_on(desk: Desk) -> None:
    waits, approved = desk.propose(), desk.propose()
    desk.actions.approve(approved, "ann")
    body = {"kind": "acknowledge", "node": "pi4", "service": "web", "seconds": 3600, "reject": True}
    said = (await desk.http.post("/silences", json=body)).json()
    assert said["put_aside"] == [waits.id]
    assert said["going_on"] == [approved.id]


async def test_the_world_says_which_places_are_silent(desk: Desk) -> None:
    now = rfc3339(datetime.now(UTC))
    places = [TargetHealth(node="pi4", state=HealthState.UNHEALTHY, since=now)]
    places += [
        TargetHealth(node="pi4", service=name, state=HealthState.UNHEALTHY, since=now) for name in ("web", "mail")
    ]
    desk.seen[0] = World(places={place.target_key: place for place in places})
    body = {"kind": "maintenance", "node": "pi4", "service": "web", "seconds": 60}
    made = (await desk.http.post("/silences", json=body)).json()["silence"]["id"]
    later = {**body, "service": "mail", "starts_at": rfc3339(datetime.now(UTC) + timedelta(hours=1))}
    assert (await desk.http.post("/silences", json=later)).status_code == 201
    world = (await desk.http.get("/world")).json()
    assert {place["service"]: place["silences"] for place in world["places"]} == {"web": [made], "mail": []}
    assert world["nodes"][0]["silences"] == []
