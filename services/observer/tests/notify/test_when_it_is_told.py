"""Quiet hours, digest, how many an hour, and when to try again; the clock is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh_core.models.events import Severity
from mesh_core.models.records import rfc3339
from observer.notify.notifications import Notification
from observer.notify.outbox import MAX_WAITING, NotificationOutbox
from observer.notify.rules import NotificationRules
from observer.notify.schedule import MOST_TRIES, again_after, due

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
NIGHT = {"from": "22:00", "to": "07:00", "zone": "UTC"}


def news(number: int = 0, kind: str = "proposal", at: datetime = NOON, **changes: Any) -> Notification:
    return Notification(key=f"{kind}{number}", kind=kind, at=rfc3339(at), node="web01", **changes)


def rules(**given: Any) -> NotificationRules:
    return NotificationRules.model_validate(given)


def sizes(messages: tuple[tuple[Notification, ...], ...]) -> list[int]:
    return [len(message) for message in messages]


def test_a_few_are_told_one_by_one_and_a_storm_in_one_message() -> None:
    assert sizes(due([news(n) for n in range(3)], [], NotificationRules(), NOON)) == [1, 1, 1]
    assert sizes(due([news(n) for n in range(40)], [], NotificationRules(), NOON)) == [40]
    assert due([], [], NotificationRules(), NOON) == ()


@pytest.mark.parametrize(("hour", "told"), [(21, True), (22, False), (3, False), (7, True)])
def test_in_quiet_hours_only_what_is_urgent_is_told(hour: int, *, told: bool) -> None:
    moment = NOON.replace(hour=hour)
    night = rules(quiet=NIGHT, urgent=["node_offline"])
    assert bool(due([news()], [], night, moment)) is told
    for urgent in (news(kind="node_offline"), news(severity=Severity.CRITICAL)):
        assert sizes(due([urgent, news(1)], [], night, moment)) == ([1, 1] if told else [1])
    calm = rules(quiet=NIGHT, critical_is_urgent=False)
    assert bool(due([news(severity=Severity.CRITICAL)], [], calm, moment)) is told


def test_a_digest_waits_for_its_time_and_then_takes_all() -> None:
    digest = rules(digest_minutes=30, urgent=["failed"])
    waiting = [news(n, at=NOON - timedelta(minutes=n)) for n in range(3)]
    assert due(waiting, [], digest, NOON) == ()
    assert sizes(due([*waiting, news(9, "failed")], [], digest, NOON)) == [1]
    assert sizes(due(waiting, [], digest, NOON + timedelta(minutes=28))) == [3]


def test_beyond_so_many_an_hour_the_rest_waits_and_comes_together() -> None:
    limit = rules(most_per_hour=3)
    sent = [NOON - timedelta(minutes=59), NOON - timedelta(minutes=1)]
    waiting = [news(n) for n in range(3)]
    assert sizes(due(waiting, sent, limit, NOON)) == [3]
    assert due(waiting, [*sent, NOON], limit, NOON) == ()
    assert sizes(due(waiting, [*sent, NOON], limit, NOON + timedelta(minutes=2))) == [3]
    assert sizes(due(waiting, [], limit, NOON)) == [1, 1, 1]
    assert sizes(due([*waiting, news(1, "failed", severity=Severity.CRITICAL)], [], limit, NOON)) == [1, 1, 2]


def test_a_target_that_fails_is_tried_for_hours_and_then_given_up() -> None:
    waits = [again_after(tries) for tries in range(1, MOST_TRIES)]
    assert None not in waits
    assert waits == sorted(waits)  # type: ignore[type-var]
    total = sum((wait for wait in waits if wait), timedelta())
    assert timedelta(hours=5) < total < timedelta(hours=10)
    assert again_after(MOST_TRIES) is None


def test_the_same_thing_waits_once_and_the_oldest_goes_when_too_many_wait() -> None:
    outbox = NotificationOutbox()
    for _ in range(2):
        outbox, full = outbox.heard("s", "1-0", news())
    assert (len(outbox.waiting), full) == (1, False)
    for number in range(MAX_WAITING):
        outbox, full = outbox.heard("s", f"2-{number}", news(number, "failed"))
    assert full
    assert len(outbox.waiting) == MAX_WAITING
    assert outbox.given_up == 1
    assert outbox.positions == {"s": f"2-{MAX_WAITING - 1}"}
