"""Reads a backup and believes nothing: every name is judged and every digest compared before anything of it is used."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path, PurePosixPath

from mend.backup.archive import (
    DIGESTS,
    MANIFEST,
    REDIS,
    RUNTIME,
    BadArchive,
    Manifest,
    Tell,
    digest_line,
    forget_members,
    read_manifest,
)
from mend.backup.contents import MAX_FILE_BYTES, ROOTS, ArchivedFile
from mesh_core.models.proposals import Folder

MAX_MANIFEST_BYTES = 64 * 1024 * 1024
NEVER = {("actions", Folder.APPROVED.value), ("actions", Folder.RUNNING.value)}


def verified(source: Path, tell: Tell) -> Manifest:
    """Read the whole archive and change nothing; its manifest. Raises BadArchive, OSError."""
    with tempfile.TemporaryFile() as seen, _open(source) as tar:
        manifest, said, files, size = None, None, 0, 0
        for info in _members(tar):
            if info.name == MANIFEST:
                manifest = read_manifest(_bytes(tar, info, MAX_MANIFEST_BYTES))
                continue
            if info.name == DIGESTS:
                said = _compare(tar, info, seen)
                continue
            if said is not None or manifest is not None:
                raise BadArchive(f"{info.name} stands after the end")
            if info.isdir():
                continue
            digest = hashlib.sha256()
            for piece in _pieces(tar, info):
                digest.update(piece)
            seen.write(digest_line(info, digest.hexdigest()))
            files, size = files + 1, size + info.size
            tell(files, size)
        if manifest is None or said is None:
            raise BadArchive("its end is missing: it was cut short, or is no backup of `mend backup`")
        if manifest.digests_sha256 != said or (manifest.files, manifest.bytes) != (files, size):
            raise BadArchive("its manifest does not fit what is in it")
    return manifest


def contents(source: Path) -> Iterator[tuple[str, ArchivedFile | Iterator[bytes]]]:
    """What a verified archive holds, in order: ("runtime", file or folder), and ("redis", lines)."""
    with _open(source) as tar:
        for info in _members(tar):
            if info.name == REDIS:
                handle = tar.extractfile(info)
                if handle is not None:
                    yield "redis", iter(handle)
            elif info.name.startswith(f"{RUNTIME}/"):
                path = PurePosixPath(info.name).relative_to(RUNTIME)
                data = None if info.isdir() else _bytes(tar, info, MAX_FILE_BYTES)
                yield "runtime", ArchivedFile(path, data, info.mode & 0o3777, info.uid, info.gid, info.mtime)


@contextmanager
def _open(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r|gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeDecodeError, RecursionError) as error:
        raise BadArchive(f"it cannot be read as a backup ({error})") from None


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for info in tar:
        forget_members(tar)
        if why := _objection(info):
            raise BadArchive(f"{info.name[:200]!r} {why}")
        yield info


def _objection(info: tarfile.TarInfo) -> str:
    if info.name in (REDIS, DIGESTS, MANIFEST):
        return "" if info.isreg() else "is no file"
    path = PurePosixPath(info.name)
    if path.parts[:1] != (RUNTIME,) or len(path.parts) < 2 or path.parts[1] not in ROOTS:
        return "does not belong into a backup"
    if ".." in path.parts or "\0" in info.name or len(path.parts) > 12 or str(path) != info.name.rstrip("/"):
        return "is no name that a backup has"
    if not (info.isreg() or info.isdir()):
        return "is neither a file nor a folder"
    if info.isreg() and path.parts[1:3] in NEVER:
        return "would be run without anybody's yes; `mend backup` never writes that"
    return "is too large" if info.size > MAX_FILE_BYTES else ""


def _pieces(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    handle = tar.extractfile(info)
    while handle is not None and (piece := handle.read(1024 * 1024)):
        yield piece


def _bytes(tar: tarfile.TarFile, info: tarfile.TarInfo, most: int) -> bytes:
    if info.size > most:
        raise BadArchive(f"{info.name} is too large")
    return b"".join(_pieces(tar, info))


def _compare(tar: tarfile.TarFile, info: tarfile.TarInfo, seen: BufferedRandom) -> str:
    """Line by line against what was read; the first difference is named. Returns the digest of the list."""
    seen.seek(0)
    whole = hashlib.sha256()
    handle = tar.extractfile(info)
    for line in handle or ():
        whole.update(line)
        found = seen.readline()
        if found != line:
            raise BadArchive(f"{_path(found or line)} is not the file that was put in: its sha256 differs")
    if rest := seen.readline():
        raise BadArchive(f"{_path(rest)} is not in its list")
    return whole.hexdigest()


def _path(line: bytes) -> str:
    try:
        return str(json.loads(line)["path"])[:200]
    except (ValueError, KeyError, TypeError):
        return "a file"
