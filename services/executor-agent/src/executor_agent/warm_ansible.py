"""The warm process: ansible-playbook imported once, one forked child per run. Knows no proposals and reads no files
of ours; decides nothing. Started and watched by `zygote.py`, asked by `warm_client.py`.

Its standard input is its life line: when the executor is gone (kill -9 included), the line ends, and it ends every
run and itself. Each run lives in a process-id namespace of its own, whose end is the end of all of it; where the
kernel does not permit that (not root), under a keeper process that adopts and kills whatever the run leaves behind.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from executor_agent import walls, warm_payloads
from executor_agent.view import VARIABLE, View
from executor_agent.warm_client import TOKEN

SERVED, UNFIT = b"R", b"U"
MAX_REQUEST_BYTES = 4 * 1024 * 1024
REQUEST_SECONDS = 5.0
MAX_TOLD_BYTES = 4096  # the names of what a run built
_NEWPID = 0x20000000
_PDEATHSIG, _SUBREAPER = 1, 36
_libc = ctypes.CDLL(None, use_errno=True)

# What our playbooks use and a person's first tasks would: read once here instead of once per run.
_PLUGINS = {
    "connection_loader": ("local", "ssh"),
    "shell_loader": ("sh",),
    "strategy_loader": ("linear",),
    "cache_loader": ("memory",),
    "action_loader": ("normal", "debug", "command", "assert", "fail", "set_fact", "service", "copy", "template"),
    "callback_loader": ("default",),
    "inventory_loader": ("yaml",),
    "become_loader": ("sudo", "su"),
}


@dataclass
class Run:
    """One forked child and the client that waits for it."""

    pid: int
    client: socket.socket
    tmp: Path
    told: int  # a pipe: what payloads it had to build


@dataclass(frozen=True)
class Request:
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    stdio: list[int]


class WarmAnsible:
    """`serve()` returns when the life line ends."""

    def __init__(self, socket_path: Path, namespaces: bool) -> None:
        self.socket_path = socket_path
        self.namespaces = namespaces
        self.runs: dict[int, Run] = {}
        self.treating = 0
        self.token = os.environ.pop(TOKEN, "")
        self.fixed = _ansible_settings(dict(os.environ))
        self.tmp = Path(tempfile.mkdtemp(prefix="local-", dir=socket_path.parent))
        # Building a module's payload costs more than running it: all runs of this process share what was built.
        self.payloads = self.tmp / "ansiballz_cache"
        self.payloads.mkdir(mode=0o700)
        self.own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC) if namespaces else -1
        self.alive_read, self.alive_write = os.pipe2(os.O_CLOEXEC)

    def serve(self) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket_path.unlink(missing_ok=True)
        self.listener.bind(str(self.socket_path))
        self.listener.listen(64)
        self.wake_read, wake_write = socket.socketpair()
        self.wake_read.setblocking(False)
        wake_write.setblocking(False)
        signal.set_wakeup_fd(wake_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with contextlib.suppress(BrokenPipeError):  # the executor is gone already: the life line says so next
            os.write(1, b"ready\n")
        try:
            self._turn()
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)  # the executor may have no time left to
        finally:
            for run in list(self.runs.values()):
                self._end(run)
            self.socket_path.unlink(missing_ok=True)
            shutil.rmtree(self.tmp, ignore_errors=True)

    def _turn(self) -> None:
        while True:
            poll = select.poll()
            for fd in (0, self.listener.fileno(), self.wake_read.fileno()):
                poll.register(fd, select.POLLIN)
            clients = {run.client.fileno(): run for run in self.runs.values()}
            for fd in clients:
                poll.register(fd, select.POLLRDHUP | select.POLLHUP)
            for fd, _ in poll.poll():
                if fd == 0:
                    if not os.read(0, 4096):
                        return
                elif fd == self.wake_read.fileno():
                    with contextlib.suppress(BlockingIOError):
                        self.wake_read.recv(4096)
                elif fd in clients:
                    self._end(clients[fd])  # its client is gone: cancelled, timed out or killed
                else:
                    self._accept()
            self._reap()

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.settimeout(REQUEST_SECONDS)
        try:
            request = _read_request(client)
        except (OSError, ValueError):
            client.close()
            return
        try:
            if request.environment.pop(TOKEN, "") != self.token:
                client.close()  # a run that asks for another run, without a wall
                return
            if _ansible_settings(request.environment) != self.fixed:
                client.sendall(UNFIT + b"\0")
                client.close()
                return
            self._start(request, client)
        except OSError:
            client.close()
        finally:
            for fd in request.stdio:
                os.close(fd)

    def _start(self, request: Request, client: socket.socket) -> None:
        tmp = Path(tempfile.mkdtemp(prefix="r-", dir=self.tmp))
        warm_payloads.offer(self.payloads, tmp / self.payloads.name)
        told, telling = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        pid = self._fork()
        if pid == 0:
            code = 250
            try:
                client.close()
                os.close(told)
                code = self._child(request, tmp, telling)
            finally:
                os._exit(code & 0xFF)
        os.close(telling)
        self.runs[pid] = Run(pid, client, tmp, told)

    def _fork(self) -> int:
        if self.namespaces and _libc.unshare(_NEWPID) == 0:
            try:
                return os.fork()  # the child is process 1 of the new namespace
            finally:
                if os.getpid() != 1:
                    _libc.setns(self.own_namespace, _NEWPID)
        return os.fork()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.treating:
                self.treating = 0
                continue
            if run := self.runs.pop(pid, None):
                code = os.waitstatus_to_exitcode(status)
                with contextlib.suppress(OSError):
                    run.client.sendall(SERVED + bytes([code & 0xFF if code >= 0 else 128 - code]))
                names = _told(run.told)
                self._forget(run)
                self._build_payloads(names)

    def _forget(self, run: Run) -> None:
        run.client.close()
        os.close(run.told)
        shutil.rmtree(run.tmp, ignore_errors=True)

    def _build_payloads(self, names: list[str]) -> None:
        """What a run had to build is built once more for all runs, in a process of its own: nobody waits for it."""
        if self.treating or not (new := [name for name in names if not (self.payloads / name).exists()]):
            return
        self.treating = os.fork()
        if self.treating == 0:
            code = 1
            try:
                self._become_child(signal.SIGKILL)
                os.nice(5)
                for name in new:
                    warm_payloads.build(self.payloads, name)
                for path in warm_payloads.untreated(self.payloads):
                    warm_payloads.add_bytecode(path)
                code = 0
            finally:
                os._exit(code)

    def _end(self, run: Run) -> None:
        """Kill a whole run: process 1 of its namespace takes all with it; a keeper does the same by hand."""
        in_namespace = self.own_namespace >= 0 and _namespace_of(run.pid) != _namespace_of(os.getpid())
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.pid, signal.SIGKILL if in_namespace else signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(run.pid, 0)
        self._forget(run)
        self.runs.pop(run.pid, None)

    # ---- in the child ----

    def _become_child(self, last_signal: int) -> None:
        """Die with the warm process, and hold nothing of it."""
        _libc.prctl(_PDEATHSIG, last_signal, 0, 0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self.alive_write)
        if select.select([self.alive_read], [], [], 0)[0]:
            os._exit(250)  # the warm process died before we could ask to die with it
        os.setsid()
        self.listener.close()
        for run in self.runs.values():
            run.client.close()
            os.close(run.told)

    def _child(self, request: Request, tmp: Path, telling: int) -> int:
        first = os.getpid() == 1
        self._become_child(signal.SIGKILL if first else signal.SIGTERM)
        for target, fd in enumerate(request.stdio):
            os.dup2(fd, target)
        if not first:
            keeper_code = _keep()
            if keeper_code is not None:
                return keeper_code
        try:
            view = View.parse(request.environment.pop(VARIABLE)).with_paths((str(self.payloads),), (str(tmp),))
            if (code := walls.build(view, first=first)) is not None:
                return code
        except (OSError, ValueError, KeyError) as error:
            os.write(2, f"the wall around this run could not be built: {error}\n".encode())
            return walls.NOT_BUILT
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        os.environ.update(walls.run_folder(str(tmp), view))
        tempfile.tempdir = str(tmp)  # it has answered with the warm process's before
        try:
            return self._play(request.arguments, tmp)
        finally:
            os.write(telling, b"\n".join(name.encode() for name in warm_payloads.built_by(tmp / self.payloads.name)))

    def _play(self, arguments: list[str], tmp: Path) -> int:
        import random
        import warnings

        from ansible import constants
        from ansible.cli.playbook import PlaybookCLI
        from ansible.parsing.vault import VaultSecretsContext
        from ansible.utils.context_objects import GlobalCLIArgs

        random.seed()
        warnings.filterwarnings("ignore", message="AnsibleCollectionFinder has already been configured")
        _runner_events().private_data_dir = os.environ.get("AWX_ISOLATED_DATA_DIR")
        GlobalCLIArgs._Singleton__instance = None  # else the warm-up's arguments would win
        VaultSecretsContext._current = None
        constants.DEFAULT_LOCAL_TMP = str(tmp)
        code = 250
        try:
            PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return code


def _keep() -> int | None:
    """Fork once more and guard the child: None in the child, its exit code in the keeper, all descendants dead."""
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    me = os.getpid()

    def kill_all(*_: object) -> NoReturn:
        _end_descendants(me)
        os._exit(249)

    signal.signal(signal.SIGTERM, kill_all)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        return None
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # or the terminal would stay open as long as the keeper does
        os.dup2(null, fd)
    while True:
        pid, status = os.wait()
        if pid == child:
            _end_descendants(me)
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_descendants(keeper: int, seconds: float = 0.4) -> None:
    deadline = time.monotonic() + seconds
    while (found := _descendants(keeper)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)


def _descendants(ancestor: int) -> list[int]:
    """Parents before their children: a shell whose command is killed first would go on with the next one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                state, parent = (entry / "stat").read_text().rpartition(") ")[2].split()[:2]
                if state != "Z":
                    parents[int(entry.name)] = int(parent)
    found: list[int] = []
    front = {ancestor}
    while front := {pid for pid, parent in parents.items() if parent in front and pid not in found}:
        found += front
    return found


def _told(pipe: int) -> list[str]:
    try:
        return os.read(pipe, MAX_TOLD_BYTES).decode("ascii", "replace").split("\n")
    except BlockingIOError:  # something that it started holds the pipe, and it said nothing
        return []


def _namespace_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _ansible_settings(environment: dict[str, str]) -> dict[str, str]:
    """What Ansible reads once, at import: a run that wants other settings cannot be served from this process."""
    return {key: value for key, value in environment.items() if key.startswith("ANSIBLE_")}


def _read_request(client: socket.socket) -> Request:
    descriptors = array.array("i")
    head, ancillary, _, _ = client.recvmsg(4, socket.CMSG_SPACE(3 * descriptors.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    stdio = list(descriptors)
    try:
        if len(head) != 4 or len(stdio) != 3:
            raise ValueError("not a request")
        size = int.from_bytes(head, "big")
        if size > MAX_REQUEST_BYTES:
            raise ValueError("too large")
        body = bytearray()
        while len(body) < size:
            part = client.recv(size - len(body))
            if not part:
                raise ValueError("cut short")
            body += part
        words = [word.decode("utf-8", "surrogateescape") for word in bytes(body).split(b"\0")]
        count = int(words[0])
        arguments, folder, pairs = words[1 : count + 1], words[count + 1], words[count + 2 :]
        environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    except (OSError, ValueError, IndexError):
        for fd in stdio:
            os.close(fd)
        raise ValueError("not a request") from None
    for fd in stdio:
        os.set_inheritable(fd, False)
    return Request(arguments, folder, environment, stdio)


def _runner_events() -> Any:
    """Where ansible-runner's callback puts its events: it read that at import (the warm-up); a run says it anew."""
    module = next(module for name, module in list(sys.modules.items()) if name.endswith(".awx_display"))
    return module.event_context.cache


def _warm_up(folder: Path) -> None:
    """Import what a run imports, then play one small play in this very process, so that its lazy parts are there."""
    from ansible.cli.playbook import PlaybookCLI
    from ansible.executor import module_common  # noqa: F401
    from ansible.executor.process import worker  # noqa: F401
    from ansible.plugins import loader

    loader.init_plugin_loader()
    for name, plugins in _PLUGINS.items():
        for plugin in plugins:
            getattr(loader, name).get(plugin, class_only=True)
    for kind in (loader.filter_loader, loader.test_loader):
        list(kind.all(class_only=True))
    play = folder / "warm-up.yml"
    play.write_text(
        "- hosts: warm\n  gather_facts: false\n  tasks:\n"
        "    - ansible.builtin.command: {argv: ['true']}\n"
        "    - ansible.builtin.assert: {that: ['inventory_hostname is defined'], quiet: true}\n"
    )
    inventory = folder / "warm-up-inventory.yml"
    inventory.write_text(
        f"all: {{hosts: {{warm: {{ansible_connection: local, ansible_python_interpreter: '{sys.executable}'}}}}}}\n"
    )
    keep = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.environ["AWX_ISOLATED_DATA_DIR"] = str(folder)
    try:
        PlaybookCLI(["ansible-playbook", "-i", str(inventory), str(play)]).run()
    finally:
        os.dup2(keep, 1)
        os.close(keep)
        os.close(null)
    shutil.rmtree(folder / "job_events", ignore_errors=True)
    _runner_events()


def main() -> int:
    socket_path, namespaces = Path(sys.argv[1]), sys.argv[2] == "namespaces"
    sys.argv = ["ansible-playbook"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the executor, which then ends the life line
    warm = WarmAnsible(socket_path, namespaces)
    _warm_up(warm.tmp)
    gc.collect()
    gc.freeze()
    warm.serve()
    return 0


if __name__ == "__main__":
    os._exit(main())
