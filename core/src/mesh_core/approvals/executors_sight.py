"""Whether the executor may read a file, for whoever asks: they may be allowed more than it, or less. Reads no content.

By owner and mode. Who the executor is, its heartbeat shows: it has written that file.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from mesh_core.models.proposals import Folder
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.services import EXECUTOR

_ACL = "system.posix_acl_access"


def hidden_from_executor(runtime: Path, path: Path) -> str:
    """Why it may not read that file, and what lets it, as a sentence; '' if it may, or nobody can tell."""
    try:
        beat, asked = heartbeat_file(runtime, EXECUTOR).stat(), path.stat()
        operators = (runtime / "actions" / Folder.APPROVED).stat().st_gid
    except OSError:
        return ""
    if beat.st_uid == 0:
        return ""
    own, in_group = asked.st_uid == beat.st_uid, asked.st_gid in (beat.st_gid, operators)
    wanted = stat.S_IRUSR if own else stat.S_IRGRP if in_group else stat.S_IROTH
    if asked.st_mode & wanted or (not own and _has_acl(path)):
        return ""
    mended = f"chmod u+r {path}" if own else f"chgrp {operators} {path} && chmod g+r {path}"
    found = f"it is {asked.st_uid}:{asked.st_gid}, mode {stat.S_IMODE(asked.st_mode):04o}"
    return f"{path}: the executor (uid {beat.st_uid}) may not read it ({found}); `{mended}` lets it"


def _has_acl(path: Path) -> bool:
    try:
        return bool(os.getxattr(path, _ACL))
    except OSError:
        return False
