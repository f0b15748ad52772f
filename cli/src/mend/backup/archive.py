"""The form of a backup: a .tar.gz of runtime/..., redis.jsonl, digests.jsonl (sha256 of each) and manifest.json.

It is written beside its final name and appears whole or not at all. Reading believes nothing: every name is judged and
every digest compared before anything of it is used.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import secrets
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import BufferedRandom
from pathlib import Path, PurePosixPath
from typing import IO, Any

from mend.backup.contents import MAX_FILE_BYTES, ROOTS, ArchivedFile
from mesh_core.models.proposals import Folder
from mesh_core.storage.files import rename_exclusive
from mesh_core.storage.schema import SCHEMA_VERSION

FORMAT = 1
RUNTIME, REDIS, DIGESTS, MANIFEST = "runtime", "redis.jsonl", "digests.jsonl", "manifest.json"
COMPRESSION = 4  # on the way from 1 to 9 the last levels cost twice the time for 3 % of the size
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
NEVER = {("actions", Folder.APPROVED.value), ("actions", Folder.RUNNING.value)}

Tell = Callable[[int, int], None]  # files and bytes so far


class BadArchive(ValueError):
    """Not a backup, damaged, or of a version that this one does not know; the sentence says which."""


@dataclass
class Manifest:
    """What the archive says of itself. `redis` is None where it holds no Redis."""

    node: str
    version: str
    begun: str
    ended: str = ""
    schema: int = SCHEMA_VERSION
    format: int = FORMAT
    files: int = 0
    bytes: int = 0
    digests_sha256: str = ""
    redis: dict[str, Any] | None = None
    again_pending: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Writer:
    """Used through `writing`."""

    def __init__(self, tar: tarfile.TarFile, digests: BufferedRandom, tell: Tell):
        self._tar, self._digests, self._tell = tar, digests, tell
        self.files = self.bytes = 0

    def add(self, file: ArchivedFile) -> None:
        info = tarfile.TarInfo(f"{RUNTIME}/{file.path}")
        info.mode, info.uid, info.gid, info.mtime = file.mode, file.uid, file.gid, int(file.mtime)
        if file.data is None:
            info.type = tarfile.DIRTYPE
            self._tar.addfile(info)
            _forget(self._tar)
            return
        self._put(info, io.BytesIO(file.data), len(file.data), hashlib.sha256(file.data).hexdigest())

    def add_redis(self, dump: BufferedRandom) -> None:
        dump.seek(0)
        digest = hashlib.file_digest(dump, "sha256").hexdigest()
        size = dump.tell()
        dump.seek(0)
        self._put(_info(REDIS), dump, size, digest)

    def finish(self, manifest: Manifest) -> None:
        self._digests.seek(0)
        manifest.digests_sha256 = hashlib.file_digest(self._digests, "sha256").hexdigest()
        manifest.files, manifest.bytes = self.files, self.bytes
        info = _info(DIGESTS)
        info.size = self._digests.tell()
        self._digests.seek(0)
        self._tar.addfile(info, self._digests)
        raw = json.dumps(asdict(manifest), indent=2).encode() + b"\n"
        info = _info(MANIFEST)
        info.size = len(raw)
        self._tar.addfile(info, io.BytesIO(raw))

    def _put(self, info: tarfile.TarInfo, data: IO[bytes], size: int, digest: str) -> None:
        info.size = size
        self._tar.addfile(info, data)
        _forget(self._tar)
        self._digests.write(json.dumps({"path": info.name, "size": size, "sha256": digest}).encode() + b"\n")
        self.files += 1
        self.bytes += size
        self._tell(self.files, self.bytes)


@contextmanager
def writing(target: Path, tell: Tell) -> Iterator[Writer]:
    """The archive at `target` (mode 0600), which must not exist. Whatever happens inside: whole, or not there.

    Raises FileExistsError, OSError (disk full).
    """
    if os.path.lexists(target):
        raise FileExistsError(17, "it exists already; name another file", str(target))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as handle, tempfile.TemporaryFile() as digests:
            with (
                gzip.GzipFile("", "wb", COMPRESSION, handle, mtime=0) as packed,
                tarfile.open(mode="w|", fileobj=packed, format=tarfile.PAX_FORMAT) as tar,
            ):
                yield Writer(tar, digests, tell)
            handle.flush()
            os.fsync(handle.fileno())
        if not rename_exclusive(temporary, target):
            raise FileExistsError(17, "it exists already; name another file", str(target))
    finally:
        temporary.unlink(missing_ok=True)


def verified(source: Path, tell: Tell) -> Manifest:
    """Read the whole archive and change nothing; its manifest. Raises BadArchive, OSError."""
    with tempfile.TemporaryFile() as seen, _open(source) as tar:
        manifest, said, files, size = None, None, 0, 0
        for info in _members(tar):
            if info.name == MANIFEST:
                manifest = _manifest(_bytes(tar, info, MAX_MANIFEST_BYTES))
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
            seen.write(
                json.dumps({"path": info.name, "size": info.size, "sha256": digest.hexdigest()}).encode() + b"\n"
            )
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
        _forget(tar)
        if why := _objection(info):
            raise BadArchive(f"{info.name[:200]!r} {why}")
        yield info


def _forget(tar: tarfile.TarFile) -> None:
    """It remembers every member, and a year has millions."""
    tar.members = []  # type: ignore[attr-defined]


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


def _manifest(raw: bytes) -> Manifest:
    try:
        said = json.loads(raw)
        if said["format"] != FORMAT:
            raise BadArchive(
                f"it has format {said['format']}, this version reads {FORMAT}; use the version that wrote it"
            )
        manifest = Manifest(**said)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, BadArchive):
            raise
        raise BadArchive("its manifest cannot be read") from None
    if manifest.schema > SCHEMA_VERSION:
        raise BadArchive(
            f"it has layout {manifest.schema}, this version knows {SCHEMA_VERSION}; "
            f"restore it with {manifest.version} or newer"
        )
    return manifest


def _info(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o600, int(time.time())
    return info
