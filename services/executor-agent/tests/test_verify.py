"""Proof is well for a while; a crash loop is none; who could not look does not know. Time is passed in."""

from __future__ import annotations

import json
import threading
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from executor_agent.runner import verify as verify_room
from executor_agent.runner.ansible import StageContext
from executor_agent.runner.verify import RecoveryJudge, WatchLimits, verify
from mesh_core.actions.target_state import TargetState, TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict

SETTLE = WatchLimits(needed=3, margin_seconds=20, unhealthy_seconds=10)


def seen(
    health: TargetStatus, restarts: int = 0, incarnation: str = "1", start: float = 0, checked: bool = True
) -> TargetState:
    facts = {
        "restarts": restarts,
        "incarnation": incarnation,
        "start_period_seconds": start,
        "checked": checked,
    }
    return TargetState(health, health.value, facts)


def judge(
    looks: list[TargetState], settle: WatchLimits = SETTLE, every: float = 1.0
) -> tuple[int, OutcomeVerdict, str]:
    """(how many looks it took, verdict, reason); the last look repeats for ever."""
    jury = RecoveryJudge(settle)
    for number in range(2000):
        if decided := jury.observe(number * every, looks[min(number, len(looks) - 1)]):
            return number + 1, *decided
    raise AssertionError("no verdict in 2000 looks")


WELL, SICK, UNSURE = seen(TargetStatus.HEALTHY), seen(TargetStatus.UNHEALTHY), seen(TargetStatus.UNKNOWN)


def test_well_three_times_in_a_row_is_proof() -> None:
    assert judge([WELL])[:2] == (3, OutcomeVerdict.PROVEN)
    assert judge([UNSURE, WELL, UNSURE, WELL])[:2] == (6, OutcomeVerdict.PROVEN)
    assert judge([SICK, SICK, WELL])[:2] == (5, OutcomeVerdict.PROVEN)


def test_one_restart_by_itself_starts_the_count_again_and_two_are_a_crash_loop() -> None:
    once = [seen(TargetStatus.HEALTHY, 0), seen(TargetStatus.HEALTHY, 1, "2")]
    assert judge(once)[:2] == (4, OutcomeVerdict.PROVEN)
    loop = [seen(TargetStatus.HEALTHY, number, str(number)) for number in range(9)]
    looks, verdict, reason = judge(loop)
    assert (looks, verdict) == (3, OutcomeVerdict.NOT_HELPED)
    assert "keeps restarting" in reason
    silent = [seen(TargetStatus.HEALTHY, 0, str(number)) for number in range(9)]  # another process each time, uncounted
    assert judge(silent)[1] is OutcomeVerdict.NOT_HELPED


def test_what_merely_runs_has_to_run_for_a_while() -> None:
    runs = seen(TargetStatus.HEALTHY, checked=False)
    assert judge([runs])[:2] == (11, OutcomeVerdict.PROVEN)
    assert "steadily for 10 s" in judge([runs])[2]
    assert judge([runs], every=0.1)[:2] == (101, OutcomeVerdict.PROVEN)
    late = [UNSURE] * 15 + [runs]  # its ten seconds end after the window: it gets them
    assert judge(late)[:2] == (26, OutcomeVerdict.PROVEN)
    assert judge([*late, runs, UNSURE])[:2] == (21, OutcomeVerdict.INCONCLUSIVE)
    slow_loop = [seen(TargetStatus.HEALTHY, number // 6, str(number // 6), checked=False) for number in range(60)]
    assert judge(slow_loop)[:2] == (13, OutcomeVerdict.NOT_HELPED)  # up for six seconds each time
    jury = RecoveryJudge(SETTLE, probe_agrees=True)  # the probe that saw the trouble is asked next
    assert [jury.observe(float(number), runs) is not None for number in range(3)] == [False, False, True]


def times_of(looks: list[TargetState]) -> list[float]:
    """When each look comes, of one that takes no time; the last look repeats until there is a verdict."""
    jury, times = RecoveryJudge(SETTLE), [0.0]
    while jury.observe(times[-1], looks[min(len(times), len(looks)) - 1]) is None:
        times.append(times[-1] + max(1.0, jury.rest_seconds(times[-1])))
    return times


def test_what_only_has_to_last_is_looked_at_as_often_as_the_proof_needs() -> None:
    runs = seen(TargetStatus.HEALTHY, checked=False)
    assert times_of([runs]) == [0, 5, 10]
    assert times_of([UNSURE, UNSURE, runs]) == [0, 1, 2, 7, 12]
    assert times_of([WELL]) == [0, 1, 2]  # its own check says so
    again = seen(TargetStatus.HEALTHY, 1, "2", checked=False)
    assert times_of([runs, again]) == [0, 5, *range(6, 16)]  # whoever fell once is watched


def test_sick_without_a_break_is_known_early_but_not_within_the_start_period() -> None:
    looks, verdict, _ = judge([SICK])
    assert (looks, verdict) == (11, OutcomeVerdict.NOT_HELPED)
    slow = seen(TargetStatus.UNHEALTHY, start=40)
    assert judge([slow])[0] == 51
    assert judge([slow] * 45 + [seen(TargetStatus.HEALTHY, start=40)])[1] is OutcomeVerdict.PROVEN


def test_starting_is_neither_and_the_window_follows_the_containers_own_start_period() -> None:
    starting, well = seen(TargetStatus.UNKNOWN, start=90), seen(TargetStatus.HEALTHY, start=90)
    assert judge([starting] * 100 + [well])[1] is OutcomeVerdict.PROVEN
    looks, verdict, reason = judge([starting])
    assert (looks, verdict) == (111, OutcomeVerdict.INCONCLUSIVE)
    assert "110 s" in reason


def test_a_start_period_of_a_day_does_not_hold_us_for_a_day() -> None:
    assert judge([seen(TargetStatus.UNKNOWN, start=86_400)])[:2] == (601, OutcomeVerdict.INCONCLUSIVE)


def test_nobody_could_look_is_inconclusive() -> None:
    assert judge([UNSURE])[:2] == (21, OutcomeVerdict.INCONCLUSIVE)


def test_flapping_until_the_end_is_no_proof() -> None:
    assert judge([WELL, SICK] * 40)[1] is not OutcomeVerdict.PROVEN
    assert judge([WELL, UNSURE] * 40)[1] is OutcomeVerdict.INCONCLUSIVE


class Stage:
    """verify() with scripted looks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, looks: list[TargetState]) -> None:
        from parts.playing import a_proposal

        self.proposal = a_proposal()
        self.folder = folder
        self.left = looks
        self.lines: list[str] = []
        self.cancel = threading.Event()
        monkeypatch.setattr(verify_room, "look", self.look)

    def look(self, *_: object) -> TargetState:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    async def verify(self, probe: verify_room.ProbeRecovered | None = None, settle: WatchLimits | None = None):  # type: ignore[no-untyped-def]
        settle = settle or WatchLimits(
            every_seconds=0.001, margin_seconds=0.2, unhealthy_seconds=0.1, probe_seconds=0.1
        )
        nobody: Any = None
        context = StageContext(nobody, self.proposal.id, self.proposal.node, self.folder, cancel=self.cancel)
        ticks = count()  # each time that it asks for the time a millisecond has passed, however busy the machine is
        return await verify(
            self.proposal,
            context,
            self.lines.append,
            settle=settle,
            probe_recovered=probe,
            clock=lambda: next(ticks) / 1000,
        )


async def test_every_look_is_a_line_of_the_log_and_the_last_one_is_the_after(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = Stage(monkeypatch, tmp_path, [SICK, WELL])
    done = await stage.verify()
    assert done.verdict is OutcomeVerdict.PROVEN
    assert done.after == WELL.facts
    assert json.dumps(done.after)
    assert (done.stage.name, done.stage.ok) == ("verify", True)
    log = (tmp_path / "logs" / "04_verify.log").read_text().splitlines()
    assert log == stage.lines
    assert len(log) == 5
    assert log[-1].startswith("proven: ")


@pytest.mark.parametrize(
    ("said", "verdict"),
    [(True, OutcomeVerdict.PROVEN), (False, OutcomeVerdict.NOT_HELPED), (None, OutcomeVerdict.INCONCLUSIVE)],
)
async def test_trouble_that_a_probe_saw_is_over_when_the_probe_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: bool | None, verdict: OutcomeVerdict
) -> None:
    asked: list[float] = []

    async def probe(seconds: float) -> bool | None:
        asked.append(seconds)
        return said

    assert (await Stage(monkeypatch, tmp_path, [WELL]).verify(probe)).verdict is verdict
    assert asked == [0.1]
    asked.clear()
    assert (await Stage(monkeypatch, tmp_path, [SICK]).verify(probe)).verdict is OutcomeVerdict.NOT_HELPED
    assert asked == []  # what is still sick need not be asked about


async def test_a_cancel_ends_the_watch_without_a_claim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stage = Stage(monkeypatch, tmp_path, [UNSURE])
    stage.cancel.set()
    done = await stage.verify()
    assert done.verdict is OutcomeVerdict.INCONCLUSIVE
    assert "cancelled" in done.reason
