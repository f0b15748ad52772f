"""A program that crashes again and again, however slowly, is a loop; what somebody stops or what may end is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.probes.supervisor import SupervisorError, SupervisorOptions, SupervisorProbe

HOUR = 3600
CRASH = "WARN exited: web (exit status 1; not expected)"
KILLED = "WARN exited: web (terminated by SIGKILL; not expected)"
FINISHED = "INFO exited: web (exit status 0; expected)"
STOPPED = "INFO stopped: web (exit status 0)"


class Server:
    """supervisord's words, and a probe whose clock stands at `now` (seconds)."""

    def __init__(self, memory: dict[str, Any] | None = None, now: int = 1_000_000, group: str = "web"):
        self.now = now
        self.group = group
        self.log: str | None = ""
        self.start = now
        self.others: list[dict[str, Any]] = []
        self.asked = 0
        self.probe = SupervisorProbe(
            SupervisorOptions(address="unix:///s.sock"), memory=memory, clock=lambda: float(self.now)
        )
        self.probe._call = self.call  # type: ignore[method-assign]

    async def call(self, method: str, *arguments: Any) -> Any:
        if method == "supervisor.readLog":
            self.asked += 1
            if self.log is None:
                raise SupervisorError("NO_FILE")
            return self.log
        row = {"name": "web", "group": self.group, "statename": "RUNNING", "start": self.start, "stop": self.start - 1}
        return [row, *self.others]

    async def look(self) -> CheckResult:
        return next(r for r in await self.probe.check(None) if r.facts.get("program") == f"{self.group}:web")

    async def again(self, how: str, after: int = HOUR) -> CheckResult:
        """It ends in this way, is started at once, and somebody looks a little later."""
        self.now += after
        self.start = self.now
        if self.log is not None:
            self.log += f"2026-01-01 10:00:00,000 {how}\n2026-01-01 10:00:01,000 INFO spawned: 'web' with pid 7\n"
        self.now += 60  # longer than what counts as stable
        return await self.look()


@pytest.mark.parametrize("pause", [301, HOUR, 20 * HOUR])
async def test_a_program_that_crashes_slowly_is_a_loop_until_it_stays_up_for_twice_as_long(pause: int) -> None:
    server = Server()
    await server.look()
    found = [await server.again(how, pause) for how in (CRASH, KILLED, CRASH)]
    assert [result.type for result in found] == ["", "", "program_restart_loop"]
    assert (found[-1].facts["crashes"], found[-1].recheck_seconds) == (3, pytest.approx(2 * (pause + 60) - 61))
    assert server.asked == 3  # only when it was started anew
    server.now += 2 * (pause + 60)
    assert (await server.look()).condition is Condition.HEALTHY


@pytest.mark.parametrize("how", [FINISHED, STOPPED, ""])
async def test_what_ends_well_and_what_somebody_restarts_is_no_loop(how: str) -> None:
    server = Server()
    await server.look()
    for _ in range(6):
        result = await server.again(how)
    assert result.condition is Condition.HEALTHY


async def test_a_persons_stop_ends_the_count_and_a_restart_of_the_agent_does_not() -> None:
    server = Server()
    await server.look()
    await server.again(CRASH)
    await server.again(CRASH)
    later = Server(json.loads(json.dumps(server.probe.memory())), server.now)
    later.start, later.log = server.start, server.log
    assert (await later.again(CRASH)).type == "program_restart_loop"
    await later.again(STOPPED)
    assert [(await later.again(CRASH)).type for _ in range(3)] == ["", "", "program_restart_loop"]


async def test_where_the_log_cannot_be_read_or_tells_of_two_of_that_name_nobody_guesses() -> None:
    silent, twins = Server(), Server(group="a")
    silent.log = None
    twins.others = [{"name": "web", "group": "b", "statename": "RUNNING", "start": 1, "stop": 0}]
    for server in (silent, twins):
        await server.look()
        for _ in range(5):
            result = await server.again(CRASH)
        assert result.condition is Condition.HEALTHY


@pytest.mark.parametrize("memory", [{"web:web": None}, {"web:web": ["x"]}, {"web:web": []}, {"web:web": [1, "y"]}])
async def test_a_memory_that_is_unfit_is_as_good_as_none(memory: dict[str, Any]) -> None:
    server = Server(memory)
    assert (await server.look()).condition is Condition.HEALTHY
