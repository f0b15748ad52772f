"""A unit that ends and is started again for ever, too slowly for the window of minutes. systemd's words, our clock."""

from __future__ import annotations

import json
from typing import Any

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.probes.systemd import SystemdOptions, SystemdProbe


class Unit:
    """`slow.service` as systemctl shows it, and a probe whose clock stands at `now` (seconds)."""

    def __init__(self, memory: dict[str, Any] | None = None, now: float = 1_000_000.0):
        self.now = now
        self.probe = SystemdProbe(
            SystemdOptions(), memory=memory, clock=lambda: self.now - 900_000, wall=lambda: self.now
        )

    async def look(self, restarts: int, sub: str = "running", **more: str) -> CheckResult:
        active = "activating" if sub == "auto-restart" else "active"
        up_since = {"ActiveEnterTimestampMonotonic": str(int((self.now - 900_000 - 1) * 1e6))}
        shown = {"Id": "slow.service", "ActiveState": active, "SubState": sub, "NRestarts": str(restarts)}
        return await self.probe._verdict(shown | up_since | more)


async def test_a_unit_that_crashes_every_hour_is_a_loop_until_it_stays_up_for_two() -> None:
    unit = Unit()
    found = []
    for restarts in range(1, 4):
        found.append(await unit.look(restarts, "auto-restart", Result="exit-code"))
        unit.now += 3600
    assert [result.type for result in found] == ["", "", "unit_restart_loop"]
    assert found[-1].facts["restarts"] == 3
    assert found[-1].facts["reason"]
    assert (await unit.look(3)).condition is Condition.UNHEALTHY
    unit.now += 3601
    assert (await unit.look(3)).condition is Condition.HEALTHY


async def test_the_count_goes_on_over_a_restart_of_the_agent_and_ends_with_a_start_by_hand() -> None:
    unit = Unit()
    for restarts in range(1, 3):
        await unit.look(restarts)
        unit.now += 301
    unit = Unit(json.loads(json.dumps(unit.probe.memory())), unit.now)
    assert (await unit.look(3)).type == "unit_restart_loop"
    assert (await unit.look(0)).condition is Condition.HEALTHY


async def test_a_job_that_ends_well_and_is_started_again_is_no_loop() -> None:
    unit = Unit()
    for restarts in range(1, 9):
        result = await unit.look(restarts, "auto-restart", Result="success")
        unit.now += 900
    assert result.condition is not Condition.UNHEALTHY
