"""The model server of the root's compose file, with a small web service in its place: who reaches it, and how."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import httpx
import pytest
from parts import images
from parts.engine import Engine
from parts.product import Compose
from parts.require import missing

from mesh_core.testing import free_port, wait_for


@pytest.mark.docker
async def test_this_machine_reaches_the_model_server_though_its_own_network_is_internal(
    engine: Engine, sick_image: str, compose_plugin: Path, tmp_path: Path
) -> None:
    if not engine.has_networks:
        missing("an engine alone on this machine", "stop the other Docker engine, or set DOCKER_HOST to it")
    instead = tmp_path / "instead.yml"
    service = {"command": ["perl", "/srv/service.pl"], "healthcheck": {"disable": True}}
    instead.write_text(json.dumps({"services": {"llama": service}}))
    port = free_port()
    environment = {
        "LLAMA_IMAGE": sick_image,
        "INFERENCE_PORT": str(port),
        "MODELS_DIR": str(tmp_path),
        "PATH": f"{Path(engine.client).parent}:{os.environ['PATH']}",
    }
    project = f"mm{secrets.token_hex(4)}"
    compose = Compose(engine, images.ROOT / "docker-compose.yml", project, environment, compose_plugin)
    try:
        compose("-f", str(instead), "up", "-d", "--no-build", "--no-deps", "llama")
        networks = engine.inspect(compose.name("llama"))["NetworkSettings"]["Networks"]
        assert networks.keys() == {f"{project}_models", f"{project}_reached"}
        assert json.loads(engine.docker("network", "inspect", f"{project}_models"))[0]["Internal"]

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/", timeout=10).status_code == 200
            except httpx.HTTPError:
                return False

        await wait_for(answers, 30, "the model server answers on loopback")
    finally:
        compose("-f", str(instead), "--profile", "*", "down", "--timeout", "1", check=False)
