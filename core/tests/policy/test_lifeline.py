"""What carries the mesh is protected by what it is: under any name, and found again on the host itself."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.actions.choices import NOTIFY, RESTART
from mesh_core.models.events import HealthEvent
from mesh_core.policy.lifeline import Lifeline, NeededAddress, image_name
from mesh_core.policy.policy import Policy

SHIPPED = Policy.load(None, learnt=False)


def event(payload: dict[str, Any], service: str = "thing", node: str = "n1") -> HealthEvent:
    return HealthEvent(
        type="container_died", node=node, service=service, severity="error", payload={"runtime": "docker", **payload}
    )


@pytest.mark.parametrize(
    "payload",
    [
        {"image": "redis:7-alpine"},
        {"image": "registry.example:5000/mirror/redis@sha256:00ff"},
        {"image": "docker.io/tailscale/tailscale"},
        {"compose": {"project": "shop", "service": "redis"}},
        {"compose": {"project": "mendmesh-observer", "service": "thing"}},
        {"labels": {"com.docker.compose.service": "wireguard"}},
        {"Actor": {"Attributes": {"image": "valkey/valkey:8", "name": "thing"}}},
        {"container": "sshd"},
        {"unit": "wg-quick@wg0.service"},
        {"program": "redis-server"},
        {"program": "cache:redis-server"},
        {"process": "/usr/sbin/sshd -D"},
        {"command": "redis-server --port 6380"},
        {"exec_start": "/usr/sbin/sshd -D"},
        {"image": "vllm/vllm-openai:latest"},
        {"image": "hwdsl2/ipsec-vpn-server"},
        {"unit": "ifup@eth0.service"},
        {"unit": "nftables.service"},
        {"unit": "redis-server@6379.service"},
        {"unit": "tailscaled@net.service"},
        {"container": "vpn-host", "in_its_network": ["torrent", "redis"]},
        {"containers": ["a", "sshd"]},
    ],
)
def test_it_is_the_lifeline_under_any_name(payload: dict[str, Any]) -> None:
    allowed = SHIPPED.allows(event(payload))
    assert (allowed.actions, allowed.rule) == (frozenset({NOTIFY.word}), "never")
    assert "never list" in allowed.reason


@pytest.mark.parametrize(
    "payload",
    [
        {"image": "oliver006/redis_exporter:1"},
        {"image": "example/dashboard-for-redis"},
        {"compose": {"project": "docker", "service": "web"}},
        {"container": "redis-commander"},
        {"program": "web:redis-commander"},
        {"process": "/usr/bin/python3 /opt/redis"},
        {"unit": "backup@redis.service"},
        {"image": None, "compose": ["redis"], "labels": "redis", "Actor": 1, "container": {"redis": 1}},
    ],
)
def test_a_name_that_only_sounds_like_it_is_not(payload: dict[str, Any]) -> None:
    assert RESTART.word in SHIPPED.allows(event(payload)).actions


def test_an_image_is_its_last_name() -> None:
    for image in ("redis", "redis:7", "library/redis", "h:5/a/redis:7@sha256:0f"):
        assert image_name(image) == "redis"


def test_where_the_mesh_asks_is_protected() -> None:
    urls = [
        "redis://:secret@cache:6380/0",
        "http://127.0.0.1:11435/v1",
        "http://10.0.0.7:8081",
        "unix:///run/r.sock",
        "x",
    ]
    policy = Policy.load(None, Lifeline.at(urls, "n1"))
    addresses = {("cache", 6380), ("127.0.0.1", 11435), ("10.0.0.7", 8081)}
    assert policy.lifeline.addresses == {NeededAddress(host, port, "n1") for host, port in addresses}
    for sick in (
        event({"compose": {"project": "p", "service": "cache"}}, "p.cache"),
        event({}, "cache"),
        event({"ports": [80, 11435]}),
        event({"port": 6380}, node="cache"),
    ):
        assert policy.allows(sick).rule == "never", sick
    for well in (event({"ports": [11435]}, node="n2"), event({"ports": [6380]}), event({"ports": ["x", True, None]})):
        assert RESTART.word in policy.allows(well).actions
    assert policy.protected_in_look({"containers": [{"name": "x", "ports": [8081]}]}, "n2", "10.0.0.7") == "port 8081"
    assert policy.protected_in_look({"containers": [{"name": "x", "ports": [8081]}]}, "n2", "10.0.0.8") == ""


def test_an_address_means_the_host_on_which_it_is_asked() -> None:
    both = Lifeline.at(["http://localhost:8081"], "n1") | Lifeline.at(["redis://localhost:6380"], "n2")
    policy = Policy.load(None, both)
    assert policy.allows(event({"ports": [8081]}, node="n1")).rule == "never"
    assert RESTART.word in policy.allows(event({"ports": [8081]}, node="n2")).actions
    assert policy.allows(event({"ports": [6380]}, node="n2")).rule == "never"


def test_a_look_at_the_host_knows_it_too() -> None:
    started = "{ path=/usr/bin/redis-server ; argv[]=/usr/bin/redis-server *:6379 ; }"
    assert (
        SHIPPED.protected_in_look({"containers": [{"name": "a"}, {"name": "b", "image": "redis:7"}]}) == "image redis:7"
    )
    assert SHIPPED.protected_in_look({"unit": "my-cache.service", "exec_start": started}) == "program redis-server"
    assert SHIPPED.protected_in_look({"unit": "web.service", "exec_start": "{ path=/usr/bin/web ; }"}) == ""
    assert SHIPPED.protected_in_look({"containers": "redis"}) == ""


def test_a_name_that_a_person_takes_off_the_list_is_free_as_an_image_too(tmp_path: Any) -> None:
    (tmp_path / "policy.yml").write_text("unprotect: [redis]\n")
    own = Policy.load(tmp_path / "policy.yml")
    assert RESTART.word in own.allows(event({"image": "redis:7"})).actions
    assert own.allows(event({"image": "valkey/valkey"})).rule == "never"
