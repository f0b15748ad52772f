"""A clock that its time service does not keep: what the kernel and chrony say, and when that is trouble."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.host import kernel_clock
from node_agent.host.kernel_clock import KernelClock
from node_agent.host.systemctl import SystemdError
from node_agent.probes.clock import ClockOptions, ClockProbe, tracking_in

# chronyc -c tracking
LOST = "7F7F0101,,0,0.000000000,0.000000000,0.0,0.0,0.000,0.000,0.000,1.0,1.000000000,0.0,Not synchronised\n"
KEPT = "C0A80101,nas.lan,3,1764364000.1,-0.004200000,0.0,0.0,1.9,0.0,0.2,0.02,0.001500000,64.5,Normal\n"
ADRIFT, GOOD, FAR = KernelClock(False, 0, 16_000), KernelClock(True, 3.4, 20), KernelClock(True, 5000, 20)


def test_this_hosts_own_clock_is_read() -> None:
    clock = kernel_clock.read_clock()
    assert clock.offset_ms >= 0
    assert clock.max_error_ms >= 0


async def found(clock: KernelClock, running: str = "", tracking: str | None = None) -> CheckResult:
    async def run(*command: str) -> str:
        if command[0] == "chronyc":
            if tracking is None:
                raise SystemdError("chronyc: no such program")
            return tracking
        services = command[command.index("--") + 1 :]
        return "\n\n".join(f"Id={name}\nActiveState={'active' if name == running else 'inactive'}" for name in services)

    (result,) = await ClockProbe(ClockOptions(), lambda: clock, run).check(None)
    return result


@pytest.mark.parametrize(
    ("clock", "running", "tracking", "good"),
    [
        (GOOD, "", None, True),
        (ADRIFT, "", None, True),  # nobody keeps it: a choice, or another's clock
        (ADRIFT, "systemd-timesyncd.service", None, False),
        (FAR, "ntpsec.service", None, False),
        (FAR, "", None, True),
        (ADRIFT, "chrony.service", KEPT, True),  # it does not tell the kernel
        (ADRIFT, "chronyd.service", LOST, False),
        (ADRIFT, "chrony.service", None, False),
        (ADRIFT, "chrony.service", "506 Cannot talk to daemon\n", False),
    ],
)
async def test_it_is_trouble_where_a_time_service_runs_and_does_not_keep_it(
    clock: KernelClock, running: str, tracking: str | None, good: bool
) -> None:
    result = await found(clock, running, tracking)
    assert result.condition is (Condition.HEALTHY if good else Condition.UNHEALTHY)
    assert result.rule.unhealthy_seconds == 900, "a host that has just come up says nothing"
    if not good:
        assert result.type == "clock_not_synchronised"
        assert result.facts["time_service"] == running


def test_what_chrony_says_of_its_clock() -> None:
    assert tracking_in(KEPT) == KernelClock(True, pytest.approx(4.2), pytest.approx(1.5))
    assert tracking_in(LOST) == KernelClock(False, 0, 1000)
    assert tracking_in("") is None


async def test_a_clock_that_is_adrift_becomes_an_event_and_is_over(watching: Any) -> None:
    clock = ADRIFT

    async def run(*command: str) -> str:
        return "Id=systemd-timesyncd.service\nActiveState=active\n"

    probe = ClockProbe(ClockOptions(every_seconds=0.1, after_seconds=0), lambda: clock, run)
    async with watching(probe) as watched:
        event = await watched.see(None, "node_online", "clock_not_synchronised")
        assert event.payload["is_synchronised"] is False
        clock = GOOD
        await watched.see(None, "node_online", "clock_not_synchronised", "service_recovered")
