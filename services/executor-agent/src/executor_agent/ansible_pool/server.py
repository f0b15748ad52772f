"""The pool's server: ansible-playbook imported once, one forked worker per run. Knows no proposals and reads no files
of ours; decides nothing. Started and watched by `supervisor.py`, asked by `client.py`.

Its standard input is its life line: when the executor is gone (kill -9 included), the line ends, and it ends every
run and itself. Each run lives in a process-id namespace of its own, whose end is the end of all of it; where the
kernel does not permit that (not root), under a subreaper that adopts and kills whatever the run leaves behind.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from executor_agent.ansible_pool import payload_cache, worker
from executor_agent.ansible_pool.client import SERVED, TOKEN, UNFIT
from executor_agent.ansible_pool.preload import preload
from executor_agent.ansible_pool.protocol import FAILED, PlayRequest, read_request
from executor_agent.isolation import syscalls

REQUEST_SECONDS = 5.0
MAX_BUILT_BYTES = 4096  # the names of what a run built


@dataclass
class Worker:
    """One forked child and the client that waits for it."""

    pid: int
    client: socket.socket
    tmp: Path
    built: int  # a pipe: which payloads it had to build

    def forget(self) -> None:
        self.client.close()
        os.close(self.built)
        shutil.rmtree(self.tmp, ignore_errors=True)


class PoolServer:
    """`serve()` returns when the life line ends."""

    def __init__(self, socket_path: Path, namespaces: bool) -> None:
        self.socket_path = socket_path
        self.namespaces = namespaces
        self.workers: dict[int, Worker] = {}
        self.payload_builder = 0  # its process id while one works
        self.token = os.environ.pop(TOKEN, "")
        self.ansible_settings = _ansible_settings(dict(os.environ))
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
            self._loop()
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)  # the executor may have no time left to
        finally:
            for running in list(self.workers.values()):
                self._kill(running)
            self.socket_path.unlink(missing_ok=True)
            shutil.rmtree(self.tmp, ignore_errors=True)

    def _loop(self) -> None:
        while True:
            poll = select.poll()
            for fd in (0, self.listener.fileno(), self.wake_read.fileno()):
                poll.register(fd, select.POLLIN)
            clients = {running.client.fileno(): running for running in self.workers.values()}
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
                    self._kill(clients[fd])  # its client is gone: cancelled, timed out or killed
                else:
                    self._accept()
            self._reap()

    def _accept(self) -> None:
        client, _ = self.listener.accept()
        client.settimeout(REQUEST_SECONDS)
        try:
            request = read_request(client)
        except (OSError, ValueError):
            client.close()
            return
        try:
            if request.environment.pop(TOKEN, "") != self.token:
                client.close()  # a run that asks for another run, without a wall
            elif _ansible_settings(request.environment) != self.ansible_settings:
                client.sendall(UNFIT + b"\0")
                client.close()
            else:
                self._start(request, client)
        except OSError:
            client.close()
        finally:
            for fd in request.stdio:
                os.close(fd)

    def _start(self, request: PlayRequest, client: socket.socket) -> None:
        tmp = Path(tempfile.mkdtemp(prefix="r-", dir=self.tmp))
        payload_cache.offer(self.payloads, tmp / self.payloads.name)
        built, built_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

        def work() -> int:
            client.close()
            os.close(built)
            first = os.getpid() == 1
            self._become_child(signal.SIGKILL if first else signal.SIGTERM)
            return worker.run(request, tmp, self.payloads, built_write, first=first)

        pid = self._fork(work, namespaces=self.namespaces)
        os.close(built_write)
        self.workers[pid] = Worker(pid, client, tmp, built)

    def _fork(self, work: Callable[[], int], *, namespaces: bool) -> int:
        """The child's process id; the child does `work`, ends with its exit code, and never returns from here."""
        in_namespace = namespaces and _unshared()
        try:
            pid = os.fork()
        finally:
            if in_namespace and os.getpid() != 1:
                with contextlib.suppress(OSError):
                    syscalls.enter_pid_namespace(self.own_namespace)
        if pid == 0:
            code = FAILED
            try:
                code = work()
            finally:
                os._exit(code & 0xFF)
        return pid

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.payload_builder:
                self.payload_builder = 0
            elif ended := self.workers.pop(pid, None):
                code = os.waitstatus_to_exitcode(status)
                with contextlib.suppress(OSError):
                    ended.client.sendall(SERVED + bytes([code & 0xFF if code >= 0 else 128 - code]))
                names = _names_in(ended.built)
                ended.forget()
                self._build_payloads(names)

    def _build_payloads(self, names: list[str]) -> None:
        """What a run had to build is built once more for all runs, in a process of its own: nobody waits for it."""
        new = [name for name in names if not (self.payloads / name).exists()]
        if self.payload_builder or not new:
            return

        def work() -> int:
            self._become_child(signal.SIGKILL)
            os.nice(5)
            for name in new:
                payload_cache.build(self.payloads, name)
            for path in payload_cache.payloads_without_bytecode(self.payloads):
                payload_cache.add_bytecode(path)
            return 0

        self.payload_builder = self._fork(work, namespaces=False)

    def _kill(self, running: Worker) -> None:
        """Kill a whole run: process 1 of its namespace takes all with it; a subreaper does the same by hand."""
        in_namespace = self.own_namespace >= 0 and _namespace_of(running.pid) != _namespace_of(os.getpid())
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.pid, signal.SIGKILL if in_namespace else signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running.pid, 0)
        running.forget()
        self.workers.pop(running.pid, None)

    def _become_child(self, last_signal: signal.Signals) -> None:
        """In a child: die with the server, and hold nothing of it."""
        syscalls.die_with_parent(last_signal)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self.alive_write)
        if select.select([self.alive_read], [], [], 0)[0]:
            os._exit(FAILED)  # the server died before we could ask to die with it
        os.setsid()
        self.listener.close()
        for other in self.workers.values():
            other.client.close()
            os.close(other.built)


def _unshared() -> bool:
    """The next child is process 1 of a new namespace."""
    with contextlib.suppress(OSError):
        syscalls.unshare(syscalls.NEWPID)
        return True
    return False


def _names_in(pipe: int) -> list[str]:
    try:
        return os.read(pipe, MAX_BUILT_BYTES).decode("ascii", "replace").split("\n")
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


def main() -> int:
    socket_path, namespaces = Path(sys.argv[1]), sys.argv[2] == "namespaces"
    sys.argv = ["ansible-playbook"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the executor, which then ends the life line
    server = PoolServer(socket_path, namespaces)
    preload(server.tmp)
    gc.collect()
    gc.freeze()
    server.serve()
    return 0


if __name__ == "__main__":
    os._exit(main())
