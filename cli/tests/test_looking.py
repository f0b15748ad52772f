"""inject, status, watch, deadletters on a real Redis; and what every command does when it is away, piped or stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from mend_rig import NODE, Mend

from mend.commands.watch import CHANNELS, json_line_for, line_for
from mend.dotenv import with_dotenv
from mend.errors import CliError
from mend.text import plain
from mend.times import age
from mesh_core.messaging.bus import Bus
from mesh_core.models.attempts import ModelAttempt
from mesh_core.models.events import HealthEvent, WorldUpdate
from mesh_core.models.proposals import ActionUpdate
from mesh_core.models.records import Record, rfc3339
from mesh_core.runtime.chain_note import note_chain
from mesh_core.runtime.dotenv import BadDotenv, read_dotenv
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


def test_inject_puts_the_event_into_its_stream_and_prints_its_id(mend_online: Mend) -> None:
    said = mend_online(
        "inject", "container_died", "--node", NODE, "--service", "shop.web", "--severity", "critical",
        "--payload", '{"exit_code": 137}',
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        [(entry, fields)] = client.xrange("mesh:ev:_foreign")
    event = json.loads(fields[b"p"])
    assert said.stdout.strip() == event["id"] == f"{NODE}/{entry.decode()}"
    assert (event["trust"], event["severity"], event["payload"]) == ("foreign", "critical", {"exit_code": 137})


def test_inject_calls_a_host_as_the_inventory_does(mend_online: Mend) -> None:
    config = Path(mend_online.environ["RUNTIME_PATH"]) / "config"
    config.mkdir(exist_ok=True)
    (config / "inventory.yml").write_text("all: {hosts: {NAS01: {ansible_host: 10.0.0.5}}}")
    for typed in ("nas01", "10.0.0.5"):
        said = mend_online("inject", "container_died", "--node", typed, "--service", "web")
        assert said.stdout.startswith("NAS01/"), said.output


def test_inject_finds_where_an_incident_is_by_its_id_alone(mend_online: Mend) -> None:
    runtime = Path(mend_online.environ["RUNTIME_PATH"])
    place = {"node": "pi4", "service": "web", "open": {"pi4/web/17": "error", "smells": "error"}, "unnamed": ["smells"]}
    (runtime / "state").mkdir(exist_ok=True)
    (runtime / "state" / "world.json").write_text(json.dumps({"places": {"pi4/web": place}}))
    said = mend_online("inject", "service_recovered", "--incident", "pi4/web/17", "--json")
    event = json.loads(said.stdout)
    assert (event["node"], event["service"], event["incident"]) == ("pi4", "web", "pi4/web/17")
    for words, because in (
        (("--incident", "pi4/web/18"), "no incident pi4/web/18 is open"),
        (("--incident", "smells"), "no incident"),
        (("--incident", "pi4/web/17", "--service", "db"), "that incident is about pi4/web"),
        ((), "--incident"),
    ):
        refused = mend_online("inject", "service_recovered", *words)
        assert (refused.exit_code, because in refused.stderr) == (2, True), refused.output


def test_inject_finds_an_incident_by_its_proposal(mend_online: Mend) -> None:
    proposal = mend_online.propose()
    said = mend_online("inject", "service_recovered", "--incident", proposal.id, "--json")
    event = json.loads(said.stdout)
    assert (event["node"], event["service"]) == (proposal.node, proposal.service)


def test_inject_takes_the_payload_from_a_file_or_from_standard_input(mend_online: Mend, tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text('{"oom": true}')
    for payload in (f"@{tmp_path / 'facts.json'}", "-"):
        done = subprocess.run(
            [sys.executable, "-m", "mend", "inject", "a", "--node", NODE, "--payload", payload, "--json"],
            env={**os.environ, **mend_online.environ}, input='{"oom": true}',
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert json.loads(done.stdout)["payload"] == {"oom": True}, done.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_inject_takes_a_file_as_windows_saves_it(mend_online: Mend, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "facts.json").write_text('{"share": "Büro"}', encoding=encoding)
    said = mend_online("inject", "a", "--node", NODE, "--payload", f"@{tmp_path / 'facts.json'}", "--json")
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["payload"] == {"share": "Büro"}


@pytest.mark.parametrize(
    "words",
    [
        ("Upper", "--node", NODE),
        ("a", "--node", "-H root@evil"),
        ("a", "--node", NODE, "--service", "a b"),
        ("a", "--node", NODE, "--payload", "[1]"),
        ("a", "--node", NODE, "--payload", '{"a": NaN}'),
        ("a", "--node", NODE, "--severity", "fatal"),
        ("a", "--node", NODE, "--payload", "@/nowhere"),
        ("a",),
    ],
)
def test_what_is_no_event_is_a_usage_error_and_never_sent(mend: Mend, words: tuple[str, ...]) -> None:
    assert mend("inject", *words).exit_code == 2


@pytest.mark.parametrize("words", [("inject", "a", "--node", NODE), ("watch",), ("deadletters",)])
def test_without_redis_a_sentence_says_what_to_do(mend: Mend, words: tuple[str, ...]) -> None:
    done = mend.real(*words)
    assert done.returncode == 1
    assert "mend up" in done.stderr
    assert "Traceback" not in done.stderr


def test_pending_counts_how_often_the_trouble_was_seen(mend_online: Mend) -> None:
    proposal = mend_online.propose()
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.hset("mesh:occurrences", proposal.event.id, 4)
    [row] = json.loads(mend_online("pending", "--json").stdout)
    assert row["occurrences"] == 5  # the first time, and four more


def test_show_names_what_the_trouble_explains(mend_online: Mend) -> None:
    proposal = mend_online.propose()
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.hset(f"mesh:explained:{proposal.id}", f"{proposal.node}/api", "container_unhealthy")
    assert "explains    api (container unhealthy)" in mend_online("show", proposal.id).stdout
    explained = json.loads(mend_online("show", "--json", proposal.id).stdout)["explains"]
    assert explained == [{"node": proposal.node, "service": "api", "type": "container_unhealthy"}]


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


async def test_deadletters_lists_the_reason_and_replays_what_is_good_now(mend_online: Mend) -> None:
    url = mend_online.environ["REDIS_URL"]
    bus = Bus.connect(url, "test")
    await bus.refuse(
        b'{"type":"a","node":"pi4"}', source="health_events", reason="a bug of yesterday", actor="planner-agent"
    )
    await bus.refuse(b"\xff{nonsense", source="health_events", reason="not JSON", actor="planner-agent")
    await bus.refuse(
        b'{"type":"a","node":"pi4","payload":{"x":"' + b"y" * 5000, source="x", reason="too long", actor="observer"
    )
    await bus.close()
    cut, bad, good = json.loads((await asyncio.to_thread(mend_online, "deadletters", "--json")).stdout)
    assert good["reason"] == "a bug of yesterday"
    assert "not JSON" in (await asyncio.to_thread(mend_online, "deadletters")).stdout

    replayed = await asyncio.to_thread(mend_online, "deadletters", "replay", good["id"])
    assert replayed.exit_code == 0, replayed.output
    with redis.Redis.from_url(url) as client:
        [(entry, _)] = client.xrange("mesh:ev:_foreign")
    assert replayed.stdout.strip().endswith(entry.decode())

    bus = Bus.connect(url, "test")
    await bus.refuse(b'{"text":"install x","hosts":["pi4"]}', source="requests", reason="yesterday", actor="planner")
    await bus.refuse(b'{"text":"install x"}', source="mesh:requests", reason="no hosts", actor="planner")
    await bus.close()
    hostless, asked, *_ = json.loads((await asyncio.to_thread(mend_online, "deadletters", "--json")).stdout)
    replayed = await asyncio.to_thread(mend_online, "deadletters", "replay", asked["id"])
    assert replayed.stdout.startswith("replayed as req-"), replayed.output
    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", hostless["id"])
    assert (refused.exit_code, "send it with `mend request`" in refused.output) == (1, True)

    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", bad["id"])
    assert (refused.exit_code, "not JSON" in refused.output) == (1, True)
    refused = await asyncio.to_thread(mend_online, "deadletters", "replay", cut["id"])
    assert (refused.exit_code, "first 4096 bytes" in refused.output) == (1, True)
    assert (await asyncio.to_thread(mend_online, "deadletters", "replay", "1-1")).exit_code == 3
    assert (await asyncio.to_thread(mend_online, "deadletters", "replay", "x y")).exit_code == 2
    assert (await asyncio.to_thread(mend_online, "deadletters", "burn")).exit_code == 2


def test_status_knows_who_lives_what_waits_and_who_is_behind(mend_online: Mend) -> None:
    mend_online.propose()
    state = mend_online.runtime / "state"
    state.mkdir()
    (state / "planner-agent.heartbeat").touch()
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.xgroup_create("mesh:ev:pi4", "planner", "0", mkstream=True)
        for _ in range(3):
            client.xadd("mesh:ev:pi4", {"p": "{}"})
        client.xreadgroup("planner", "me", {"mesh:ev:pi4": ">"}, count=1)
        attempt = {"ts": "2026-01-01T00:00:00Z", "provider": "ollama", "model": "m", "outcome": "circuit_open"}
        client.xadd("mesh:llm_attempts", {"p": json.dumps(attempt)})
    said = mend_online("status", "--json")
    found = json.loads(said.stdout)
    assert said.exit_code == 0
    assert found["services"]["planner-agent"] < 5
    assert (found["lag"], found["waiting"]) == ({"planner": 2}, {"planner": 1})
    assert found["folders"]["pending"] == 1
    assert found["redis_version"]
    assert found["open_circuits"] == []  # that was long ago

    (state / "observer.heartbeat").touch()
    long_ago = time.time() - 1000
    os.utime(state / "observer.heartbeat", (long_ago, long_ago))
    said = mend_online("status")
    assert said.exit_code == 1
    assert "gone" in next(line for line in said.stdout.splitlines() if line.startswith("observer"))


def test_status_and_the_doctor_name_what_stands_still_in_a_service_that_is_alive(mend_online: Mend) -> None:
    mend_online.propose()
    beat = mend_online.runtime / "state" / "executor-agent.heartbeat"
    beat.parent.mkdir()
    beat.touch()
    assert mend_online("status").exit_code == 0
    stuck = "standing by, and no executor works: state/executor.lock is held by pid 7"
    beat.write_text(stuck)
    said = mend_online("status")
    assert said.exit_code == 1
    assert "executor-agent    stuck" in said.stdout
    assert stuck in " ".join(said.stdout.split())
    assert json.loads(mend_online("status", "--json").stdout)["stuck"] == {"executor-agent": stuck}
    findings = json.loads(mend_online("doctor", "--no-models", "--json").stdout)
    (services,) = [finding for finding in findings if finding["check"] == "services"]
    assert (services["level"], stuck in services["found"]) == ("broken", True)


def test_status_names_the_models_and_those_that_are_never_asked(mend_online: Mend) -> None:
    assert json.loads(mend_online("status", "--json").stdout)["models"] == []
    note_chain(mend_online.runtime, ["llamacpp"], {"haiku": "it is its vendor's own API"})
    said = " ".join(mend_online("status").stdout.split())
    assert "models llamacpp haiku is never asked (LLM_PRIVACY=local): it is its vendor's own API" in said


def test_status_names_what_was_used_of_each_budget(mend_online: Mend) -> None:
    (mend_online.runtime / "config").mkdir(exist_ok=True)
    entry = {"name": "lab", "kind": "openai", "url": "http://127.0.0.1:9", "budget": {"tokens_per_day": 500}}
    (mend_online.runtime / "config" / "chain.yml").write_text(json.dumps([entry]))
    (told,) = json.loads(mend_online("status", "--json").stdout)["budgets"]
    assert told.startswith("lab: 0 of 500 tokens a day used, until ")
    assert "model budget" in mend_online("status").stdout


def test_status_names_the_probes_that_see_nothing_until_they_do(mend_online: Mend) -> None:
    def tells(node: str, type_: str, incident: str, **payload: str) -> None:
        event = {"type": type_, "node": node, "incident": incident, "payload": payload}
        with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
            client.xadd(f"mesh:ev:{node}", {"p": json.dumps(event)})

    tells("nas", "probe_failed", "nas//1", probe="docker", error="PermissionError: \x1b[31mnot for you")
    tells("pi4", "probe_failed", "pi4//1", probe="systemd", error="SystemdError: away")
    tells("pi4", "probe_failed", "pi4//1", probe="systemd", error="SystemdError: away")
    tells("pi4", "service_recovered", "pi4//1", was="probe_failed")
    tells("_foreign", "probe_failed", "x//1", probe="docker", error="anybody says so")
    said = mend_online("status")
    line = next(line for line in said.stdout.splitlines() if line.startswith("probe fails"))
    assert line.split(maxsplit=2)[2] == "nas: docker: PermissionError: \ufffd[31mnot for you"
    assert len(json.loads(mend_online("status", "--json").stdout)["failing_probes"]) == 1
    tells("nas", "service_recovered", "nas//1", was="probe_failed")
    assert json.loads(mend_online("status", "--json").stdout)["failing_probes"] == []


def test_status_and_the_list_say_what_waits_for_what_is_at_work_on_its_host(mend_online: Mend) -> None:
    ago = {"now": 0, "long ago": 3600}
    rows = {
        name: {"node": "nas", "service": "shop", "type": "unit_failed", "reason": f"apt {name}", "at": at}
        for name, at in ((name, rfc3339(datetime.now(UTC) - timedelta(seconds=ago[name]))) for name in ago)
    }
    rows["told"] = {**rows["now"], "told_by": "nas/1-0"}
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.hset("mesh:held", mapping={name: json.dumps(row) for name, row in rows.items()})
        client.hset("mesh:held", "odd", "{}")
    (held,) = json.loads(mend_online("status", "--json").stdout)["held"]
    assert held == "shop on nas (unit failed): apt now"
    for command in ("status", "pending"):
        assert held in mend_online(command).stdout, command
    mend_online.propose()
    assert held in mend_online("pending").stdout


def test_a_stream_whose_name_is_no_text_stops_no_status(mend_online: Mend) -> None:
    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.xadd(b"mesh:ev:\xff", {"p": "x"})
    assert json.loads(mend_online("status", "--json").stdout)["failing_probes"] == []


def test_status_still_tells_what_it_can_without_redis(mend: Mend) -> None:
    mend.propose()
    said = mend("status")
    assert said.exit_code == 1
    assert "pending 1" in said.stdout


@pytest.mark.parametrize("words", [("pending",), ("status",), ("history",), ("--help",), ("show", "--help")])
def test_what_is_piped_has_no_colours_and_no_color_is_obeyed(mend: Mend, words: tuple[str, ...]) -> None:
    mend.propose()
    assert "\x1b" not in mend.real(*words).stdout
    assert "\x1b" not in mend.real(*words, NO_COLOR="1").stdout


def test_bad_settings_are_named_and_exit_2(mend: Mend) -> None:
    done = mend.real("pending", REDIS_URL="http://x")
    assert done.returncode == 2
    assert "REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_running_mesh_is_found_by_its_note_unless_redis_url_says_otherwise(mend_online: Mend) -> None:
    url = mend_online.environ.pop("REDIS_URL")
    note = mend_online.runtime / "run" / "mesh.json"
    note.parent.mkdir()
    note.write_text(json.dumps({"redis_url": url}))
    assert mend_online("inject", "a", "--node", NODE, REDIS_URL="").exit_code == 0
    assert mend_online("inject", "a", "--node", NODE, REDIS_URL="redis://127.0.0.1:1/0").exit_code == 1
    note.write_text("{half")
    assert json.loads(mend_online("status", "--json", REDIS_URL="").stdout)["redis_url"].endswith(":6379/0")


def test_dotenv_is_read_where_the_environment_is_silent(mend: Mend) -> None:
    (mend.runtime / ".env").write_text("# mine\nexport LOG_LEVEL='loud' # no\nREDIS_URL=redis://127.0.0.1:1/0 # here\n")
    done = mend.real("pending")
    assert (done.returncode, "LOG_LEVEL='loud'" in done.stderr) == (2, True)
    assert mend.real("pending", LOG_LEVEL="info").returncode == 0


def test_dotenv_lines_are_simple() -> None:
    assert read_dotenv('A=1\nB = "x # y" # z\nC=a b # c\nD=\nE=#f\nF=a#b\n', ".env") == {
        "A": "1", "B": "x # y", "C": "a b", "D": "", "E": "", "F": "a#b",
    }  # fmt: skip
    for bad in ("A", "1A=2", 'A="b', "A='b' c"):
        with pytest.raises(BadDotenv, match="line 1"):
            read_dotenv(bad, ".env")


def test_ages_are_read_at_a_glance() -> None:
    assert [age(s) for s in (0, 59.9, 61, 3700, 90000, -5)] == ["0s", "59s", "1m01s", "1h01m", "1d01h", "-5s"]


def test_plain_text_is_one_visible_line() -> None:
    assert plain("a\nb\tc\x1b[0m\u202ed") == "a b c\N{REPLACEMENT CHARACTER}[0m\N{REPLACEMENT CHARACTER}d"
    assert plain("a" * 20, 5) == "aaaa\N{HORIZONTAL ELLIPSIS}"


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


def test_a_dotenv_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(CliError, match="cannot be read"):
        with_dotenv({}, tmp_path)
    (tmp_path / ".env").write_text("A\n")
    with pytest.raises(CliError, match="line 1"):
        with_dotenv({}, tmp_path)
    assert with_dotenv({"A": "1"}, tmp_path / "nowhere") == {"A": "1"}
