"""Silences that are over are put away: by the clock, or because it is well there. None before its time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mesh_core.models.records import rfc3339
from mesh_core.runtime.metrics import SILENCES
from mesh_core.silences.commands import SilenceRequest, acknowledge, maintain
from mesh_core.silences.folder import SilenceFolder
from mesh_core.testing import AllFolders
from observer.folders.silence_expiry import SilenceExpiry
from observer.world import HealthState, TargetHealth, World

NOW = datetime.now(UTC)  # as the tests are collected: hours before they run, on a slow machine


def world(state: HealthState, since: datetime) -> World:
    place = TargetHealth(node="web01", service="shop", state=state, since=rfc3339(since))
    return World(places={place.target_key: place})


@pytest.mark.parametrize(
    ("state", "since", "ends"),
    [
        (HealthState.HEALTHY, NOW + timedelta(seconds=1), True),
        (HealthState.HEALTHY, NOW - timedelta(hours=1), False),  # it was well before anybody acknowledged anything
        (HealthState.UNHEALTHY, NOW + timedelta(seconds=1), False),
        (HealthState.OFFLINE, NOW + timedelta(seconds=1), False),
    ],
)
def test_an_acknowledgement_is_over_once_its_place_became_well(
    tmp_path: Path, state: HealthState, since: datetime, *, ends: bool
) -> None:
    folder = SilenceFolder(tmp_path)
    wish = SilenceRequest("web01", NOW + timedelta(days=7), "ann", service="shop")
    kept = maintain(folder, wish, NOW).silence
    made = acknowledge(folder, AllFolders(tmp_path), wish, NOW).silence
    SilenceExpiry(folder, lambda: world(state, since)).look()
    assert SILENCES.value("acknowledge") == (0 if ends else 1)
    assert SILENCES.value("maintenance") == 1
    assert {s.id for s in folder.current()} == ({kept.id} if ends else {kept.id, made.id})
    assert folder.end_reason(made.id) == ("it is healthy again\n-- observer" if ends else "")


def test_what_is_over_by_the_clock_is_put_away_without_a_word(tmp_path: Path) -> None:
    folder = SilenceFolder(tmp_path)
    long_ago = NOW - timedelta(hours=2)
    made = maintain(folder, SilenceRequest("web01", NOW - timedelta(hours=1), "ann"), long_ago).silence
    SilenceExpiry(folder, World).look()
    assert folder.current() == ()
    assert folder.ended() == (made,)
    assert folder.end_reason(made.id) == ""
