"""Which trouble explains which, as a table; and chains and circles of it."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.incidents.causes import Cause, cause_of, may_explain, root_cause
from mesh_core.models.events import HealthEvent, Severity, Trust

EARLY, LATE = "2026-05-05T11:00:00.000Z", "2026-05-05T12:00:00.000Z"


def trouble(
    kind: str, service: str | None = None, trust: Trust = Trust.NODE, node: str = "nas", at: str = LATE, **payload: Any
) -> HealthEvent:
    severity = payload.pop("severity", Severity.ERROR)
    return HealthEvent(
        type=kind, node=node, service=service, trust=trust, timestamp=at, severity=severity, payload=payload
    )


AWAY = trouble("node_offline", trust=Trust.OBSERVER, last_heard=LATE)
FULL = trouble("disk_space_low", mount="/", severity=Severity.CRITICAL)
DB = trouble("container_died", "db", dependents=["shop-web", "api"], in_its_network=["tunnel"])
WEB = trouble("container_unhealthy", "web", container="shop-web")
SITE = trouble("container_died", "site", ports=[8080, 8443])
PROBE = trouble("http_probe_failed", "start-page", asks={"node": "nas", "port": 8080})
ALERT = trouble("host_high_load", trust=Trust.FOREIGN)


@pytest.mark.parametrize(
    ("cause", "event", "explained"),
    [
        (AWAY, WEB, True),
        (AWAY, trouble("container_died", "web", at=EARLY), True),  # no restart on a host that is away
        (AWAY, trouble("http_probe_failed", "web", Trust.FOREIGN), True),
        (AWAY, ALERT, True),
        (AWAY, FULL, True),
        # What was wrong before it went silent may be why it did.
        (AWAY, trouble("smart_device_warning", trust=Trust.FOREIGN, at=EARLY), False),
        (AWAY, trouble("container_died", "web", node="web01"), False),
        (FULL, WEB, True),
        (FULL, DB, True),
        (FULL, ALERT, False),
        (FULL, trouble("latency_high", "web", Trust.FOREIGN), False),
        (DB, WEB, True),
        (DB, trouble("unit_failed", "api"), True),
        (DB, trouble("http_probe_failed", "tunnel", Trust.FOREIGN), True),
        (DB, trouble("container_died", "mail"), False),
        (DB, trouble("container_died", "web", node="web01", container="shop-web"), False),
        (DB, trouble("certificate_expiring", "web", container="shop-web"), False),
        (WEB, DB, False),
        (SITE, PROBE, True),
        (SITE, trouble("tcp_probe_failed", "site-port", node="pi4", asks={"node": "nas", "port": 8443}), True),
        (SITE, trouble("http_probe_failed", "other", asks={"node": "nas", "port": 8081}), False),
        (SITE, trouble("http_probe_failed", "other", asks={"node": "pi4", "port": 8080}), False),
        (SITE, trouble("http_probe_failed", "other", Trust.FOREIGN, asks={"node": "nas", "port": 8080}), False),
        (SITE, trouble("certificate_expiring", "other", asks={"node": "nas", "port": 8080}), False),
        (trouble("container_died", "site", Trust.FOREIGN, ports=[8080]), PROBE, False),
        (trouble("container_died", "site", ports=["8080", True, None, 0, 70000]), PROBE, False),
        (PROBE, SITE, False),
    ],
)
def test_what_explains_what(cause: HealthEvent, event: HealthEvent, explained: bool) -> None:
    known = cause_of(cause, "plan-1")
    assert (root_cause(event, [known]) == known) is explained


@pytest.mark.parametrize(
    "event",
    [
        trouble("node_offline", trust=Trust.FOREIGN),  # anybody may say so
        trouble("node_offline", "web", Trust.OBSERVER),
        trouble("disk_space_low", mount="/", severity=Severity.WARNING),
        trouble("disk_space_low", mount="/mnt/media", severity=Severity.CRITICAL),
        trouble("disk_space_low", mount="/", severity=Severity.CRITICAL, trust=Trust.FOREIGN),
        trouble("container_died", "db", Trust.FOREIGN, dependents=["web"]),
        trouble("certificate_expiring", "db", dependents=["web"]),
    ],
)
def test_what_explains_nothing(event: HealthEvent) -> None:
    assert not may_explain(event)


@pytest.mark.parametrize("said", [None, "web", [{"name": "web"}, "no name", ""], ["mail"]])
def test_company_that_an_agent_does_not_name_is_not_explained(said: object) -> None:
    assert root_cause(WEB, [cause_of(trouble("container_died", "db", dependents=said), "plan-db")]) is None


WEB_DIED = trouble("container_died", "web", runtime="docker")
ENGINE = trouble("unit_failed", "docker.service", runtime="systemd")


@pytest.mark.parametrize(
    ("cause", "event", "explained"),
    [
        (ENGINE, trouble("container_died", "web", runtime="docker"), True),
        (ENGINE, trouble("http_probe_failed", "web", runtime="docker"), True),
        (trouble("unit_failed", "containerd.service", runtime="systemd"), WEB_DIED, True),
        (ENGINE, trouble("probe_failed", probe="docker"), True),
        (ENGINE, trouble("probe_failed", probe="systemd"), False),
        (ENGINE, trouble("probe_failed", probe={"kind": "http"}), False),
        (ENGINE, trouble("unit_failed", "nginx.service", runtime="systemd"), False),
        (ENGINE, trouble("certificate_expiring", "web", runtime="docker"), False),
        (ENGINE, trouble("container_died", "web", node="web01", runtime="docker"), False),
        (
            trouble("container_died", "docker.service", runtime="docker"),
            trouble("container_died", "web", runtime="docker"),
            False,
        ),
    ],
)
def test_a_dead_engine_explains_its_containers(cause: HealthEvent, event: HealthEvent, explained: bool) -> None:
    assert (root_cause(event, [cause_of(cause, "plan-1")]) is not None) is explained


NEEDS = [{"node": "nas", "service": "postgres"}]
PAGE = trouble("http_probe_failed", "page", node="web01", needs_elsewhere=NEEDS)


@pytest.mark.parametrize(
    ("cause", "event", "explained"),
    [
        (trouble("unit_failed", "postgres"), PAGE, True),
        (trouble("container_died", "pg-1", container="postgres"), PAGE, True),
        (trouble("container_died", "mail"), PAGE, False),
        (AWAY, PAGE, True),
        (FULL, PAGE, True),
        (trouble("unit_failed", "postgres", node="db02"), PAGE, False),
        (trouble("unit_failed", "postgres"), trouble("http_probe_failed", "page", node="web01"), False),
        (AWAY, trouble("http_probe_failed", "page", node="web01", needs_elsewhere=[{"node": "nas"}]), True),
        (DB, trouble("http_probe_failed", "page", node="web01", needs_elsewhere=[{"node": "nas"}]), False),
        (AWAY, trouble("certificate_expiring", "page", node="web01", needs_elsewhere=NEEDS), False),
        # Who is no agent says for himself alone what his trouble comes from.
        (AWAY, trouble("http_probe_failed", "page", Trust.FOREIGN, node="web01", needs_elsewhere=NEEDS), False),
        (AWAY, trouble("http_probe_failed", "page", node="web01", needs_elsewhere="nas"), False),
        (
            AWAY,
            trouble("http_probe_failed", "page", node="web01", needs_elsewhere=[{"node": 7}, {"node": "n a s"}, 3]),
            False,
        ),
    ],
)
def test_what_something_of_another_node_explains(cause: HealthEvent, event: HealthEvent, explained: bool) -> None:
    assert (root_cause(event, [cause_of(cause, "plan-1")]) is not None) is explained


def test_nodes_that_need_each_other_stand_each_for_itself() -> None:
    a = trouble("unit_failed", "a", node="one", needs_elsewhere=[{"node": "two", "service": "b"}])
    b = trouble("unit_failed", "b", node="two", needs_elsewhere=[{"node": "one", "service": "a"}])
    known = [cause_of(a, "plan-a"), cause_of(b, "plan-b")]
    assert [root_cause(event, known) for event in (a, b)] == [None, None]


def need(number: int, *needing: int) -> Cause:
    """A dead unit that these need."""
    names = [f"u{other}" for other in needing]
    return cause_of(trouble("unit_failed", f"u{number}", dependents=names), f"plan-{number}")


@pytest.mark.parametrize(
    ("known", "of", "root"),
    [
        ([need(1, 2), need(2, 1)], 1, ""),  # each stands for itself
        ([need(1, 2, 3), need(2, 1)], 3, "plan-1"),  # and explains what hangs on the circle
        ([need(1, 2), need(2, 1), need(4, 1)], 2, "plan-4"),  # what stands outside explains all of it
        ([need(2, 1), need(1, 2, 3), need(4, 1)], 3, "plan-4"),
        ([need(1, 2), need(2, 3), need(3, 1)], 2, ""),
        ([need(1, 2), need(2, 3), need(3, 1), cause_of(FULL, "plan-disk")], 2, "plan-disk"),
        ([need(1, 3), need(2, 3)], 3, "plan-1"),
        ([need(1, 2), need(2, 3), need(3)], 3, "plan-1"),
    ],
)
def test_what_stands_outside_a_circle_explains_it(known: list[Cause], of: int, root: str) -> None:
    cause = root_cause(trouble("unit_failed", f"u{of}"), known)
    assert (cause.told_by if cause else "") == root


def test_a_chain_leads_to_its_first_cause() -> None:
    api = trouble("container_unhealthy", "api", dependents=["web"])
    known = [cause_of(api), cause_of(DB, "plan-db")]
    assert root_cause(trouble("container_unhealthy", "web"), known) == known[1]
    assert root_cause(api, known) == known[1]
    assert root_cause(DB, known) is None
    assert root_cause(trouble("container_unhealthy", "web"), known[:1]) is None, "nobody was told of the api"


def test_the_node_comes_before_its_services() -> None:
    known = [cause_of(DB, "plan-db"), cause_of(FULL, "plan-disk"), cause_of(AWAY, "plan-away")]
    assert root_cause(WEB, known) == known[2]
    assert root_cause(WEB, known[:2]) == known[1]


def test_in_a_circle_each_stands_for_itself() -> None:
    a = trouble("container_died", "a", dependents=["b"])
    b = trouble("container_died", "b", dependents=["a", "c"])
    known = [cause_of(a, "plan-a"), cause_of(b, "plan-b")]
    assert [root_cause(event, known) for event in (a, b)] == [None, None]


def test_a_stranger_decides_nothing_by_what_he_says_of_himself() -> None:
    """Neither may he hide others, nor does what he writes break the comparison."""
    odd = trouble("node_offline", trust=Trust.FOREIGN, last_heard="yesterday", container=7)
    assert root_cause(odd, [cause_of(AWAY, "plan-away")]) is None, "the same subject"
    assert root_cause(trouble("power_odd", trust=Trust.FOREIGN, last_heard={}), [cause_of(AWAY, "p")]) is not None
