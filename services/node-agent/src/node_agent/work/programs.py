"""Which programs are work of a host: package managers, backups, checks of disks; and what they are doing. Pure.

A row names the words without which the program only reads (`apt list`, `rclone mount`); none: it always works.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mesh_core.incidents.at_work import WorkKind

COMM_CHARS = 15  # of a program's name in /proc/<pid>/stat


class _Program(NamedTuple):
    kind: WorkKind
    doing: frozenset[str] = frozenset()


def _table(kind: WorkKind, rows: Mapping[str, str]) -> dict[str, _Program]:
    return {name: _Program(kind, frozenset(words.split())) for names, words in rows.items() for name in names.split()}


_INSTALLS = "install reinstall upgrade full-upgrade dist-upgrade safe-upgrade remove purge autoremove autopurge"
_PROGRAMS: Mapping[str, _Program] = {
    **_table(
        WorkKind.PACKAGES,
        {
            "apt apt-get aptitude": f"{_INSTALLS} build-dep satisfy",
            "dpkg": "-i --install -r --remove -P --purge --unpack --configure -a --triggers-only",
            "unattended-upgrade unattended-upgrades do-release-upgrade needrestart": "",
            "dnf dnf5 dnf-3 yum microdnf": f"{_INSTALLS} update distro-sync downgrade swap system-upgrade",
            "rpm": "-i -U -F -e -ivh -Uvh --install --upgrade --erase",
            "zypper": "install in update up dist-upgrade dup patch remove rm",
            "pacman": "-S -Su -Syu -Syyu -Suy -U -R -Rs -Rns --upgrade --remove",
            "apk": "add del upgrade fix",
            "xbps-install xbps-remove emerge rpm-ostree transactional-update switch-to-configuration": "",
            "opkg": "install remove upgrade",
        },
    ),
    **_table(
        WorkKind.BACKUP,
        {
            "restic rustic": "backup forget prune check restore",
            "borg": "create prune compact check extract delete",
            "borgmatic autorestic rsnapshot duplicity rdiff-backup btrbk syncoid timeshift duplicati-cli": "",
            "kopia": "snapshot maintenance restore",
            "rclone": "copy copyto sync bisync move moveto",
            "rsync": "",
            "snapraid": "sync scrub fix check",
            "pg_dump pg_dumpall pg_basebackup pg_restore mysqldump mariadb-dump mariadb-backup mariabackup": "",
            "xtrabackup mongodump vzdump proxmox-backup-client": "",
            "qm pct": "snapshot delsnapshot rollback clone migrate restore",
            "virsh": "snapshot-create snapshot-create-as snapshot-revert backup-begin blockcommit",
            "snapper": "create delete rollback",
            "zfs": "snapshot send receive recv rollback",
        },
    ),
    **_table(
        WorkKind.DISK_CHECK,
        {
            "fsck fsck.ext4 fsck.ext3 fsck.ext2 fsck.vfat fsck.f2fs e2fsck xfs_repair xfs_scrub badblocks": "",
            "btrfs": "scrub balance check replace",
        },
    ),
}
_DAEMONS = {"rsync": "--daemon", "unattended-upgrade": "--wait-for-signal"}  # with this word it only waits
INTERPRETERS = ("python", "perl", "ruby", "sh", "bash", "dash", "ash", "busybox")
_COMMS = frozenset(name[:COMM_CHARS] for name in _PROGRAMS)


def may_work(comm: str) -> bool:
    """May this process, by its short name, be one of those? Then its words are worth reading."""
    return comm in _COMMS or comm.startswith(INTERPRETERS)


def without_interpreter(arguments: Sequence[str]) -> tuple[str, ...]:
    """The words of a program as a person types them: `/usr/bin/python3 -u /usr/bin/borg create` is `borg create`."""
    words = [_base(word) if number == 0 else word for number, word in enumerate(arguments)]
    while len(words) > 1 and words[0].rstrip("0123456789.") in INTERPRETERS:
        rest = next((number for number, word in enumerate(words) if number and not word.startswith("-")), len(words))
        if rest == len(words) or (words[rest - 1] == "-c" and rest > 1):
            break
        words = [_base(words[rest]), *words[rest + 1 :]]
    return tuple(words)


def work_of(words: Sequence[str]) -> tuple[WorkKind, str] | None:
    """What a process with these words (its name first) does, in words of the table alone; None for nothing of these."""
    name = words[0] if words else ""
    program = _PROGRAMS.get(name)
    if program is None or _DAEMONS.get(name, "") in words[1:]:
        return None
    doing = next((word for word in words[1:] if word in program.doing), "")
    if program.doing and not doing:
        return None
    return program.kind, f"{name} {doing}".strip()


def _base(path: str) -> str:
    return path.rpartition("/")[2]
