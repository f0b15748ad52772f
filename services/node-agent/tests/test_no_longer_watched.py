"""A target that no probe of the present configuration looks at leaves nothing open, and says why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mesh_core.testing import free_port
from node_agent.checks.check_result import CheckResult, Condition
from node_agent.checks.confirmation import ConfirmationRule
from node_agent.probes.http import HttpOptions, HttpProbe
from node_agent.probes.tcp import TcpOptions, TcpProbe

AT_ONCE = ConfirmationRule(unhealthy_checks=1, healthy_checks=1, recheck_seconds=0.05)


class Ill:
    """A probe that finds these targets unhealthy; `(key, service)`."""

    every_seconds = 0.1

    def __init__(self, name: str, *targets: tuple[str, str | None]):
        self.name = name
        self.targets: Sequence[tuple[str, str | None]] = targets

    async def check(self, only: frozenset[str] | None) -> list[CheckResult]:
        return [CheckResult(f"{self.name}:{k}", s, Condition.UNHEALTHY, AT_ONCE, "ill") for k, s in self.targets]

    async def evidence(self, result: CheckResult) -> dict[str, Any]:
        return {}


async def test_a_target_that_was_taken_out_ends_at_the_next_start(watching: Any) -> None:
    port = free_port()
    http = HttpProbe(HttpOptions(name="shop", url=f"http://127.0.0.1:{port}/", every_seconds=0.1))
    tcp = TcpProbe(TcpOptions(name="db", host="127.0.0.1", port=port, every_seconds=0.1))
    async with watching(http, tcp) as watched:
        opened = await watched.see("shop", "http_probe_failed")
        await watched.see("db", "tcp_probe_failed")
    renamed = TcpProbe(TcpOptions(name="store", host="127.0.0.1", port=port, every_seconds=0.1))
    async with watching(renamed) as watched:
        for service in ("shop", "db"):
            over = await watched.see(service, "service_recovered")
            assert over.payload["ended"] == "no longer watched"
        assert watched.of("shop")[-1].incident == opened.incident
        await watched.see("store", "tcp_probe_failed")
    async with watching(renamed) as watched:
        await watched.see(None, "node_online")
        assert watched.of("shop") == watched.of("db") == [], "that is told once"


@pytest.mark.parametrize("name", ["disk", "docker", "supervisor", "http/shop", "systemd"])
async def test_a_probe_that_was_switched_off_leaves_nothing_open(watching: Any, name: str) -> None:
    async with watching(Ill(name, ("one", "web"), ("two", None))) as watched:
        await watched.see("web", "ill")
    async with watching(Ill("other", ("one", "db"))) as watched:
        assert (await watched.see("web", "service_recovered")).payload["was"] == "ill"
        await watched.see("db", "ill")


async def test_it_ends_although_something_else_of_its_service_is_still_wrong(watching: Any) -> None:
    """The container behind a probe that was taken out is still ill: that is another incident, which goes on."""
    async with watching(Ill("docker", ("/web", "web")), Ill("http/web", ("", "web"))) as watched:
        await watched.see("web", "ill", "ill")
    async with watching(Ill("docker", ("/web", "web"))) as watched:
        over = await watched.see("web", "service_recovered")
        assert over.payload["ended"] == "no longer watched"


async def test_of_what_an_earlier_agent_saw_and_this_one_never_did_both_reasons_are_possible(watching: Any) -> None:
    """A mount that is ignored from now on, a container with a new label: the probe is there, the target is not."""
    async with watching(Ill("disk", ("/", None), ("/old", "old"))) as watched:
        await watched.see("old", "ill")
    probe = Ill("disk", ("/", None), ("/new", "new"))
    async with watching(probe) as watched:
        over = await watched.see("old", "service_recovered")
        assert over.payload["ended"] == "removed, or no longer watched"
        await watched.see("new", "ill")
        probe.targets = (("/", None),)
        over = await watched.see("new", "ill", "service_recovered")
        assert over.payload["ended"] == "removed"
