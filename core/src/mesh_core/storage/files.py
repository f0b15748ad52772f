"""Whole files and exclusive renames: the only room that writes, renames and fsyncs what must survive a crash.

Never follows a link, never overwrites: a name that exists already loses nothing.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_AT_FDCWD = -100
_libc = ctypes.CDLL(None, use_errno=True)


class Untrusted(Exception):
    """Why a file counts for nothing, whatever it says."""


def fsync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    _fsync(folder, os.O_DIRECTORY)


def fsync_file(path: Path) -> None:
    """Make what somebody else wrote there survive a power cut, and its name."""
    _fsync(path, 0)
    fsync_folder(path.parent)


def write_whole(path: Path, data: bytes, *, mode: int = 0o640, exact: bool = False, group: int = -1) -> None:
    """Write `path` so that a reader sees all of it or nothing, replacing what was there.

    The temporary name (`.<name>.<random>.tmp`) lies in the same folder. `exact`: that mode whatever the umask; `group`:
    its group, where this user may say so. Both before the file has its name: afterwards that could mean another.
    Raises OSError (disk full, read-only); then nothing of it is left behind.
    """
    temporary = _write_temporary(path, data, mode, exact, group)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    fsync_folder(path.parent)


def create_whole(path: Path, data: bytes, *, mode: int = 0o640, exact: bool = False) -> bool:
    """Like `write_whole`, but False (and nothing changed) if `path` exists already. One of many callers wins."""
    temporary = _write_temporary(path, data, mode, exact)
    try:
        won = rename_exclusive(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if not won:
        temporary.unlink(missing_ok=True)
    return won


def shared_mode(folder: Path) -> int:
    """The mode of a file that whoever may enter `folder` must be able to read, whatever the writer's umask: 0644, or
    0600 where only the folder's owner comes in.
    """
    return 0o644 if folder.stat().st_mode & 0o077 else 0o600


def drop_unfinished(folder: Path) -> int:
    """Remove the temporary names that a killed writer left in `folder`; how many. Only where nobody writes now."""
    left = [path for path in folder.iterdir() if path.name.startswith(".") and path.name.endswith(".tmp")]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def rename_exclusive(source: Path, target: Path) -> bool:
    """Atomic move inside one file system: False if `target` exists (renameat2 RENAME_NOREPLACE); fsyncs both folders.

    FileNotFoundError means that `source` is gone: somebody else moved it first. `os.rename` would overwrite silently.
    """
    if not _rename_noreplace(source, target):
        return False
    fsync_folder(target.parent)
    if source.parent != target.parent:
        fsync_folder(source.parent)
    return True


def exchange(first: Path, second: Path) -> None:
    """Each takes the other's name in one atomic step (renameat2 RENAME_EXCHANGE); fsyncs both folders.

    FileNotFoundError if one of them is gone. Where the file system cannot do it, `first` replaces `second`.
    """
    code = _renameat2(first, second, _RENAME_EXCHANGE)
    if code == errno.EINVAL:
        code = 0 if os.path.lexists(second) else errno.ENOENT
        if not code:
            first.replace(second)
    if code:
        raise OSError(code, os.strerror(code), str(first), None, str(second))
    for folder in {first.parent, second.parent}:
        fsync_folder(folder)


def rename_with_note(
    source: Path, target: Path, note: Path, words: bytes, *, mode: int = 0o640, exact: bool = False
) -> bool:
    """`rename_exclusive` of a file that gets words beside it, in `note`: those go ahead, fsynced.

    So a full disk says no before anything moved, and nothing ever lies there without its words. False, and no words of
    ours stay, if `source` is gone or `target` is there. Raises OSError. Of two who move it to one place in the same
    moment the words of either may stay.
    """
    if os.path.lexists(target) or not os.path.lexists(source):
        return False
    write_whole(note, words, mode=mode, exact=exact)
    try:
        return rename_exclusive(source, target)
    except FileNotFoundError:
        return False
    finally:
        if not os.path.lexists(target):
            note.unlink(missing_ok=True)


def _fsync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_temporary(path: Path, data: bytes, mode: int, exact: bool, group: int = -1) -> Path:
    # A name has at most 255 bytes, and ours adds 18.
    stem = os.fsdecode(os.fsencode(path.name)[:200])
    temporary = path.with_name(f".{stem}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            if group != -1:
                with suppress(PermissionError):
                    os.fchown(descriptor, -1, group)
            if exact:
                os.fchmod(descriptor, mode)
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _rename_noreplace(source: Path, target: Path) -> bool:
    code = _renameat2(source, target, _RENAME_NOREPLACE)
    if code == 0:
        return True
    if code == errno.EEXIST:
        return False
    if code == errno.EINVAL and not target.is_relative_to(source):
        return _rename_the_old_way(source, target)
    raise OSError(code, os.strerror(code), str(source), None, str(target))


def _renameat2(source: Path, target: Path, flags: int) -> int:
    """0, or the errno."""
    done = _libc.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags)
    return 0 if done == 0 else ctypes.get_errno()


def _rename_the_old_way(source: Path, target: Path) -> bool:
    """For a file system without RENAME_NOREPLACE (some network mounts)."""
    try:
        if source.is_dir() and not source.is_symlink():
            # rename() never replaces a folder that holds something; an empty one is no loss.
            source.rename(target)
        else:
            os.link(source, target, follow_symlinks=False)  # exclusive, as rename() is not
            source.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise
    return True


def read_regular(path: Path, max_bytes: int) -> bytes | None:
    """The bytes of a small regular file; None for links, pipes, folders, big or vanished files. Never blocks."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
        os.close(descriptor)  # fdopen raises for a folder
        return None
    with os.fdopen(descriptor, "rb") as handle:
        return handle.read(max_bytes + 1)


def read_trusted(path: Path, max_bytes: int, why_not: Callable[[os.stat_result], str]) -> bytes:
    """The same of a file that not everybody's word is: what `why_not` says of its status is raised as Untrusted. Raises
    OSError, also for what is no small regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no small regular file")
    with os.fdopen(descriptor, "rb") as handle:
        if sentence := why_not(status):
            raise Untrusted(sentence)
        return handle.read(max_bytes + 1)
