"""deploy.sh to a node with Docker: the image is built here, sent to another engine, proven there, or taken back.

The node is a container with sshd; its engine is a second one, so that what runs there has really been sent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from parts import images
from parts.deploying import Checkout, Done, Host
from parts.dockerd import OwnEngine
from parts.engine import Engine, engine_at
from parts.nodes import SystemdNode, systemd_container
from parts.require import missing

from mesh_core.testing import within

pytestmark = pytest.mark.usefixtures("images_meanwhile")  # these wait for ssh and for another engine
ENV = "/etc/mendmesh/node-agent.env"
MAIN = "services/node-agent/src/standin.sh"
START = ": here\n"
COMPOSE = """
services:
  node-agent:
    image: ${MENDMESH_REGISTRY}/node-agent:${MENDMESH_VERSION}
    environment: {LOG_LEVEL: "${LOG_LEVEL:-}"}
    volumes: ["${RUNTIME_PATH:-/opt/homelab}:/opt/homelab"]
    network_mode: none
    restart: unless-stopped
    init: true
"""
LABELS = ("project=mendmesh-node-agent", "service=node-agent")


@dataclass(frozen=True)
class Site:
    """A node, its own engine, and where its runtime folder is: the same path inside the node and for that engine."""

    node: SystemdNode
    engine: Engine
    runtime: Path

    @property
    def host(self) -> Host:
        return Host(self.node.engine, self.node.name)

    def container(self) -> str:
        filters = [word for label in LABELS for word in ("--filter", f"label=com.docker.compose.{label}")]
        return self.engine.docker("ps", "-aq", "--no-trunc", *filters).strip()

    def image(self) -> str:
        return str(self.engine.inspect(self.container())["Config"]["Image"])


@pytest.fixture(scope="module")
def site(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    compose = Path(sys.executable).with_name("docker-compose")  # the real plugin, out of the lock
    if not compose.exists():
        missing("the Compose plugin", "make env, on x86_64 Linux")
    client = next(path for path in ("/usr/bin/docker", engine.client) if Path(path).exists())
    runtime = tmp_path_factory.mktemp("homelab")
    runtime.chmod(0o755)
    own = OwnEngine()
    own.start()
    try:
        its = engine_at(own.host)
        assert its is not None
        mounts = {
            own.host.removeprefix("unix://"): "/run/docker.sock",
            client: "/usr/bin/docker:ro",
            str(compose): "/usr/libexec/docker/cli-plugins/docker-compose:ro",
            str(runtime): str(runtime),
        }
        options = [word for source, target in mounts.items() for word in ("-v", f"{source}:{target}")]
        with systemd_container(engine, tmp_path_factory.mktemp("docker-node"), options) as node:
            try:
                yield Site(node, its, runtime)
            finally:
                its.rm(*its.docker("ps", "-aq", check=False).split())
    finally:
        own.stop()


@pytest.fixture
def checkout(tmp_path: Path, site: Site, engine: Engine, base_image: str) -> Iterator[Checkout]:
    """A checkout whose node agent is a stand-in: it is built in a second and weighs 5 MB."""
    checkout = Checkout.copy(tmp_path / "checkout")
    checkout.write("services/node-agent/Dockerfile", (images.CONTEXT / "standin.Dockerfile").read_text())
    checkout.write(MAIN, (images.CONTEXT / "standin.sh").read_text())
    checkout.write("services/node-agent/compose.yml", COMPOSE)
    yield from ready(checkout, site, engine)


@pytest.fixture
def product(tmp_path: Path, site: Site, engine: Engine) -> Iterator[Checkout]:
    """A checkout as it is."""
    checkout = Checkout.copy(tmp_path / "product")
    checkout.environment["BASE_IMAGE"] = images.python_image(engine)
    yield from ready(checkout, site, engine)


def ready(checkout: Checkout, site: Site, engine: Engine) -> Iterator[Checkout]:
    checkout.environment |= {**engine.env, "BUILD_NETWORK": "host"}
    checkout.add("web01", site.node, mendmesh_runtime_path=str(site.runtime))
    yield checkout
    built = engine.docker("images", "-q", "mendmesh/node-agent").split()
    engine.docker("rmi", "-f", *set(built), check=False)


@pytest.fixture
def running(checkout: Checkout, site: Site) -> str:
    if not site.container():
        assert (done := checkout.run("bootstrap-node.sh", "--node", "web01")).code == 0, done
        site.host.write(ENV, "NODE_NAME=web01\nREDIS_URL=redis://127.0.0.1:6379/0\n")
        assert (done := deploy(checkout)).code == 0, done
    return site.host.release()


def deploy(checkout: Checkout, *options: str) -> Done:
    return checkout.deploy("--node", "web01", *options)


def test_an_image_is_built_here_sent_there_and_proven_and_then_nothing_more(
    running: str, checkout: Checkout, site: Site, engine: Engine
) -> None:
    assert site.image() == f"mendmesh/node-agent:{running}"
    assert site.engine.health(site.container()) == "healthy"
    before = site.container()
    with within(30, "a deployment of what runs there already"):  # two or three on a quiet machine
        second = deploy(checkout)
    assert (second.code, "no change" in second.out, site.container()) == (0, True, before), second
    assert (site.runtime / "spool").stat().st_uid == 10003


def test_a_new_version_is_a_new_container_and_its_image_is_sent_once(
    running: str, checkout: Checkout, site: Site
) -> None:
    checkout.edit(MAIN, START, START + ": the next version\n")
    dry = deploy(checkout, "--dry-run")
    assert (dry.code, "would" in dry.out, site.host.release()) == (0, True, running), dry
    done = deploy(checkout)
    assert (done.code, f"was {running}" in done.out, "MB sent" in done.out) == (0, True, True), done
    assert site.image() == f"mendmesh/node-agent:{site.host.release()}"
    assert len(site.container().split()) == 1

    site.host.sh("echo LOG_LEVEL=debug >> " + ENV)  # only the settings change: no image travels
    done = deploy(checkout)
    assert (done.code, "same   image" in done.out, "started anew" in done.out) == (0, True, True), done


def test_a_broken_image_is_replaced_by_the_one_before(running: str, checkout: Checkout, site: Site) -> None:
    checkout.edit(MAIN, START, START + "echo broken on purpose; exit 1\n")
    done = deploy(checkout)
    assert done.code == 60, done
    assert f"the version before it ({running}) runs again and is healthy" in done.sentence, done
    assert "broken on purpose" in done.out, done
    assert site.image() == f"mendmesh/node-agent:{running}"
    assert site.engine.health(site.container()) == "healthy"


def test_an_image_that_docker_believes_healthy_by_the_old_heartbeat_is_not_taken(
    running: str, checkout: Checkout, site: Site
) -> None:
    checkout.edit(MAIN, START, START + "sleep 1000\n")
    done = deploy(checkout, "--wait", "20")  # as long as the one before it may take, on a busy machine
    assert done.code == 60, done
    assert "no heartbeat of this start yet" in done.sentence, done
    assert site.image() == f"mendmesh/node-agent:{running}"


def test_an_image_that_cannot_be_built_touches_nothing(running: str, checkout: Checkout, site: Site) -> None:
    checkout.write("services/node-agent/Dockerfile", "FROM debian:bookworm-slim\nRUN echo no compiler here; exit 3\n")
    done = deploy(checkout)
    assert done.code == 30, done
    assert "cannot be built" in done.sentence, done
    assert "what runs there is untouched" in done.sentence, done
    assert site.host.release() == running


def test_the_node_can_build_the_image_itself(running: str, checkout: Checkout, site: Site, engine: Engine) -> None:
    """As for a Raspberry Pi from a laptop with another processor."""
    checkout.write("services/node-agent/Dockerfile", f"FROM mendmesh/node-agent:{running}\nCOPY core/src /opt/x\n")
    done = deploy(checkout, "--build-on", "node")
    assert (done.code, "built on the node" in done.out) == (0, True), done
    assert not engine.has_image(site.image())


def test_the_product_itself_arrives_and_is_healthy(product: Checkout, running: str, site: Site) -> None:
    done = deploy(product)
    assert (done.code, "secrets/nodes/web01/redis_password" in done.sentence) == (16, True), done
    site.host.write(f"{site.runtime}/secrets/node-agent/redis_password", "of-no-redis", mode="400")
    site.host.sh(f"echo DOCKER_SOCKET={site.engine.host.removeprefix('unix://')} >> {ENV}")
    done = deploy(product)
    assert (done.code, f"was {running}" in done.out) == (0, True), done
    assert "no setting" not in done.out, done
    assert "of-no-redis" not in done.out + done.err + str(site.engine.inspect(site.container()))
    assert site.engine.exec(site.container(), "python", "-c", "import os; print(os.getuid())").strip() == "10003"
    assert site.engine.health(site.container()) == "healthy"


def test_uninstall_takes_container_and_images_and_leaves_the_data(running: str, checkout: Checkout, site: Site) -> None:
    gone = checkout.run("uninstall.sh", "--node", "web01", "--yes")
    assert gone.code == 0, gone
    assert site.container() == ""
    assert site.engine.docker("images", "-q", "mendmesh/node-agent") == ""
    assert (site.runtime / "spool").is_dir()
