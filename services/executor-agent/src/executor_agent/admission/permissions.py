"""Before anything else: could somebody approve who must not? By the folders' owners and modes; changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import stat

from mesh_core.approvals.action_folders import ActionFolders, writable_by
from mesh_core.models.proposals import Folder


def reasons_to_refuse(actions: ActionFolders, planner_uid: int | None) -> list[str]:
    """Why the executor must not start, as sentences; empty when all is well."""
    reasons = []
    # Who may rename approved/, or what it lies in, may put another folder in its place.
    for path in (actions.folder(Folder.APPROVED), actions.folder(Folder.RUNNING), actions.root, actions.root.parent):
        mode = path.stat().st_mode
        if mode & stat.S_ISVTX and path in (actions.root, actions.root.parent):
            continue  # as in /tmp: a name may be made there, but none that is another's taken away
        if mode & stat.S_IWOTH:
            reasons.append(f"anybody can write {path}, so anybody could approve; run: chmod o-w {path}")
        elif planner_uid is not None and writable_by(path, planner_uid, _groups_of(planner_uid)):
            reasons.append(
                f"the planner (uid {planner_uid}) can write {path}, so it could approve its own proposals; "
                f"give the folder to the executor and the operators: chown {os.geteuid()}:operators {path}"
            )
    if planner_uid == 0:
        reasons.append("PLANNER_UID is 0, and root can write anything; run the planner as a user of its own")
    return reasons


def _groups_of(uid: int) -> frozenset[int]:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # a container's user without a name: it has no more groups than its own number
        return frozenset({uid})
    groups = {user.pw_gid, *(group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem)}
    return frozenset(groups)
