"""What owners say in labels, and who a container is by them. Pure."""

from __future__ import annotations

import pytest

from node_agent.containers.container_identity import container_facts, identity_for, is_one_off, one_each
from node_agent.containers.container_labels import depends_on, is_to_be_watched, needs_it_healthy, owners_labels


@pytest.mark.parametrize("prefix", ["com.docker.compose", "io.podman.compose"])
def test_a_compose_service_is_the_same_whoever_composes(prefix: str) -> None:
    labels = {f"{prefix}.project": "shop", f"{prefix}.service": "web"}
    assert identity_for(["/shop_web_1"], labels).key == "docker:shop.web"
    assert identity_for(["/9f3e_shop_web_1"], labels).compose == {"project": "shop", "service": "web"}
    assert identity_for(["/x"], labels | {f"{prefix}.container-number": "2"}).key == "docker:shop.web#2"
    assert is_one_off(labels | {f"{prefix}.oneoff": "True"})
    assert not is_one_off(labels)


def test_a_compose_run_stands_for_nobody_else() -> None:
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    run = {"Names": ["/shop_web_run_1"], "Labels": labels | {"com.docker.compose.oneoff": "True"}, "State": "running"}
    old = {"Names": ["/shop_web_1"], "Labels": labels, "State": "exited", "Created": 5}
    new = {"Names": ["/shop_web_1b"], "Labels": labels, "State": "exited", "Created": 7}
    up = {"Names": ["/shop_web_1c"], "Labels": labels, "State": "running", "Created": 3}
    assert one_each([run, old]) == [run, old]
    assert one_each([new, old]) == [new]
    assert one_each([old, up, new]) == [up]
    sick = {
        "Names": ["/web-blue"],
        "Labels": labels,
        "State": "running",
        "Status": "Up 2 hours (unhealthy)",
        "Created": 1,
    }
    for rows in ([sick, up, new], [new, up, sick]):
        assert one_each(rows) == [sick]


def test_podman_compose_mixes_both_ways_of_writing() -> None:
    labels = {"io.podman.compose.project": "shop", "com.docker.compose.service": "web"}
    assert identity_for(["/shop_web_1"], labels).service == "shop.web"


def test_each_try_at_a_swarm_task_is_the_same_thing() -> None:
    def task(name: str) -> dict[str, str]:
        return {"com.docker.swarm.service.name": "shop_web", "com.docker.swarm.task.name": name}

    first = identity_for(["/shop_web.1.aaa"], task("shop_web.1.aaa"))
    again = identity_for(["/shop_web.1.bbb"], task("shop_web.1.bbb"))
    other = identity_for(["/shop_web.2.ccc"], task("shop_web.2.ccc"))
    assert first.key == again.key != other.key
    assert first.service == other.service == "shop_web"
    assert container_facts(first, {})["swarm"] == {"service": "shop_web", "slot": "1"}


def test_only_labels_for_us_travel() -> None:
    labels = {
        "mendmesh.restart": "false",
        "mendmesh.stop-timeout": "90",
        "autoheal": "true",
        "autoheal.stop.timeout": "20",
        "autohealer": "no",
        "traefik.http.middlewares.auth.basicauth.users": "admin:$apr1$secret",
    }
    facts = container_facts(identity_for(["/web"], labels), {})
    assert facts["labels"] == {
        "autoheal": "true",
        "autoheal.stop.timeout": "20",
        "mendmesh.restart": "false",
        "mendmesh.stop-timeout": "90",
    }
    assert "labels" not in container_facts(identity_for(["/web"], {}), {})
    assert len(owners_labels({f"mendmesh.x{n}": "y" for n in range(1000)})) == 32


@pytest.mark.parametrize(
    ("labels", "watched"),
    [
        ({"mendmesh.watch": "true"}, True),
        ({"autoheal": "true"}, True),
        ({"mendmesh.watch": "false", "autoheal": "true"}, False),
        ({"autoheal": "false"}, None),  # not to be restarted is not to be left alone
        ({"mendmesh.watch": "perhaps"}, None),
        ({}, None),
    ],
)
def test_what_is_to_be_watched(labels: dict[str, str], watched: bool | None) -> None:
    assert is_to_be_watched(labels) is watched


def test_what_it_depends_on_by_its_owners_word_and_by_its_compose_file() -> None:
    labels = {
        "mendmesh.depends-on": "vpn, cache",
        "com.docker.compose.depends_on": "db:service_healthy:false,cache:x:true",
    }
    assert depends_on(labels) == ("vpn", "cache", "db")
    assert depends_on({}) == ()
    assert [name for name in ("vpn", "cache", "db") if needs_it_healthy(labels, name)] == ["db"]
