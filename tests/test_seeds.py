"""docs/seeds.md, line by line: each command, setting and path of the earlier systems does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from parts.compose_file import composed

from mesh_core.llm.settings import ChainSettings
from mesh_core.models.proposals import Folder
from mesh_core.runtime.settings import table_rows
from mesh_core.testing import RedisServer, wait_for
from planner_agent.settings import PlannerSettings

ROOT = Path(__file__).parents[1]
PLANNER = ROOT / "services" / "planner-agent"
PAGE = (ROOT / "docs" / "seeds.md").read_text()
FIRST_CELLS = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("|")]
LINES = [cell for cell in FIRST_CELLS if "`" in cell]


def service(name: str, **environment: str) -> dict[str, Any]:
    """One service of the root's compose file with this in `.env`."""
    found: dict[str, Any] = composed(ROOT / "docker-compose.yml", "--profile", "*", **environment)["services"][name]
    return found


def published(name: str, **environment: str) -> list[tuple[str, str, int]]:
    ports = service(name, **environment)["ports"]
    return [(port["host_ip"], port["published"], port["target"]) for port in ports]


def file_of_the_model(**environment: str) -> str:
    command = service("llama", **environment)["command"]
    assert command == service("llama-gpu", **environment)["command"][: len(command)]
    return str(command[command.index("--model") + 1])


def folder_of_the_models(**environment: str) -> str:
    return str(service("llama", **environment)["volumes"][0]["source"])


def made_by(target: str) -> str:
    """What make would run for it, also when a make runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS", name)}
    done = subprocess.run(["make", "-n", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def makes(target: str, command: str) -> Callable[[], None]:
    def check() -> None:
        assert made_by(target).strip() == command

    return check


def publishes(name: str, port: str, inside: int) -> Callable[[], None]:
    def check() -> None:
        assert ("127.0.0.1", port, inside) in published(name)

    return check


def shown_by(path: str, test: str) -> Callable[[], None]:
    """Another test runs it; here only that this one is there."""

    def check() -> None:
        assert re.search(rf"^(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)

    return check


def the_planner_reaches_this_machine() -> None:
    for name in ("host-gateway", "host.docker.internal"):
        environment = {"OLLAMA_HOST": f"http://{name}:11434"}
        found = service("planner-agent", **environment)
        assert found["environment"]["OLLAMA_HOST"] == environment["OLLAMA_HOST"]
        assert any(re.split("[=:]", host, maxsplit=1) == [name, "host-gateway"] for host in found["extra_hosts"])
        assert "mesh" in found["networks"]  # the way out: its other network is internal


def the_container_has_the_name() -> None:
    alone = {"NODE_NAME": "pi4", "REDIS_URL": "redis://192.0.2.1:6379/0"}
    for file in (ROOT / "docker-compose.yml", PLANNER / "compose.yml"):
        assert composed(file, **alone)["services"]["planner-agent"]["container_name"] == "planner-agent"
        other = composed(file, **alone, PLANNER_CONTAINER="other")["services"]["planner-agent"]
        assert other["container_name"] == "other"
    several = composed(ROOT / "docker-compose.yml", "-f", str(ROOT / "scripts/deploy/several-planners.yml"))
    assert "container_name" not in several["services"]["planner-agent"]


def the_settings_are_known() -> None:
    known = {variable for cls in (PlannerSettings, ChainSettings) for variable, _, _ in table_rows(cls)}
    (line,) = (line for line in LINES if "REDIS_URL" in line)
    assert set(re.findall("[A-Z_]+", line)) <= known


def the_folders_are_there() -> None:
    assert {"pending", "approved", "rejected", "running", "done", "failed"} <= {str(folder) for folder in Folder}
    assert "RUNTIME_PATH=/opt/homelab" in (PLANNER / "Dockerfile").read_text()


def the_channels_are_there() -> None:
    (line,) = (line for line in LINES if "health_events" in line)
    contract = (ROOT / "docs" / "contract.md").read_text()
    assert not [name for name in re.findall("[a-z_]+", line) if f"| `{name}` |" not in contract]


def the_gateway_has_the_old_name() -> None:
    said = yaml.safe_load((ROOT / "scripts/deploy/gateway/litellm.yaml").read_text())
    upstream = {entry["model_name"]: entry["litellm_params"] for entry in said["model_list"]}
    assert upstream["local-chat"] == upstream["local"]
    assert next(iter(upstream)) == "local"  # the planner, unless told otherwise, takes the first


def no_key_is_wanted() -> None:
    said = yaml.safe_load((ROOT / "scripts/deploy/gateway/litellm.yaml").read_text())
    assert "master_key" not in said["general_settings"]
    assert "LITELLM_MASTER_KEY" not in service("gateway")["environment"]
    assert "--api-key" not in service("llama")["command"]


def make_up_starts_the_gateway() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "COMPOSE_PROFILES=gateway LLAMACPP_URL=http://gateway:4000" in makefile.split("\nup-p1:")[1].split("\n\n")[0]
    assert "docker compose up -d --wait" in made_by("up-p1")
    found = composed(ROOT / "docker-compose.yml", "--profile", "gateway")["services"]
    assert {"gateway", "llama", "planner-agent"} <= found.keys()


DEPLOYED = "tests/deployed/test_compose_up.py"
SHELL = "tests/deploy/test_shell_scripts.py"
HERE = "tests/test_seeds.py"
KIKI = "tests/test_kiki_commands.py"
OBSERVER = "services/observer/tests/web/test_requests_api.py"
KIKIS = [line for line in LINES if line.startswith("`--m")]
CHECKS: dict[str, Callable[[], None]] = {
    "pip install -r requirements.txt": shown_by(HERE, "test_the_planner_alone_in_a_fresh_virtual_environment"),
    "python src/planner.py": shown_by(HERE, "test_the_planner_starts_by_its_old_name_with_its_old_settings_file"),
    "pytest tests/ -v": shown_by(HERE, "test_the_planner_alone_in_a_fresh_virtual_environment"),
    "deploy.sh --service planner-agent": shown_by(SHELL, "test_without_a_node_it_is_the_one_that_can_be_meant"),
    "docker logs planner-agent": the_container_has_the_name,
    "docker exec planner-agent /bin/sh /app/healthcheck.sh": shown_by(
        DEPLOYED, "test_the_planner_is_looked_at_as_before"
    ),
    "/opt/homelab/config/planner-agent/.env": shown_by(HERE, "test_deploying_takes_the_old_settings_file"),
    "OLLAMA_HOST=http://host-gateway:11434": the_planner_reaches_this_machine,
    "OLLAMA_HOST=http://host.docker.internal:11434": the_planner_reaches_this_machine,
    "REDIS_URL": the_settings_are_known,
    "/opt/homelab/actions/pending": the_folders_are_there,
    "health_events": the_channels_are_there,
    "make up-p1": make_up_starts_the_gateway,
    "make down-p1": makes("down-p1", "docker compose --profile '*' down"),
    "make down": makes("down", "docker compose --profile '*' down"),
    "make logs-p1": makes("logs-p1", "docker compose logs -f"),
    "make logs": makes("logs", "docker compose logs -f"),
    "http://localhost:8000/v1/models": publishes("gateway", "8000", 4000),
    '{"model": "local-chat"}': the_gateway_has_the_old_name,
    "http://localhost:8001": publishes("llama", "8001", 8080),
    "dummy-key": no_key_is_wanted,
    "CHAT_MODEL=model.gguf": shown_by(HERE, "test_the_older_names_of_the_models_settings_work_and_ours_win"),
    "MODELS_DIR=/srv/models": shown_by(HERE, "test_the_older_names_of_the_models_settings_work_and_ours_win"),
    "INFERENCE_PORT=9001": shown_by(HERE, "test_the_ports_of_the_gateway_are_those_that_were_set"),
    "API_GATEWAY_PORT=9000": shown_by(HERE, "test_the_ports_of_the_gateway_are_those_that_were_set"),
    "--base-url http://127.0.0.1:8082": shown_by(KIKI, "test_a_command_of_kikis_readme_does_what_the_page_says"),
    "POST /api/v1/playbook": shown_by(OBSERVER, "test_a_client_of_before_waits_for_the_playbook"),
    **{line.split("`")[1]: shown_by(KIKI, "test_a_command_of_kikis_readme_does_what_the_page_says") for line in KIKIS},
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_page_is_true(line: str) -> None:
    CHECKS[line.split("`")[1]]()


def test_every_check_is_of_a_line_of_the_page() -> None:
    assert {line.split("`")[1] for line in LINES} == CHECKS.keys()


@pytest.mark.slow
def test_the_older_names_of_the_models_settings_work_and_ours_win() -> None:
    assert file_of_the_model() == "/models/model.gguf"
    assert file_of_the_model(CHAT_MODEL="old.gguf") == "/models/old.gguf"
    assert file_of_the_model(CHAT_MODEL="old.gguf", LLAMA_MODEL="ours.gguf") == "/models/ours.gguf"
    assert folder_of_the_models() == str(ROOT / "models")
    assert folder_of_the_models(MODELS_DIR="/srv/old") == "/srv/old"
    assert folder_of_the_models(MODELS_DIR="/srv/old", MODELS_PATH="/srv/ours") == "/srv/ours"


def test_the_ports_of_the_gateway_are_those_that_were_set() -> None:
    ports = {"INFERENCE_PORT": "9001", "API_GATEWAY_PORT": "9000"}
    assert published("llama", **ports) == [("127.0.0.1", "9001", 8080)]
    assert published("gateway", **ports) == [("127.0.0.1", "4000", 4000), ("127.0.0.1", "9000", 4000)]
    assert published("gateway", GATEWAY_PUBLISH="192.0.2.1:80")[0] == ("192.0.2.1", "80", 4000)
    assert not service("llama-gpu").get("ports")


async def test_the_planner_starts_by_its_old_name_with_its_old_settings_file(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "config" / "planner-agent" / ".env"
    file.parent.mkdir(parents=True)
    file.write_text(f"REDIS_URL={redis_server.url}\nLLM_CHAIN=floor\nMETRICS_LISTEN=off\n")
    keep = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "src/planner.py"],
            cwd=PLANNER,
            env={**keep, "RUNTIME_PATH": str(tmp_path)},
            stdout=log,
            stderr=log,
        )
    try:
        ready = f"127.0.0.1:{redis_server.port}"
        await wait_for(lambda: ready in (tmp_path / "log").read_text(), 60, f"the planner ready with {ready}")
        health = {**keep, "RUNTIME_PATH": str(tmp_path)}
        await wait_for(
            lambda: subprocess.run(["/bin/sh", PLANNER / "healthcheck.sh"], env=health).returncode == 0, 30, "healthy"
        )
    finally:
        process.terminate()
        process.wait(300)
    assert process.returncode == 0, (tmp_path / "log").read_text()


def test_deploying_takes_the_old_settings_file(tmp_path: Path) -> None:
    """Where /etc/mendmesh has none; by a unit, too."""
    node = ROOT / "scripts" / "deploy" / "on-node"
    if Path("/etc/mendmesh/planner-agent.env").exists():
        pytest.skip("a planner is deployed on this very machine: its own settings win")
    script = '. "$0/common.sh"; . "$0/up.sh"; echo "$ENV_FILE"; node_drop_in'

    def looked() -> list[str]:
        words = ["sh", "-c", script, str(node), "planner-agent", "systemd", str(tmp_path)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()

    assert looked()[0] == "/etc/mendmesh/planner-agent.env"
    assert not [line for line in looked() if line.startswith("EnvironmentFile")]
    old = tmp_path / "config" / "planner-agent" / ".env"
    old.parent.mkdir(parents=True)
    old.write_text("REDIS_URL=redis://192.0.2.1:6379/0\n")
    assert looked()[0] == str(old)
    assert [line for line in looked() if line.startswith("EnvironmentFile")] == [
        "EnvironmentFile=",
        f"EnvironmentFile={old}",
    ]


@pytest.mark.parametrize(("holder", "taken"), [("", False), ("mendmesh-planner-agent", False), ("mendmesh", True)])
def test_a_planner_whose_name_another_project_has_goes_without(tmp_path: Path, holder: str, taken: bool) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\n[ -n '{holder}' ] && echo {holder}\n")
    docker.chmod(0o755)
    up = ROOT / "scripts" / "deploy" / "on-node" / "up.sh"
    script = 'SERVICE=planner-agent PROJECT=mendmesh-planner-agent; . "$0"; name_is_taken'
    done = subprocess.run(["sh", "-c", script, up], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False)
    assert (done.returncode == 0) is taken


def test_the_model_server_takes_any_key(llama_url: str) -> None:
    answer = httpx.get(f"{llama_url}/v1/models", headers={"Authorization": "Bearer dummy-key"}, timeout=60)
    assert answer.status_code == 200


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a download and an installation from nothing: ten minutes were too few at a load of 20
def test_the_planner_alone_in_a_fresh_virtual_environment(tmp_path: Path) -> None:
    """As the page says it; of the tests three files, and all of them collected."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    environment["PATH"] = f"{python.parent}:{os.environ['PATH']}"
    environment["PIP_COMPILE"] = "0"  # of 4,600 modules it uses 500, which Python compiles when it imports them

    def typed(*words: str) -> str:
        done = subprocess.run(words, cwd=PLANNER, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    typed("pip", "install", "-q", "--disable-pip-version-check", "-r", "requirements.txt")
    said = subprocess.run(
        ["python", "src/planner.py"],
        cwd=PLANNER,
        env={**environment, "REDIS_URL": "http://nowhere", "RUNTIME_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, "cannot start with these settings: REDIS_URL" in said.stderr) == (2, True), said.stderr
    few = ("test_triage.py", "test_keyed_queue.py", "test_silences.py")
    ran = typed("pytest", "tests/", "-v", "-k", " or ".join(few))
    assert all(f"tests/{file}::" in ran for file in few)
