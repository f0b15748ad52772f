"""When which news are told: quiet hours, the digest, how many an hour, when to try again. Pure; the time is given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mesh_core.models.events import Severity
from mesh_core.models.records import parse_time
from observer.notify.notifications import Notification
from observer.notify.rules import NotificationRules

BURST = 3  # as many at once are told one by one; more than that are a list
HOUR = timedelta(hours=1)
TOO_OLD = timedelta(hours=24)
AGAIN_SECONDS = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
MOST_TRIES = 12  # about seven hours


def due(
    waiting: Sequence[Notification], sent: Sequence[datetime], rules: NotificationRules, now: datetime
) -> tuple[tuple[Notification, ...], ...]:
    """The messages to send now, each made of some of `waiting`; what is in none of them waits on."""
    left = rules.most_per_hour - sum(1 for sent_at in sent if now - sent_at < HOUR)
    if left <= 0:
        return ()
    urgent = [notification for notification in waiting if is_urgent(notification, rules)]
    others = [notification for notification in waiting if not is_urgent(notification, rules)]
    if rules.quiet is not None and rules.quiet.holds(now):
        others = []
    digest = timedelta(minutes=rules.digest_minutes)
    if digest and not any(now - parse_time(notification.at) >= digest for notification in others):
        others = []
    messages = [*_together(urgent, BURST), *_together(others, 1 if digest else BURST)]
    if len(messages) > left:  # the last one that fits takes the rest along
        messages = [
            *messages[: left - 1],
            tuple(notification for message in messages[left - 1 :] for notification in message),
        ]
    return tuple(messages)


def is_urgent(notification: Notification, rules: NotificationRules) -> bool:
    return notification.kind in rules.urgent or (
        rules.critical_is_urgent and notification.severity is Severity.CRITICAL
    )


def again_after(tries: int) -> timedelta | None:
    """How long to wait after that many tries that failed; None: give up."""
    if tries >= MOST_TRIES:
        return None
    return timedelta(seconds=AGAIN_SECONDS[min(tries, len(AGAIN_SECONDS)) - 1])


def _together(notification: Sequence[Notification], singly: int) -> list[tuple[Notification, ...]]:
    if not notification:
        return []
    return [(item,) for item in notification] if len(notification) <= singly else [tuple(notification)]
