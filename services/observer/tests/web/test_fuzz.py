"""Whatever the app declares in its OpenAPI, asked with fitting and unfitting input: never a 500, always our own shape.

A real observer on a real port, so that what a client library would tidy up arrives as it was made.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from observer_rig import Desk
from parts.forked import Forked

from mesh_core.messaging.bus import Bus
from mesh_core.models.events import HealthEvent, Severity, Trust
from mesh_core.testing import AllFolders, Patience, RedisServer, free_port

if TYPE_CHECKING:
    from schemathesis import Case

EXAMPLES = 6  # of each kind, for each operation: the whole must stay below half a minute
CALL_SECONDS = 60  # a busy machine; a call takes milliseconds
TOKEN = "an-operator-who-tries-everything-0123456789"
WHO = {"Authorization": f"Bearer {TOKEN}"}
HOOKS = """
generic:
  any: {type: kind, node: host, service: svc, firing: "state != 'ok'", incident: id}
"""


@pytest.fixture(scope="module")
def observer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running observer whose world is not empty."""
    runtime = tmp_path_factory.mktemp("fuzzed")
    (runtime / "config").mkdir()
    (runtime / "config" / "hooks.yml").write_text(HOOKS)
    server = RedisServer(runtime / "redis").start()
    asyncio.run(_fill(server.url, runtime))
    url = f"http://127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "REDIS_URL": server.url,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": "pi4",
        "OBSERVER_LISTEN": url.removeprefix("http://"),
        "HOOKS_PER_MINUTE": "100000",
        "OBSERVER_TOKENS": f"fuzz:operator:{TOKEN}",
    }
    process = Forked("observer", environ=environment, log=runtime / "log")
    try:
        _wait(url, process)
        yield url
        assert process.poll() is None, "it died"
        assert "web.route_failed" not in (runtime / "log").read_text()
    finally:
        process.terminate()
        process.wait(300)
        server.stop()


def _wait(url: str, process: Forked) -> None:
    patience = Patience(60)
    while not patience.over():
        assert process.poll() is None
        with contextlib.suppress(requests.ConnectionError, requests.Timeout):
            if requests.get(f"{url}/readyz", timeout=CALL_SECONDS).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the observer is not ready after {patience}")


async def _fill(url: str, runtime: Path) -> None:
    bus = Bus.connect(url, "test")
    actions = AllFolders(runtime)
    actions.prepare()
    desk = Desk(actions, bus, None, None)  # type: ignore[arg-type]
    for number in range(3):
        desk.propose(service=f"svc{number}")
        event = HealthEvent(type="container_died", node="pi4", service=f"svc{number}", severity=Severity.ERROR)
        await bus.enter(event, Trust.FOREIGN)
    await bus.close()


@pytest.mark.parametrize("fitting", [True, False])
def test_no_input_makes_the_observer_fail(observer: str, fitting: bool) -> None:
    # Here, not above: every worker of a run reads this file, and this import takes a second.
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance

    mode = schemathesis.GenerationMode.POSITIVE if fitting else schemathesis.GenerationMode.NEGATIVE
    schema = schemathesis.openapi.from_url(f"{observer}/api/v1/openapi.json", headers=WHO)
    asked: set[str] = set()
    answered: set[str] = set()
    refused: list[str] = []

    def ask(case: Case) -> None:
        answer = case.call(timeout=CALL_SECONDS, headers=WHO)
        case.validate_response(answer, checks=[not_a_server_error, response_schema_conformance])
        asked.add(case.operation.label)
        if answer.status_code < 400:
            answered.add(case.operation.label)
        else:
            problem = answer.json()
            if not problem.keys() >= {"error", "detail"}:
                refused.append(f"{case.operation.label}: {answer.status_code} {problem}")

    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/stream"):
            continue  # it never ends by itself; test_sse.py listens to it
        fuzz = settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(case=operation.as_strategy(generation_mode=mode))(ask))
        with contextlib.suppress(Unsatisfiable):  # nothing about this operation can be wrong
            fuzz()
    assert "POST /hooks/alertmanager" in asked
    assert "POST /api/v1/proposals/{action_id}/reject" in asked
    assert not fitting or "GET /api/v1/world" in answered  # it was let in
    assert not refused


def test_the_description_is_whole(observer: str) -> None:
    document = requests.get(f"{observer}/api/v1/openapi.json", timeout=CALL_SECONDS, headers=WHO).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), f"{method} {path}"
            assert operation["responses"], f"{method} {path}"
