"""What was done to a target before decides which choice goes first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mesh_core.models.proposals import Risk
from mesh_core.models.records import rfc3339
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
