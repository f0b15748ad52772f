"""Before the first start of a deployment, and before every later one: folders, owners, modes, passwords, Redis users.

    python -m mesh_core.security.bootstrap [--service NAME]... [--node NAME]... [--check] RUNTIME_PATH

Run as root, by compose (the service `permissions`) and by scripts/deploy/permissions.sh: one truth, `permissions.py`.
Repeating it is harmless. It follows no link, and never overwrites a password or anything in config/.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import yaml

from mesh_core.models.records import NAME_PATTERN
from mesh_core.runtime.services import EXECUTOR, NODE_AGENT, OBSERVER, SERVICES, ServiceUser
from mesh_core.security.permissions import USERS, Group, OwnedPath, differences, paths_for
from mesh_core.security.redis_users import ADMIN, NODE_PREFIX, OPERATOR, acl_text
from mesh_core.security.redis_users import SERVICES as REDIS_SERVICES
from mesh_core.storage.by_descriptor import entry_in, folder_below, give_entry, set_mode

PASSWORD, ADMIN_PASSWORD, ACL = "redis_password", "admin_password", "users.acl"
PAGE_TOKEN, TOKENS = "page_token", "observer_tokens"
INVENTORY = """\
# The only hosts that can ever be touched: an Ansible inventory. Written for this machine; it is yours now.
# Another host:   name: {ansible_host: 192.0.2.7, ansible_user: pi}
"""


def main() -> None:
    """Make it so (or only look), print what was done; exit status 1 when something is not as it should be."""
    parser = _parser()
    asked = parser.parse_args()
    services = tuple(asked.service or USERS)
    runtime = Path(asked.runtime).absolute()
    if not asked.check:
        if os.geteuid() != 0:
            parser.exit(2, "bootstrap: must be root to give folders to their users; put sudo before it\n")
        try:
            done = lay(runtime, services, asked.node, asked.here or "")
        except OSError as error:
            parser.exit(1, f"bootstrap: {error.filename or runtime}: {error.strerror}\n")
        print("\n".join(done) if done else f"bootstrap: nothing to do in {runtime}")
    wrong = differences(runtime, services)
    parser.exit(1 if wrong else 0, "".join(f"bootstrap: {sentence}\n" for sentence in wrong))


def lay(runtime: Path, services: tuple[str, ...], nodes: list[str], here: str) -> list[str]:
    """Everything in its order; what was changed, as sentences. `here`: this host's NODE_NAME. Raises OSError."""
    done: list[str] = []
    runtime.mkdir(parents=True, exist_ok=True)
    for owned in paths_for(services):
        with _parent(runtime, owned.path) as (folder, name):
            done += _make(folder, name, owned, runtime)
    if "redis" in services:
        done += _redis_users(runtime, nodes, here)
    if OBSERVER in services:
        done += _first_token(runtime / "secrets")
    if EXECUTOR in services and here:
        done += _inventory(runtime, here)
    return done


def _make(folder: int, name: str, owned: OwnedPath, runtime: Path) -> Iterator[str]:
    """One place, made or corrected through descriptors: a service cannot lead us elsewhere by a link."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    made = False
    with contextlib.suppress(FileExistsError):
        if owned.is_file:
            os.close(os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder))
        else:
            os.mkdir(name, 0o700, dir_fd=folder)
        made = True
    descriptor = os.open(name, flags | (0 if owned.is_file else os.O_DIRECTORY), dir_fd=folder)
    try:
        before = os.fstat(descriptor)
        if (before.st_uid, before.st_gid) != (owned.owner, owned.group):
            os.fchown(descriptor, owned.owner, owned.group)
            verb = "made" if made else "gave to its owner"
            yield f"{verb} {runtime / owned.path} ({owned.owner.name.lower()}:{owned.group.name.lower()})"
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != owned.mode:  # chown may have cleared the set-group bit
            os.fchmod(descriptor, owned.mode)
        if owned.adopts and (taken := _adopt(descriptor, owned)):
            yield f"gave {taken} thing(s) that a stranger left in {runtime / owned.path} to {owned.owner.name.lower()}"
    finally:
        os.close(descriptor)


def _adopt(descriptor: int, owned: OwnedPath) -> int:
    """What an earlier mesh of a single user left here becomes the owner's; what our own users made stays as it is."""
    taken = 0
    for _, folders, files, here in os.fwalk(".", dir_fd=descriptor, follow_symlinks=False):
        for name in (*folders, *files):
            with entry_in(here, name) as entry:
                status = os.fstat(entry)
                known = status.st_uid in set(USERS.values()) or status.st_gid == Group.OPERATORS
                several = stat.S_ISREG(status.st_mode) and status.st_nlink > 1  # a hard link may be anybody's file
                if known or several or stat.S_ISLNK(status.st_mode):
                    continue
                give_entry(entry, owned.owner, owned.group)
                opened = 0o750 if stat.S_ISDIR(status.st_mode) else 0o640
                set_mode(entry, stat.S_IMODE(status.st_mode) & 0o770 | opened)
            taken += 1
    return taken


def _redis_users(runtime: Path, nodes: list[str], here: str) -> Iterator[str]:
    """A password for each user (kept if there is one), and users.acl with their digests."""
    folder = runtime / "secrets"
    known = {path.name for path in (folder / "nodes").iterdir() if path.is_dir()} | set(nodes)
    passwords = {ADMIN: _password(folder / "redis" / ADMIN_PASSWORD, ServiceUser.REDIS)}
    passwords[OPERATOR] = _password(folder / OPERATOR / PASSWORD, ServiceUser.ROOT, Group.OPERATORS, 0o440)
    for user in REDIS_SERVICES:
        service = next(name for name in SERVICES if name.startswith(user))
        passwords[user] = _password(folder / service / PASSWORD, USERS[service])
    for node in known - {here}:
        (folder / "nodes" / node).mkdir(mode=0o700, exist_ok=True)
        passwords[NODE_PREFIX + node] = _password(folder / "nodes" / node / PASSWORD, ServiceUser.ROOT)
    if here:
        passwords[NODE_PREFIX + here] = _password(folder / NODE_AGENT / PASSWORD, ServiceUser.NODE_AGENT)
    text = acl_text(passwords, [user.removeprefix(NODE_PREFIX) for user in passwords if user.startswith(NODE_PREFIX)])
    acl = folder / "redis" / ACL
    if not acl.exists() or acl.read_text() != text:
        _write(acl, text, ServiceUser.REDIS, Group.MENDMESH, 0o400)
        yield f"wrote {acl}; a Redis that runs already takes it with: ACL LOAD"


def _password(path: Path, owner: ServiceUser, group: Group = Group.MENDMESH, mode: int = 0o400) -> str:
    if not path.exists():
        _write(path, secrets.token_urlsafe(32) + "\n", owner, group, mode)
    return path.read_text().strip()


def _first_token(folder: Path) -> Iterator[str]:
    """Somebody must be able to come in, or the observer serves no page beyond loopback: whoever may approve."""
    token = _password(folder / OPERATOR / PAGE_TOKEN, ServiceUser.ROOT, Group.OPERATORS, 0o440)
    tokens = folder / OBSERVER / TOKENS
    if not tokens.exists():
        _write(tokens, f"first:operator:{token}\n", ServiceUser.OBSERVER, Group.MENDMESH, 0o400)
        yield f"wrote {tokens}; the page lets in whoever has the token in {folder / OPERATOR / PAGE_TOKEN}"


def _inventory(runtime: Path, here: str) -> Iterator[str]:
    path = runtime / "config" / "inventory.yml"
    if not path.exists():
        hosts = {"all": {"hosts": {here: {"ansible_connection": "local"}}}}
        _write(path, INVENTORY + yaml.safe_dump(hosts), ServiceUser.ROOT, Group.OPERATORS, 0o660)
        yield f"wrote {path} with this host ({here}) in it"


def _write(path: Path, text: str, owner: ServiceUser, group: Group, mode: int) -> None:
    """Whole or not at all, never readable by anybody else in between."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    temporary.replace(path)


@contextmanager
def _parent(runtime: Path, relative: str) -> Iterator[tuple[int, str]]:
    """A descriptor of the folder that holds this place, reached without following a link below `runtime`."""
    start, parts = (runtime, PurePosixPath(relative).parts) if relative else (runtime.parent, (runtime.name,))
    with folder_below(start, *parts[:-1]) as folder:
        yield folder, parts[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mesh_core.security.bootstrap",
        description="Make the folders of a deployment with their owners and modes, the passwords and the Redis users.",
        epilog="Example: scripts/deploy/permissions.sh --here web01 --node pi4 --node nas /opt/homelab",
    )
    parser.add_argument("runtime", metavar="RUNTIME_PATH", help="such as /opt/homelab")
    parser.add_argument("--service", action="append", choices=USERS, help="only what this one needs; may be repeated")
    parser.add_argument("--here", metavar="NAME", type=_name, help="NODE_NAME of this host")
    parser.add_argument(
        "--node", action="append", default=[], metavar="NAME", type=_name, help="a Redis user for that node's agent"
    )
    parser.add_argument("--check", action="store_true", help="change nothing, say what is not as it should be")
    return parser


def _name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise argparse.ArgumentTypeError(f"{text!r} is no node name: letters, digits, dot, dash and underscore")
    return text


if __name__ == "__main__":
    main()
