"""mend inject: an event of one's own reaches its stream, or a sentence says what is wrong with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from mend_rig import NODE, Mend


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
