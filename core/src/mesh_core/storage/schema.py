"""Which layout the files under RUNTIME_PATH have (state/schema.json), and whether this version may work with them.

One small file, read once at start: nothing here migrates (migrations.py does). It lies in state/ because that is
the one folder which every service has in its container.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mesh_core.storage.files import create_whole, read_regular, shared_mode, write_whole
from mesh_core.storage.listing import entries

SCHEMA_VERSION = 1
FIRST_VERSION = 1  # of what was written before there was a schema.json
_MAX_BYTES = 64 * 1024
_USED = ("actions", "events", "spool")


class WrongSchema(RuntimeError):
    """These files must not be worked with; the sentence says why and what to do."""


@dataclass(frozen=True)
class Schema:
    """`unfinished` names what has begun and not ended (a restore): until then nobody may start."""

    version: int
    by: str
    at: str
    unfinished: str = ""


def schema_file(runtime: Path) -> Path:
    return runtime / "state" / "schema.json"


def read_schema(runtime: Path) -> Schema | None:
    """What the file says; None if there is none. Raises WrongSchema if it cannot be believed."""
    path = schema_file(runtime)
    raw = read_regular(path, _MAX_BYTES)
    if raw is None:
        if os.path.lexists(path):
            raise WrongSchema(f"{path} cannot be read by uid {os.geteuid()}; it must be a small file of mode 0644")
        return None
    try:
        fields: dict[str, Any] = json.loads(raw)
        version = fields["version"]
        if type(version) is not int or version < FIRST_VERSION:
            raise ValueError(version)
        return Schema(version, str(fields.get("by", "")), str(fields.get("at", "")), str(fields.get("unfinished", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise WrongSchema(
            f'{path} is damaged; if you know which version wrote these files, write {{"version": N}}'
        ) from None


def write_schema(runtime: Path, actor: str, *, version: int = SCHEMA_VERSION, unfinished: str = "") -> None:
    """Say it anew, whole and durable. Raises OSError."""
    schema_file(runtime).parent.mkdir(parents=True, exist_ok=True)
    write_whole(
        schema_file(runtime), _bytes(Schema(version, actor, _now(), unfinished)), mode=_mode(runtime), exact=True
    )


def settle(runtime: Path, actor: str, *, version: int = SCHEMA_VERSION) -> Schema:
    """What these files are; written down by whoever comes first. For a folder that this version can work with.

    Raises WrongSchema for a newer layout, an older one, or a restore that did not end.
    """
    known = read_schema(runtime)
    if known is None:
        known = Schema(found_version(runtime, version), actor, _now())
        try:
            schema_file(runtime).parent.mkdir(parents=True, exist_ok=True)
            create_whole(schema_file(runtime), _bytes(known), mode=_mode(runtime), exact=True)
        except OSError:
            pass  # a read-only state/, a full disk: whatever needs to write says so itself
    if reason := _why_not(runtime, known, version):
        raise WrongSchema(reason)
    return known


def _mode(runtime: Path) -> int:
    """Whatever the umask: in a deployment each service reads it as a user of its own."""
    return shared_mode(schema_file(runtime).parent)


def why_not(runtime: Path) -> str:
    """Why this version must not work with these files, as a sentence; '' if it may. Writes nothing."""
    try:
        known = read_schema(runtime)
    except WrongSchema as wrong:
        return str(wrong)
    return _why_not(runtime, known, SCHEMA_VERSION) if known else ""


def _why_not(runtime: Path, known: Schema, version: int) -> str:
    if known.unfinished:
        return f"{known.unfinished}, begun {known.at}, did not end; nothing may start on half of it: repeat it"
    if known.version > version:
        return (
            f"{runtime} was written by a newer version ({known.by}, layout {known.version}; this one knows {version}); "
            "start that version again, or restore a backup of before the upgrade"
        )
    if known.version < version:
        return (
            f"{runtime} has layout {known.version} and this version needs {version}; stop the mesh, make a backup, "
            "run `mend migrate` (in a deployment as root)"
        )
    return ""


def found_version(runtime: Path, version: int = SCHEMA_VERSION) -> int:
    """Of a folder without the file: the first one if anything lies there already, else the current one."""
    return FIRST_VERSION if any(_first_file(runtime / name, 3) for name in _USED) else version


def _first_file(folder: Path, depth: int) -> bool:
    return any(
        _first_file(Path(entry.path), depth - 1) if entry.is_dir(follow_symlinks=False) and depth else entry.is_file()
        for entry in entries(folder, tolerated=(OSError,))
    )


def _bytes(schema: Schema) -> bytes:
    fields = {name: value for name, value in asdict(schema).items() if value != ""}
    return json.dumps(fields, indent=2).encode() + b"\n"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
