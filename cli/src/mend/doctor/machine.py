"""Checks of this machine: Python, disk, the folders of actions and who may write them, policy, services. Reads only."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mend.doctor.finding import Finding, broken, ok, warning
from mend.output.text import plain
from mend.output.times import age
from mesh_core.actions.register import SHIPPED
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import Folder
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.runtime.executor_notes import read_isolation, read_targets
from mesh_core.runtime.heartbeats import FRESH_SECONDS, heartbeats, stuck_loops
from mesh_core.runtime.secret_files import is_given
from mesh_core.security.permissions import differences, is_deployed, services_of
from mesh_core.storage.schema import SCHEMA_VERSION, why_not

LOW_BYTES = 1024**3
FULL_BYTES = 64 * 1024**2
LOW_INODES = 0.03
MAX_REFUSED = 10  # files of config/remedies that are each said


def check_machine(runtime: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that can be told from files."""
    yield _python()
    yield _disk(runtime)
    yield _layout(runtime)
    yield from _folders(ActionFolders(runtime))
    yield from _remedies(runtime)
    yield from _runbooks(runtime)
    yield _policy(runtime / "config" / "policy.yml")
    yield _services(runtime)
    yield from _isolation(runtime)
    yield _notify(runtime, environ)


def _python() -> Finding:
    """Below 3.11 we could not even have been imported."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return ok("python", f"Python {version} at {sys.executable}")


def _disk(runtime: Path) -> Finding:
    place = next(path for path in (runtime, *runtime.parents) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GiB free at {place}"
    room = os.statvfs(place)
    if room.f_files and room.f_favail < room.f_files * LOW_INODES:  # a file system may count none
        found = f"{found}, but only {room.f_favail} more files can be made there"
        return warning("disk", found, "remove what consists of many small files; `mend migrate` if it is older events")
    if free < FULL_BYTES:
        return broken("disk", found, "make room: proposals, spools and results are files; nothing can be kept now")
    if free < LOW_BYTES:
        return warning("disk", found, "make room before it is full: proposals, spools and results are files")
    return ok("disk", found)


def _layout(runtime: Path) -> Finding:
    if why := why_not(runtime):
        return broken("layout", plain(why, 400), "until then no service starts")
    return ok("layout", f"of version {SCHEMA_VERSION}, as this one needs it")


def _folders(actions: ActionFolders) -> Iterator[Finding]:
    if not actions.root.is_dir():
        yield broken("action folders", f"{actions.root} is not there", "start the mesh once (`mend up`): it makes them")
        return
    missing = [folder.value for folder in Folder if not actions.folder(folder).is_dir()]
    if missing:
        yield broken(
            "action folders", f"missing: {', '.join(missing)}", "start the executor or `mend up`: it makes them"
        )
        return
    yield _one_file_system(actions)
    yield _who_may_approve(actions)
    yield from _owners(actions.root.parent)
    pending, approved = actions.folder(Folder.PENDING), actions.folder(Folder.APPROVED)
    if os.access(pending, os.R_OK | os.W_OK | os.X_OK) and os.access(approved, os.W_OK | os.X_OK):
        yield ok("you may approve", "pending/ and approved/ are yours to move between")
    else:
        yield warning(
            "you may approve",
            "this user cannot move files from pending/ to approved/",
            "join the group operators, or ask one of them",
        )


def _one_file_system(actions: ActionFolders) -> Finding:
    devices = {actions.folder(folder).stat().st_dev for folder in Folder}
    mounts = [folder.value for folder in Folder if actions.folder(folder).is_mount()]
    if len(devices) == 1 and not mounts:
        return ok("one file system", f"every folder of {actions.root} lies on one: a move is one atomic rename")
    found = f"{', '.join(mounts) or 'some folders'} of {actions.root} are mounts of their own"
    return broken(
        "one file system", found, "mount actions/ once, as a whole: across mounts mv copies, and half a file shows"
    )


def _who_may_approve(actions: ActionFolders) -> Finding:
    approved = actions.folder(Folder.APPROVED).stat()
    mode = stat.filemode(approved.st_mode)
    if approved.st_mode & stat.S_IWOTH:
        return broken("approved/", f"everybody may write it ({mode})", f"chmod o-w {actions.folder(Folder.APPROVED)}")
    if approved.st_uid == actions.folder(Folder.PENDING).stat().st_uid:
        return ok("approved/", f"{mode}; one user owns pending/ and approved/, as in a checkout: fine for development")
    return ok("approved/", f"{mode}; the planner's user does not own it")


def _owners(runtime: Path) -> Iterator[Finding]:
    """In a deployment each service is a user of its own, and the kernel keeps them apart."""
    if not is_deployed(runtime):
        return
    wrong = differences(runtime, services_of(runtime))
    fix = f"run as root: scripts/deploy/permissions.sh {runtime}"
    yield from (broken("owners and modes", sentence, fix) for sentence in wrong)
    if not wrong:
        yield ok("owners and modes", "every folder has the owner and mode of its service: the planner cannot approve")


def _remedies(runtime: Path) -> Iterator[Finding]:
    """A person's own; from here on they are in use, as the policy may name them."""
    config = ConfigReader(runtime)
    register, wrong = config.remedies.use(), config.unusable_remedies()
    fix = "`mend remedies lint FILE` says more; until then nothing of that file runs"
    yield from (broken("remedies", plain(why, 400), fix) for why in wrong[:MAX_REFUSED])
    if (more := len(wrong) - MAX_REFUSED) > 0:
        yield broken("remedies", f"{more} more files of config/remedies cannot be used", fix)
    if not wrong:
        shipped = len(register.files) - len(register.own - SHIPPED.files.keys())
        yield ok("remedies", f"{shipped} shipped, {len(register.own)} of your own")


def _runbooks(runtime: Path) -> Iterator[Finding]:
    """A person's own, beside the shipped ones."""
    folder = ConfigReader(runtime).runbooks
    index = folder.index()
    fix = "correct that line, or take the file away; until then nothing of it is used"
    yield from (warning("runbooks", plain(why, 400), fix) for why in [*folder.refused.values()][:MAX_REFUSED])
    if not folder.refused:
        own = sum(one.own for one in index.runbooks)
        yield ok("runbooks", f"{len(index.runbooks) - own} shipped, {own} of your own")


def _policy(path: Path) -> Finding:
    try:
        policy = Policy.load(path)
    except BadPolicy as error:
        return broken(
            "policy", plain(error, 400), "correct that line; until then nothing is approved or proposed by it"
        )
    own = f"{path} over the shipped one" if path.exists() else "the shipped one"
    return ok("policy", f"{len(policy.rules)} rules ({own})")


def _services(runtime: Path) -> Finding:
    ages = heartbeats(runtime)
    late = [f"{name} ({age(seconds)})" for name, seconds in ages.items() if seconds > FRESH_SECONDS]
    if not ages:
        return warning("services", "none has run here yet", "start the mesh: mend up")
    if stuck := stuck_loops(runtime):
        said = "; ".join(f"{name}: {what}" for name, what in stuck.items())
        return broken("services", plain(said, 600), f"read {runtime / 'log'}; start it again if it does not go on")
    if late:
        return warning(
            "services", f"no heartbeat from {', '.join(late)}", f"read {runtime / 'log'}, or start them again"
        )
    return ok("services", f"{', '.join(ages)} are alive")


def _isolation(runtime: Path) -> Iterator[Finding]:
    """Which wall the executor found for its runs, as it noted at its last start."""
    note = read_isolation(runtime)
    if note is None:
        return
    if note.wall == "none":
        fix = "EXECUTOR_SANDBOX=auto, and a kernel with user namespaces or Landlock (Linux 5.13; docs/deploy.md)"
        yield warning("isolation", plain(note.sentence, 300), fix)
    else:
        yield ok("isolation", f"{plain(note.wall, 40)}: {plain(note.sentence, 300)}")


def _notify(runtime: Path, environ: Mapping[str, str]) -> Finding:
    """Here and at the executor, which may have been started with other settings."""
    if is_given(environ, "NOTIFY_URLS"):
        if read_targets(runtime) == 0:
            found = (
                "NOTIFY_URLS is set here, and the executor was started without it: an approved notify reaches nobody"
            )
            return warning("notifications", found, "set it for the executor, too, and start it again")
        return ok("notifications", "NOTIFY_URLS is set; `mend notify-test` tries it")
    return warning(
        "notifications",
        "NOTIFY_URLS is not set: an approved notify reaches nobody, and neither do news",
        "set it to Apprise URLs, such as ntfy://host/topic",
    )
