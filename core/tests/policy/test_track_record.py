"""What was done to a target before decides which choice goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mesh_core.incidents.subject import subject_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Risk
from mesh_core.models.records import rfc3339
from mesh_core.policy.considered import considered_for, rule_cited
from mesh_core.policy.policy import Policy
from mesh_core.policy.track_record import NOTHING_KNOWN, PastRun, RankedChoice, TrackRecord, ranked

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
ALLOWED = (
    RankedChoice("first", "first", Risk.LOW),
    RankedChoice("second", "second_type", Risk.LOW),
    RankedChoice("bold", "bold", Risk.GUARDED),
    RankedChoice("last", "last", Risk.LOW),
)


def past(*runs: tuple[str, str, float]) -> TrackRecord:
    """(type, verdict, hours ago), the newest first."""
    return TrackRecord.of([PastRun("x", t, v, rfc3339(NOW - timedelta(hours=h))) for t, v, h in runs], NOW)


def against(*runs: tuple[str, str, float, str]) -> TrackRecord:
    """(type, verdict, days ago, what was wrong then), the newest first; `it` is wrong now."""
    known = [PastRun("x", t, v, rfc3339(NOW - timedelta(days=d)), about) for t, v, d, about in runs]
    return TrackRecord.of(known, NOW, subject="it")


@pytest.mark.parametrize(
    ("record", "order", "given_up"),
    [
        (against(("first", "not_helped", 6, "it")), "second last bold first", set()),
        (against(("first", "not_helped", 8, "it")), "first second last bold", set()),
        (against(("first", "not_helped", 6, "else")), "first second last bold", set()),
        (against(("first", "not_helped", 6, "")), "first second last bold", set()),  # nobody kept what it was
        (against(("first", "not_helped", 0.5, "else")), "second last bold first", set()),
        (against(("first", "proven", 1, "it"), ("first", "not_helped", 2, "it")), "first second last bold", set()),
        (against(("first", "proven", 0.2, "else"), ("first", "not_helped", 2, "it")), "second last bold first", set()),
        (against(("first", "not_helped", 0.2, "else"), ("first", "proven", 2, "it")), "first second last bold", set()),
        (
            against(
                ("second_type", "not_helped", 1, "it"),
                ("first", "not_helped", 2, "it"),
                ("second_type", "not_helped", 3, "it"),
            ),
            "last bold first second",
            {"second_type"},
        ),
        (against(("first", "not_helped", 2, "it"), ("first", "not_helped", 8, "it")), "second last bold first", set()),
        (
            against(("first", "not_helped", 2, "it"), ("first", "proven", 3, "it"), ("first", "not_helped", 4, "it")),
            "second last bold first",
            set(),
        ),
        (
            against(
                ("first", "not_helped", 1, "it"), ("first", "inconclusive", 2, "it"), ("first", "not_helped", 3, "it")
            ),
            "second last bold first",
            {"first"},
        ),
    ],
)
def test_what_did_not_help_against_this_kind_of_trouble_stays_last_for_a_week(
    record: TrackRecord, order: str, given_up: set[str]
) -> None:
    assert ranked(ALLOWED, record, "first") == order.split()
    assert record.given_up == given_up


SHOP = HealthEvent(
    type="container_died", node="web01", service="shop", payload={"runtime": "docker", "status": "exited"}
)


def shop_after(*days: float, verdict: str = "not_helped") -> TrackRecord:
    runs = [
        PastRun("x", "container_restart", verdict, rfc3339(NOW - timedelta(days=d)), subject_of(SHOP)) for d in days
    ]
    return TrackRecord.of(runs, NOW, subject=subject_of(SHOP))


def test_the_only_remedy_is_offered_and_not_preferred_once_it_did_not_help_twice() -> None:
    policy = Policy.load(None)
    assert policy.allows(SHOP, shop_after(3)).preferred == "restart", "once may be chance, and nothing else is known"
    assert policy.allows(SHOP, shop_after(3, verdict="proven")).preferred == "restart"
    told = policy.allows(SHOP, shop_after(2, 3))
    assert (told.preferred, told.order[0]) == ("notify", "notify")
    assert "restart" in told.actions, "a person may choose it all the same"
    assert "restart did not help here at 2026-05-03T12:00:00.000Z; that was not the first time" in told.reason
    cited = rule_cited(SHOP, told)
    assert cited is not None
    assert "did not help here" in cited.says
    (why_not,) = [
        one.why_not for one in considered_for(SHOP, told, "notify", shop_after(2, 3)) if one.choice == "restart"
    ]
    assert why_not == "it did not help here on 2026-05-03"


@pytest.mark.parametrize(
    ("record", "prefer", "order"),
    [
        (NOTHING_KNOWN, "", "first second last bold"),
        (NOTHING_KNOWN, "bold", "bold first second last"),
        (past(("second_type", "proven", 99)), "", "second first last bold"),
        (past(("bold", "proven", 99)), "", "bold first second last"),
        (past(("bold", "proven", 99)), "last", "last bold first second"),
        (past(("first", "not_helped", 2)), "", "second last bold first"),
        (past(("first", "not_helped", 2)), "first", "second last bold first"),
        (past(("first", "not_helped", 25)), "first", "first second last bold"),
        (past(("first", "not_helped", 25)), "", "first second last bold"),
        (past(("first", "not_helped", 2), ("first", "proven", 3)), "", "second last bold first"),
        (past(("first", "proven", 2), ("first", "not_helped", 3)), "", "first second last bold"),
        (past(("last", "proven", 2), ("first", "not_helped", 3)), "first", "last second bold first"),
        (past(("first", "inconclusive", 1), ("first", "not_helped", 2)), "", "second last bold first"),
        (past(("first", "inconclusive", 1), ("first", "interrupted", 2)), "first", "first second last bold"),
    ],
)
def test_what_helped_goes_first_and_what_did_not_within_a_day_last(
    record: TrackRecord, prefer: str, order: str
) -> None:
    assert ranked(ALLOWED, record, prefer) == order.split()
