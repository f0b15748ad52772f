"""A whole mesh as processes of ours: started side by side, watched, stopped in order with nothing lost.

Tells what happens through `tell`; decides nothing about proposals and talks to no host.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mend.errors import CliError
from mend.local.end_watch import EndWatch
from mend.local.lock import leave_note, take_note_away
from mend.local.plan import Plan, Program
from mend.local.redis_server import OWN_MARK, LoginRefused, home_of
from mend.local.supervisord import Job, JobState, NoAnswer, Supervisord
from mend.output.text import plain
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.runtime.services import EXECUTOR
from mesh_core.runtime.startup import CANNOT_START
from mesh_core.security.private_folder import make_private
from mesh_core.storage.files import write_whole

READY_SECONDS = 60.0
LOOK_SECONDS = 0.1
STARTING_SECONDS = 0.5
AGAIN_SECONDS = 30.0  # after supervisord gave up on a program; and a look at all, whatever the kernel told
BAD_SETTINGS = 2
LOG_BYTES = 4000

Tell = Callable[[str, str, str], None]  # (actor, text, style)


@dataclass
class _Seen:
    """What we last said about a program."""

    pid: int = 0
    state: str = ""
    given_up_at: float | None = None


class Mesh:
    """`start` once, `look` now and then, `stop` always."""

    def __init__(self, plan: Plan, tell: Tell):
        self.plan = plan
        self._tell = tell
        self._supervisord = Supervisord(plan.run_folder, plan.log_of("supervisord"))
        self._seen = {program.name: _Seen() for program in plan.programs}
        self._started = 0.0
        self._ends = EndWatch()
        self._next_look = 0.0

    def start(self, stopping: Callable[[], bool] = lambda: False) -> bool:
        """Start everything; False when asked to stop meanwhile. CliError if a service refuses its settings.

        What is not ready after a minute is said and left to become so.
        """
        self._lay_out()
        self._started = time.time()
        begun = time.monotonic()
        try:
            self._supervisord.start([self._job(p, n) for n, p in enumerate(self.plan.programs)], self.plan.environ)
        except NoAnswer as error:
            raise CliError(str(error)) from None
        leave_note(self.plan, self._supervisord.socket)
        waiting = list(self.plan.programs)
        while waiting and not stopping():
            waiting = self._not_ready_yet(waiting, begun)
            if waiting and time.monotonic() - begun > READY_SECONDS:
                for program in waiting:
                    words = self.last_words(program.name)
                    self._tell(program.name, f"not ready after {READY_SECONDS:.0f} s; its log ends: {words}", "red")
                break
            time.sleep(LOOK_SECONDS)
        return not stopping()

    def _lay_out(self) -> None:
        """The folders and files that the programs want, closed to others."""
        plan = self.plan
        (plan.runtime / "state").mkdir(parents=True, exist_ok=True)
        for folder in (plan.run_folder, plan.log_folder):  # logs quote what services wrote
            try:
                make_private(folder)
            except NotADirectoryError:
                raise CliError(f"{folder} has to be a folder, no link to one: root follows none there") from None
        ActionFolders(plan.runtime).prepare()
        if plan.own_redis is not None:
            plan.own_redis.data.mkdir(parents=True, exist_ok=True)
            (plan.own_redis.data / OWN_MARK).touch()
            write_whole(plan.own_redis.conf_file, plan.own_redis.conf().encode(), mode=0o600)
        if plan.redis_password:
            write_whole(plan.password_file, plan.redis_password.encode(), mode=0o600)
        if plan.model_url is not None:
            write_whole(plan.model_key_file, secrets.token_urlsafe(32).encode(), mode=0o600)

    def _not_ready_yet(self, waiting: Sequence[Program], begun: float) -> list[Program]:
        """One look at those that were not ready; who has become so is told. CliError for one that refuses to start."""
        try:
            states = self._supervisord.states()
        except NoAnswer as error:
            raise CliError(f"supervisord does not answer ({error}); its log: {self._supervisord.log}") from None
        left = []
        for program in waiting:
            state = states[program.name]
            if self._is_ready(program, state):
                self._seen[program.name] = _Seen(state.pid, "RUNNING")
                about = f", {program.about}" if program.about else ""
                self._tell(program.name, f"ready after {time.monotonic() - begun:.1f} s{about}", "green")
                continue
            if not state.alive and self._refuses_its_settings(program.name, state):
                raise CliError(f"{program.name} does not start: {self.last_words(program.name)}")
            self._compare(program.name, self._seen[program.name], state)
            left.append(program)
        return left

    def wait(self, seconds: float, *descriptors: int) -> None:
        """Until a program ends, one of `descriptors` can be read, or `seconds` are over; less while one is starting."""
        at_rest = time.monotonic() < self._next_look
        if self._ends.wait(seconds if at_rest else min(seconds, STARTING_SECONDS), *descriptors):
            self._next_look = 0.0

    def look(self) -> None:
        """Say what changed since the last look. CliError when supervisord itself is gone.

        While everything runs and nothing ends, supervisord is hardly asked: each answer costs both of us 1 ms of CPU.
        """
        self.wait(0)
        if time.monotonic() < self._next_look:
            return
        try:
            states = self._supervisord.states()
        except NoAnswer:
            if self._supervisord.running:
                return
            raise CliError(f"supervisord ended; everything is stopped. Its log: {self._supervisord.log}") from None
        for name, seen in self._seen.items():
            self._compare(name, seen, states[name])
        all_run = all(state.state == "RUNNING" for state in states.values())
        pids = [state.pid for state in states.values() if state.pid]
        if self._ends.follow([*pids, *self._supervisord.pids]) and all_run:
            self._next_look = time.monotonic() + AGAIN_SECONDS

    def stop(self) -> None:
        """Services first, then the model, Redis last. What an executor is running gets its time to end."""
        services = [p for p in self.plan.programs if p.ready == "heartbeat"]
        longest = max((p.stop_seconds for p in services), default=0)  # the executor's
        running = len(ActionFolders(self.plan.runtime).running())
        if running:
            what = f"finishing {running} running action{'s' if running > 1 else ''}"
            self._tell(EXECUTOR, f"{what}, {longest} s at most", "yellow")
        try:
            late = self._supervisord.stop_jobs([p.name for p in services], longest + 5.0)
            for name in late:
                self._tell(name, "did not stop in time and was ended", "red")
            self._supervisord.stop_jobs([p.name for p in self.plan.programs if p.ready == "model"], 10.0)
            self._supervisord.stop_jobs([p.name for p in self.plan.programs if p.ready == "redis"], 15.0)
        except NoAnswer:
            pass
        self._supervisord.end(longest + 20.0)
        self._ends.close()
        take_note_away(self.plan.runtime)
        self.plan.model_key_file.unlink(missing_ok=True)
        own = self.plan.own_redis
        if own is None or not own.made:  # one of ours stays: what people exported goes on working
            self.plan.password_file.unlink(missing_ok=True)

    def last_words(self, name: str) -> str:
        """The end of a program's log: the last line that is no JSON, else the last event of its log."""
        try:
            with self.plan.log_of(name).open("rb") as handle:
                handle.seek(0, 2)
                handle.seek(max(0, handle.tell() - LOG_BYTES))
                lines = handle.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return f"(no log at {self.plan.log_of(name)})"
        for line in reversed(lines):
            if not line.startswith("{"):
                return plain(line, 400)
        return plain(lines[-1], 400) if lines else "(nothing)"

    def _refuses_its_settings(self, name: str, state: JobState) -> bool:
        """Starting again would only say it again. supervisord forgets the status of what ends within a second."""
        return state.exit_status == BAD_SETTINGS or CANNOT_START in self.last_words(name)

    def _compare(self, name: str, seen: _Seen, state: JobState) -> None:
        if state.pid and seen.pid and state.pid != seen.pid:
            status = f"exit status {state.exit_status}" if state.exit_status >= 0 else "a signal"
            self._tell(name, f"ended ({status}) and was started again; its log: {self.plan.log_of(name)}", "yellow")
        if state.state == "BACKOFF" != seen.state:
            self._tell(name, f"ends at once, trying again: {self.last_words(name)}", "red")
        if state.state in ("FATAL", "EXITED"):
            if seen.state != state.state:
                seen.given_up_at = time.monotonic()
                self._tell(
                    name, f"does not start; next try in {AGAIN_SECONDS:.0f} s: {self.last_words(name)}", "bold red"
                )
            elif seen.given_up_at is not None and time.monotonic() - seen.given_up_at > AGAIN_SECONDS:
                seen.given_up_at = time.monotonic()
                with contextlib.suppress(NoAnswer):
                    self._supervisord.start_job(name)
        seen.state = state.state
        seen.pid = state.pid or seen.pid

    def _is_ready(self, program: Program, state: JobState) -> bool:
        if not state.alive:
            return False
        if program.ready == "redis":
            with contextlib.suppress(LoginRefused):
                return home_of(self.plan.redis_url) is not None
            return False
        if program.ready == "model":
            return answers(f"{self.plan.model_url}/health")
        try:
            return heartbeat_file(self.plan.runtime, program.name).stat().st_mtime >= self._started
        except FileNotFoundError:
            return False

    def _job(self, program: Program, number: int) -> Job:
        # Redis and the model have the lowest numbers: supervisord starts them first and stops them last.
        return Job(
            program.name,
            program.command,
            self.plan.log_of(program.name),
            stop_seconds=program.stop_seconds,
            environ=program.environ,
            priority=100 + number,
        )


def answers(url: str) -> bool:
    """Does a llama.cpp server say at this address that it is ready?"""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address on loopback
            return bool(json.load(answer).get("status") == "ok")
    except (OSError, ValueError, urllib.error.URLError):
        return False
