"""Programs of which one word says that they destroy, take away or stop: a table, by what that does. Pure."""

from __future__ import annotations

from mesh_core.policy.playbook_lint.shell_words import Command
from mesh_core.policy.playbook_lint.shutting_out import RELOADS, WAY_IN
from mesh_core.policy.playbook_lint.writing_over import DEVICE

DELETED = "deletes what it names"
UNMOUNTED = "takes a file system away"
_BOOT = "changes how the host starts"
_BACKUPS = "removes backups"
_SINCE = "destroys a file system, or all since a snapshot"
_MACHINE = "stops a virtual machine, or throws away what it did"
_MOVED_OFF = "takes work off a machine of the cluster"
_STOPS_DATA = "stops a data store"

# What it does: the programs, and the words behind them that say so.
_TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    _SINCE: (("zfs", "destroy rollback -F"), ("lvconvert", "--merge")),
    "destroys a pool of disks": (("zpool", "destroy labelclear create"),),
    "deletes a file system's subvolume": (("btrfs", "delete"),),
    "makes an encrypted disk unreadable": (("cryptsetup", "erase luksErase luksFormat"),),
    "takes a disk array apart": (("mdadm", "--zero-superblock --create"),),
    "takes a disk out of a pool": (("zpool", "detach remove offline"), ("btrfs", "remove")),
    "writes over what a file system is made of": (("btrfs", "--repair rescue"), ("xfs_repair", "-L")),
    UNMOUNTED: (
        ("mdadm", "--stop -S"),
        ("zpool", "export"),
        ("zfs", "unmount"),
        ("lvchange", "-an"),
        ("vgchange", "-an"),
        ("cryptsetup", "close luksClose"),
        ("dmsetup", "remove remove_all wipe_table"),
        ("losetup", "-d -D --detach --detach-all"),
    ),
    DEVICE: (("badblocks", "-w"), ("hdparm", "--security-erase --security-erase-enhanced")),
    DELETED: (
        ("aws", "rb"),
        ("mc", "rb"),
        ("etcdctl", "del"),
        ("redis-cli", "del DEL unlink UNLINK"),
        ("valkey-cli", "del DEL unlink UNLINK"),
        ("rabbitmqctl", "reset force_reset"),
        ("flyway", "clean"),
        ("alembic", "downgrade"),
        ("manage.py", "flush"),
        ("wp", "reset"),
    ),
    "removes files that are in no commit": (("git", "clean"),),
    "throws away what was changed in a folder": (("git", "--hard"),),
    "writes over what others have": (("git", "--force -D"),),
    "removes all of a user's timed commands": (("crontab", "-r -"),),
    "removes what its source does not have": (("rclone", "sync move"), ("rsync", "--del")),
    _BACKUPS: (("restic", "forget prune"), ("borg", "delete prune")),
    _BOOT: (("efibootmgr", "-B --delete-bootnum"), ("flashrom", "-w --write -E --erase")),
    _STOPS_DATA: (("redis-cli", "shutdown SHUTDOWN"), ("valkey-cli", "shutdown SHUTDOWN"), ("mysqladmin", "shutdown")),
    _MACHINE: (
        ("virsh", "shutdown destroy reset snapshot-revert"),
        ("qm", "stop shutdown reset rollback"),
        ("pct", "stop shutdown rollback"),
    ),
    _MOVED_OFF: (("kubectl", "drain cordon taint --replicas=0"),),
    "ends every process of somebody": (
        ("pkill", "-u -U --euid"),
        ("killall", "-u --user"),
        ("skill", "-u"),
        ("fuser", "-k -km -mk -ki"),
    ),
    WAY_IN: (("useradd", "-o --non-unique"), ("usermod", "-p --password"), ("adduser", "sudo wheel")),
}
_WORDS = [(program, frozenset(words.split()), what) for what, programs in _TABLE.items() for program, words in programs]
_BY_THEMSELVES = {
    "pg_resetwal": DELETED,
    "pg_resetxlog": DELETED,
    "do-release-upgrade": "makes another system of the host",
}


def told_by_a_word(command: Command) -> str:
    """What it does, as the predicate of a sentence; '' for none of these."""
    for program, said, what in _WORDS:
        if (rest := command.after(program)) and said & {*rest} and not RELOADS & {*rest}:
            return what
    return next((what for name in command.names if (what := _BY_THEMSELVES.get(name, ""))), "")
