"""A clock that its time service does not keep: not synchronised for long, or far off. Asks the kernel; chrony, where it
does not tell the kernel. A host without a running time service is nobody's trouble here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import structlog
from pydantic import Field

from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.host import systemctl
from node_agent.host.kernel_clock import KernelClock, read_clock
from node_agent.options import Positive
from node_agent.probe_base.probe import DefaultProbeOptions, ProbeContext, SourceAbsent

CHRONY = ("chrony.service", "chronyd.service")
SERVICES = ("systemd-timesyncd.service", *CHRONY, "ntpsec.service", "ntp.service", "ntpd.service")

log = structlog.get_logger()


class ClockOptions(DefaultProbeOptions):
    """Not synchronised for `after_seconds` (a host that just came up needs some), or `offset_ms` off."""

    every_seconds: Positive = 60
    after_seconds: Annotated[float, Field(ge=0)] = 900
    offset_ms: Positive = 1000

    def create(self, context: ProbeContext) -> ClockProbe | None:
        if systemctl.BOOTED.is_dir():
            return ClockProbe(self)
        log.info("clock.no_manager")  # in a container it is its host's
        return None


class ClockProbe:
    """`read` is the kernel's word, `run` a program's output."""

    name = "clock"

    def __init__(
        self,
        options: ClockOptions,
        read: Callable[[], KernelClock] = read_clock,
        run: Callable[..., Awaitable[str]] = systemctl.run,
    ):
        self.every_seconds = options.every_seconds
        self._options = options
        self._read = read
        self._run = run
        pause = min(options.every_seconds, 60.0)
        self._rule = ConfirmationRule(
            unhealthy_checks=3, unhealthy_seconds=options.after_seconds, healthy_checks=2, recheck_seconds=pause
        )

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        try:
            clock = self._read()
        except OSError as error:  # a sandbox that forbids it: nothing is known of the clock, and nobody's trouble
            raise SourceAbsent(f"the kernel's clock may not be read: {error.strerror}") from error
        facts: dict[str, Any] = {}
        good = clock.synchronised and clock.offset_ms < self._options.offset_ms
        if not good:
            service = await self._time_service()
            facts["time_service"] = service
            if service in CHRONY:
                clock = await self._as_chrony_says(clock)
            good = not service or (clock.synchronised and clock.offset_ms < self._options.offset_ms)
        facts |= {
            "is_synchronised": clock.synchronised,
            "offset_ms": round(clock.offset_ms),
            "max_error_ms": round(clock.max_error_ms),
        }
        condition = Condition.HEALTHY if good else Condition.UNHEALTHY
        return [CheckResult("clock:node", None, condition, self._rule, "clock_not_synchronised", facts=facts)]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}

    async def _time_service(self) -> str:
        """The one that runs; ''. One that failed is told as a unit, one that was stopped was meant to be."""
        text = await self._run("systemctl", "show", "--no-pager", "--property", "Id,ActiveState", "--", *SERVICES)
        running = {
            block.partition("Id=")[2].partition("\n")[0]
            for block in text.split("\n\n")
            if "ActiveState=active" in block.splitlines()
        }
        return next((service for service in SERVICES if service in running), "")

    async def _as_chrony_says(self, clock: KernelClock) -> KernelClock:
        """It tells the kernel only where its `rtcsync` says so."""
        try:
            said = tracking_in(await self._run("chronyc", "-c", "tracking"))
        except OSError:
            return clock
        return said or clock


def tracking_in(text: str) -> KernelClock | None:
    """Out of `chronyc -c tracking`; None where that is something else. Pure."""
    words: Sequence[str] = text.strip().split(",")
    try:
        return KernelClock(words[13] != "Not synchronised", 1000 * abs(float(words[4])), 1000 * float(words[11]))
    except (IndexError, ValueError):
        return None
