"""The whole product on a real engine, as `make up-docker` starts it: its images and compose file, nothing pulled."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import SERVICES
from mesh_core.testing import AllFolders, free_port
from parts import images
from parts.engine import Engine
from parts.report import timed
from parts.require import missing

OPERATOR_UID, OPERATORS_GID = 12345, 10100
UP_SECONDS = 240  # half a minute on a quiet machine


@dataclass(frozen=True)
class Compose:
    """`docker compose` with the real plugin, for one compose file and one project."""

    engine: Engine
    file: Path
    project: str
    environment: Mapping[str, str]
    plugin: Path

    def __call__(self, *words: str, check: bool = True, timeout: float = 600) -> str:
        """stdout; AssertionError with stderr when it fails."""
        command = [self.engine.client, "compose", "-p", self.project, "-f", str(self.file), *words]
        environment = {**self.engine.env, "DOCKER_CONFIG": str(self.plugin), **self.environment}
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode:
            raise AssertionError(f"docker compose {' '.join(words)}: exit {done.returncode}: {done.stderr[-3000:]}")
        return done.stdout

    def name(self, service: str) -> str:
        return f"{self.project}-{service}-1"

    def health(self) -> dict[str, str]:
        """{service: healthy | unhealthy | starting, or the state of one without a check}."""
        rows = [json.loads(line) for line in self("ps", "--all", "--format", "json").splitlines()]
        return {row["Service"]: row["Health"] or row["State"] for row in rows}


@dataclass(frozen=True)
class Product:
    """The mesh of one compose project; `far` is what a second node needs."""

    compose: Compose
    runtime: Path
    images: Mapping[str, str]
    up_seconds: float
    redis_from_nodes: str
    registry: str
    page: str
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def actions(self) -> AllFolders:
        return AllFolders(self.runtime)

    def container(self, service: str) -> str:
        return self.compose.name(service)

    def as_operator(self, *command: str, uid: int = OPERATOR_UID, gid: int = OPERATORS_GID) -> None:
        """A command on the host as a person who is nobody but a member of operators."""
        who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={gid}"]
        done = subprocess.run([*who, *command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PermissionError(done.stderr.strip())

    def approve(self, file: Path) -> None:
        self.as_operator("mv", str(file), str(self.actions.folder(Folder.APPROVED)))

    def admin(self, *command: str) -> str:
        """redis-cli as the administrator, inside the container of Redis."""
        password = (self.runtime / "secrets" / "redis" / "admin_password").read_text().strip()
        words = ["redis-cli", "--no-auth-warning", "--user", "admin", "--pass", password, *command]
        return self.compose.engine.exec(self.container("redis"), *words)


@pytest.fixture(scope="session")
def compose_plugin(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DOCKER_CONFIG in which `docker compose` is the plugin of the lock; where there is none, the machine's own."""
    folder = tmp_path_factory.mktemp("docker-config")
    (folder / "cli-plugins").mkdir()
    plugin = Path(sys.prefix, "bin", "docker-compose")
    if plugin.exists():
        (folder / "cli-plugins" / "docker-compose").symlink_to(plugin)
    environment = {**engine.env, "DOCKER_CONFIG": str(folder)}
    if subprocess.run([engine.client, "compose", "version"], env=environment, capture_output=True).returncode:
        missing("docker compose", "apt-get install docker-compose-plugin")
    return folder


def build_images(engine: Engine) -> Mapping[str, str]:
    """service -> tag of its image. More than a minute; a second time the engine has all layers in its cache."""
    images.python_image(engine)
    tags = {service: f"mendmesh-test-{engine.session}/{service}:latest" for service in SERVICES}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda service: images.product_image(engine, service, tags[service]), tags))
    return tags


@pytest.fixture(scope="module")
def images_meanwhile(engine: Engine, request: pytest.FixtureRequest) -> Iterator[None]:
    """For a module whose tests look at no container but their own, and wait a lot: beside them the images are built
    that tests after them need, if there are any. A build that fails is told where the images are asked for."""
    wanted = any("product_images" in getattr(item, "fixturenames", ()) for item in request.session.items)
    with ThreadPoolExecutor(1) as pool:
        for build in (build_images, images.redis_image, images.far_image) if wanted else ():
            pool.submit(build, engine)
        yield


@pytest.fixture(scope="session")
def product_images(engine: Engine) -> Iterator[Mapping[str, str]]:
    """service -> tag of its image, built here; the layers stay in the engine's cache for the next session."""
    with timed("product images") as words:
        tags = build_images(engine)
        words.append("4 services on Debian's Python")
    yield tags
    engine.docker("rmi", "--no-prune", *tags.values(), check=False)


@contextlib.contextmanager
def product_up(engine: Engine, product_images: Mapping[str, str], compose_plugin: Path) -> Iterator[Product]:
    """Up and healthy, with a floor for a model."""
    if os.geteuid() != 0:
        missing("root (to own the folders of several users)", "run the tests as root")
    if not engine.has_networks:
        missing("an engine alone on this machine", "stop the other Docker engine, or set DOCKER_HOST to it")
    images.redis_image(engine)
    socket = Path(engine.host.removeprefix("unix://"))
    if not socket.is_socket():
        missing("an engine with a socket on this machine", "unset DOCKER_HOST")
    folder = Path(tempfile.mkdtemp(prefix="mendmesh-product-"))
    folder.chmod(0o755)  # a person who is not root must get through
    runtime = folder / "homelab"
    (runtime / "config").mkdir(parents=True)
    project = f"mm{secrets.token_hex(4)}"
    # This node leaves the far one's container to the far one's agent.
    (runtime / "config" / "node.yml").write_text(json.dumps({"docker": {"ignore": ["*-far"]}}))
    gateway = engine.gateway
    redis_port, page_port = free_port(), free_port()
    registry = product_images["observer"].rpartition("/")[0]
    environment = {
        "MENDMESH_REGISTRY": registry,
        "REDIS_IMAGE": images.REDIS,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": "near",
        "LLM_CHAIN": "floor",
        "DOCKER_SOCKET": str(socket),
        "DOCKER_GID": str(socket.stat().st_gid),
        "REDIS_PUBLISH": f"{gateway}:{redis_port}",
        "OBSERVER_PUBLISH": f"127.0.0.1:{page_port}",
        "COOLDOWN_SECONDS": "1",
        "PLANNER_CONTAINER": f"{project}-planner-agent-1",  # another mesh on this engine may have the name
    }
    compose = Compose(engine, images.ROOT / "docker-compose.yml", project, environment, compose_plugin)
    try:
        with timed("product") as words:
            begun = time.monotonic()
            compose("up", "-d", "--no-build", "--wait", "--wait-timeout", str(UP_SECONDS))
            took = time.monotonic() - begun
            words.append(f"docker compose up, all healthy after {took:.0f} s")
        redis_url = f"redis://{gateway}:{redis_port}/0"
        yield Product(compose, runtime, product_images, took, redis_url, registry, f"http://127.0.0.1:{page_port}")
    except BaseException:
        print(compose("ps", "--all", check=False), compose("logs", "--tail", "40", check=False), file=sys.stderr)
        raise
    finally:
        with contextlib.suppress(AssertionError):
            compose("down", "--volumes", "--timeout", "1", "--remove-orphans")
        shutil.rmtree(folder, ignore_errors=True)
