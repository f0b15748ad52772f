"""Programs under supervisord: exited, fatal, restarting in a loop. Asks over its XML-RPC; starts and stops nothing.

A program that a person stopped, and one that ended with an expected exit code, are healthy.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from mesh_core.models.events import Runtime, Severity
from node_agent.checks.check_result import CheckResult, CheckTarget, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.checks.crash_rhythm import SLOW_LOOP, loop_seconds_left
from node_agent.checks.evidence import clean_lines
from node_agent.host.supervisor_ends import ProgramEnds, program_in
from node_agent.options import Positive
from node_agent.probe_base.probe import ProbeContext, ProbeOptions
from node_agent.protocols.http_address import basic_login, parse_address, refuse_path, without_login
from node_agent.protocols.http_client import HttpConnectionError, request

RULE = ConfirmationRule(unhealthy_checks=2, healthy_checks=2, healthy_seconds=2.0, recheck_seconds=0.5)
REPLY_SECONDS = 5.0
LOG_BYTES = 8000
MAIN_LOG_BYTES = 64 * 1024  # of supervisord's own, in which the end of a program is looked for
RPC_PATH = "/RPC2"
LOOP_WINDOW_SECONDS = 600.0


class SupervisorOptions(ProbeOptions):
    """`ignore`: globs of program names. `loop_restarts` within ten minutes are a loop, until it stays up."""

    address: str = Field(repr=False)
    user: str = ""
    password: str = Field("", repr=False)
    ignore: tuple[str, ...] = ()
    every_seconds: Positive = 5
    loop_restarts: Annotated[int, Field(ge=2)] = 3
    stable_seconds: Positive = 60

    @field_validator("address")
    @classmethod
    def _checked_address(cls, address: str) -> str:
        refuse_path(parse_address(address), RPC_PATH)
        return address

    @model_validator(mode="after")
    def _one_login(self) -> SupervisorOptions:
        if self.user and parse_address(self.address).authorization:
            raise ValueError("the login stands in `address` and in `user`; write it once")
        if self.password and not self.user:
            raise ValueError("a password without `user` is never sent; add `user`")
        if self.user:
            basic_login(self.user, self.password)
        return self

    def create(self, context: ProbeContext) -> SupervisorProbe:
        return SupervisorProbe(self, memory=context.memory("supervisor"))


class SupervisorProbe:
    """One supervisord, at `unix:///path` or `http://host:port`. Where nobody answers there, the server is unhealthy."""

    name = "supervisor"

    def __init__(
        self,
        options: SupervisorOptions,
        *,
        memory: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self.every_seconds = options.every_seconds
        self._options = options
        self._address = parse_address(options.address)
        self._shown = without_login(options.address)
        self._headers = {"Content-Type": "text/xml"}
        if options.user:
            self._headers["Authorization"] = basic_login(options.user, options.password)
        self._clock = clock
        self._starts: dict[str, deque[int]] = {}
        self._ends = ProgramEnds(memory or {})
        self._last: list[CheckResult] = []

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        facts = {"runtime": Runtime.SUPERVISOR.value, "supervisor": self._shown}
        try:
            rows = await self._call("supervisor.getAllProcessInfo")
        except (HttpConnectionError, SupervisorError) as error:
            facts["error"] = str(error)
            return [
                CheckResult("supervisor:/", None, Condition.UNHEALTHY, RULE, "program_unhealthy", facts=facts),
                *self._unseen(),
            ]
        if anew := self._ends.started_anew(rows):
            self._ends.read(await self._main_log(), anew, rows)
        expected = await self._expected_exits(rows)
        results = [CheckResult("supervisor:/", None, Condition.HEALTHY, RULE, facts=facts)]
        results += [self._verdict(row, expected) for row in rows if not self._ignored(row)]
        self._last = [f for f in results if f.key != "supervisor:/"]
        return results if only is None else [f for f in results if f.key in only]

    def memory(self) -> dict[str, Any]:
        return self._ends.dump()

    async def _main_log(self) -> str:
        """The end of supervisord's own log; empty where it keeps none."""
        try:
            return str(await self._call("supervisor.readLog", -MAIN_LOG_BYTES, 0))
        except (HttpConnectionError, SupervisorError):
            return ""

    async def describe(self, name: str) -> dict[str, Any]:
        """What is known of the program behind another probe, with its last lines."""
        for result in await self.check(None):
            if result.service == name:
                return {**result.facts, **await self._last_lines(str(result.facts["program"]))}
        return {}

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        """The end of its stderr, or of its stdout where that is empty."""
        program = result.facts.get("program")
        if not program or result.condition is not Condition.UNHEALTHY:
            return {}
        return await self._last_lines(str(program))

    async def _last_lines(self, program: str) -> dict[str, Any]:
        for call in ("supervisor.readProcessStderrLog", "supervisor.readProcessStdoutLog"):
            try:
                text = await self._call(call, program, -LOG_BYTES, 0)
            except (HttpConnectionError, SupervisorError):
                continue  # no log file is configured
            if lines := clean_lines(str(text).encode()):
                return {"logs": lines}
        return {}

    def _unseen(self) -> list[CheckResult]:
        """While the server is silent we know nothing about its programs."""
        return [CheckResult(f.key, f.service, Condition.UNKNOWN, RULE, facts=f.facts) for f in self._last]

    def _verdict(self, row: dict[str, Any], expected: dict[str, list[int]]) -> CheckResult:
        program, state, code = program_in(row), str(row["statename"]), row.get("exitstatus")
        restarts = self._restarts(program, int(row.get("start") or 0))
        target = self._target(row, restarts)
        if state == "FATAL":
            return target.result(Condition.UNHEALTHY, "program_fatal", Severity.CRITICAL)
        if state == "EXITED":
            if code in expected.get(program, [0]):
                return target.result(Condition.HEALTHY, ended="finished")
            return target.result(Condition.UNHEALTHY, "program_exited")
        if state in ("STOPPED", "STOPPING"):
            return target.result(Condition.HEALTHY, ended="stopped_by_person", stopped_by_person=True)
        stable_seconds = self._options.stable_seconds
        steady = state == "RUNNING" and self._clock() - int(row.get("start") or 0) >= stable_seconds
        loop = (Condition.UNHEALTHY, "program_restart_loop")
        if restarts >= self._options.loop_restarts and not steady:
            return target.result(*loop, recheck_seconds=stable_seconds, reason="it restarts again and again")
        crashes = self._ends.crashes_of(program)
        if left := loop_seconds_left(crashes, self._options.loop_restarts, self._clock()):
            return target.result(*loop, recheck_seconds=left, crashes=len(crashes), reason=SLOW_LOOP)
        return target.result(Condition.HEALTHY if state == "RUNNING" else Condition.UNKNOWN)

    def _target(self, row: dict[str, Any], restarts: int) -> CheckTarget:
        name, program = str(row["name"]), program_in(row)
        facts: dict[str, Any] = {
            "runtime": Runtime.SUPERVISOR.value,
            "program": program,
            "supervisor": self._shown,
            "state": str(row["statename"]),
            "exit_code": row.get("exitstatus"),
            "pid": row.get("pid"),
        }
        if row.get("spawnerr"):
            facts["error"] = str(row["spawnerr"])
        if restarts:
            facts["restart_count"] = restarts
        # A program of a group of its own name is addressed by that name; others only by `group:name`.
        service = name if str(row["group"]) == name else program
        return CheckTarget(f"supervisor:{program}", service, RULE, facts)

    def _restarts(self, program: str, start: int) -> int:
        """How often it started again within the window, as far as we saw."""
        if not start:
            return 0
        starts = self._starts.setdefault(program, deque(maxlen=32))
        if not starts or starts[-1] != start:
            starts.append(start)
        oldest = self._clock() - LOOP_WINDOW_SECONDS
        return sum(at >= oldest for at in list(starts)[1:])

    async def _expected_exits(self, rows: list[dict[str, Any]]) -> dict[str, list[int]]:
        """Which exit codes each program may end with; asked only if some program has ended with another than 0."""
        if not any(row.get("statename") == "EXITED" and row.get("exitstatus") for row in rows):
            return {}
        try:
            configs = await self._call("supervisor.getAllConfigInfo")
        except (HttpConnectionError, SupervisorError):
            return {}
        return {f"{c['group']}:{c['name']}": list(c.get("exitcodes", [0])) for c in configs}

    def _ignored(self, row: dict[str, Any]) -> bool:
        return any(fnmatchcase(str(row["name"]), glob) for glob in self._options.ignore)

    async def _call(self, method: str, *arguments: Any) -> Any:
        # Imported only where it is used: XML is 2 MiB that a node without a supervisord does not need.
        import xmlrpc.client

        body = xmlrpc.client.dumps(arguments, method).encode()
        response = await request(
            self._address, RPC_PATH, method="POST", headers=self._headers, body=body, seconds=REPLY_SECONDS
        )
        if response.status != 200:
            raise SupervisorError(f"supervisord answered {response.status}")
        try:
            values, _ = xmlrpc.client.loads(response.body)
        except xmlrpc.client.Fault as fault:
            raise SupervisorError(fault.faultString) from fault
        except Exception as error:  # expat raises its own kinds for what is not XML-RPC
            raise SupervisorError(f"not XML-RPC: {error}") from error
        return values[0]


class SupervisorError(RuntimeError):
    """supervisord answered, but not with what was asked for."""
