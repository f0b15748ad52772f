"""The archive's index with many events in it: how big it is, how fast it fills, how fast each question is answered.

    python benchmarks/archive_index.py [--days 36] [--folder DIR]

10,000 events, 1,000 model attempts and 100 actions a day, on 200 nodes; a year is --days 365. Rows go in by the same
door as in the observer, without the files. Other folders' indexes are kept with --folder, and asked again.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.models.proposals import proposal_id
from observer.index.action_table import put_actions
from observer.index.event_parser import ArchivedEvent
from observer.index.event_table import put_events
from observer.index.events import EventFilter, read_events
from observer.index.healing_series import read_healing
from observer.index.history import HistoryFilter, read_history
from observer.index.keys import DAY_MS, time_of
from observer.index.line_tables import put_attempts
from observer.index.model_series import read_models
from observer.index.store import Store
from observer.index.string_ids import StringIds

EVENTS_A_DAY, ATTEMPTS_A_DAY, ACTIONS_A_DAY = 10_000, 1_000, 100
NODES, SERVICES = 200, 50
TYPES = ("container_died", "container_unhealthy", "oom_killed", "disk_full", "http_probe_failed", "service_recovered")
SAID = (
    "connection refused",
    "health check timed out",
    "killed by the kernel",
    "no space left on device",
    "502 from it",
)
LAST_MS = 1_780_000_000_000 // DAY_MS * DAY_MS


def day_of_events(day_ms: int, chance: random.Random) -> Iterator[ArchivedEvent]:
    """One day, in order of time, as a mesh in trouble tells it."""
    step = DAY_MS // EVENTS_A_DAY
    for number in range(EVENTS_A_DAY):
        node, service = f"node{chance.randrange(NODES):03d}", f"service{chance.randrange(SERVICES):02d}"
        kind = chance.choice(TYPES)
        severity = Severity.INFO if kind == "service_recovered" else chance.choice(list(Severity)[1:])
        if chance.random() > 0.001 and severity is Severity.CRITICAL:
            severity = Severity.ERROR
        ms = day_ms + number * step + chance.randrange(step)
        payload = {"reason": chance.choice(SAID), "exit_code": 137, "pid": chance.randrange(30_000)}
        event = HealthEvent.model_construct(
            type=kind,
            node=node,
            service=service,
            severity=severity,
            payload=payload,
            incident=f"{node}/{service}/{ms // 3_600_000}",
            trust=Trust.NODE,
        )
        action = f"plan-{node}-{service}-{number // 100:012x}" if number % 100 == 0 else None
        yield ArchivedEvent(node, ms, 0, event, "proposed" if action else "counted", action)


def day_of_attempts(day_ms: int, chance: random.Random) -> list[tuple[int, int, ModelAttempt]]:
    step = DAY_MS // ATTEMPTS_A_DAY
    made = []
    for number in range(ATTEMPTS_A_DAY):
        ms = day_ms + number * step
        provider = chance.choice((("smol", "llamacpp", 1), ("haiku", "anthropic", 2), ("sonnet", "anthropic", 3)))
        outcome = chance.choice(("ok", "ok", "ok", "timeout", "ungrounded", "api_error"))
        attempt = ModelAttempt.model_validate(
            {
                **dict(zip(("model", "provider", "position"), provider, strict=True)),
                "ts": time_of(ms),
                "event_id": f"node001/{ms}-0",
                "outcome": outcome,
                "latency_ms": chance.lognormvariate(7, 0.8),
                "prompt_tokens": 900,
                "completion_tokens": 80,
                "cost_usd": 0.001,
            }
        )
        made.append((ms, 0, attempt))
    return made


def day_of_actions(day_ms: int, chance: random.Random) -> list[dict[str, Any]]:
    made = []
    for number in range(ACTIONS_A_DAY):
        symptom = day_ms + number * (DAY_MS // ACTIONS_A_DAY)
        node, service = f"node{chance.randrange(NODES):03d}", f"service{chance.randrange(SERVICES):02d}"
        event_id = f"{node}/{symptom}-0"
        action_id = proposal_id(event_id, node, service)
        proposed = symptom + chance.randrange(500, 30_000)
        decided = proposed + chance.randrange(5_000, 3_600_000)
        folder = chance.choice(("done", "done", "done", "failed", "rejected"))
        ran = folder != "rejected"
        made.append(
            {
                **{"place": f"{folder}/{action_id}", "mark": "", "id": action_id, "folder": folder},
                **{"at_ms": decided + 9000, "verdict": {"done": "proven", "failed": "not_helped"}.get(folder)},
                **{"node": node, "service": service, "type": "container_restart", "action": "restart", "risk": "low"},
                **{"by": "ann (uid 1000)", "reason": "healthy in 3 looks in a row", "attempt": 1, "event_id": event_id},
                **{"model": "smol", "provider": "llamacpp", "position": 1, "confidence": 0.7},
                **{"symptom_ms": symptom, "proposed_ms": proposed, "decided_ms": decided},
                "started_ms": decided + 300 if ran else None,
                "finished_ms": decided + 9000 if ran else None,
            }
        )
    return made


def fill(store: Store, days: int) -> float:
    """Seconds for everything, oldest day first, 500 events a transaction."""
    chance, names = random.Random(7), StringIds()
    began = time.perf_counter()
    for number in range(days):
        day_ms = LAST_MS - (days - number) * DAY_MS
        today = list(day_of_events(day_ms, chance))
        for start in range(0, len(today), 500):
            with store.write() as connection:
                put_events(connection, names, today[start : start + 500])
        with store.write() as connection:
            put_attempts(connection, names, day_of_attempts(day_ms, chance))
            put_actions(connection, day_of_actions(day_ms, chance))
    return time.perf_counter() - began


def questions(days: int) -> dict[str, Callable[[Connection, random.Random], object]]:
    first = LAST_MS - days * DAY_MS

    def events(**given: Any) -> Callable[[Connection, random.Random], object]:
        return lambda c, chance: read_events(c, EventFilter(**{k: _of(v, chance) for k, v in given.items()}), limit=50)

    def node(chance: random.Random) -> str:
        return f"node{chance.randrange(NODES):03d}"

    def service(chance: random.Random) -> str:
        return f"service{chance.randrange(SERVICES):02d}"

    return {
        "events, newest": events(),
        "events, one node": events(node=node),
        "events, one service": events(service=service),
        "events, node + service": events(node=node, service=service),
        "events, node + service + type": events(node=node, service=service, type="oom_killed"),
        "events, type + critical": events(type="disk_full", severity=Severity.CRITICAL),
        "events, error and worse": events(severity=Severity.ERROR),
        "events, nothing fits": events(type="service_recovered", severity=Severity.ERROR),
        "events, words": events(q="kernel killed"),
        "events, rare word": events(q=lambda chance: str(chance.randrange(30_000))),
        "events, word + node": events(q="refused", node=node),
        "events, beginning of a word": events(q="kern*"),
        "events, one day half a year ago": events(since_ms=first + days // 2 * DAY_MS, until_ms=LAST_MS),
        "events, deep page": lambda c, chance: read_events(
            c, EventFilter(node=node(chance)), limit=50, cursor=str((first + DAY_MS) * 32768)
        ),
        "history, newest": lambda c, chance: read_history(c, HistoryFilter(), limit=50),
        "history, service + failed": lambda c, chance: read_history(
            c, HistoryFilter(service=service(chance), result="failed"), limit=50
        ),
        "models, 24 h": lambda c, chance: read_models(c, 24, LAST_MS - 1),
        "models, 72 h": lambda c, chance: read_models(c, 72, LAST_MS - 1),
        "models, a year": lambda c, chance: read_models(c, 8784, LAST_MS - 1),
        "healing, 30 days": lambda c, chance: read_healing(c, 30, LAST_MS - 1),
        "healing, a year": lambda c, chance: read_healing(c, 366, LAST_MS - 1),
    }


def _of(value: Any, chance: random.Random) -> Any:
    return value(chance) if callable(value) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=36)
    parser.add_argument("--folder", type=Path, help="keep the index here, and use the one that is there")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="only questions with this in their name")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error("--rounds: at least 2, for a p95")
    with tempfile.TemporaryDirectory() as temporary:
        path = (given.folder or Path(temporary)) / "observer.db"
        there = path.exists()
        store = Store(path)
        if not there:
            seconds = fill(store, given.days)
            rows = given.days * EVENTS_A_DAY
            size = sum(file.stat().st_size for file in path.parent.glob("observer.db*"))
            print(f"{rows:,} events in {seconds:.0f} s ({rows / seconds:,.0f}/s), {size / 2**20:,.0f} MiB,")
            print(f"{size / rows:.0f} bytes an event with its share of attempts and actions\n")
        print(f"{'question':34} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8}")
        chance = random.Random(11)
        for name, ask in questions(given.days).items():
            if given.only not in name:
                continue
            took = []
            for _ in range(given.rounds):
                with store.read() as connection:
                    began = time.perf_counter()
                    ask(connection, chance)
                took.append((time.perf_counter() - began) * 1000)
            cuts = statistics.quantiles(took, n=20)
            print(f"{name:34} {statistics.median(took):8.1f} {cuts[18]:8.1f} {max(took):8.1f}", flush=True)
        store.close()
        print(f"\npeak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
