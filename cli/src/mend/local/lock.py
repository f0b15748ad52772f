"""One mesh per runtime folder: a lock that dies with its holder, and the note by which others find the mesh."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mend.context import note_path, read_note
from mend.errors import CliError
from mend.local.plan import Plan
from mesh_core.models.records import rfc3339, utc_now
from mesh_core.security.private_folder import make_private
from mesh_core.storage.file_lock import FileLock
from mesh_core.storage.files import write_whole

LOCK_FILE = "mesh.lock"


@contextmanager
def sole_mesh(runtime: Path) -> Iterator[None]:
    """Hold the lock of this runtime folder. CliError if a mesh runs on it already."""
    folder = runtime / "run"
    try:
        make_private(folder)  # the socket in it obeys whoever can open it
    except NotADirectoryError:
        raise CliError(f"{folder} has to be a folder, no link to one: root follows none there; take it away") from None
    lock = FileLock(folder / LOCK_FILE, mode=0o644)
    if not lock.take():
        pid = read_note(runtime).get("pid")
        who = f" (process {pid})" if pid else ""
        raise CliError(
            f"a mesh runs on {runtime} already{who}: `mend status` shows it; Ctrl-C where it was started stops it. "
            "RUNTIME_PATH names another folder for a second one."
        )
    try:
        yield
    finally:
        lock.release()


def leave_note(plan: Plan, socket: Path) -> None:
    """Say how the running mesh is reached; only its owner can read it (a URL may hold a password)."""
    note = {
        "pid": os.getpid(),
        "started_at": rfc3339(utc_now()),
        "node": plan.node,
        "redis_url": plan.redis_url,
        "redis_port_url": plan.own_redis.tcp_url if plan.own_redis else None,
        "llamacpp_url": plan.model_url,
        "llamacpp_key_file": str(plan.model_key_file) if plan.model_url else None,
        "dashboard": plan.dashboard,
        "supervisor": f"unix://{socket}",
        "logs": str(plan.log_folder),
    }
    write_whole(note_path(plan.runtime), json.dumps(note, indent=2).encode() + b"\n", mode=0o600)


def take_note_away(runtime: Path) -> None:
    if read_note(runtime).get("pid") == os.getpid():
        note_path(runtime).unlink(missing_ok=True)
