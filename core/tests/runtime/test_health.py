"""What a service says of itself, asked over real sockets as Prometheus, Docker and strangers ask."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mesh_core.runtime import health_http as probes_http
from mesh_core.runtime import metrics
from mesh_core.runtime.addresses import Address
from mesh_core.runtime.health import STUCK_SECONDS, Probes, Ready, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.heartbeats import heartbeat_file
from mesh_core.testing import free_port, wait_for


async def fine() -> Ready:
    return Ready(True, "all is well")


def beating(runtime: Path) -> Path:
    beat = heartbeat_file(runtime, "planner-agent")
    beat.parent.mkdir(parents=True, exist_ok=True)
    beat.touch()
    return beat


@asynccontextmanager
async def serving(probes: Probes, port: int | None = None) -> AsyncIterator[httpx.AsyncClient]:
    address = Address("127.0.0.1", port or free_port())
    stop = asyncio.Event()
    part = asyncio.create_task(ProbesServer(address, probes).run(stop))
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as http:
            await wait_for(lambda: _open(address.port), 10, "the port is open")
            yield http
    finally:
        stop.set()
        await part


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    beating(tmp_path)
    return Probes("planner-agent", tmp_path, checks={"part": fine})


async def test_prometheus_reads_every_metric_of_the_service(probes: Probes) -> None:
    metrics.ATTEMPTS.add("llamacpp", "ok")
    async with serving(probes) as http:
        answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    expected = {measure.name.removesuffix("_total") for measure in metrics.metrics_of("planner-agent")}
    assert set(found) == expected
    assert found["mesh_process_resident_memory_bytes"].samples[0].value > 1e6
    assert found["mesh_ready"].samples[0].labels == {"part": "part"}


async def test_a_figure_that_cannot_be_had_takes_no_other_away(tmp_path: Path) -> None:
    async def broken() -> None:
        raise RuntimeError("no figure")

    async def good() -> None:
        metrics.IN_HAND.set(41)

    beating(tmp_path)
    answer = await Probes("planner-agent", tmp_path, checks={}, figures=(broken, good)).metrics()
    assert b"mesh_events_in_hand 41" in answer.body


async def test_health_is_the_age_of_the_heartbeat(probes: Probes, tmp_path: Path) -> None:
    beat = beating(tmp_path)
    assert probes.healthz().status == 200
    old = beat.stat().st_mtime - STUCK_SECONDS - 1
    os.utime(beat, (old, old))
    assert probes.healthz().status == 503
    beat.unlink()
    answer = probes.healthz()
    assert (answer.status, json.loads(answer.body)["status"]) == (503, "stuck")


async def test_what_stands_still_is_named_and_neither_healthy_nor_ready(probes: Probes, tmp_path: Path) -> None:
    beat = beating(tmp_path)
    beat.write_text("the scan has not got on for 75 s")
    said = json.loads(probes.healthz().body)
    assert (probes.healthz().status, said["stuck"]) == (503, "the scan has not got on for 75 s")
    answer = await probes.readyz()
    assert answer.status == 503
    assert json.loads(answer.body)["parts"]["progress"] == {"ready": False, "detail": said["stuck"]}


async def test_readiness_names_the_part_that_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh_core.runtime.health.LOOK_SECONDS", 2.0)

    async def hanging() -> Ready:
        await asyncio.sleep(600)
        return Ready(True)

    async def broken() -> Ready:
        raise RuntimeError("lost its mind")

    missing = tmp_path / "nowhere"
    checks = {"good": fine, "slow": hanging, "mad": broken, "folders": writable(lambda: [tmp_path, missing])}
    async with serving(Probes("planner-agent", tmp_path, checks=checks)) as http:
        answer = await http.get("/readyz")
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert {name: part["ready"] for name, part in parts.items()} == {
        "good": True,
        "slow": False,
        "mad": False,
        "folders": False,
    }
    assert "no answer within" in parts["slow"]["detail"]
    assert "lost its mind" in parts["mad"]["detail"]
    assert str(missing) in parts["folders"]["detail"]


async def test_a_full_disk_is_not_ready(tiny_disk: Path) -> None:
    check = writable(lambda: [tiny_disk])
    ready = await check()
    assert not ready.ready
    assert "bytes left" in ready.detail


async def test_whoever_asks_a_hundred_times_a_second_costs_one_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.runtime.health.SAME_LOOK_SECONDS", 600.0)  # however long this machine stands still
    looks = 0

    async def counting() -> Ready:
        nonlocal looks
        looks += 1
        return Ready(True)

    probes = Probes("planner-agent", tmp_path, checks={"part": counting})
    await asyncio.gather(*(probes.readyz() for _ in range(100)))
    assert looks == 1


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"\x16\x03\x01\x02 what\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 20_000, 431),
    ],
)
async def test_strangers_get_a_status_and_nothing_else(probes: Probes, request_head: bytes, status: int) -> None:
    port = free_port()
    async with serving(probes, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.lower().count(b"http/1.1") == 1


async def test_whoever_asks_by_head_gets_the_status_without_the_body(probes: Probes) -> None:
    port = free_port()
    async with serving(probes, port):
        told = []
        for method in (b"GET", b"HEAD"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(method + b" /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            told.append((await asyncio.wait_for(reader.read(), 60)).partition(b"\r\n\r\n"))
            writer.close()
    (head, _, body), (same, _, nothing) = told
    assert head.split()[1] == same.split()[1]
    assert (bool(body), nothing) == (True, b"")


async def test_a_caller_that_never_asks_is_let_go(probes: Probes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes_http, "HEAD_SECONDS", 0.2)
    port = free_port()
    async with serving(probes, port):
        callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(probes_http.MOST_AT_ONCE + 5)]
        for reader, writer in callers:
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 60) == b""
            writer.close()
        monkeypatch.setattr(probes_http, "HEAD_SECONDS", 60.0)  # who asks has time to, however busy this machine is
        async with httpx.AsyncClient(timeout=60) as http:
            assert (await http.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200


async def test_a_taken_port_is_a_warning_and_no_reason_to_stop(
    probes: Probes, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stop = asyncio.Event()
        part = asyncio.create_task(ProbesServer(Address("127.0.0.1", taken.getsockname()[1]), probes).run(stop))
        said: Callable[[], bool] = lambda: "probes.no_port" in _said(capsys, lines)  # noqa: E731
        lines: list[str] = []
        await wait_for(said, 10, "the warning")
        assert not part.done()
        stop.set()
        await asyncio.wait_for(part, 60)


async def test_off_opens_no_port(probes: Probes) -> None:
    stop = asyncio.Event()
    part = asyncio.create_task(ProbesServer(None, probes).run(stop))
    await asyncio.sleep(0)
    assert not part.done()
    stop.set()
    await asyncio.wait_for(part, 60)


def _said(capsys: pytest.CaptureFixture[str], lines: list[str]) -> str:
    lines.extend(capsys.readouterr())
    return "".join(lines)
