"""A mount that is away or dead: what it is mounted from, is that there, who declares it, and who has files open there.

Asks the mount itself nothing: the question might never come back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from node_agent.host import systemctl
from node_agent.host.mounts import lies_under, mounts_in, read_mounts
from node_agent.host.processes import PROC, program_of
from node_agent.investigation.disk import MAX_OPEN_FILES, open_files
from node_agent.investigation.question import MOST_ROWS, Question, shown
from node_agent.protocols.connection import Endpoint, connect

STALE = "mount_stale"
MOUNT_EVENTS = frozenset({STALE, "mount_missing", "unit_failed"})
FSTAB = Path("/etc/fstab")
SERVER_SECONDS = 0.5
_TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}
_PORTS = {"nfs": 2049, "nfs4": 2049, "cifs": 445, "smb3": 445, "smbfs": 445}
_HOST = re.compile(r"(?://)?(?:\[([^\]]+)\]|([^:/\[\]]+))")


def fits(question: Question) -> bool:
    return question.host_files and question.type in MOUNT_EVENTS and isinstance(question.facts.get("mount"), str)


def look(question: Question, fstab: Path = FSTAB) -> dict[str, Any]:
    point = str(question.facts["mount"])
    mounted = next((one for one in reversed(read_mounts()) if one.point == point), None)
    lines = [one for one in _lines_of(fstab) if one.point.rstrip("/") == point]
    facts: dict[str, Any] = {"point": point, "is_mounted": mounted is not None}
    facts["stale"] = mounted is not None and question.type == STALE
    declared = lines[-1] if lines else None
    source = declared.device if declared else str(question.facts.get("source") or (mounted.device if mounted else ""))
    kind = declared.kind if declared else mounted.kind if mounted else ""
    if declared:
        facts["declared_in"] = "fstab"
    elif _is_a_unit(question, point):
        facts["declared_in"] = "unit"
    if users := _users_of(question, point):
        facts["open_by"] = users
    if source:
        facts["source"] = shown(source)
        facts["source_there"] = _is_there(question, source, kind)
    return facts


def device_of(source: str) -> str:
    """The path of `/dev/sdb1`, `UUID=...`, `LABEL=...`, or of what is bound or looped; '' where it is none. Pure."""
    tag, _, value = source.partition("=")
    if tag in _TAGS:
        return f"/dev/disk/{_TAGS[tag]}/{value.strip(chr(34))}"
    return source if source.startswith("/") and not source.startswith("//") else ""


def server_of(source: str, kind: str) -> tuple[str, int] | None:
    """Host and port of `nas:/data`, `[fd00::1]:/data` or `//nas/data`; None where that is not known. Pure."""
    found = _HOST.match(source)
    return (found[1] or found[2], _PORTS[kind]) if found and kind in _PORTS else None


def _lines_of(fstab: Path) -> list[Any]:
    try:
        text = fstab.read_text(errors="replace")
    except OSError:
        return []
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return mounts_in("\n".join(line for line in lines if not line.startswith("#")))


def _is_there(question: Question, source: str, kind: str) -> bool:
    """True, too, where nobody can tell."""
    if device := device_of(source):
        return os.path.lexists(device)
    if server := server_of(source, kind):
        try:
            knocked = asyncio.wait_for(connect(Endpoint(host=server[0], port=server[1])), SERVER_SECONDS)
            _, writer = question.answered(knocked)
        except (OSError, UnicodeError):
            return False
        writer.transport.abort()
    return True


def _is_a_unit(question: Question, point: str) -> bool:
    """systemctl takes the path for the unit's name."""
    with contextlib.suppress(OSError):
        return any(one.get("FragmentPath") for one in question.answered(systemctl.show([point], "Id,FragmentPath")))
    return False


def _users_of(question: Question, point: str) -> list[dict[str, Any]]:
    """By what their open files are called, as far as this user may see."""
    held: Counter[int] = Counter()
    for seen, (pid, link) in enumerate(open_files()):
        if seen > MAX_OPEN_FILES or question.over():
            break
        with contextlib.suppress(OSError):
            if lies_under(str(link.readlink()), point):
                held[pid] += 1
    rows = []
    for pid, files in held.most_common(MOST_ROWS):
        with contextlib.suppress(OSError):  # it ended
            rows.append({"pid": pid, "program": shown(program_of(PROC / str(pid))), "files": files})
    return rows
