"""System calls that Python 3.11 has no names for: namespaces, mounts, capabilities, Landlock, prctl. Raises OSError;
decides nothing.

Through ctypes. Linux on x86_64 and aarch64, whose numbers these are.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x00020000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_SLAVE = 0x1000, 0x4000, 0x80000
READ_ONLY, NO_SUID, NO_DEVICES = 1, 2, 4
_PDEATHSIG, _CAPBSET_DROP, _SUBREAPER, _NO_NEW_PRIVS = 1, 24, 36, 38
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR, _LANDLOCK = 442, 444
_CAP_VERSION_3 = 0x20080522
_RECURSIVE, _AT_FDCWD = 0x8000, -100
_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace")]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("folder", ctypes.c_int32)]


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("files", "network", "scoped")]


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def enter_pid_namespace(descriptor: int) -> None:
    """The next child is in it; this process stays where it is."""
    _checked(_libc.setns(descriptor, NEWPID), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [word.encode() if word is not None else None for word in (source, target, kind, options)]
    _checked(_libc.mount(*arguments[:3], ctypes.c_ulong(flags), arguments[3]), f"mount on {target}")


def restrict(target: str, attributes: int) -> None:
    """READ_ONLY, NO_SUID, NO_DEVICES for what is mounted at `target` and everything below it (Linux 5.12)."""
    attributes_struct = _Attributes(set=attributes)
    code = _libc.syscall(
        _MOUNT_SETATTR, _AT_FDCWD, target.encode(), _RECURSIVE, ctypes.byref(attributes_struct), ctypes.c_size_t(32)
    )
    _checked(code, f"mount_setattr on {target}")


def enter_root(folder: str) -> None:
    """Make `folder`, a mount point, the root; nothing of the old one can be reached afterwards."""
    os.chdir(folder)
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(f"pivot_root is not known on {os.uname().machine}")
    _checked(_libc.syscall(number, b".", b"."), "pivot_root")  # the old root now lies over the new one
    _checked(_libc.umount2(b".", _DETACH), "umount of the old root")
    os.chdir("/")


def die_with_parent(last_signal: int) -> None:
    _libc.prctl(_PDEATHSIG, last_signal, 0, 0, 0)


def become_subreaper() -> None:
    """Whoever descends from this process and loses its parent becomes its child."""
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)


def no_new_privileges() -> None:
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS")


def drop_capabilities(dropped: frozenset[int]) -> None:
    """Out of this process and of the bounding set: no child, not even root's, gets them back."""
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for number in sorted(dropped):
        if number <= last:
            _checked(_libc.prctl(_CAPBSET_DROP, number, 0, 0, 0), f"drop of the capability {number}")
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _checked(_libc.capget(header, data), "capget")
    for number in dropped:
        for part in range(3):
            data[3 * (number // 32) + part] &= ~(1 << (number % 32)) & 0xFFFFFFFF
    _checked(_libc.capset(header, data), "capset")


def landlock_version() -> int:
    """0 where this kernel (or a filter of the container) has none of it."""
    return max(0, int(_libc.syscall(_LANDLOCK, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def landlock_rules(files: int, scoped: int, network: int = 0) -> int:
    """A descriptor of a rule set that refuses these file rights until a rule gives them back, and TCP (1: bind, 2:
    connect; Linux 6.7) for good."""
    asked = _Ruleset(files=files, network=network, scoped=scoped)
    size = ctypes.c_size_t(24 if scoped else 16 if network else 8)
    return _checked(_libc.syscall(_LANDLOCK, ctypes.byref(asked), size, ctypes.c_uint32(0)), "landlock_create_ruleset")


def landlock_allow(rules: int, path: int, access: int) -> None:
    rule = _Beneath(access, path)
    code = _libc.syscall(_LANDLOCK + 1, rules, 1, ctypes.byref(rule), ctypes.c_uint32(0))
    _checked(code, "landlock_add_rule")


def landlock_enter(rules: int) -> None:
    _checked(_libc.syscall(_LANDLOCK + 2, rules, ctypes.c_uint32(0)), "landlock_restrict_self")
