"""Who hangs on a container: in its network, by compose's own label, by the owner's; and its replicas."""

from __future__ import annotations

from typing import Any

import pytest

from node_agent.containers.container_dependents import MAX_DEPENDENTS, company_of, lost_network_of
from node_agent.containers.container_identity import identity_for, published_ports

SICK = "f" * 64


def row(name: str, project: str = "", service: str = "", **more: Any) -> dict[str, Any]:
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service, **more.pop("labels", {})}
    return {"Id": more.pop("id", name), "Names": [f"/{name}"], "Labels": labels, **more}


ME = identity_for(["/shop-db-1"], {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"})


@pytest.mark.parametrize(
    ("other", "depends"),
    [
        (row("a", HostConfig={"NetworkMode": "host"}), False),
        (row("a", "shop", "web", labels={"com.docker.compose.depends_on": "cache:x:y,db:service_healthy:false"}), True),
        (row("a", "shop", "web", labels={"com.docker.compose.depends_on": "dbx:service_started:false"}), False),
        (row("a", "other", "web", labels={"com.docker.compose.depends_on": "db:service_started:false"}), False),
        (row("a", labels={"mendmesh.depends-on": "x, shop.db"}), True),
        (row("a", labels={"mendmesh.depends-on": "shop-db-1"}), True),
        (row("a", "shop", "web", labels={"mendmesh.depends-on": "db"}), True),
        (row("a", labels={"mendmesh.depends-on": "db"}), False),
        (row("a", id=SICK, labels={"mendmesh.depends-on": "shop.db"}), False),
        ({"Id": "x", "Names": None, "Labels": None}, False),
    ],
)
def test_who_depends_on_it(other: dict[str, Any], depends: bool) -> None:
    assert company_of(ME, SICK, [other]) == ({"dependents": ["a"]} if depends else {})


@pytest.mark.parametrize(
    ("mode", "state", "lives"),
    [
        (f"container:{SICK}", "running", True),
        ("container:shop-db-1", "restarting", True),
        (f"container:{SICK}", "exited", False),  # whoever stopped it, it is not touched
        ("container:other", "running", False),
        ("host", "running", False),
    ],
)
def test_what_lives_in_its_network_goes_with_it_as_far_as_it_is_up(mode: str, state: str, lives: bool) -> None:
    other = row("a", HostConfig={"NetworkMode": mode}, State=state, labels={"mendmesh.depends-on": "nothing"})
    assert company_of(ME, SICK, [other]) == ({"in_its_network": ["a"]} if lives else {})


def test_the_replicas_of_a_compose_service_are_told_where_there_are_several() -> None:
    me, twin = row("shop-db-1", "shop", "db", id=SICK), row("shop-db-2", "shop", "db", State="exited")
    by_run = row("shop-db-run-1", "shop", "db", labels={"com.docker.compose.oneoff": "True"})
    assert company_of(ME, SICK, [me, by_run, row("web", "shop", "web")]) == {}
    assert company_of(ME, SICK, [twin, me, by_run]) == {"replicas": ["shop-db-1", "shop-db-2"]}


def test_they_are_named_once_in_order_and_not_without_end() -> None:
    rows = [row(f"c{n:03}", labels={"mendmesh.depends-on": "shop.db"}) for n in reversed(range(50))]
    found = company_of(ME, SICK, [*rows, *rows])
    assert found == {"dependents": [f"c{n:03}" for n in range(MAX_DEPENDENTS)]}


def test_the_ports_of_its_host_are_told_in_either_form() -> None:
    long = {
        "HostConfig": {
            "PortBindings": {"6379/tcp": [{"HostPort": "6380"}], "80/tcp": None, "81/tcp": [{"HostPort": ""}]}
        }
    }
    short = {"Ports": [{"PrivatePort": 6379, "PublicPort": 6380}, {"PrivatePort": 80}]}
    assert (published_ports(long), published_ports(short), published_ports({})) == ([6380], [6380], [])


@pytest.mark.parametrize(
    ("mode", "is_lost"),
    [
        ("container:" + "a" * 64, True),  # of an earlier life of the one that is there
        ("container:" + "b" * 64, False),
        ("container:vpn", False),
        ("container:", False),
        ("host", False),
        ("", False),
    ],
)
def test_whoever_lives_in_the_network_of_one_that_is_gone_has_none(mode: str, is_lost: bool) -> None:
    rows = [row("vpn", id="b" * 64), row("guest", id=SICK, HostConfig={"NetworkMode": mode})]
    lost = {"network_mode": f"container:{'a' * 12}", "network_container_there": False}
    assert lost_network_of(rows[1], rows) == (lost if is_lost else {})
    assert lost_network_of({}, rows) == {}
