"""mend doctor: what is broken is told with its remedy, and only that fails."""

from __future__ import annotations

import json
import socket
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mend_rig import NODE, Mend

from mend.doctor.finding import Finding, Level
from mend.doctor.machine import check_machine
from mend.local.inventory_file import make_inventory
from mesh_core.models.proposals import Folder
from mesh_core.runtime.executor_notes import isolation_note, note_targets


@pytest.fixture
def inventory(mend: Mend) -> Path:
    path = mend.runtime / "config" / "inventory.yml"
    make_inventory(path, NODE)
    return path


@pytest.fixture
def ssh_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def examined(mend: Mend, *words: str, **environ: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    said = mend("doctor", "--json", *words, **environ)
    by_check: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(said.stdout):
        by_check.setdefault(finding["check"], []).append(finding)
    return said.exit_code, by_check


def test_a_sound_mesh_is_exit_0_even_with_warnings(mend_online: Mend, inventory: Path) -> None:
    code, found = examined(mend_online, LLM_CHAIN="floor")
    assert [f for fs in found.values() for f in fs if f["level"] == "broken"] == []
    assert code == 0
    assert found["notifications"][0]["level"] == "warning"
    assert {f["level"] for f in found["redis"]} == {"ok"}
    assert found["model"][0]["level"] == "ok"
    assert found[f"host {NODE}"][0]["level"] == "ok"


def test_each_broken_thing_says_how_to_mend_it(mend: Mend) -> None:
    code, found = examined(mend, LLM_CHAIN="floor")
    assert code == 1
    for check in ("redis", "inventory"):
        assert found[check][0]["level"] == "broken"
        assert found[check][0]["fix"], check


def test_a_redis_that_forgets_is_a_warning(mend_online: Mend, inventory: Path) -> None:
    import redis

    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.config_set("appendonly", "no")
        client.config_set("maxmemory", "100mb")
        client.config_set("maxmemory-policy", "allkeys-lru")
    code, found = examined(mend_online, LLM_CHAIN="floor")
    assert code == 0
    told = " ".join(f["found"] for f in found["redis"] if f["level"] == "warning")
    assert "appendonly" in told
    assert "noeviction" in told


def test_a_redis_without_a_limit_is_a_warning_and_a_full_one_is_broken(mend_online: Mend, inventory: Path) -> None:
    import redis

    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        client.config_set("maxmemory", "0")
        code, found = examined(mend_online, "--no-models")
        assert code == 0
        assert [f["level"] for f in found["redis"] if "no maxmemory" in f["found"]] == ["warning"]
        client.config_set("maxmemory", "1mb")
        code, found = examined(mend_online, "--no-models")
        assert code == 1
        assert [f["level"] for f in found["redis"] if "refuses writes" in f["found"]] == ["broken"]


@pytest.mark.slow
def test_replicas_are_counted_before_the_next_loss_stops_all_writes(mend_online: Mend, tmp_path: Path) -> None:
    import redis

    from mesh_core.testing import RedisServer

    with redis.Redis.from_url(mend_online.environ["REDIS_URL"]) as client:
        port = client.connection_pool.connection_kwargs["port"]
        client.config_set("min-replicas-to-write", "1")
        levels = [examined(mend_online, "--no-models")[1]["redis replicas"][0]]
        replicas = []
        for n in (1, 2):
            replica = RedisServer(tmp_path / f"replica{n}", extra=("--replicaof", "127.0.0.1", str(port)))
            replicas.append(replica.start())
            deadline = time.monotonic() + 60
            while client.info("replication").get("min_slaves_good_slaves") != n and time.monotonic() < deadline:
                time.sleep(0.05)
            levels.append(examined(mend_online, "--no-models")[1]["redis replicas"][0])
        for replica in replicas:
            replica.kill()
    assert [found["level"] for found in levels] == ["broken", "warning", "ok"]
    assert levels[0]["found"] == "0 replica(s) keep up, min-replicas-to-write is 1: all writes are refused"
    assert "without one of them all writes stop" in levels[1]["found"]


def test_an_approved_folder_that_everybody_may_write_is_broken(mend_online: Mend, inventory: Path) -> None:
    mend_online.actions.folder(Folder.APPROVED).chmod(0o777)
    code, found = examined(mend_online, LLM_CHAIN="floor")
    assert (code, found["approved/"][0]["level"]) == (1, "broken")
    assert "chmod o-w" in found["approved/"][0]["fix"]


def test_a_node_outside_the_inventory_and_a_policy_with_a_slip_are_told(mend_online: Mend, inventory: Path) -> None:
    (mend_online.runtime / "config" / "policy.yml").write_text("rulez: []\n")
    code, found = examined(mend_online, LLM_CHAIN="floor", NODE_NAME="elsewhere")
    assert code == 1
    assert "rulez" in found["policy"][0]["found"]
    assert any("elsewhere" in f["found"] for f in found["inventory"])


def test_the_wall_around_runs_is_told_and_none_is_a_warning(tmp_path: Path) -> None:
    def isolation() -> list[Finding]:
        return [finding for finding in check_machine(tmp_path, {}) if finding.check == "isolation"]

    assert isolation() == []  # no executor has started here yet
    note = isolation_note(tmp_path)
    note.parent.mkdir(parents=True)
    note.write_text('{"wall": "landlock", "sentence": "each run may open only its own"}')
    assert isolation() == [Finding("isolation", Level.OK, "landlock: each run may open only its own")]
    note.write_text('{"wall": "none", "sentence": "runs can read everything"}')
    (found,) = isolation()
    assert (found.level, found.found) == (Level.WARNING, "runs can read everything")
    assert "EXECUTOR_SANDBOX" in found.fix


def test_hosts_are_reached_by_tcp_where_ansible_would_go(mend_online: Mend, ssh_port: int) -> None:
    path = mend_online.runtime / "config" / "inventory.yml"
    path.parent.mkdir()
    path.write_text(
        textwrap.dedent(f"""\
        all:
          vars: {{ansible_port: {ssh_port}}}
          hosts:
            {NODE}: {{ansible_connection: local, secret: !vault "x"}}
          children:
            far:
              hosts:
                there: {{ansible_host: 127.0.0.1}}
                gone: {{ansible_host: 127.0.0.1, ansible_port: 1}}
                other: {{ansible_connection: community.docker.docker}}
        """)
    )
    code, found = examined(mend_online, LLM_CHAIN="floor")
    levels = {name: found[f"host {name}"][0]["level"] for name in (NODE, "there", "gone", "other")}
    assert levels == {NODE: "ok", "there": "ok", "gone": "warning", "other": "ok"}
    assert code == 0


def test_hosts_are_looked_for_where_sshs_own_configuration_says(
    mend_online: Mend, ssh_port: int, tmp_path: Path
) -> None:
    """As a run does: the file names neither address nor port, and group_vars/ says which configuration counts."""
    config = mend_online.runtime / "config"
    (config / "group_vars" / "far").mkdir(parents=True)
    (tmp_path / "ssh").write_text(
        f"Host there gate\n HostName 127.0.0.1\n Port {ssh_port}\nHost behind\n ProxyJump gate\n"
        f"Host strange\n ProxyCommand nc %h %p\n"
    )
    (config / "group_vars" / "far" / "ssh.yml").write_text(f"ansible_ssh_common_args: -F {tmp_path}/ssh\n")
    (config / "inventory.yml").write_text(
        "[far]\nthere\nbehind\nstrange\nNAS\xf6 ansible_host=192.0.2.1\n[near]\n" + f"{NODE} ansible_connection=local\n"
    )
    _, found = examined(mend_online, LLM_CHAIN="floor")
    told = {name: found[f"host {name}"][0] for name in (NODE, "there", "behind", "strange")}
    assert [one["level"] for one in told.values()] == ["ok"] * 4
    assert f"127.0.0.1:{ssh_port}" in told["there"]["found"]
    assert "the way to behind" in told["behind"]["found"]
    assert "ProxyCommand" in told["strange"]["found"]
    (refused,) = [one for one in found["inventory"] if one["level"] == "warning"]
    assert "line 5" in refused["found"]


def test_a_model_that_does_not_answer_is_broken_and_one_that_is_not_asked_is_not(
    mend_online: Mend, inventory: Path
) -> None:
    dead = {"LLAMACPP_URL": "http://127.0.0.1:1", "LLM_LOCAL_TIMEOUT_SECONDS": "2"}
    code, found = examined(mend_online, **dead)
    assert (code, found["model"][0]["level"]) == (1, "broken")
    code, found = examined(mend_online, "--no-models", **dead)
    assert (code, "model" in found) == (0, False)


@pytest.mark.model
def test_a_real_model_is_asked_and_answers_in_the_schema(mend_online: Mend, inventory: Path, llama_url: str) -> None:
    code, found = examined(mend_online, LLAMACPP_URL=llama_url, LLM_LOCAL_TIMEOUT_SECONDS="30")
    assert (code, found["model"][0]["level"]) == (0, "ok"), found["model"]


def test_a_bad_chain_names_the_variable(mend_online: Mend, inventory: Path) -> None:
    code, found = examined(mend_online, LLM_CHAIN="gpt9")
    assert code == 1
    assert "LLM_CHAIN" in found["model"][0]["found"]


def test_models_that_privacy_forbids_are_named_and_not_asked(mend_online: Mend, inventory: Path) -> None:
    code, found = examined(mend_online, LLM_PRIVACY="local", ANTHROPIC_API_KEY="x", LLAMACPP_URL="", OLLAMA_HOST="")
    assert code == 0
    told = [finding["found"] for finding in found["model"]]
    assert "haiku is never asked (LLM_PRIVACY=local): it is its vendor's own API" in told
    assert found["model"][-1]["level"] == "warning"


def test_a_person_sees_the_count_and_no_log_lines(mend_online: Mend, inventory: Path) -> None:
    done = mend_online.real("doctor", LLM_CHAIN="floor")
    assert done.returncode == 0, done.stderr
    assert "0 broken" in done.stdout
    assert "chain.built" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "noted", "words"),
    [
        ("json://127.0.0.1:9/", None, "is set;"),
        ("json://127.0.0.1:9/", 1, "is set;"),
        ("json://127.0.0.1:9/", 0, "the executor was started without it"),
        ("", 0, "is not set"),
    ],
)
def test_who_would_be_told_is_asked_of_the_executor_as_well(
    tmp_path: Path, given: str, noted: int | None, words: str
) -> None:
    if noted is not None:
        note_targets(tmp_path, noted)
    (finding,) = [one for one in check_machine(tmp_path, {"NOTIFY_URLS": given}) if one.check == "notifications"]
    assert words in finding.found
