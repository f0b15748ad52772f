"""What the process of a run may see of the executor's machine, as data. Builds no wall; `walls.py` does.

Two kinds. A run for a host elsewhere sees nothing but what is listed. A run for this very machine must be able to mend
it, so it sees the machine without the executor's own things.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

VARIABLE = "MEND_VIEW"  # how a view travels: in the environment of the client, taken out before the playbook begins


class Wall(StrEnum):
    """What keeps a run to its view."""

    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    NONE = "none"


@dataclass(frozen=True)
class View:
    """Absolute paths. `reads` and `writes` hold below `hidden`, too; `hidden` matters only where `whole` is true.

    `network` False: it reaches nobody, as far as this wall and this kernel can see to that.
    """

    wall: Wall
    whole: bool
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    network: bool = True

    def with_paths(self, reads: Iterable[str], writes: Iterable[str]) -> View:
        return replace(self, reads=(*self.reads, *reads), writes=(*self.writes, *writes))

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> View:
        """ValueError for anything but what `dump` writes."""
        try:
            fields = json.loads(text)
            lists = {name: tuple(map(str, fields[name])) for name in ("reads", "writes", "hidden")}
            return cls(Wall(fields["wall"]), fields["whole"] is True, **lists, network=fields["network"] is True)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a view: {error}") from None


# What every program and ssh need of a machine, and what holds no secret. /etc/ssh is not listed whole: host keys.
_ETC = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "debian_version",
    "gai.conf",
    "group",
    "host.conf",
    "hosts",
    "krb5.conf",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki",
    "protocols",
    "resolv.conf",
    "services",
    "ssh/ssh_config",
    "ssh/ssh_config.d",
    "ssh/ssh_known_hosts",
    "ssl",
    "timezone",
)
_PROGRAMS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
MACHINE = (*_PROGRAMS, *(f"/etc/{name}" for name in _ETC))


def python_paths() -> tuple[str, ...]:
    """This Python, its packages and these very rooms, wherever they lie."""
    return (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))


def protected_paths(runtime: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """What no run for this machine may see: the runtime folder, every secret's file, the keys of this user."""
    named = [value for name, value in environment.items() if name.endswith("_FILE") and value.startswith("/")]
    folders = [environment.get("CREDENTIALS_DIRECTORY", ""), "/run/secrets", "/run/credentials"]
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  (leaves the tilde where there is no home)
    return (str(runtime), str(Path.cwd() / ".env"), str(home / ".ssh"), *filter(None, folders), *named)


def below(path: str, folder: str) -> bool:
    """Is `path` this folder or in it? Plain text: links are the caller's business."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def outermost(paths: Iterable[str]) -> list[str]:
    """Each once, without those that lie in another one of them."""
    found: list[str] = []
    for path in sorted(set(paths)):
        if not any(below(path, other) for other in found):
            found.append(path)
    return found
