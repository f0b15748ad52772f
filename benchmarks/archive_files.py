"""What a year of the archive takes on disk, in the older form (a file an event) and in today's, and what reading costs.

    python benchmarks/archive_files.py [--days 10] [--nodes 20]

10,000 events a day, a tenth of them decided about, with logs of words and numbers. Some days are written and scaled to
a year: seven days as plain lines, the others compressed. Index and conversion are the product's own code. All times
are of the processor, so that a busy machine gives the same.
"""

from __future__ import annotations

from mesh_core.runtime.log import setup

import argparse
import json
import random
import statistics
import tempfile
import time
from pathlib import Path

from mesh_core.models.events import Decision, HealthEvent, Severity, Trust
from mesh_core.storage.disk_room import size_of
from mesh_core.storage.event_conversion import convert_all
from mesh_core.storage.event_files import lines_about
from mesh_core.storage.event_packing import pack
from mesh_core.testing import AllFolders
from observer.archive.events import EventArchive
from observer.index.indexer import Indexer
from observer.index.keys import DAY_MS, day_of, time_of

A_DAY, YEAR = 10_000, 365
BASE_MS = 1_780_000_000_000 // DAY_MS * DAY_MS
WORDS = [
    "connection",
    "refused",
    "timeout",
    "while",
    "reading",
    "from",
    "upstream",
    "client",
    "worker",
    "exited",
    "signal",
    "kernel",
    "memory",
    "disk",
    "retry",
]


def day_of_events(day_ms: int, nodes: int, chance: random.Random) -> tuple[list[HealthEvent], list[Decision]]:
    events, decisions = [], []
    for number in range(A_DAY):
        ms, node = day_ms + number * (DAY_MS // A_DAY), f"node{chance.randrange(nodes):03d}"
        log = "\n".join(
            f"{time_of(ms - k)} {chance.randrange(10**6):06d} {' '.join(chance.choices(WORDS, k=9))}" for k in range(6)
        )
        event = HealthEvent(
            id=f"{node}/{ms}-0",
            type=chance.choice(("container_died", "container_unhealthy", "disk_full", "service_recovered")),
            node=node,
            service=f"service{chance.randrange(50):02d}",
            severity=chance.choice(list(Severity)),
            payload={"exit_code": 137, "pid": chance.randrange(30_000), "log": log},
            timestamp=time_of(ms),
            incident=f"{node}/x/{ms // 3_600_000}",
            trust=Trust.NODE,
        )
        events.append(event)
        if number % 10 == 0:
            said = {"verdict": "counted", "reason": "an open proposal is about it", "action_id": f"plan-{node}-{ms:x}"}
            decisions.append(Decision.model_validate({"ts": time_of(ms), "event_id": event.id, **said}))
    return events, decisions


def write_older(root: Path, events: list[HealthEvent], decisions: list[Decision]) -> None:
    decided = {d.event_id: json.loads(d.wire()) for d in decisions}
    for event in events:
        node, _, entry = (event.id or "").rpartition("/")
        path = root / day_of(int(entry.partition("-")[0])) / node / f"evt-{entry}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"event": json.loads(event.wire()), "decision": decided.get(event.id or "")}
        path.write_text(json.dumps(kept, ensure_ascii=False) + "\n")


def inodes(root: Path) -> int:
    return sum(1 for _ in root.rglob("*"))


def indexed(runtime: Path) -> tuple[float, int]:
    """Seconds of processor for a whole index, and its bytes."""
    indexer, began = Indexer(runtime, AllFolders(runtime)), time.process_time()
    while indexer.step():
        pass
    took = time.process_time() - began
    indexer.close()
    return took, size_of(runtime / "index")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=20)
    given = parser.parse_args()
    setup("benchmark", level="error")
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        older, today = Path(folder) / "older", Path(folder) / "today"
        archive = EventArchive(today / "events")
        appended = 0.0
        for number in range(given.days):
            events, decisions = day_of_events(BASE_MS + number * DAY_MS, given.nodes, chance)
            write_older(older / "events", events, decisions)
            began = time.process_time()
            for start in range(0, A_DAY, 200):
                archive.keep(events[start : start + 200], decisions[start // 10 : start // 10 + 20])
            appended += time.process_time() - began
        print(f"{given.days} days of {A_DAY} events on {given.nodes} nodes; {len(events[0].wire())} bytes an event")
        print(f"appended {given.days * A_DAY / appended:.0f} events a second of processor, 200 at a time, all synced")
        for name, runtime in (("a file an event", older), ("a file a day and node", today)):
            took, size = indexed(runtime)
            print(f"{name}: index of {given.days} days in {took:.1f} s ({size / 1e6:.0f} MB)")
        plain, plain_inodes = size_of(today / "events"), inodes(today / "events")
        old, old_inodes = size_of(older / "events"), inodes(older / "events")
        began = time.process_time()
        for path in sorted((today / "events").glob("*/*.jsonl")):
            pack(path, archive.lock)
        took = time.process_time() - began
        packed = size_of(today / "events")
        print(f"compressed {given.days} days in {took:.1f} s, to {packed / plain:.3f} of the plain size")
        began = time.process_time()
        convert_all(older / "events")
        print(f"converted {given.days} days of files in {time.process_time() - began:.1f} s")
        print(f"index out of compressed files: {given.days} days in {indexed_anew(today):.1f} s")
        looked = []
        for event in chance.sample(events, 50):
            day, node = today / "events" / day_of(int((event.id or "").rpartition("/")[2][:-2])), event.node
            began = time.process_time()
            assert list(lines_about(day, node, [event.id or ""]))
            looked.append((time.process_time() - began) * 1000)
        print(f"one event out of a compressed file: {statistics.median(looked):.1f} ms, at most {max(looked):.1f} ms")
        scale = YEAR / given.days
        year = plain / given.days * 7 + packed / given.days * (YEAR - 7)
        print(f"{'a year':24} {'GB':>8} {'inodes':>12}")
        print(f"{'a file an event':24} {old * scale / 1e9:8.2f} {old_inodes * scale:12.0f}")
        print(f"{'a file a day and node':24} {year / 1e9:8.2f} {plain_inodes * scale:12.0f}")


def indexed_anew(runtime: Path) -> float:
    for path in (runtime / "index").iterdir():
        path.unlink()
    return indexed(runtime)[0]


if __name__ == "__main__":
    main()
