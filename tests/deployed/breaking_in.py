"""Run inside the planner's container by its own user: every way we could think of to get something into approved/.

Prints one JSON object: {attempt: what it came to}. An attempt that succeeded says "DONE". Standard library only.
"""

# System calls by their names, and whatever they come to:
# ruff: noqa: PTH105, PTH208, PTH211, BLE001
import contextlib
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ACTIONS = Path("/opt/homelab/actions")
APPROVED, PENDING = ACTIONS / "approved", ACTIONS / "pending"
NAME = "plan-near-x-0123456789ab.0123456789abcdef.json"
libc = ctypes.CDLL(None, use_errno=True)
own = Path(sys.argv[1])  # a proposal of the planner's own, in pending/
mine = PENDING / ".wip" / "mine.json"


ATTEMPTS: dict[str, Callable[[], None]] = {}


def attempt(way: Callable[[], None]) -> Callable[[], None]:
    ATTEMPTS[way.__name__] = way
    return way


def system(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise PermissionError(done.stderr.strip()[:200] or f"exit {done.returncode}")


@attempt
def create() -> None:
    (APPROVED / NAME).write_text("{}")


@attempt
def list_it() -> None:
    os.listdir(APPROVED)


@attempt
def rename_own() -> None:
    own.rename(APPROVED / own.name)


@attempt
def move_by_copy() -> None:
    shutil.copyfile(own, APPROVED / own.name)


@attempt
def hard_link() -> None:
    os.link(own, APPROVED / own.name)


@attempt
def symlink() -> None:
    os.symlink(own, APPROVED / own.name)


@attempt
def make_folder() -> None:
    (APPROVED / "x").mkdir()


@attempt
def exchange_folders() -> None:
    """RENAME_EXCHANGE of a folder of ours with approved/."""
    mine_too = PENDING / ".wip" / "approved"
    mine_too.mkdir(exist_ok=True)
    system(libc.renameat2(-100, os.fsencode(mine_too), -100, os.fsencode(APPROVED), 2))


@attempt
def rename_approved_away() -> None:
    APPROVED.rename(ACTIONS / "approved.old")


@attempt
def replace_actions() -> None:
    ACTIONS.rename(ACTIONS.with_name("actions.old"))


@attempt
def remove_approved() -> None:
    APPROVED.rmdir()


@attempt
def symlink_over_approved() -> None:
    os.symlink("pending", ACTIONS / "approved2")
    os.replace(ACTIONS / "approved2", APPROVED)


@attempt
def chmod() -> None:
    APPROVED.chmod(0o777)


@attempt
def chown() -> None:
    os.chown(APPROVED, os.getuid(), -1)


@attempt
def acl() -> None:
    os.setxattr(APPROVED, "system.posix_acl_access", b"\x02\0\0\0")


@attempt
def join_operators() -> None:
    os.setgroups([10100])


@attempt
def become_executor() -> None:
    os.setuid(10002)


@attempt
def become_group() -> None:
    os.setgid(10100)


@attempt
def su() -> None:
    run("su", "mend-executor", "-c", f"touch {APPROVED}/{NAME}")


@attempt
def sudo() -> None:
    run("sudo", "-n", "touch", str(APPROVED / NAME))


@attempt
def set_group_program() -> None:
    """A program of ours with the group operators and the set-group bit, made where new files get that group."""
    program = PENDING / ".wip" / "program"
    shutil.copyfile(os.path.realpath(sys.executable), program)
    program.chmod(0o2755)
    if not program.stat().st_mode & 0o2000:
        raise PermissionError("the kernel took the set-group bit away")
    run(str(program), "-c", f"open({str(APPROVED / NAME)!r}, 'w')")


@attempt
def through_proc_root() -> None:
    for process in Path("/proc").iterdir():
        if process.name.isdecimal() and process.name != str(os.getpid()):
            with contextlib.suppress(PermissionError, FileNotFoundError, ProcessLookupError):
                (process / "root" / str(APPROVED / NAME).lstrip("/")).write_text("{}")
                return
    raise PermissionError("no process here can get there")


@attempt
def other_processes() -> None:
    """Of the other services: are they visible at all?"""
    names = [Path(p, "cmdline").read_bytes() for p in Path("/proc").iterdir() if p.name.isdecimal()]
    if not [name for name in names if b"-m\0executor_agent" in name or b"-m\0observer" in name]:
        raise PermissionError("no process of another service is to be seen")


@attempt
def docker_socket() -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect("/var/run/docker.sock")


@attempt
def docker_over_tcp() -> None:
    for host in ("docker-restart", "docker-read", "host.docker.internal"):
        with contextlib.suppress(OSError):
            socket.create_connection((host, 2375), 2).close()
            return
    raise PermissionError("no engine answers by network")


@attempt
def new_namespace() -> None:
    """Root in a user namespace of ours, where we might mount or own things."""
    system(libc.unshare(0x10000000 | 0x00020000))
    (APPROVED / NAME).write_text("{}")


@attempt
def mount_over() -> None:
    system(libc.mount(b"/tmp", os.fsencode(APPROVED), None, 4096, None))


@attempt
def open_by_handle() -> None:
    """CAP_DAC_READ_SEARCH would open any file by its handle."""
    system(libc.open_by_handle_at(-100, ctypes.create_string_buffer(b"\x08\0\0\0\x01\0\0\0" + b"\2" * 8), 2))


@attempt
def make_device() -> None:
    os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0))


@attempt
def write_evidence() -> None:
    (ACTIONS / "done" / "x").mkdir()


@attempt
def write_running() -> None:
    (ACTIONS / "running" / "plan-near-x-0123456789ab").mkdir()


@attempt
def executors_memory() -> None:
    (Path("/opt/homelab/state/executor") / "outbox").mkdir()


@attempt
def replace_executors_memory() -> None:
    Path("/opt/homelab/state/executor").rename("/opt/homelab/state/planners/executor")


@attempt
def write_policy() -> None:
    Path("/opt/homelab/config/policy.yml").write_text("version: 1\n")


def main() -> None:
    mine.write_text("{}")
    came_to = {}
    for name, way in ATTEMPTS.items():
        # Each in a process of its own: some of them change who we would be.
        read, write = os.pipe()
        if (pid := os.fork()) == 0:
            try:
                way()
                said = "DONE"
            except BaseException as error:
                said = f"{type(error).__name__}: {error}"
            os.write(write, said.encode()[:1000])
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as told:
            came_to[name] = told.read()
        os.waitpid(pid, 0)
    mine.unlink()
    print(json.dumps(came_to, indent=1))


if __name__ == "__main__":
    main()
