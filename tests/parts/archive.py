"""The archive as docs/decisions/0115 describes it, read and written without any code of the product."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def lines_in(events: Path) -> list[dict[str, Any]]:
    """Every line of every node's file, in the order in which they count; of half a line nothing."""
    return [json.loads(line) for line in _lines(events)]


def read_archive(events: Path) -> dict[str, dict[str, Any]]:
    """{event id: {"event": ..., "decision": ...}}, old form and new; what is not there is None."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(events.glob("*/[!.]*/evt-*.json")):
        entry = path.name.removeprefix("evt-").removesuffix(".json")
        found[f"{path.parent.name}/{entry}"] = json.loads(path.read_bytes())
    for line in lines_in(events):
        one = found.setdefault(line["id"], {"event": None, "decision": None})
        one["event"] = one["event"] or line.get("event")
        decision = line.get("decision")
        if decision and not (one["decision"] and decision["verdict"] == "benign"):
            one["decision"] = decision
    return found


def put_old(events: Path, event_id: str, event: Any, decision: Any = None) -> Path:
    """An event as it lay there before: a file of its own."""
    node, _, entry = event_id.rpartition("/")
    day = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC).strftime("%Y-%m-%d")
    path = events / day / node / f"evt-{entry}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"event": event, "decision": decision}, ensure_ascii=False) + "\n")
    return path


def _lines(events: Path) -> Iterator[bytes]:
    for day in sorted(events.glob("????-??-??")):
        for suffix in (".jsonl.gz", ".jsonl"):
            for path in sorted(day.glob(f"[!_.]*{suffix}")):
                if path.is_file():
                    raw = path.read_bytes()
                    raw = gzip.decompress(raw) if suffix.endswith(".gz") else raw
                    yield from raw[: raw.rfind(b"\n") + 1].splitlines()
