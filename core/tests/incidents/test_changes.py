"""What changed before the trouble is told with its time, and each change once."""

from __future__ import annotations

from typing import Any

from mesh_core.incidents.changes import EarlierChange, changes_in
from mesh_core.models.events import HealthEvent, Trust

IMAGE = {"changed_seconds_ago": 600, "previous_name": "shop:1", "name": "shop:2"}


def event(found: dict[str, Any], trust: Trust = Trust.NODE) -> HealthEvent:
    payload = {"investigation": found}
    return HealthEvent(type="container_unhealthy", node="pi4", service="shop", payload=payload, trust=trust)


def rows(*told: tuple[object, object, object]) -> dict[str, Any]:
    return {"rows": [{"kind": kind, "name": name, "seconds_ago": seconds} for kind, name, seconds in told]}


def test_the_oldest_change_comes_first_and_a_start_of_the_host_is_one() -> None:
    found = {"image": IMAGE, "changed": rows(("package", "libssl3", 90), ("boot", "", 7200), ("package", "x", "soon"))}
    assert changes_in(event(found)) == (
        EarlierChange("the host was started", 7200),
        EarlierChange("its image changed, shop:1 -> shop:2", 600),
        EarlierChange("package libssl3 changed", 90),
    )


def test_a_container_that_was_made_anew_is_its_new_image() -> None:
    found = {"image": IMAGE, "changed": rows(("container", "shop", 590), ("container", "db", 60))}
    assert [change.what for change in changes_in(event(found))] == [
        "its image changed, shop:1 -> shop:2",
        "container db changed",
    ]


def test_what_is_older_than_a_day_or_told_by_a_stranger_is_no_change() -> None:
    assert changes_in(event({"image": {"changed_seconds_ago": 90_000}, "unit": {"changed_seconds_ago": True}})) == ()
    assert changes_in(event({"image": IMAGE}, Trust.FOREIGN)) == ()
    assert changes_in(event({"unit": {"changed_seconds_ago": 5}})) == (EarlierChange("its unit file changed", 5),)
