"""mend watch: each message a line, until Ctrl-C, also over a Redis that goes away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from mend_rig import NODE, Mend

from mend.commands.watch import CHANNELS, json_line_for, line_for
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.records import Record
from mesh_core.testing import RedisServer, wait_for


@contextmanager
def running(mend: Mend, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "mend", *words],
        env={**os.environ, **mend.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


async def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return await asyncio.to_thread(process.stdout.readline)


async def listening(url: str, channel: str) -> None:
    with redis.Redis.from_url(url) as client:
        await wait_for(lambda: dict(client.pubsub_numsub(channel))[channel.encode()], 20, f"a listener on {channel}")


async def test_watch_tells_each_message_in_a_line_and_ends_cleanly_with_ctrl_c(mend_online: Mend) -> None:
    url = mend_online.environ["REDIS_URL"]
    with running(mend_online, "watch", "health_events", "executor_output") as process:
        await listening(url, "health_events")
        said = await asyncio.to_thread(mend_online, "inject", "service_down", "--node", NODE, "--service", "nginx")
        assert said.exit_code == 0, said.output
        line = await first_line(process)
        assert "service_down" in line
        assert f"{NODE}/nginx" in line
        assert "\x1b" not in line
        process.send_signal(signal.SIGINT)
        out, err = await asyncio.to_thread(process.communicate, None, 300)
    assert process.returncode == 130
    assert "Traceback" not in out + err


@pytest.mark.parametrize("more", [(), ("--json",)])
async def test_whoever_has_seen_enough_ends_the_watch_without_a_word(mend_online: Mend, more: tuple[str, ...]) -> None:
    url = mend_online.environ["REDIS_URL"]
    with running(mend_online, "watch", "health_events", *more) as process, redis.Redis.from_url(url) as client:
        await listening(url, "health_events")
        client.publish("health_events", '{"type":"oom","node":"n1"}')
        assert "oom" in await first_line(process)
        assert process.stdout is not None
        process.stdout.close()

        def ended() -> bool:
            client.publish("health_events", '{"type":"oom","node":"n1"}')
            return process.poll() is not None

        await wait_for(ended, 20, "the end of it")
        assert process.stderr is not None
        with process.stderr:
            told = process.stderr.read()
        assert process.returncode == 1
        assert "Traceback" not in told
        assert "lost Redis" not in told
        process.stdout, process.stderr = None, None


async def test_watch_connects_again_when_redis_comes_back(mend_online: Mend, redis_server: RedisServer) -> None:
    with running(mend_online, "watch", "health_events", "--json") as process:
        await listening(redis_server.url, "health_events")
        redis_server.kill()
        redis_server.start()
        await listening(redis_server.url, "health_events")
        said = await asyncio.to_thread(mend_online, "inject", "service_down", "--node", NODE)
        assert said.exit_code == 0, said.output
        line = await first_line(process)
        assert json.loads(line)["type"] == "service_down"


def test_watch_of_a_channel_that_is_none_is_a_usage_error(mend: Mend) -> None:
    assert mend("watch", "nonsense").exit_code == 2


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b'{"type": 1}', b"\xff\x1b[2J", b'{"a":' * 5000, b"null"])
def test_a_message_in_no_form_of_ours_is_shown_harmlessly(channel: str, raw: bytes) -> None:
    assert "\x1b" not in line_for(channel, raw).plain
    line = json_line_for(channel, raw)
    assert line.isascii()
    assert line.isprintable()
    json.loads(line)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            HealthEvent(type="service_down", node="pi4", service="nginx", payload={"reason": "no answer"}),
            ("event", "pi4/nginx", "service_down", "no answer"),
        ),
        (
            WorldUpdate(ts="2026-01-01T00:00:00Z", node="pi4", from_state="healthy", to_state="sick"),
            ("world", "pi4", "unhealthy", "was healthy"),
        ),
        (
            ActionUpdate(
                ts="2026-01-01T00:00:00Z", action_id="plan-pi4-nginx-0123456789ab", from_folder="running",
                to_folder="done", type="container_restart", node="pi4", service="nginx", by="executor@pi4",
            ),
            ("action", "done", "0123456789ab", "executor@pi4"),
        ),
        (
            ModelAttempt(
                ts="2026-01-01T00:00:00Z", event_id="pi4/1-0", model="m", provider="ollama", position=1,
                outcome="timeout", latency_ms=8000.4, detail="no answer within 8 s",
            ),
            ("model", "ollama:m", "timeout", "8000 ms"),
        ),
    ],
)  # fmt: skip
def test_each_record_is_one_telling_line(record: Record, words: tuple[str, ...]) -> None:
    line = line_for(record.channel, record.wire()).plain
    for word in words:
        assert word in line
    assert "\n" not in line


def test_a_line_of_ansible_names_its_action_and_stage() -> None:
    raw = json.dumps(
        {"action_id": "plan-a-b-0123456789ab", "stage": "02_apply", "line": "TASK [Restart it]", "ts": "x"}
    )
    line = line_for("executor_output", raw.encode()).plain
    for word in ("0123456789ab", "02_apply", "TASK [Restart it]"):
        assert word in line
