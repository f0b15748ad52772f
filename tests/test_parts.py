"""Each real part under the tests proves itself here, so that a red test elsewhere is about our code.

Tests no product code but the model server that the fixtures start."""

from __future__ import annotations

import asyncio
import gc
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import anthropic
import httpx
import ollama
import pytest
import redis
from parts.model import MODEL
from parts.require import require
from parts.scripted import Canned, ScriptedHttp

from mesh_core.testing import RedisServer, free_port, until, wait_for

SCHEMA = {
    "type": "object",
    "properties": {"action": {"enum": ["restart", "notify"]}, "service": {"const": "web"}},
    "required": ["action", "service"],
    "additionalProperties": False,
}
QUESTION = [{"role": "user", "content": "The service web is unhealthy. Answer with an action."}]


def test_a_missing_tool_skips_with_its_name_and_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEND_REQUIRE_REAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"needs no-such-tool.*apt-get install no-such-package"):
        require("no-such-tool", "apt-get install no-such-package")


def test_a_missing_tool_fails_where_real_parts_are_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEND_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-tool"):
        require("no-such-tool", "apt-get install no-such-package")


def test_what_is_collected_is_no_garbage_and_is_not_looked_through_in_each_test() -> None:
    assert gc.isenabled()
    assert gc.get_freeze_count() > 100_000


def test_acknowledged_writes_survive_kill_minus_nine_on_each_redis(redis_each: RedisServer) -> None:
    with redis.Redis(port=redis_each.port) as client:
        client.xadd("s", {"p": "1"}, id="5-0")
    redis_each.kill()
    redis_each.start()
    with redis.Redis(port=redis_each.port) as client:
        assert client.xinfo_stream("s")["last-generated-id"] == b"5-0"


@pytest.mark.parametrize("redis_server", ["debian"], indirect=True)
def test_a_test_can_choose_its_redis(redis_server: RedisServer) -> None:
    with redis.Redis(port=redis_server.port) as client:
        assert client.dbsize() == 0
        assert "valkey_version" not in client.info("server")


@pytest.mark.model
def test_llama_cpp_obeys_a_schema(llama_url: str) -> None:
    reply = httpx.post(
        f"{llama_url}/v1/chat/completions",
        json={
            "messages": QUESTION,
            "max_tokens": 60,
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
        },
        timeout=60,
    )
    assert json.loads(reply.json()["choices"][0]["message"]["content"])["service"] == "web"
    assert httpx.get(f"{llama_url}/v1/models", timeout=60).json()["data"][0]["id"] == MODEL


@pytest.mark.model
async def test_the_anthropic_client_talks_to_the_real_model(anthropic_url: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=anthropic_url, api_key="none", max_retries=0) as client:
        reply = await client.messages.create(model=MODEL, max_tokens=8, messages=[{"role": "user", "content": "Hi"}])
    assert reply.usage.output_tokens > 0


@pytest.mark.model
async def test_the_ollama_client_finds_ollama_in_front_of_the_real_model(ollama_url: str) -> None:
    async with ollama.AsyncClient(host=ollama_url) as client:
        reply = await client.chat(
            MODEL, messages=QUESTION, format=SCHEMA, options={"num_predict": 60, "temperature": 0}
        )
        assert json.loads(reply.message.content or "")["service"] == "web"
        assert reply.done_reason == "stop"
        assert (reply.prompt_eval_count or 0) > 5
        pieces = [
            piece
            async for piece in await client.chat(MODEL, messages=QUESTION, stream=True, options={"num_predict": 5})
        ]
        assert [piece.done for piece in pieces].count(True) == 1
        assert pieces[-1].done_reason == "length"
        assert [card.model for card in (await client.list()).models] == [f"{MODEL}:latest"]
        assert "completion" in ((await client.show(MODEL)).capabilities or [])
        assert len((await client.ps()).models) == 1


@pytest.mark.model
async def test_ollama_says_404_for_a_model_that_it_has_not(ollama_url: str) -> None:
    async with ollama.AsyncClient(host=ollama_url) as client:
        with pytest.raises(ollama.ResponseError, match="not found") as refused:
            await client.chat("no-such-model", messages=QUESTION)
    assert refused.value.status_code == 404


@pytest.mark.model
@pytest.mark.usefixtures("llama_url")
def test_the_model_server_stops_at_once_in_the_middle_of_an_answer() -> None:
    port = free_port()
    command = [sys.executable, "-m", "mend.local.model_server", "--port", str(port), "--threads", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert f":{port}" in server.stdout.readline()
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                body = json.dumps({"messages": QUESTION, "max_tokens": 3000, "stream": True})
                head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
                client.sendall((head + body).encode())
                assert client.recv(10).startswith(b"HTTP/1.1 2")
                server.send_signal(signal.SIGTERM)
                until(lambda: server.poll() is not None, 10, "its end; the whole answer takes a multiple of that")
                assert server.returncode == 0
        finally:
            server.kill()


@pytest.mark.model
@pytest.mark.usefixtures("llama_url")
async def test_the_model_server_ends_when_whoever_started_it_was_killed() -> None:
    port = free_port()
    listening = ["--port", str(port), "--threads", "1", "--exit-with-parent"]
    server = [sys.executable, "-m", "mend.local.model_server", *listening]
    starter = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"import subprocess, time; subprocess.Popen({server!r}); time.sleep(120)",
        stdout=asyncio.subprocess.PIPE,
    )
    assert starter.stdout is not None
    assert f":{port}".encode() in await asyncio.wait_for(starter.stdout.readline(), 60)
    starter.kill()
    await starter.wait()
    assert await asyncio.wait_for(starter.stdout.read(), 60) == b""  # the server held the other end of this pipe


def test_the_model_server_says_what_is_wrong_with_its_model(tmp_path: object) -> None:
    command = [sys.executable, "-m", "mend.local.model_server", "--port", "1", "--model", f"{tmp_path}/none.gguf"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    assert f"no model file at {tmp_path}/none.gguf" in ended.stderr


async def test_a_scripted_server_answers_each_client_in_its_own_shape(scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.ollama("one"), Canned.anthropic("two"), Canned.openai("three"))
    async with ollama.AsyncClient(host=scripted_http.url) as local:
        assert (await local.chat("m", messages=QUESTION)).message.content == "one"
    async with anthropic.AsyncAnthropic(base_url=scripted_http.url, api_key="k", max_retries=0) as client:
        said = await client.messages.create(model="m", max_tokens=8, messages=[{"role": "user", "content": "Hi"}])
    assert said.content[0].type == "text"
    assert said.content[0].text == "two"
    async with httpx.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{scripted_http.url}/v1/chat/completions", json={"model": "m"})
    assert answer.json()["choices"][0]["message"]["content"] == "three"
    assert [asked.path for asked in scripted_http.asked] == ["/api/chat", "/v1/messages", "/v1/chat/completions"]


async def test_a_scripted_server_hangs_drips_drops_and_fails_as_told(scripted_http: ScriptedHttp) -> None:
    scripted_http.script(
        Canned(hang=True),
        Canned("slow", drip_seconds=0.05),
        Canned(drop=True),
        Canned.error(429, headers={"Retry-After": "7"}),
        Canned(b"<html>", headers={"Content-Type": "text/html"}),
    )
    async with httpx.AsyncClient(timeout=60) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(scripted_http.url, timeout=0.3)
        start = time.monotonic()
        assert (await client.post(scripted_http.url)).text == "slow"
        assert time.monotonic() - start >= 0.2
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post(scripted_http.url)
        refused = await client.post(scripted_http.url)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
        assert (await client.post(scripted_http.url)).headers["content-type"] == "text/html"
    await wait_for(lambda: len(scripted_http.asked) == 5, 10, "five requests on record")


def test_what_a_killed_engine_left_on_its_bridge_goes_before_ours_gives_out_its_addresses() -> None:
    code = (
        "import subprocess; from parts.dockerd import remove_ports_of\n"
        "def ip(*words): return subprocess.run(['ip', *words], check=True, capture_output=True, text=True).stdout\n"
        "remove_ports_of('old0')\n"
        "ip('link', 'add', 'old0', 'type', 'bridge')\n"
        "for n in '12': ip('link', 'add', f'v{n}', 'master', 'old0', 'type', 'veth', 'peer', 'name', f'inside{n}')\n"
        "ip('link', 'add', 'other', 'type', 'veth', 'peer', 'name', 'inside')\n"
        "remove_ports_of('old0')\n"
        "print(*sorted(line.split(': ')[1].split('@')[0] for line in ip('-o', 'link').splitlines()))\n"
    )
    alone = [require("unshare", "apt-get install util-linux"), "--net", sys.executable, "-c", code]
    done = subprocess.run(alone, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert done.stdout.split() == ["inside", "lo", "old0", "other"]


def test_what_a_killed_session_left_in_memory_goes_and_what_one_that_lives_needs_stays(tmp_path: Path) -> None:
    for name in ("dead", "alive"):
        (tmp_path / name / "data").mkdir(parents=True)
    code = (
        "import os, subprocess; from parts.dockerd import IN_MEMORY, remove_what_killed_sessions_left\n"
        "ended = subprocess.Popen(['true']); ended.wait()\n"
        "for name, pid in (('dead', ended.pid), ('alive', os.getpid())):\n"
        f"    point = os.path.join({str(tmp_path)!r}, name, 'data')\n"
        "    subprocess.run(['mount', '-t', 'tmpfs', f'{IN_MEMORY}{pid}', point], check=True)\n"
        "    open(os.path.join(point, 'layer'), 'w').close()\n"
        "remove_what_killed_sessions_left()\n"
        f"print(*(folder for folder, _, files in os.walk({str(tmp_path)!r}) if files))\n"
    )
    alone = [require("unshare", "apt-get install util-linux"), "--mount", sys.executable, "-c", code]
    done = subprocess.run(alone, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    assert done.stdout.split() == [str(tmp_path / "alive" / "data")]
    assert not (tmp_path / "dead").exists()
