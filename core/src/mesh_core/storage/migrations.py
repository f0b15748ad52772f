"""Brings the files under RUNTIME_PATH to today's layout and form: `mend migrate`, or where `mend` is not installed
`python -m mesh_core.storage.migrations RUNTIME_PATH`.

There is one layout so far; the first step to another comes with the release that needs it (decision 0089). Beside the
layout there is the form of older events, which everybody reads as it is: `convert_events` brings it to today's,
whenever somebody asks for it, while the mesh runs. There is no way back; that is what a backup is for.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from mesh_core.storage.event_conversion import Converted, convert_all, old_days
from mesh_core.storage.reindexing import IndexFolder
from mesh_core.storage.schema import SCHEMA_VERSION, WrongSchema, read_schema, settle

FRESH_SECONDS = 30.0
STILL_SECONDS = 6.0  # a heartbeat is touched every 2 s, and at least every 5 s


def migrate(runtime: Path, actor: str) -> None:
    """Bring the files to this version's layout: so far there is one, so that only its number may have to be written.

    Raises WrongSchema for a newer layout, a restore that did not end, a file that cannot be believed; OSError.
    """
    check_layout(runtime)
    settle(runtime, actor)


def check_layout(runtime: Path) -> None:
    """Raises WrongSchema as `migrate` does. Writes nothing."""
    known = read_schema(runtime)
    if known and known.unfinished:
        raise WrongSchema(f"{known.unfinished} of {known.at} did not end; repeat it first")
    if known and known.version != SCHEMA_VERSION:
        raise WrongSchema(
            f"{runtime} has layout {known.version}, this version knows {SCHEMA_VERSION}; use the version that wrote it"
        )


def convert_events(runtime: Path, tell: Callable[[str], None] = lambda sentence: None) -> Converted:
    """Every event that is a file of its own becomes a line of its day's. Raises OSError; what was done stays done."""
    done = convert_all(runtime / "events", tell)
    folder = IndexFolder(runtime)
    told = folder.told()
    if done.files and told is not None and not told.done:
        folder.ask()  # whoever was just reading the folders that went has to begin anew
    return done


def services_alive(runtime: Path) -> list[str]:
    """Whose heartbeat still moves. Takes up to STILL_SECONDS where one is fresh: perhaps it has just ended."""
    fresh = {path: beat for path, beat in _beats(runtime).items() if abs(time.time() - beat) < FRESH_SECONDS}
    deadline = time.monotonic() + STILL_SECONDS
    moved: list[str] = []
    while len(moved) < len(fresh) and time.monotonic() < deadline:
        time.sleep(0.1)
        now = _beats(runtime)
        moved = sorted(path.stem for path, beat in fresh.items() if now.get(path, beat) != beat)
    return moved


def _beats(runtime: Path) -> dict[Path, float]:
    found = {}
    for path in (runtime / "state").glob("*.heartbeat"):
        with contextlib.suppress(OSError):
            found[path] = path.stat().st_mtime
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mesh_core.storage.migrations", description=__doc__)
    parser.add_argument("runtime", metavar="RUNTIME_PATH", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="only say what is due")
    asked = parser.parse_args()
    try:
        check_layout(asked.runtime)
        if asked.dry_run:
            if days := old_days(asked.runtime / "events"):
                print(f"whenever you like: {converting(len(days))}")
            return
        migrate(asked.runtime, "migrations")
        converted = convert_events(asked.runtime, print)
    except (WrongSchema, OSError) as error:
        hint = "; run it as root" if isinstance(error, PermissionError) else ""
        parser.exit(1, f"migrate: {error}{hint}\n")
    print(summary(converted))


def converting(days: int) -> str:
    """What there is to convert, as a sentence."""
    return f"{days} day(s) of events, a file each, into a file a day and node"


def summary(converted: Converted) -> str:
    """What was done, as one line."""
    parts = [f"{converted.files} events converted"] if converted.files else []
    parts += [f"{converted.left} files that are no events left as they are"] if converted.left else []
    return f"layout {SCHEMA_VERSION}: {', '.join(parts) or 'nothing to do'}"


if __name__ == "__main__":
    main()
