"""Which silences hold where and until when, and which of them a recovery ends. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from silence_rig import NOW, silence

from mesh_core.models.events import HealthEvent
from mesh_core.models.records import rfc3339
from mesh_core.silences.silence import MAX_DAYS, ends_with, silences_for


@pytest.mark.parametrize(
    ("fields", "place", "covered"),
    [
        ({}, ("web01", "shop", "any_type"), True),
        ({}, ("web01", None, "disk_full"), True),
        ({}, ("web02", "shop", "any_type"), False),
        ({"node": "*"}, ("web02", None, "x"), True),
        ({"node": "web0?"}, ("web02", None, "x"), True),
        ({"node": "web0?"}, ("web10", None, "x"), False),
        ({"service": "shop*"}, ("web01", "shop.db", "x"), True),
        ({"service": "shop*"}, ("web01", "mail", "x"), False),
        ({"service": "shop*"}, ("web01", None, "x"), False),
        ({"type": "disk_*"}, ("web01", None, "disk_full"), True),
        ({"type": "disk_*"}, ("web01", None, "load_high"), False),
        ({"type": "disk_*"}, ("web01", None, None), True),
        ({"kind": "snooze", "service": "shop"}, ("web01", "shop", "x"), True),
        ({"kind": "snooze", "service": "shop"}, ("web01", None, "x"), False),
        ({"kind": "acknowledge"}, ("web01", "shop", "x"), False),
        ({"kind": "acknowledge"}, ("web01", None, "x"), True),
    ],
)
def test_a_silence_covers_what_it_says_and_no_more(
    fields: dict[str, str], place: tuple[str, str | None, str | None], *, covered: bool
) -> None:
    assert bool(silences_for([silence(**fields)], *place, NOW)) is covered


def test_a_silence_holds_from_its_begin_until_just_before_its_end() -> None:
    known = [silence()]
    for minutes, holds in ((-61, False), (-60, True), (0, True), (59, True), (60, False)):
        moment = NOW + timedelta(minutes=minutes)
        assert bool(silences_for(known, "web01", None, None, moment)) is holds, minutes


def test_the_one_that_ends_last_is_named_first() -> None:
    longer = silence(ends_at="2026-01-31T16:00:00+02:00", id="maintenance-00000002")  # 14:00 in UTC
    assert silences_for([silence(), longer], "web01", None, None, NOW)[0] is longer


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"ends_at": "2026-01-31T10:00:00Z"}, "not after"),
        ({"ends_at": "2026-03-30T10:00:00Z"}, f"{MAX_DAYS} days"),
        ({"kind": "snooze", "node": "web*", "id": "snooze-0123abcd"}, "patterns"),
        ({"kind": "acknowledge", "service": "*", "id": "acknowledge-0123abcd"}, "patterns"),
        ({"starts_at": "9999-12-31T00:00:00-23:00", "ends_at": "9999-12-31T23:59:59-23:00"}, "between the years"),
        ({"node": "../etc"}, "pattern"),
        ({"node": "[a-z]*"}, "pattern"),
        ({"node": "web01\n"}, "pattern"),
        ({"id": "maintenance-../../x"}, "pattern"),
    ],
)
def test_what_is_no_silence_is_none(fields: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        silence(**fields)


def recovery(
    node: str = "web01", service: str | None = None, kind: str = "service_recovered", **more: Any
) -> HealthEvent:
    return HealthEvent(
        type=kind, node=node, service=service, timestamp=more.pop("timestamp", rfc3339(NOW)), payload=more
    )


@pytest.mark.parametrize(
    ("fields", "event", "ends"),
    [
        ({"service": "shop"}, recovery(service="shop"), True),
        ({"service": "shop"}, recovery(service="mail"), False),
        ({"service": "shop"}, recovery(), False),
        ({"service": "shop"}, recovery(kind="node_online"), False),
        ({}, recovery(), True),
        ({"type": "disk_full"}, recovery(was="disk_full"), True),
        ({"type": "disk_full"}, recovery(was="load_high"), False),
        ({"type": "disk_full"}, recovery(kind="node_online"), False),
        ({"type": "node_offline"}, recovery(kind="node_online"), True),
        ({}, recovery(timestamp=rfc3339(NOW - timedelta(hours=2))), False),
        ({"kind": "maintenance", "id": "maintenance-0123abcd"}, recovery(), False),
        ({"kind": "snooze", "id": "snooze-0123abcd"}, recovery(), False),
    ],
)
def test_an_acknowledgement_ends_with_the_recovery_of_what_it_is_about(
    fields: dict[str, str], event: HealthEvent, *, ends: bool
) -> None:
    assert ends_with(silence(**{"kind": "acknowledge", **fields}), event) is ends
