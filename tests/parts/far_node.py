"""A second node of the product: a container with sshd and the engine's socket, and an agent of its own beside it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from mesh_core.runtime.services import ServiceUser
from mesh_core.security.permissions import Group
from parts import images
from parts.product import Compose, Product
from parts.require import require

NAME = "far"


@dataclass(frozen=True)
class FarNode:
    """`name` is its name in events and in the inventory; `container` is its host, `agent` that of its agent."""

    name: str
    product: Product
    container: str
    agent: str

    def logins(self) -> int:
        return self.product.compose.engine.logs(self.container).count("Accepted publickey")


@contextlib.contextmanager
def second_node(product: Product) -> Iterator[FarNode]:
    """Known to the mesh as `docs/deploy.md` says: a Redis user of its own, its password, an inventory entry, a key."""
    engine = product.compose.engine
    keygen = require("ssh-keygen", "apt-get install openssh-client")
    images.far_image(engine)
    folder = Path(tempfile.mkdtemp(prefix="mendmesh-far-"))
    runtime = folder / "homelab"
    container = f"{product.compose.project}-host-far"
    project = f"{product.compose.project}far"
    near = product.compose.environment
    try:
        # The mesh learns of it.
        product.compose("run", "--rm", "permissions", "--here", "near", "--node", NAME, "/opt/homelab")
        assert product.admin("ACL", "LOAD").strip() == "OK"
        secret = runtime / "secrets" / "node-agent" / "redis_password"
        secret.parent.mkdir(parents=True)
        shutil.copyfile(product.runtime / "secrets" / "nodes" / NAME / "redis_password", secret)
        shutil.chown(secret, ServiceUser.NODE_AGENT, Group.MENDMESH)
        secret.chmod(0o400)
        # Its host: ssh, and the engine.
        engine.run(
            images.FAR,
            name=container,
            options=[
                "--network",
                f"{product.compose.project}_mesh",
                "-v",
                f"{near['DOCKER_SOCKET']}:/var/run/docker.sock",
            ],
        )
        key = product.runtime / "secrets" / "executor-agent" / "ssh_key"
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        public = key.with_suffix(".pub").read_text()
        engine.exec(container, "sh", "-c", "cat > /root/.ssh/authorized_keys", stdin=public)
        shutil.chown(key, ServiceUser.EXECUTOR, Group.MENDMESH)
        host_key = engine.exec(container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")
        (product.runtime / "config" / "known_hosts").write_text(f"{container} {host_key}")
        _add_to_inventory(product.runtime / "config" / "inventory.yml", container)
        # Its agent, from the service's own compose file.
        (runtime / "config").mkdir()
        watch = {"docker": {"ignore": [f"{product.compose.project}-[!f]*", f"{product.compose.project}.*", "mm*.*"]}}
        off = {part: {"enabled": False} for part in ("disk", "memory", "load", "temperature")}
        (runtime / "config" / "node.yml").write_text(json.dumps({**watch, **off}))
        agent = Compose(
            engine,
            images.ROOT / "services" / "node-agent" / "compose.yml",
            project,
            {**near, "RUNTIME_PATH": str(runtime), "NODE_NAME": NAME, "REDIS_URL": product.redis_from_nodes},
            product.compose.plugin,
        )
        agent("up", "-d", "--no-build", "--wait", "--wait-timeout", "240")
        yield FarNode(NAME, product, container, agent.name("node-agent"))
    finally:
        engine.rm(container)
        with contextlib.suppress(AssertionError, UnboundLocalError):
            agent("down", "--timeout", "5")
        shutil.rmtree(folder, ignore_errors=True)


def _add_to_inventory(path: Path, container: str) -> None:
    inventory = yaml.safe_load(path.read_text())
    inventory["all"]["hosts"][NAME] = {
        "ansible_host": container,
        "ansible_user": "root",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    path.write_text(yaml.safe_dump(inventory))
