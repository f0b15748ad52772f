"""mend status: who lives, what waits, who is behind or stands still, and what the models cost."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta

import redis
from mend_rig import Mend

from mesh_core.models.records import rfc3339
from mesh_core.runtime.chain_note import note_chain
from mesh_core.testing import leave_heartbeat


def test_status_knows_who_lives_what_waits_and_who_is_behind(mend_online: Mend) -> None:
    mend_online.propose()
    state = mend_online.runtime / "state"
    leave_heartbeat(mend_online.runtime, "planner-agent")
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
    leave_heartbeat(mend_online.runtime, "executor-agent")
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
