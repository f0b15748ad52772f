"""What was tried before is told by trouble and remedy; one run that does not help ends a streak."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import A_PERSON, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.policy.seen_before import STREAK, comes_back, doubted, in_words, streak, suggested, tried
from mesh_core.policy.track_record import PastRun

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
SHOP, DISK = "web01/shop", "web01/shop@disk_space_low /srv"
RESTART, ROLLBACK = "container_restart", "rollback_image"


def run(type_: str, verdict: str, hours: float, subject: str = SHOP, seconds: float | None = None) -> PastRun:
    return PastRun("plan-x", type_, verdict, rfc3339(NOW - timedelta(hours=hours)), subject, seconds)


def proposal(risk: Risk, trust: Trust) -> Proposal:
    event = HealthEvent(id="web01/1-0", type="container_unhealthy", node="web01", service="shop", trust=trust)
    return Proposal(
        **{"id": proposal_id("web01/1-0", "web01", "shop"), "type": RESTART, "action": "restart", "risk_level": risk},
        **{"node": "web01", "service": "shop", "reason": "its health check fails", "confidence": 0.5},
        **{"created_at": rfc3339(NOW), "expires_at": rfc3339(NOW), "event": event, "model": A_PERSON},
    )


def told(*runs: PastRun, subject: str = SHOP) -> str:
    return in_words(tried(runs, subject), lambda at: "on " + at[:10])


def test_what_helped_goes_before_what_did_not() -> None:
    assert (
        told(
            run(RESTART, "not_helped", 30),
            run(RESTART, "not_helped", 31),
            run(ROLLBACK, "proven", 60, seconds=41.6),
        )
        == "rollback image helped (1 of 1 run, the last on 2026-05-03, proven after 42 s); "
        "container restart did not help (2 runs, the last on 2026-05-04)"
    )


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ("proven not_helped", "container restart helped the last time (1 of 2 runs, the last on 2026-05-05)"),
        ("not_helped proven", "container restart did not help the last time (1 of 2 runs, the last on 2026-05-05)"),
        ("inconclusive", "container restart: nobody could say whether it helped (1 run, the last on 2026-05-05)"),
        ("not_run previewed acknowledged", ""),
        ("", ""),
    ],
)
def test_the_newest_run_says_whether_it_helped(verdicts: str, words: str) -> None:
    assert told(*(run(RESTART, verdict, hours) for hours, verdict in enumerate(verdicts.split()))) == words


def test_other_trouble_of_the_place_is_no_memory_of_this_one() -> None:
    runs = (run(RESTART, "proven", 1, DISK), run(ROLLBACK, "proven", 2, ""))
    assert told(*runs).startswith("rollback image helped")
    assert "restart" not in told(*runs)
    assert told(runs[0], subject=DISK).startswith("container restart helped")


def test_a_streak_ends_with_the_first_run_that_is_not_proven() -> None:
    proven = [run(RESTART, "proven", 48 + n) for n in range(STREAK)]
    assert streak(proven, RESTART) == STREAK
    assert streak([run(RESTART, "not_run", 1), *proven], RESTART) == STREAK
    assert streak([run(ROLLBACK, "not_helped", 1), *proven], RESTART) == STREAK
    assert streak([run(RESTART, "not_helped", 1), *proven], RESTART) == 0
    assert streak([run(RESTART, "inconclusive", 1), *proven], RESTART) == 0
    assert streak([*proven, run(RESTART, "not_helped", 99), *proven], RESTART) == STREAK


def test_a_yes_on_sight_is_suggested_only_for_what_was_proven_again_and_again_and_lasts() -> None:
    proven = [run(RESTART, "proven", 48 + n) for n in range(STREAK)]

    def said(*runs: PastRun, risk: Risk = Risk.LOW, trust: Trust = Trust.NODE) -> str:
        return suggested(runs, proposal(risk, trust), NOW)

    assert said(*proven) == "container restart: the last 5 runs here were all proven; approve on sight?"
    assert not said(*proven[1:])
    assert not said(run(RESTART, "not_helped", 1), *proven)
    assert not said(*proven, risk=Risk.HIGH)
    assert not said(*proven, trust=Trust.FOREIGN)
    often = [run(RESTART, "proven", hours) for hours in (1, 2, 3)]
    assert not said(*often, *proven)
    assert comes_back((*often, *proven), SHOP, NOW) == "it comes back: mended 3 times within a day"
    assert not comes_back(often[1:], SHOP, NOW)


def test_what_did_not_help_the_last_time_or_never_lasts_is_doubted() -> None:
    once = proposal(Risk.LOW, Trust.NODE)
    failed, proven = run(RESTART, "not_helped", 30), run(RESTART, "proven", 31)
    assert doubted((failed, proven), once, NOW) == "container restart did not help here the last time"
    assert doubted((proven, failed, run(ROLLBACK, "not_helped", 1)), once, NOW) == ""
    often = [run(RESTART, "proven", hours) for hours in (1, 2, 3)]
    assert doubted(often, once, NOW) == "it comes back: mended 3 times within a day"
