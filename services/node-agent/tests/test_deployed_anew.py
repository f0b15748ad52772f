"""A service that was deployed anew under another name is no death; in doubt, two containers are two things. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from node_agent.containers.container_heirs import ContainerHeirs
from node_agent.containers.deployed_anew import End, deployment_of, heir_of, one_family

NOW = 1_000_000.0


def at(seconds_ago: float) -> str:
    return datetime.fromtimestamp(NOW - seconds_ago, UTC).isoformat().replace("+00:00", "Z")


def container(
    name: str, made_ago: float, *, image: str = "reg.lan:5000/shop:1", env: str = "A=1", port: str = "", **more: Any
) -> dict[str, Any]:
    """The engine's long form."""
    bindings = {"80/tcp": [{"HostIp": "", "HostPort": port}]} if port else {}
    return {
        "Name": f"/{name}",
        "Created": at(made_ago),
        "Path": "serve",
        "Args": ["--all"],
        "Config": {"Image": image, "Env": [env], "Labels": more.pop("labels", {})},
        "HostConfig": {"NetworkMode": "front", "PortBindings": bindings},
        "NetworkSettings": {"Networks": {"front": {}}},
        "Mounts": more.pop("mounts", []),
        "State": {"Status": "running"},
        **more,
    }


OLD = container("shop-blue", 9000)


@pytest.mark.parametrize(
    ("one", "other", "family"),
    [
        ("shop-blue", "shop-green", True),
        ("blue-shop", "green-shop", True),
        ("web_v12", "web_v13", True),
        ("app-20261127", "app-20261128", True),
        ("app-1.9.3", "app-2.0.0", True),
        ("shop-web-3f2a91bc", "shop-web-90aa12ef", True),
        ("web-0f2a91bc-1111-4222-8333-444455556666", "web-99999999-aaaa-4bbb-8ccc-dddddddddddd", True),
        ("shop.blue", "shop.green", True),
        ("web-1", "web-2", False),  # replicas, counted
        ("shop", "shop-green", False),
        ("shop-blue", "shop_green", False),
        ("shop-blue", "shop-green-2", False),
        ("shop-blue-a", "shop-green-b", False),
        ("blue", "green", False),
        ("shop-blue", "shop-blue", False),
    ],
)
def test_a_family_differs_in_one_part_of_its_name(one: str, other: str, family: bool) -> None:
    assert one_family(one, other) is family


@pytest.mark.parametrize(
    ("new", "end", "is_heir"),
    [
        # made when the old one had gone, whatever it went of; or a while before, and the old one went in peace
        (container("shop-green", 10), End(NOW - 20, in_peace=False), True),
        (container("shop-green", 120), End(NOW - 20, in_peace=True), True),
        (container("shop-green", 10, image="reg.lan:5000/shop:2@sha256:ab"), End(NOW - 20, in_peace=False), True),
        # a crash beside one that was made before; too late; long there; together with the old one
        (container("shop-green", 120), End(NOW - 20, in_peace=False), False),
        (container("shop-green", 10), End(NOW - 400, in_peace=True), False),
        (container("shop-green", 1000), End(NOW - 20, in_peace=True), False),
        (container("shop-green", 8990), End(NOW - 8980, in_peace=True), False),
        # another thing
        (container("shop-green", 10, image="other:1"), End(NOW - 20, in_peace=True), False),
        (container("shop-green", 10, env="A=two"), End(NOW - 20, in_peace=True), False),
        (container("shop-green", 10, Path="work"), End(NOW - 20, in_peace=True), False),
        (container("shop-green", 10, port="8081"), End(NOW - 20, in_peace=True), False),
        (container("shop-green", 10, labels={"role": "work"}), End(NOW - 20, in_peace=True), False),
        (
            container("shop-green", 10, mounts=[{"Source": "/b", "Destination": "/x"}]),
            End(NOW - 20, in_peace=True),
            False,
        ),
        (container("shop-green", 10, State={"Status": "exited"}), End(NOW - 20, in_peace=True), False),
    ],
)
def test_an_heir_is_alike_and_comes_when_the_other_goes(new: dict[str, Any], end: End, is_heir: bool) -> None:
    heir = heir_of(deployment_of(OLD), end, [deployment_of(new)], {})
    assert heir == ("shop-green" if is_heir else "")


def test_labels_may_carry_the_part_of_the_name_and_versions() -> None:
    def labelled(name: str, version: str, rule: str = "Host(`shop.lan`)") -> dict[str, str]:
        return {f"traefik.http.routers.shop-{name}.rule": rule, "org.opencontainers.image.version": version}

    end = End(NOW - 20, in_peace=True)
    old = deployment_of(container("shop-blue", 9000, labels=labelled("blue", "1.2.9")))
    new = deployment_of(container("shop-green", 10, labels=labelled("green", "1.3.0")))
    other = deployment_of(container("shop-green", 10, labels=labelled("green", "1.3.0", "Host(`other.lan`)")))
    assert heir_of(old, end, [new], {}) == "shop-green"
    assert heir_of(old, end, [other], {}) == ""


def test_of_two_heirs_none_is_one_and_who_was_made_anew_itself_is_none() -> None:
    old, end = deployment_of(OLD), End(NOW - 20, in_peace=True)
    green, red = (deployment_of(container(name, 10)) for name in ("shop-green", "shop-red"))
    assert heir_of(old, end, [green, red], {}) == ""
    assert heir_of(old, end, [green], {"shop-green": NOW - 15}) == ""
    assert heir_of(old, end, [green], {"shop-green": NOW - 5000}) == "shop-green"


def test_the_engines_short_form_says_the_same_of_two() -> None:
    def row(name: str, made_ago: int, **more: Any) -> dict[str, Any]:
        return {
            "Names": [f"/{name}"],
            "Image": "shop:1",
            "Command": "serve --all",
            "Created": int(NOW) - made_ago,
            "State": "running",
            "HostConfig": {"NetworkMode": "front"},
            "Mounts": [{"Name": "f" * 64 if made_ago > 100 else "e" * 64, "Destination": "/cache"}],
            **more,
        }

    old, end = deployment_of(row("shop-blue", 9000)), End(NOW - 20, in_peace=True)
    assert heir_of(old, end, [deployment_of(row("shop-green", 10))], {}) == "shop-green"
    assert heir_of(old, end, [deployment_of(row("shop-green", 10, Command="work"))], {}) == ""


class Engine:
    """Knows these containers, in both forms."""

    def __init__(self, *details: dict[str, Any]):
        self.details = {str(detail["Id"]): detail for detail in details}

    async def containers(self) -> list[dict[str, Any]]:
        return [
            {"Id": key, "Names": [one["Name"]], "State": one["State"]["Status"], "Labels": {}}
            for key, one in self.details.items()
        ]

    async def container(self, key: str) -> dict[str, Any] | None:
        return self.details.get(key)


async def test_who_was_replaced_stays_so_when_the_heir_goes_and_has_an_heir_of_its_own() -> None:
    blue = container("shop-blue", 9000, Id="b", State={"Status": "exited", "ExitCode": 7})
    engine = Engine(blue, container("shop-green", 10, Id="g"))
    heirs = ContainerHeirs(engine)  # type: ignore[arg-type]
    assert await heirs.of_one_that_ended(blue, NOW - 20) == "shop-green"
    assert heirs.names == {"shop-blue": "shop-green"}
    del engine.details["g"]
    heirs.see(await engine.containers(), NOW + 9000)
    assert heirs.names == {}
    assert await heirs.of_one_that_ended(blue, NOW - 20) == "shop-green"
    assert await heirs.of_one_that_ended(blue, NOW - 10) == "", "another life of it"
