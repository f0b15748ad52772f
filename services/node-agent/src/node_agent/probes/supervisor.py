"""Programs under supervisord: exited, fatal, restarting in a loop. Asks over its XML-RPC; starts and stops nothing.

A program that a person stopped, and one that ended with an expected exit code, are well.
"""

from __future__ import annotations

import base64
import time
import xmlrpc.client
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from mesh_core.models.events import Runtime, Severity
from node_agent.evidence import clean_lines
from node_agent.findings import Condition, Finding, Rule
from node_agent.http_line import HttpBroken, address_for, ask

RULE = Rule(sick_looks=2, well_looks=2, well_seconds=2.0, again_seconds=0.5)
REPLY_SECONDS = 5.0
LOG_BYTES = 8000


class SupervisorProbe:
    """One supervisord, at `unix:///path` or `http://host:port`. Where nobody answers there, the server is sick."""

    name = "supervisor"

    def __init__(
        self,
        address: str,
        *,
        user: str = "",
        password: str = "",
        ignore: tuple[str, ...] = (),
        every_seconds: float = 5.0,
        loop_restarts: int = 3,
        loop_window_seconds: float = 600.0,
        stable_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ):
        self.every_seconds = every_seconds
        self._shown = address
        self._address = address_for(address)
        self._headers = {"Content-Type": "text/xml"}
        if user:
            self._headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._ignore = ignore
        self._loop_restarts = loop_restarts
        self._loop_window = loop_window_seconds
        self._stable = stable_seconds
        self._clock = clock
        self._starts: dict[str, deque[int]] = {}
        self._known: list[Finding] = []

    async def look(self, only: frozenset[str] | None) -> list[Finding]:
        facts = {"runtime": Runtime.SUPERVISOR.value, "supervisor": self._shown}
        try:
            rows = await self._call("supervisor.getAllProcessInfo")
        except (HttpBroken, SupervisorRefused) as error:
            facts["error"] = str(error)
            return [
                Finding("supervisor:/", None, Condition.SICK, RULE, "program_unhealthy", facts=facts),
                *self._unseen(),
            ]
        expected = await self._expected_exits(rows)
        findings = [Finding("supervisor:/", None, Condition.WELL, RULE, facts=facts)]
        findings += [self._verdict(row, expected) for row in rows if not self._ignored(row)]
        self._known = [f for f in findings if f.key != "supervisor:/"]
        return findings if only is None else [f for f in findings if f.key in only]

    async def about(self, name: str) -> dict[str, Any]:
        """What is known of the program behind another probe, with its last lines."""
        for finding in await self.look(None):
            if finding.service == name:
                return {**finding.facts, **await self._last_lines(str(finding.facts["program"]))}
        return {}

    async def evidence(self, finding: Finding) -> dict[str, Any]:
        """The end of its stderr, or of its stdout where that is empty."""
        program = finding.facts.get("program")
        if not program or finding.condition is not Condition.SICK:
            return {}
        return await self._last_lines(str(program))

    async def _last_lines(self, program: str) -> dict[str, Any]:
        for call in ("supervisor.readProcessStderrLog", "supervisor.readProcessStdoutLog"):
            try:
                text = await self._call(call, program, -LOG_BYTES, 0)
            except (HttpBroken, SupervisorRefused):
                continue  # no log file is configured
            if lines := clean_lines(str(text).encode()):
                return {"logs": lines}
        return {}

    def _unseen(self) -> list[Finding]:
        """While the server is silent we know nothing about its programs."""
        return [Finding(f.key, f.service, Condition.UNSURE, RULE, facts=f.facts) for f in self._known]

    def _verdict(self, row: dict[str, Any], expected: dict[str, list[int]]) -> Finding:
        name, group, state = str(row["name"]), str(row["group"]), str(row["statename"])
        program = f"{group}:{name}"
        facts: dict[str, Any] = {
            "runtime": Runtime.SUPERVISOR.value,
            "program": program,
            "supervisor": self._shown,
            "state": state,
            "exit_code": row.get("exitstatus"),
            "pid": row.get("pid"),
        }
        if row.get("spawnerr"):
            facts["error"] = str(row["spawnerr"])
        # A program of a group of its own name is addressed by that name; others only by `group:name`.
        service = name if group == name else program
        restarts = self._restarts(program, int(row.get("start") or 0))
        if restarts:
            facts["restart_count"] = restarts

        def found(condition: Condition, type_: str = "", severity: Severity = Severity.ERROR, **more: Any) -> Finding:
            again = more.pop("again", None)
            return Finding(f"supervisor:{program}", service, condition, RULE, type_, severity, facts | more, again)

        if state == "FATAL":
            return found(Condition.SICK, "program_fatal", Severity.CRITICAL)
        if state == "EXITED":
            code = row.get("exitstatus")
            if code in expected.get(program, [0]):
                return found(Condition.WELL, ended="finished")
            return found(Condition.SICK, "program_exited")
        if state in ("STOPPED", "STOPPING"):
            return found(Condition.WELL, ended="stopped_by_person", stopped_by_person=True)
        up_seconds = self._clock() - int(row.get("start") or 0)
        if restarts >= self._loop_restarts and not (state == "RUNNING" and up_seconds >= self._stable):
            return found(Condition.SICK, "program_unhealthy", again=self._stable, reason="it restarts again and again")
        return found(Condition.WELL if state == "RUNNING" else Condition.UNSURE)

    def _restarts(self, program: str, start: int) -> int:
        """How often it started again within the window, as far as we saw."""
        if not start:
            return 0
        starts = self._starts.setdefault(program, deque(maxlen=32))
        if not starts or starts[-1] != start:
            starts.append(start)
        oldest = self._clock() - self._loop_window
        return sum(at >= oldest for at in list(starts)[1:])

    async def _expected_exits(self, rows: list[dict[str, Any]]) -> dict[str, list[int]]:
        """Which exit codes each program may end with; asked only if some program has ended with another than 0."""
        if not any(row.get("statename") == "EXITED" and row.get("exitstatus") for row in rows):
            return {}
        try:
            configs = await self._call("supervisor.getAllConfigInfo")
        except (HttpBroken, SupervisorRefused):
            return {}
        return {f"{c['group']}:{c['name']}": list(c.get("exitcodes", [0])) for c in configs}

    def _ignored(self, row: dict[str, Any]) -> bool:
        return any(fnmatchcase(str(row["name"]), glob) for glob in self._ignore)

    async def _call(self, method: str, *arguments: Any) -> Any:
        body = xmlrpc.client.dumps(arguments, method).encode()
        answer = await ask(
            self._address, "/RPC2", method="POST", headers=self._headers, body=body, seconds=REPLY_SECONDS
        )
        if answer.status != 200:
            raise SupervisorRefused(f"supervisord answered {answer.status}")
        try:
            values, _ = xmlrpc.client.loads(answer.body)
        except xmlrpc.client.Fault as fault:
            raise SupervisorRefused(fault.faultString) from fault
        except Exception as error:  # expat raises its own kinds for what is not XML-RPC
            raise SupervisorRefused(f"not XML-RPC: {error}") from error
        return values[0]


class SupervisorRefused(RuntimeError):
    """supervisord answered, but not with what was asked for."""
