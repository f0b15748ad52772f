"""Places on a host, as a command or an argument names them: how much is lost with one. Pure."""

from __future__ import annotations

import posixpath
import re

from mesh_core.policy.playbook_lint.shell_words import UNKNOWN

_TEMPORARY = ("/tmp/", "/var/tmp/", "/var/cache/", "/dev/shm/")  # noqa: S108  (names only)
_NO_DISKS = re.compile(
    r"/dev/(?:null|zero|full|std(?:in|out|err)|u?random|tty\w*|console|kmsg|log|(?:pts|fd|shm|tcp|udp|net|mqueue)(?:/.*)?)"
)
_SYSTEM = frozenset({"etc", "usr", "bin", "sbin", "lib", "lib32", "lib64", "boot", "dev", "proc", "sys", "root"})
_PARTS_OF_VAR = frozenset({"lib", "log", "run", "spool"})
_WAYS_IN = re.compile(
    r"/etc/(?:ssh|sudoers\.d|pam\.d|wireguard|network|netplan|NetworkManager|systemd/network|nftables\.d)(?:/|$)"
    r"|/etc/(?:passwd|shadow|group|sudoers|hosts\.(?:allow|deny)|nftables\.conf)$|/\.ssh(?:/|$)"
)
_PROGRAMS = re.compile(r"/(?:boot|s?bin|lib(?:32|64)?|usr/(?:s?bin|lib(?:32|64)?))/|/etc/[^/]+$")
_VARIABLE = re.compile(rf"[${UNKNOWN}]")


def is_lasting(word: str) -> bool:
    """Is more lost with it than what is there for a while? What only a run knows may be anything."""
    known = _VARIABLE.split(word)[0]
    path = posixpath.normpath(known) + ("/" if known.endswith("/") else "")
    return "/.." in word[len(known) :] or not path.startswith(_TEMPORARY)


def is_whole(word: str) -> bool:
    """All of a host, a top folder, or one that the system itself lives in."""
    if word in (".", "..", "*", "./", "./*", "~", "~/", "~/*", "$HOME", "$HOME/*"):
        return True
    if not word.startswith("/"):
        return False
    parts = [part for part in posixpath.normpath(word).split("/") if part.strip("*")]
    if len(parts) < 2:
        return True
    return len(parts) == 2 and (parts[0] in _SYSTEM or (parts[0] == "var" and parts[1] in _PARTS_OF_VAR))


def is_in_the_system(word: str) -> bool:
    """A file that the system itself runs or starts by; what people add stands elsewhere."""
    return _PROGRAMS.match(word) is not None


def is_device(word: str) -> bool:
    """A disk, a volume or another device that can be written over."""
    path = re.sub("/+", "/", word)
    return path.startswith("/dev/") and path != "/dev/" and not _NO_DISKS.fullmatch(posixpath.normpath(path))


def is_way_in(word: str) -> bool:
    """A file by which it is decided who comes into the host, or how it is reached."""
    return _WAYS_IN.search(word) is not None
