"""A real Docker engine and a container in it that can be made sick. Pulls nothing, leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from parts import images
from parts.dockerd import OwnEngine, engines_are_ours
from parts.engine import LABEL, Engine, engine_at
from parts.report import timed
from parts.require import missing, require
from parts.side_by_side import BESIDE

STANDARD_HOST = "unix:///var/run/docker.sock"
HOW = "apt-get install docker.io and run as root, or set DOCKER_HOST"

# The first test that needs an image may wait for debootstrap and apt, on a mirror that we do not know.
SECONDS_WITH_IMAGES = 1200


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """More time for the tests that start an engine; a time of their own in a `timeout` marker wins."""
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS_WITH_IMAGES))


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An engine: the one at DOCKER_HOST, else one of our own (root and dockerd needed), else the machine's."""
    require("docker", HOW)
    with timed("docker engine") as words:
        own = None
        if host := os.environ.get("DOCKER_HOST"):
            found = engine_at(host)
        elif engines_are_ours():
            own = OwnEngine(takes_docker0=not request.config.stash.get(BESIDE, False))
            own.start()
            found = engine_at(own.host)
            if found is not None:
                found.has_networks = not own.bridge  # beside another engine, whose firewall drops what it does not know
                found.restart = own.restart
        else:
            found = engine_at(STANDARD_HOST) if Path(STANDARD_HOST.removeprefix("unix://")).exists() else None
        if found is None:
            if own:
                own.stop()
            missing("a Docker engine that answers and a client that it understands", HOW)
        words.append(f"{found.version}, {'our own' if own else found.host}")
    try:
        yield found
    finally:
        if own:
            found.rm(*found.docker("ps", "-aq", check=False).split())
            own.stop()
        else:
            found.remove_labelled(f"{LABEL}={found.session}")


@pytest.fixture(scope="session")
def base_image(engine: Engine) -> str:
    """The tag of a Debian to build on, there without a pull."""
    with timed("image debian") as words:
        words.append(images.base_image(engine))
    return images.BASE


@pytest.fixture(scope="session")
def sick_image(engine: Engine, base_image: str) -> str:
    """The tag of the image whose containers can be made sick."""
    with timed("image sick") as words:
        words.append(f"{images.sick_image(engine)} on {base_image}")
    return images.SICK


@dataclass(frozen=True)
class SickContainer:
    """A running container of `sick_image`. Well until `make_sick()`, well again after a restart."""

    engine: Engine
    name: str
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def make_sick(self) -> None:
        """The next health checks fail: unhealthy after 2 s at most."""
        self.engine.exec(self.name, "touch", "/tmp/sick")

    def health(self) -> str:
        return self.engine.health(self.name)

    def started_at(self) -> str:
        return self.engine.started_at(self.name)


SickFactory = Callable[..., SickContainer]


@pytest.fixture
def sick_container(engine: Engine, sick_image: str) -> Iterator[SickFactory]:
    """`sick_container(name=..., start_period="5s", start_seconds=3, stay_sick=True, options=[...])`, often."""
    names: list[str] = []

    def start(
        name: str | None = None,
        *,
        start_period: str = "0s",
        start_seconds: float = 0,
        stay_sick: bool = False,
        options: Sequence[str] = (),
    ) -> SickContainer:
        flags = [
            "-p",
            "127.0.0.1::8080",
            "--health-start-period",
            start_period,
            "-e",
            f"START_SECONDS={start_seconds:g}",
        ]
        flags += ["-e", "STAY_SICK=1"] if stay_sick else []
        name = engine.run(sick_image, name=name, options=[*flags, *options])
        names.append(name)
        return SickContainer(engine, name, engine.port(name, 8080))

    yield start
    engine.rm(*names)
