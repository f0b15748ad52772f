"""What one proposal is about: not the node and the type, but what is wrong."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from mesh_core.incidents.subject import MAX_THING, subject_of, thing_of
from mesh_core.models.events import HealthEvent, Trust


def event(kind: str = "disk_space_low", service: str | None = None, **more: Any) -> HealthEvent:
    return HealthEvent(type=kind, node="nas", service=service, **{"trust": Trust.NODE, **more})


def alert(kind: str, service: str | None = None, *, severity: str = "warning", **labels: str) -> HealthEvent:
    """As a hook makes one of Alertmanager's."""
    given = {"alertname": labels.pop("alertname", kind), "severity": severity, "instance": "nas:9100", **labels}
    payload = {"source": "alertmanager", "alertname": given["alertname"], "labels": given}
    incident = f"alertmanager/{abs(hash(tuple(given.items())))}/2026"
    return event(kind, service, severity=severity, payload=payload, incident=incident, trust=Trust.FOREIGN)


APART = {
    "two full disks": [event(payload={"mount": m, "device": "/dev/sda"}) for m in ("/", "/srv/data")],
    "the same of an alert": [alert("disk_space_low", mountpoint=m, device="sda") for m in ("/", "/srv/data")],
    "two sensors": [
        event("temperature_high", payload={"sensor": s}) for s in ("nvme/Composite", "nvme 0000:02/Composite")
    ],
    "one sensor's name on two chips": [event("temperature_high", payload={"chip": c, "sensor": "temp1"}) for c in "ab"],
    "two instances of a template": [event("unit_failed", payload={"name": f"backup@{d}.service"}) for d in "ab"],
    "two alert names": [alert("load_high", alertname=name) for name in ("HostBusy", "CpuIsBusy")],
    "two names in another script": [alert("alert", alertname=name) for name in ("磁盘", "内存")],
    "one alert about two interfaces": [alert("link_flaps", device=name) for name in ("eth0", "eth1")],
    "two alerts about one service": [alert(kind, "shop") for kind in ("shop_is_slow", "shop_loses_orders")],
    "an alert of a service, and that it is down": [alert("shop_is_slow", "shop"), event("container_died", "shop")],
    "two probes": [event("probe_failed", payload={"probe": p}) for p in ("docker", "systemd")],
    "two jobs that a sender names": [
        event("job_failed", incident=f"generic-x/{n}/1", trust=Trust.FOREIGN) for n in "ab"
    ],
    "two replicas": [alert("memory_high", "shop.web", name=f"shop-web-{n}") for n in "12"],
    "two tasks of a swarm": [alert("memory_high", "s_web", container=f"s_web.{n}.{'a' * 25}") for n in "12"],
    "two of a kind on one host": [
        alert("postgres_down", instance=i) for i in ("nas:9187", "nas:9188", "[fd00::1]:9189", "tcp://nas:9190")
    ],
    "two that push through one gateway": [
        alert("backup_old", instance="gw:9091", exported_instance=i) for i in ("nas:1", "nas:2")
    ],
    "two pages of one host": [
        alert("http_probe_failed", instance=f"https://nas/{page}") for page in ("a", "b", "b?x=1", "")
    ],
    "two of a kind that a person names": [
        event(f"{key}_ill", payload={key: name}, trust=Trust.FOREIGN)
        for key in ("array", "ups", "fan", "slot", "backup")
        for name in "ab"
    ],
    "two types": [event("load_high"), event("memory_low")],
    "two services": [event("container_died", "web"), event("container_died", "db")],
}
TOGETHER = {
    "one processor, busier now": [event("load_high", payload={"cpu": busy, "fan": "1200"}) for busy in (91, 97, "98")],
    "one disk, fuller now": [event(payload={"mount": "/", "used_percent": used}) for used in (91, 98)],
    "an agent's disk and an alert's": [
        event(payload={"mount": "/"}),
        alert("disk_space_low", mountpoint="/", fstype="xfs"),
    ],
    "an alert that is critical now": [alert("link_flaps", device="eth0", severity=s) for s in ("info", "critical")],
    "one alert measured by two jobs": [
        alert("node_unreachable", job=job, instance=i) for job, i in (("node", "nas:9100"), ("cadvisor", "nas:8080"))
    ],
    "a bare address, as one says it": [alert("postgres_down", instance=i) for i in ("fd00::1", "nas", "nas/")],
    "a service that died, and whose probe fails": [
        event(kind, "web") for kind in ("container_died", "http_probe_failed")
    ],
    "an agent's word and an alert's": [event("container_died", "web"), alert("container_died", "web", image="web:1")],
    "what a person says of a service": [
        event(k, "web", trust=Trust.FOREIGN) for k in ("smells_burnt", "container_died")
    ],
    "a container that was made anew from another image": [
        alert("memory_high", "shop", name="shop", image=f"shop:{tag}", id=f"/docker/{tag}") for tag in ("1", "2")
    ],
    "each try at a task of a swarm": [
        alert("memory_high", "stack_web", container=f"stack_web.2.{letter * 25}") for letter in "ab"
    ],
    "a unit, by its agent and by an alert": [
        event("unit_failed", payload={"name": "backup@a.service", "active_state": "failed"}),
        alert("unit_failed").model_copy(
            update={"payload": {"name": "backup@a.service", "labels": {"state": "failed"}}}
        ),
    ],
}


@pytest.mark.parametrize("what", APART)
def test_what_is_wrong_in_two_ways_is_two_subjects(what: str) -> None:
    for one, other in combinations(APART[what], 2):
        assert subject_of(one) != subject_of(other)


@pytest.mark.parametrize("what", TOGETHER)
def test_what_is_wrong_in_one_way_is_one_subject_whoever_says_so(what: str) -> None:
    for one, other in combinations(TOGETHER[what], 2):
        assert subject_of(one) == subject_of(other)


@pytest.mark.parametrize(
    ("wrong", "thing"),
    [
        (event(payload={"mount": "/srv/my data", "device": "/dev/sda1"}), "/srv/my data"),
        (event("unit_failed", payload={"name": "backup@größe.service"}), "backup@größe.service"),
        (event("temperature_high", payload={"sensor": "nvme/Composite", "celsius": 92}), "nvme/Composite"),
        (alert("alert", alertname="磁盘"), "磁盘"),
        (event("load_high", payload={"load": [1, 2, 3]}), ""),
        (event(payload={"mount": ["/"], "labels": "none", "device": True}), ""),
    ],
)
def test_the_thing_is_shown_as_it_was_written(wrong: HealthEvent, thing: str) -> None:
    assert thing_of(wrong) == thing


def test_long_things_are_cut_and_stay_apart() -> None:
    one, other = (event(payload={"path": "/x" * 3000 + end}) for end in "ab")
    assert len(thing_of(one)) == MAX_THING
    assert thing_of(one) != thing_of(other)
