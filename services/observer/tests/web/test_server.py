"""The observer listens on HTTP as a process: its port, a taken port, stopping with people watching."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import httpx
from parts.forked import Forked
from sign_in_rig import sign_in

from mesh_core.testing import RedisServer, free_port, wait_for


def start(url: str, runtime: Path, listen: str) -> Forked:
    given = {"REDIS_URL": url, "RUNTIME_PATH": str(runtime), "NODE_NAME": "here", "OBSERVER_LISTEN": listen}
    return Forked("observer", environ=os.environ | given, log=runtime / "observer.log")


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/world", timeout=10).status_code == 401
    except httpx.TransportError:
        return False


async def test_it_answers_and_stops_at_once_with_people_watching(redis_server: RedisServer, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = start(redis_server.url, tmp_path, f"127.0.0.1:{port}")
    try:
        await wait_for(lambda: answers(url), 20, "the API answers")
        who = sign_in(url, tmp_path).headers
        async with (
            httpx.AsyncClient(headers=who, timeout=60) as client,
            client.stream("GET", f"{url}/api/v1/stream", timeout=60) as viewer,
        ):
            described = (await client.get(f"{url}/api/v1/openapi.json")).json()
            assert "/api/v1/proposals/{action_id}/approve" in described["paths"]
            lines = viewer.aiter_lines()
            assert await anext(lines) == "event: hello"
            process.send_signal(signal.SIGTERM)
            async for _ in lines:
                pass  # the stream ends by itself
        await wait_for(lambda: process.poll() is not None, 10, "its end")
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


async def test_a_taken_port_is_waited_for_and_the_observer_works_meanwhile(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", port := free_port())):
        process = start(redis_server.url, tmp_path, f"127.0.0.1:{port}")
        log = tmp_path / "observer.log"
        await wait_for(lambda: "web.cannot_listen" in log.read_text(), 20, "it says so")
        await wait_for(lambda: (tmp_path / "state" / "observer.heartbeat").exists(), 10, "it works")
    try:
        await wait_for(lambda: answers(f"http://127.0.0.1:{port}"), 15, "it listens once the port is free")
    finally:
        process.terminate()
        assert process.wait(300) == 0


def test_an_address_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    process = start("redis://127.0.0.1:1/0", tmp_path, "8686")
    assert process.wait(300) == 2
    assert "OBSERVER_LISTEN='8686'" in (tmp_path / "observer.log").read_text()
