"""`docker compose up` of the whole product on a real engine: healthy, small, separated, and it heals after a `mv`."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from parts import images
from parts.far_node import FarNode
from parts.product import OPERATOR_UID, UP_SECONDS, Product

from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import SERVICES
from mesh_core.security.permissions import USERS, differences
from mesh_core.testing import wait_for

PAGE = images.ROOT / "services" / "observer" / "page" / "package.json"
MEGABYTE = 1_000_000
LARGEST = {"node-agent": 120, "planner-agent": 160}
# Tools that would help somebody who got in, and that no service needs.
NOT_THERE = ("bash", "apt-get", "dpkg", "perl", "curl", "wget", "su", "mount", "pip", "pip3", "gcc")


# Which of them are there, and which programs change who runs them.
LOOK = """
import os, shutil, sys
print([name for name in sys.argv[1:] if shutil.which(name)])
places = [os.path.join(folder, name) for folder, _, names in os.walk("/usr") for name in names]
print([path for path in places if os.lstat(path).st_mode & 0o6000])
"""


def about(product: Product, service: str) -> dict[str, Any]:
    return product.compose.engine.inspect(product.container(service))


def test_everything_is_healthy_in_time(product: Product) -> None:
    assert product.up_seconds <= UP_SECONDS
    states = product.compose.health()
    assert states.pop("permissions") == "exited"
    assert states == dict.fromkeys(("redis", *SERVICES), "healthy")


def test_the_planner_is_looked_at_as_before(product: Product) -> None:
    """docs/seeds.md; its container is called planner-agent where nobody else on the engine is."""
    name = product.compose.environment["PLANNER_CONTAINER"]
    engine = product.compose.engine
    assert "planner.ready" in engine.logs(name)
    engine.exec(name, "/bin/sh", "/app/healthcheck.sh")


@pytest.mark.parametrize("name", ["host-gateway", "host.docker.internal"])
def test_the_planner_reaches_what_listens_on_this_machine(product: Product, name: str) -> None:
    """As an Ollama would; here it is Redis, published on the address that containers reach the machine by."""
    port = product.redis_from_nodes.rpartition(":")[2].partition("/")[0]
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 20).close()"
    product.compose.engine.exec(product.container("planner-agent"), "python", "-c", connect, name, port)


def test_the_images_are_small(product: Product) -> None:
    base = product.compose.engine.inspect(images.PYTHON)["Size"] / MEGABYTE
    sizes = {name: product.compose.engine.inspect(tag)["Size"] / MEGABYTE for name, tag in product.images.items()}
    print({name: f"{size:.0f} MB" for name, size in sizes.items()}, f"on a base of {base:.0f} MB")
    assert not {name: sizes[name] for name, most in LARGEST.items() if sizes[name] > most}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_no_more_than_it_needs(product: Product, service: str) -> None:
    found = about(product, service)
    host, config = found["HostConfig"], found["Config"]
    assert config["User"] == f"{USERS[service]:d}"
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
    said = product.compose.engine.exec(product.container(service), "python", "-c", LOOK, *NOT_THERE)
    assert said.splitlines() == ["[]", "[]"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"mendmesh/{service}"


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_seen_from_outside(product: Product, service: str) -> None:
    passwords = [path.read_text().strip() for path in (product.runtime / "secrets").glob("*/*[dn]")]
    assert len(passwords) >= 6
    seen = json.dumps(about(product, service)) + product.compose.engine.logs(product.container(service))
    seen += product.compose.engine.docker("history", "--no-trunc", product.images[service])
    assert not [password for password in passwords if password in seen]


WALLED_IN = """
import sys
from executor_agent.isolation import walls
from executor_agent.isolation.sandbox import strongest_wall
from executor_agent.isolation.view import MACHINE, View, python_paths
wall = strongest_wall()
print(wall)
walls.build(View(wall, False, (*MACHINE, *python_paths(), "/opt/homelab/config/known_hosts")), first=False)
for path in sys.argv[1:]:
    try:
        with open(path) as file:
            file.read(1)
        print(path)
    except OSError:
        pass
"""


def test_what_a_run_in_the_executors_container_may_open(product: Product) -> None:
    """No capabilities, no namespaces: Landlock is what Docker's own filter of system calls permits."""
    secrets = ("/run/secrets/redis_password", "/opt/homelab/config/inventory.yml", "/proc/7/environ", "/proc/1/environ")
    container = product.container("executor-agent")
    said = product.compose.engine.exec(container, "python", "-c", WALLED_IN, *secrets, "/etc/hosts").split()
    assert said == ["landlock", "/etc/hosts"]
    assert "executor.isolation" in product.compose.engine.logs(container)
    note = json.loads((product.runtime / "state" / "executor" / "isolation.json").read_text())
    assert note["wall"] == "landlock"


def test_the_folders_are_as_the_table_says(product: Product) -> None:
    assert differences(product.runtime) == []


def test_the_page_lets_in_who_has_the_operators_token_and_nobody_else(product: Product) -> None:
    token = (product.runtime / "secrets" / "operator" / "page_token").read_text().strip()
    product.as_operator("cat", str(product.runtime / "secrets" / "operator" / "page_token"))
    with httpx.Client(base_url=product.page, timeout=60) as browser:
        assert browser.get("/").status_code == (200 if PAGE.exists() else 404)
        assert browser.get("/api/v1/proposals").status_code == 401
        assert browser.get("/api/v1/proposals", headers={"Authorization": "Bearer wrong"}).status_code == 401
        allowed = browser.get("/api/v1/proposals", headers={"Authorization": f"Bearer {token}"})
    assert allowed.status_code == 200, allowed.text


async def test_a_sick_container_is_healed_after_a_persons_mv(product: Product, sick: Path, near: str) -> None:
    run = await healed(product, sick, near)
    outcome = json.loads((run / "outcome.json").read_text())
    assert (outcome["result"], outcome["verdict"]) == ("done", "proven")
    # The person who approved may read the evidence; nobody else on the host may.
    product.as_operator("cat", str(run / "outcome.json"), str(run / "logs" / "02_apply.log"))
    with pytest.raises(PermissionError):
        product.as_operator("ls", str(run), uid=OPERATOR_UID + 1, gid=OPERATOR_UID + 1)


async def test_a_container_of_a_second_node_is_healed_over_ssh(product: Product, far_node: FarNode) -> None:
    name = f"{product.compose.project}-far"
    engine = product.compose.engine
    engine.run(images.sick_image(engine), name=name)
    try:
        file = await proposal_about(product, far_node.name, name, far_node.agent)
        run = await healed(product, file, name)
    finally:
        engine.rm(name)
    assert json.loads((run / "outcome.json").read_text())["verdict"] == "proven"
    assert far_node.logins() >= 1


def test_the_node_agent_cannot_reach_the_models(product: Product) -> None:
    engine, project = product.compose.engine, product.compose.project
    serve = "import http.server as h; h.HTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"
    options = ["--network", f"{project}_models", "--network-alias", "llama", "--init"]
    model = engine.run(images.PYTHON, "python", "-c", serve, options=options)
    address = engine.inspect(model)["NetworkSettings"]["Networks"][f"{project}_models"]["IPAddress"]
    knock = (
        "import socket, sys, time\n"
        "for host in sys.argv[1:]:\n"
        "    for _ in range(300 if 'llama' in sys.argv else 1):\n"
        "        try:\n"
        "            socket.create_connection((host, 8080), 5).close(); print('reached'); break\n"
        "        except OSError: time.sleep(0.2)\n"
        "    else: print('closed')\n"
    )
    try:
        from_planner = engine.exec(product.container("planner-agent"), "python", "-c", knock, "llama", address)
        assert from_planner.split() == ["reached", "reached"]
        for service in ("node-agent", "executor-agent", "observer"):
            assert engine.exec(product.container(service), "python", "-c", knock, address).split() == ["closed"]
        with pytest.raises(AssertionError):
            engine.exec(product.container("node-agent"), "python", "-c", "import socket; socket.gethostbyname('llama')")
    finally:
        engine.rm(model)


def test_nothing_that_the_mesh_did_was_refused_by_redis(product: Product) -> None:
    """Last in this file on purpose: after everything above was really done."""
    rows = product.admin("ACL", "LOG", "200")
    refused = [line for line in rows.splitlines() if "setinfo" not in line and "permission" in line.lower()]
    assert refused == [], rows
    users = {
        line.split("user=")[1].split()[0] for line in product.admin("CLIENT", "LIST").splitlines() if "user=" in line
    }
    assert users >= {"planner", "executor", "observer"}
    assert "default" not in users
    # A node's agent connects when it has something to say; nobody else can have written here.
    assert int(product.admin("XLEN", "mesh:ev:near")) >= 1


@pytest.fixture
def near(product: Product) -> Iterator[str]:
    """A container of this node that is well until somebody touches /tmp/sick in it."""
    name = f"{product.compose.project}-near-{secrets.token_hex(2)}"
    images.sick_image(product.compose.engine)
    product.compose.engine.run(images.SICK, name=name)
    yield name
    product.compose.engine.rm(name)


@pytest.fixture
async def sick(product: Product, near: str) -> Path:
    return await proposal_about(product, "near", near, product.container("node-agent"))


async def proposal_about(product: Product, node: str, container: str, agent: str) -> Path:
    """Make it sick, and wait for the file in pending/. `agent`: the container of its node's agent."""
    engine = product.compose.engine
    await wait_for(lambda: engine.health(container) == "healthy", 20, f"{container} well at first")
    engine.exec(container, "touch", "/tmp/sick")
    found: list[Path] = []

    def filed() -> bool:
        found[:] = product.actions.folder(Folder.PENDING).glob(f"plan-{node}-{container}-*.json")
        return bool(found)

    try:
        await wait_for(filed, 30, f"a proposal about {container}")
    except AssertionError as error:
        tails = [f"--- {one}:\n{engine.logs(one)[-3000:]}" for one in (agent, product.container("planner-agent"))]
        raise AssertionError("\n".join([f"{error}; it is {engine.health(container)}", *tails])) from error
    return found[0]


async def healed(product: Product, file: Path, container: str) -> Path:
    """A person's `mv`, and the run that came of it."""
    engine = product.compose.engine
    before = engine.started_at(container)
    product.approve(file)
    action = file.name.partition(".")[0] if file.name.count(".") == 2 else file.name.rsplit(".", 2)[0]
    run = product.actions.folder(Folder.DONE) / action
    await wait_for(run.exists, 60, f"{action} done")
    assert engine.health(container) == "healthy"
    assert engine.started_at(container) != before
    return run
