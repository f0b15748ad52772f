"""What each service asks to do its work (Redis, a model server), in a note beside its heartbeat, for the others.

Only the planner knows the models' addresses, and only the executor refuses: so each says its own, and whoever has to
judge what carries the mesh reads them all. A note can only protect. Host names and ports, no login, no path.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import Path

from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.policy.lifeline import Lifeline, NeededAddress
from mesh_core.storage.file_stamp import stamp_of
from mesh_core.storage.files import read_regular
from mesh_core.storage.json_files import write_note

MAX_NOTE_BYTES = 16 * 1024
MAX_NOTES = 20
MAX_ADDRESSES = 100
_SUFFIX = ".lifeline.json"


def lifeline_note(runtime: Path, service: str) -> Path:
    return runtime / "state" / f"{service}{_SUFFIX}"


def note_lifeline(runtime: Path, service: str, lifeline: Lifeline) -> OSError | None:
    """Written at each start; otherwise as `write_note`."""
    rows = [address._asdict() for address in sorted(lifeline.addresses)]
    return write_note(lifeline_note(runtime, service), {"addresses": rows})


def read_lifeline(runtime: Path) -> Lifeline:
    """All that the services noted. A note that cannot be read says nothing."""
    return reduce(Lifeline.__or__, (Lifeline(frozenset(_addresses(path))) for path in _notes(runtime)), Lifeline())


def notes_stamp(runtime: Path) -> object:
    """Differs when a note was written; to be compared only."""
    return tuple((path.name, stamp_of(path)) for path in _notes(runtime))


def _notes(runtime: Path) -> list[Path]:
    return sorted((runtime / "state").glob(f"*{_SUFFIX}"))[:MAX_NOTES]


def _addresses(path: Path) -> Iterator[NeededAddress]:
    raw = None
    with contextlib.suppress(OSError):
        raw = read_regular(path, MAX_NOTE_BYTES)
    said = parse_object(raw or b"", max_bytes=MAX_NOTE_BYTES)
    rows: Iterable[object] = ()
    if not isinstance(said, Refusal) and isinstance(said.get("addresses"), list):
        rows = said["addresses"][:MAX_ADDRESSES]
    for row in rows:
        if not isinstance(row, dict):
            continue
        host, port, asked_on = (row.get(name) for name in NeededAddress._fields)
        if isinstance(host, str) and isinstance(port, int) and isinstance(asked_on, str):
            yield NeededAddress(host.lower(), port, asked_on.lower())
