"""What lies under a name in approved/, read once, without risk: the edge before admission. Judges nothing."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from mesh_core.models.proposals import MAX_PROPOSAL_BYTES

ContentStamp = tuple[int, int, int]  # inode, size, mtime (ns): changes when the file is still being written


@dataclass(frozen=True)
class Candidate:
    """What lay in approved/: its name, and its bytes (read once) or why they were not read, and since when."""

    file_name: str
    stamp: ContentStamp
    raw: bytes | None = None
    problem: str = ""
    no_permission: bool = False  # may pass: whoever moved it may still set its mode
    moved_at: float = 0.0


def read_candidate(path: Path) -> Candidate | None:
    """Read what lies at `path`, at most 256 KiB, once. None: it is gone.

    Follows no link, opens nothing but plain files (a device can act on being opened), waits for nothing.
    Raises OSError for what is the machine's fault (EMFILE, EIO), not the file's.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if problem := _not_a_plain_file(status):
        return Candidate(path.name, _stamp(status), problem=problem)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            problem = f"the executor (uid {os.geteuid()}) may not read it; make it readable, then approve it again"
            return Candidate(path.name, _stamp(status), problem=problem, no_permission=True)
        if error.errno in (errno.ELOOP, errno.ENXIO):  # exchanged under our hands
            return Candidate(path.name, _stamp(status), problem="it is not a plain file; put the proposal itself here")
        raise
    with os.fdopen(descriptor, "rb") as handle:
        status = os.fstat(descriptor)
        if problem := _not_a_plain_file(status):
            return Candidate(path.name, _stamp(status), problem=problem)
        raw = handle.read(MAX_PROPOSAL_BYTES + 1)
    if len(raw) > MAX_PROPOSAL_BYTES:
        return Candidate(path.name, _stamp(status), problem=_too_large(len(raw)))
    return Candidate(path.name, _stamp(status), raw, moved_at=status.st_ctime)


def _not_a_plain_file(status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link; move the proposal file itself here (mv, not ln)"
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder; move the proposal files here one by one"
    if not stat.S_ISREG(status.st_mode):
        return "it is a pipe, a socket or a device; only proposal files belong here"
    if status.st_nlink != 1:
        return (
            f"it has {status.st_nlink} hard links, so somebody could change it after your yes; "
            "remove the other names (or make a copy with `mend edit`), then approve it again"
        )
    if status.st_size > MAX_PROPOSAL_BYTES:
        return _too_large(status.st_size)
    return ""


def _too_large(size: int) -> str:
    return f"it has {size} bytes, the limit is {MAX_PROPOSAL_BYTES}; shorten its evidence or playbook with `mend edit`"


def _stamp(status: os.stat_result) -> ContentStamp:
    return status.st_ino, status.st_size, status.st_mtime_ns
