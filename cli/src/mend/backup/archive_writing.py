"""Writes a backup beside its final name: it appears whole or not at all."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedRandom
from pathlib import Path
from typing import IO

from mend.backup.archive import DIGESTS, MANIFEST, REDIS, RUNTIME, Manifest, Tell, digest_line, forget_members
from mend.backup.contents import ArchivedFile
from mesh_core.storage.files import rename_exclusive

COMPRESSION = 4  # on the way from 1 to 9 the last levels cost twice the time for 3 % of the size


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
            forget_members(self._tar)
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
        forget_members(self._tar)
        self._digests.write(digest_line(info, digest))
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


def _info(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = 0o600, int(time.time())
    return info
