"""The way back: everything is checked and laid ready first, then put in place by renames and one transaction.

Until that moment a Ctrl-C leaves the mesh as it was. From then on state/schema.json says that a restore is unfinished,
and nothing starts until it is repeated. What was there before is moved aside, never deleted.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath

import redis

from mend.backup.archive import Manifest
from mend.backup.archive_reading import contents
from mend.backup.contents import ROOTS, ArchivedFile
from mend.backup.redis_copy import dump
from mend.backup.redis_loading import Loading
from mesh_core.approvals.proposal_files import name_of
from mesh_core.models.proposals import Folder
from mesh_core.models.records import parse_time
from mesh_core.storage.files import fsync_folder
from mesh_core.storage.schema import write_schema

STAGE = ".restoring-"
UNFINISHED = "a restore (`mend restore FILE --replace`)"
_HALLS = (
    "actions",
    "actions/pending/.wip",
    "state",
    "state/executor",
    *(f"actions/{folder}" for folder in Folder),
)  # their folders stay
_STAY = frozenset({"schema.json", "schema.lock", "executor.lock"})
RECENT_SECONDS = 86400.0

Says = Callable[[str, int], None]  # what is counted, and how many so far


@dataclass
class Restored:
    """`replaced` is the folder that holds what was there before; None where there was nothing."""

    files: int = 0
    replaced: Path | None = None
    recent: list[str] = field(default_factory=list)


def in_the_way(runtime: Path) -> list[str]:
    """Files that a restore would have to replace: the first few, relative to `runtime`."""
    found: list[str] = []
    for root in ROOTS:
        for path in _files(runtime / root):
            if not _stays(path) and path.parent.name != "planners":
                found.append(str(path.relative_to(runtime)))
                if len(found) == 5:
                    return found
    return found


def restore(
    source: Path, manifest: Manifest, runtime: Path, client: redis.Redis | None, actor: str, says: Says
) -> Restored:
    """From a verified archive. Raises OSError, redis.RedisError: then everything is as it was before."""
    token = secrets.token_hex(4)
    stage = runtime / f"{STAGE}{token}"
    loading = Loading(client, token) if client is not None and manifest.redis is not None else None
    done = Restored()
    since = parse_time(manifest.begun).timestamp() - RECENT_SECONDS
    try:
        for left in runtime.glob(f"{STAGE}*"):
            shutil.rmtree(left, ignore_errors=True)
        stage.mkdir(parents=True, mode=0o700)
        if loading is not None:
            loading.drop()
        for kind, what in contents(source):
            if isinstance(what, ArchivedFile):
                done.files += _lay(stage, what)
                if what.data is None or what.mtime >= since:
                    done.recent += _action(what.path)
                says("files", done.files)
            elif kind == "redis" and loading is not None:
                loading.load(what, lambda count: says("keys", count))
        if loading is not None:
            loading.known(sorted(set(done.recent)))
        os.sync()
        with _uninterrupted():
            _commit(stage, runtime, client, loading, actor, done)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if loading is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                loading.drop()
    return done


def _commit(
    stage: Path, runtime: Path, client: redis.Redis | None, loading: Loading | None, actor: str, done: Restored
) -> None:
    write_schema(runtime, actor, unfinished=UNFINISHED)
    replaced = runtime / time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
    for root in ROOTS:
        _set_aside(runtime, PurePosixPath(root), replaced)
    shutil.rmtree(runtime / "index", ignore_errors=True)  # built anew from events/ and actions/
    if loading is not None and client is not None:
        replaced.mkdir(mode=0o700, exist_ok=True)
        with (replaced / "redis.jsonl").open("wb") as out:
            dump(client, out, lambda count: None)
        loading.commit()
    _put(stage, runtime)
    done.replaced = replaced if replaced.is_dir() and _tidy(replaced) else None
    fsync_folder(runtime)
    write_schema(runtime, actor)


def _lay(stage: Path, file: ArchivedFile) -> int:
    """One file (1) or folder (0) of the archive, below `stage`; its owner too, where this user may give files away."""
    path = stage / file.path
    if file.data is None:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(file.data)
    if os.geteuid() == 0:
        os.chown(path, file.uid, file.gid)
    path.chmod(file.mode | (0o700 if file.data is None else 0))
    if file.data is not None:
        os.utime(path, (file.mtime, file.mtime))
    return int(file.data is not None)


def _action(path: PurePosixPath) -> Iterator[str]:
    """The proposal that a name in actions/ stands for, if it does."""
    if len(path.parts) == 3 and path.parts[0] == "actions":
        if (name := name_of(path.name)) is not None:
            yield name.id
        elif path.parts[1] in set(Folder) and path.name.startswith("plan-") and path.suffix != ".txt":
            yield path.name


def _set_aside(runtime: Path, below: PurePosixPath, replaced: Path) -> None:
    """What lies there goes to the same place under `replaced`; the folders of the house stay, with owner and mode."""
    try:
        names = sorted(path.name for path in (runtime / below).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = below / name
        if str(path) in _HALLS:
            _set_aside(runtime, path, replaced)
        elif not _stays(path) and name != "planners":
            (replaced / below).mkdir(mode=0o700, parents=True, exist_ok=True)
            (runtime / path).rename(replaced / path)


def _stays(path: PurePath) -> bool:
    """It belongs to whoever works here, not to what is restored."""
    return path.name in _STAY or path.suffix in (".heartbeat", ".lock")


def _put(source: Path, target: Path) -> None:
    """Move what lies in `source` into `target`; a folder that is there already stays and takes what is in the other."""
    for path in sorted(source.iterdir()):
        goal = target / path.name
        if path.is_dir() and goal.is_dir():
            _put(path, goal)
        else:
            path.rename(goal)


def _tidy(replaced: Path) -> bool:
    """Take empty folders away; False if nothing is left."""
    for folder, _, _ in os.walk(replaced, topdown=False):
        with contextlib.suppress(OSError):
            Path(folder).rmdir()
    return replaced.is_dir()


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in sorted(names):
            yield Path(where, name)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits for the end: these are renames and one transaction."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
