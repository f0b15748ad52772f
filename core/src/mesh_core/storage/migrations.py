"""From one layout of RUNTIME_PATH to the next, one step at a time, under a lock: `mend migrate`, or where `mend` is not
installed `python -m mesh_core.storage.migrations RUNTIME_PATH`.

A step may be cut short anywhere and is then run again from its beginning: it looks before it changes. There is no way
back; that is what a backup is for. No step has been needed so far.

Beside the layout there is the form of older events, which everybody reads as it is: `convert_events` brings it to
today's, whenever somebody asks for it, while the mesh runs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mesh_core.storage.event_conversion import Converted, convert_all, old_days
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.reindexing import IndexFolder
from mesh_core.storage.schema import SCHEMA_VERSION, WrongSchema, found_version, read_schema, schema_file, write_schema

LOCK_SECONDS = 30.0
FRESH_SECONDS = 30.0
STILL_SECONDS = 6.0  # a heartbeat is touched every 2 s, and at least every 5 s


@dataclass(frozen=True)
class Step:
    """The way to layout `to` from the one below it. `by_itself`: so quick and harmless that a start does it."""

    to: int
    what: str
    run: Callable[[Path], None]
    by_itself: bool = False


STEPS: tuple[Step, ...] = ()


def steps_due(runtime: Path, steps: Sequence[Step] = STEPS, version: int = SCHEMA_VERSION) -> list[Step]:
    """What has to be done, in order. Raises WrongSchema for a newer layout or one that no step leads away from."""
    known = read_schema(runtime)
    at = known.version if known else found_version(runtime, version)
    if known and known.unfinished:
        raise WrongSchema(f"{known.unfinished} of {known.at} did not end; repeat it first")
    if at > version:
        raise WrongSchema(f"{runtime} has layout {at}, this version knows {version}; use the version that wrote it")
    due = [step for step in sorted(steps, key=lambda step: step.to) if at < step.to <= version]
    if [step.to for step in due] != list(range(at + 1, version + 1)):
        raise WrongSchema(f"no way leads from layout {at} to {version}; upgrade through the versions in between")
    return due


def migrate(
    runtime: Path,
    by: str,
    tell: Callable[[str], None] = lambda sentence: None,
    *,
    steps: Sequence[Step] = STEPS,
    version: int = SCHEMA_VERSION,
) -> int:
    """Every step that is due; how many. Others wait. Raises WrongSchema, OSError; what was done so far stays done."""
    with _alone(runtime):
        due = steps_due(runtime, steps, version)
        if due and (alive := services_alive(runtime)):
            raise WrongSchema(f"{', '.join(alive)} still run on {runtime}; stop the mesh first")
        return _walk(runtime, by, due, tell, version)


def migrate_by_itself(runtime: Path, by: str, *, steps: Sequence[Step] = STEPS, version: int = SCHEMA_VERSION) -> int:
    """At a service's start: only if every step that is due is meant for it."""
    with _alone(runtime):
        due = steps_due(runtime, steps, version)
        return _walk(runtime, by, due, lambda sentence: None, version) if all(step.by_itself for step in due) else 0


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


def _walk(runtime: Path, by: str, due: Sequence[Step], tell: Callable[[str], None], version: int) -> int:
    for step in due:
        tell(f"layout {step.to}: {step.what}")
        step.run(runtime)
        write_schema(runtime, by, version=step.to)
    if read_schema(runtime) is None:
        write_schema(runtime, by, version=version)
    return len(due)


@contextmanager
def _alone(runtime: Path) -> Iterator[None]:
    path = schema_file(runtime).with_name("schema.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + LOCK_SECONDS
    # For reading: in a deployment it belongs to whichever service made it.
    lock = FileLock(path, mode=0o644, readable=True)
    while not lock.take():
        if time.monotonic() > deadline:
            raise WrongSchema(f"another migration of {runtime} has run for {LOCK_SECONDS:g} s")
        time.sleep(0.1)
    try:
        yield
    finally:
        lock.release()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mesh_core.storage.migrations", description=__doc__)
    parser.add_argument("runtime", metavar="RUNTIME_PATH", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="only say what is due")
    asked = parser.parse_args()
    try:
        if asked.dry_run:
            for step in steps_due(asked.runtime):
                print(f"due: layout {step.to}: {step.what}")
            if days := old_days(asked.runtime / "events"):
                print(f"whenever you like: {converting(len(days))}")
            return
        done = migrate(asked.runtime, "migrations", print)
        converted = convert_events(asked.runtime, print)
    except (WrongSchema, OSError) as error:
        hint = "; run it as root" if isinstance(error, PermissionError) else ""
        print(f"migrate: {error}{hint}", file=sys.stderr)
        raise SystemExit(1) from None
    print(summary(done, converted))


def converting(days: int) -> str:
    """What there is to convert, as a sentence."""
    return f"{days} day(s) of events, a file each, into a file a day and node"


def summary(steps: int, converted: Converted) -> str:
    """What was done, as one line."""
    said = [f"{steps} step(s) done"] if steps else []
    said += [f"{converted.files} events converted"] if converted.files else []
    said += [f"{converted.left} files that are no events left as they are"] if converted.left else []
    return f"layout {SCHEMA_VERSION}: {', '.join(said) or 'nothing to do'}"


if __name__ == "__main__":
    main()
