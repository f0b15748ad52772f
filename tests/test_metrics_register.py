"""No metric exists that the register does not know: the code is read, and each real service is asked."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import yaml
from parts.forked import Forked
from parts.require import require
from prometheus_client.parser import text_string_to_metric_families

from mesh_core.runtime.metric_types import Counter, Gauge, Histogram
from mesh_core.runtime.metrics import declared, metrics_of
from mesh_core.runtime.services import PLANNER, SERVICES
from mesh_core.runtime.version import VERSION
from mesh_core.testing import RedisServer, free_port, wait_for

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("core/src", "services", "cli/src") for path in (ROOT / folder).rglob("*.py")]
SOURCES = [path for path in SOURCES if "tests" not in path.parts and "node_modules" not in path.parts]
REGISTER = ROOT / "core/src/mesh_core/runtime/metrics.py"
NAMES = re.compile(r"\bmesh_(?!core\b)[a-z][a-z0-9_]*")
KINDS = {kind.__name__ for kind in (Counter, Gauge, Histogram)}


def test_only_the_register_declares_metrics() -> None:
    makers = []
    for path in SOURCES:
        text = path.read_text()
        if "metric_types" not in text and "prometheus_client" not in text:
            continue  # it imports neither
        tree = ast.parse(text)
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "mesh_core.runtime.metric_types"
            for alias in node.names
        }
        libraries = {
            getattr(node, "module", None) or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        if imported & KINDS or "prometheus_client" in libraries:
            makers.append(path)
    assert makers == [REGISTER]


def test_every_metric_that_is_named_anywhere_is_declared() -> None:
    known = set(declared())
    suffixes = re.compile(r"_(bucket|sum|count)$")
    strangers = {}
    files = [*SOURCES, *(p for p in (ROOT / "docs").rglob("*") if p.suffix in (".md", ".json", ".yml", ".yaml"))]
    for path in files:
        found = {name for name in NAMES.findall(path.read_text()) if not name.endswith("_")}
        if unknown := {name for name in found if name not in known and suffixes.sub("", name) not in known}:
            strangers[str(path.relative_to(ROOT))] = sorted(unknown)
    assert strangers == {}


def test_every_metric_is_counted_somewhere() -> None:
    """A metric that nothing sets would show a zero for ever."""
    words = {word for path in SOURCES if path != REGISTER for word in re.findall(r"\w+", path.read_text())}
    constants = {
        target.id
        for node in ast.parse(REGISTER.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "_in"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert len(constants) == len(declared())
    assert constants - words == set()


def test_the_version_that_is_shown_is_that_of_every_package() -> None:
    packages = [*ROOT.glob("services/*/pyproject.toml"), ROOT / "core/pyproject.toml", ROOT / "cli/pyproject.toml"]
    assert {tomllib.loads(path.read_text())["project"]["version"] for path in packages} == {VERSION}


@pytest.fixture(params=SERVICES)
async def service(
    request: pytest.FixtureRequest, redis_server: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[str, str]]:
    """(name, URL) of one real service on a runtime folder of its own."""
    name, port = request.param, free_port()
    module = yaml.safe_load((ROOT / "services" / name / "service.yaml").read_text())["module"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {pi4: {ansible_connection: local}}}\n")
    lab = {"name": "lab", "kind": "openai", "url": "http://127.0.0.1:9", "budget": {"tokens_per_day": 500}}
    (tmp_path / "config" / "chain.yml").write_text(yaml.safe_dump([lab]))
    environment = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(tmp_path),
        "NODE_NAME": "pi4",
        "LLM_CHAIN": "floor",
        "METRICS_LISTEN": f"127.0.0.1:{port}",
        "OBSERVER_LISTEN": f"127.0.0.1:{port}",
    }
    log = tmp_path / "log"
    process = Forked(module, environ=environment, log=log)
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(timeout=60) as http:

            async def answers() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return (await http.get(f"{url}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await wait_for(answers, 30, f"{name} ready")
        yield name, url
    finally:
        process.terminate()
        process.wait(300)


async def test_a_real_service_shows_exactly_what_is_declared_for_it_and_says_when_redis_is_away(
    service: tuple[str, str], redis_server: RedisServer
) -> None:
    name, url = service
    async with httpx.AsyncClient(timeout=60) as http:
        health, text = await http.get(f"{url}/healthz"), (await http.get(f"{url}/metrics")).text
    assert health.json()["status"] == "ok"
    shown = {family.name for family in text_string_to_metric_families(text)}
    assert shown == {measure.name.removesuffix("_total") for measure in metrics_of(name)}
    limited = 'mesh_model_budget_limit{rung="lab",unit="tokens",span="day"} 500' in text.splitlines()
    assert limited == (name == PLANNER)
    # The people behind Prometheus judge names, units and help as well.
    promtool = require("promtool", "apt install prometheus")
    said = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=300)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")

    redis_server.kill()
    async with httpx.AsyncClient(timeout=60) as http:

        async def unready() -> bool:
            answer = await http.get(f"{url}/readyz")
            return answer.status_code == 503 and not answer.json()["parts"]["redis"]["ready"]

        await wait_for(unready, 15, f"{name} to notice")
        assert (await http.get(f"{url}/healthz")).status_code == 200
