"""The form of a backup: a .tar.gz of runtime/..., redis.jsonl, digests.jsonl (sha256 of each) and manifest.json.

`archive_writing` makes it, `archive_reading` believes nothing of it.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mesh_core.storage.schema import SCHEMA_VERSION

FORMAT = 1
RUNTIME, REDIS, DIGESTS, MANIFEST = "runtime", "redis.jsonl", "digests.jsonl", "manifest.json"

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


def read_manifest(raw: bytes) -> Manifest:
    """Raises BadArchive for one that this version does not know."""
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


def digest_line(info: tarfile.TarInfo, sha256: str) -> bytes:
    """Of one member, in `digests.jsonl`: who reads the archive compares it with his own, byte for byte."""
    return json.dumps({"path": info.name, "size": info.size, "sha256": sha256}).encode() + b"\n"


def forget_members(tar: tarfile.TarFile) -> None:
    """It remembers every member, and a year has millions."""
    tar.members = []  # type: ignore[attr-defined]
