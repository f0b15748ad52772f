"""What a run left: gathered from Redis and the journals into one folder, and read back for the judge.

ROOT/var is the mesh's RUNTIME_PATH. ROOT/leftovers/ holds, beside what `gather` takes from Redis:

| file | a line (or the value) |
|---|---|
| sent.jsonl | `kind node service id raw acked`: kind is trouble restart heals recovery quiet test node benign garbage |
| spoken.jsonl | `kind raw marker at heard`: published by hand, an event or garbage |
| choices.jsonl | `id digest how what at`: what people did |
| agent.jsonl | `node service incident`: what the real node agent wrote down as open |
| troubles.jsonl | `what whom at until` |
| streams/NAME.jsonl | `id raw`, every entry of mesh:ev:* and of the record streams |
| run.json | `ansible`: is a tenth of the actions to be real runs; `forgetful`: Redis lost what it had acknowledged; |
| | `without` [services that were left out]; `exits` {name: [codes]}; `notified` [ids]; `restarts` [services] |
| groups.json occurrences.json | {stream: {group: {pending, behind}}}; {event id: times} |
"""

from __future__ import annotations

import contextlib
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORD_STREAMS = (
    "mesh:actions",
    "mesh:decisions",
    "mesh:dead_letters",
    "mesh:llm_attempts",
    "mesh:moves",
)
FOLDERS = (
    *("pending", "approved", "rejected", "running", "done", "failed"),
    *("interrupted", "expired", "withdrawn", "quarantine"),
)
NOTES = (".reason.txt", ".by.txt", ".tmp")

Row = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One stream entry. `value` is {} for what is no JSON object."""

    stream: str
    id: str
    raw: str
    value: Row


@dataclass
class Kept:
    """What the archive has about one event: each time that it stands there, and each decision."""

    events: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)


@dataclass
class Lies:
    """One place where an action lies. `digest`: of its bytes as the name says, or as its own claim says."""

    folder: str
    path: Path
    digest: str


@dataclass
class Leftovers:
    root: Path
    sent: list[Row]
    spoken: list[Row]
    choices: list[Row]
    agent: list[Row]
    troubles: list[Row]
    run: Row
    streams: dict[str, list[Entry]]
    groups: dict[str, dict[str, Row]]
    occurrences: dict[str, int]
    places: dict[str, list[Lies]]
    archive: dict[str, Kept]
    logbook: dict[str, set[str]]
    audit: list[bytes]

    def events(self) -> Iterator[Entry]:
        for name, entries in self.streams.items():
            if name.startswith("mesh:ev:"):
                yield from entries

    def records(self, stream: str) -> list[Entry]:
        return self.streams.get(stream, [])


def write_rows(folder: Path, rows: dict[str, list[Row]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, listed in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in listed))


def gather(root: Path, client: Any, rows: dict[str, list[Row]], run: Row) -> None:
    """Everything that is not in files yet, into ROOT/leftovers/. `client`: a redis.Redis that answers bytes."""
    folder = root / "leftovers"
    write_rows(folder, rows)
    names = sorted({*RECORD_STREAMS, *(key.decode() for key in client.scan_iter(match="mesh:ev:*", _type="stream"))})
    groups: dict[str, dict[str, Row]] = {}
    for name in names:
        entries = client.xrange(name)
        listed = [{"id": _text(entry_id), "raw": _text(fields.get(b"p", b""))} for entry_id, fields in entries]
        write_rows(folder / "streams", {name: listed})
        groups[name] = groups_of(client, name)
    (folder / "groups.json").write_text(json.dumps(groups))
    occurrences = client.hgetall("mesh:occurrences")
    (folder / "occurrences.json").write_text(json.dumps({_text(k): int(v) for k, v in occurrences.items()}))
    (folder / "run.json").write_text(json.dumps(run))


def groups_of(client: Any, stream: str) -> dict[str, Row]:
    """{group: {pending, behind}}: how many entries are handed out, and whether the newest was not yet."""
    if not client.exists(stream):
        return {}
    newest = _text(client.xinfo_stream(stream)["last-generated-id"])
    return {
        _text(group["name"]): {
            "pending": int(group["pending"]),
            "behind": _text(group["last-delivered-id"]) != newest,
        }
        for group in client.xinfo_groups(stream)
    }


def read(root: Path) -> Leftovers:
    folder = root / "leftovers"
    streams: dict[str, list[Entry]] = {}
    for path in sorted((folder / "streams").glob("*.jsonl")):
        name = path.name.removesuffix(".jsonl")
        streams[name] = [Entry(name, row["id"], row["raw"], _object(row["raw"])) for row in _rows(path)]
    log = root / "var" / "audit" / "audit.jsonl"
    return Leftovers(
        root,
        *(list(_rows(folder / f"{name}.jsonl")) for name in ("sent", "spoken", "choices", "agent", "troubles")),
        run=json.loads((folder / "run.json").read_text()),
        streams=streams,
        groups=json.loads((folder / "groups.json").read_text()),
        occurrences=json.loads((folder / "occurrences.json").read_text()),
        places=_places(root / "var" / "actions"),
        archive=archived(root / "var" / "events"),
        logbook=_logbook(root / "var" / "events"),
        audit=log.read_bytes().splitlines(keepends=True) if log.exists() else [],
    )


def archived(events: Path) -> dict[str, Kept]:
    """{event id: what is kept of it}, of both layouts: a file an event, or a file a day and node."""
    kept: dict[str, Kept] = defaultdict(Kept)
    for path in sorted(events.glob("*/*/evt-*.json")):
        _keep_file(path, kept)
    for path in sorted([*events.glob("*/*.jsonl"), *events.glob("*/*.jsonl.gz")]):
        if not path.name.startswith("_"):
            _keep_lines(path, kept)
    return dict(kept)


def _keep_file(path: Path, kept: dict[str, Kept]) -> None:
    """events/<day>/<node>/evt-<entry>.json: {"event": {...} or null, "decision": {...} or null}"""
    value = _object(path.read_text())
    here = kept[f"{path.parent.name}/{path.name.removeprefix('evt-').removesuffix('.json')}"]
    here.events += [value["event"]] if value.get("event") else []
    here.decisions += [value["decision"]] if value.get("decision") else []


def _keep_lines(path: Path, kept: dict[str, Kept]) -> None:
    """events/<day>/<node>.jsonl, perhaps .gz: {"id":..., "event":..., "decision":...}, one of the two or both."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    node, day = path.name.partition(".jsonl")[0], path.parent.name
    for line in raw.splitlines():
        value = _object(line.decode("utf-8", "replace"))
        event_id = str(value.get("id", ""))
        speaker, _, entry = event_id.rpartition("/")
        if speaker != node or _day_of(entry) != day:
            continue  # counts as not there
        here = kept[event_id]
        here.events += [value["event"]] if value.get("event") else []
        decision = value.get("decision")
        if decision and not (decision.get("verdict") == "benign" and here.decisions):
            here.decisions.append(decision)


def _day_of(entry: str) -> str:
    ms = entry.partition("-")[0]
    return time.strftime("%Y-%m-%d", time.gmtime(int(ms) / 1000)) if ms.isdigit() else ""


def _logbook(events: Path) -> dict[str, set[str]]:
    """{"_updates": entry ids, ...}: which entries of the record streams stand in the days' files."""
    found: dict[str, set[str]] = {"_updates": set(), "_attempts": set(), "_moves": set()}
    for name, ids in found.items():
        for path in [*events.glob(f"*/{name}.jsonl"), *events.glob(f"*/{name}.jsonl.gz")]:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            ids |= {str(_object(line.decode("utf-8", "replace")).get("entry")) for line in raw.splitlines()}
    return found


def _places(actions: Path) -> dict[str, list[Lies]]:
    found: dict[str, list[Lies]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((actions / folder).glob("*")) if (actions / folder).is_dir() else ():
            if path.name.startswith(".") or path.name.endswith(NOTES):
                continue
            if path.is_dir():
                digest = str(_object(_text_of(path / "intent.json")).get("digest", ""))
                found[path.name].append(Lies(folder, path, digest))
            else:
                action_id, _, rest = path.name.partition(".json")[0].rpartition(".")
                found[action_id or path.name].append(Lies(folder, path, rest))
    return dict(found)


def _rows(path: Path) -> Iterator[Row]:
    with contextlib.suppress(FileNotFoundError), path.open() as lines:
        for line in lines:
            yield json.loads(line)


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _object(text: str) -> Row:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
