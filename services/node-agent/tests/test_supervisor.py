"""A real supervisord whose programs are killed, give up, are stopped by a person."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mesh_core.testing import until, wait_for
from node_agent.probes.supervisor import SupervisorOptions, SupervisorProbe

CONFIG = """
[unix_http_server]
file={folder}/s.sock
username=agent
password=secret
[supervisord]
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
nodaemon=true
silent=true
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[program:shop]
command=/bin/sh -c "echo shop is up >&2; exec sleep 600"
autorestart=false
startsecs=0
stderr_logfile={folder}/shop.err
[program:oneshot]
command=/bin/sh -c "exit 0"
autorestart=false
startsecs=0
[program:expected]
command=/bin/sh -c "sleep 0.2; exit 3"
exitcodes=0,3
autorestart=unexpected
startsecs=0
[program:broken]
command=/bin/sh -c "echo cannot start; exit 1"
startsecs=1
startretries=1
autostart=false
stdout_logfile={folder}/broken.out
[program:looping]
command=/bin/sh -c "sleep 0.3; exit 1"
startsecs=0
autorestart=true
autostart=false
[program:many]
command=sleep 600
process_name=many_%(process_num)d
numprocs=2
autorestart=false
startsecs=0
"""


AS_AGENT = ("-u", "agent", "-p", "secret")


class Supervised:
    def __init__(self, folder: Path):
        self.folder = folder
        self.config = folder / "supervisord.conf"
        self.config.write_text(CONFIG.format(folder=folder))
        self.address = f"unix://{folder}/s.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )
        until((self.folder / "s.sock").exists, 60, "supervisord's socket")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(300)
            self.process = None

    def ctl(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "supervisor.supervisorctl", "-s", self.address, *AS_AGENT, *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            cwd=self.folder.parent,  # a supervisord.conf in the current folder would be read
        )
        assert not done.stderr, done.stderr
        return done.stdout

    def pid(self, program: str) -> int:
        """Of one that runs: to 0 a signal would be one to all of us."""
        pid = int(self.ctl("pid", program).strip())
        assert pid, f"{program} does not run"
        return pid

    async def shop_is_up(self) -> None:
        """It has said so, and the server has written it down."""
        log = self.folder / "shop.err"
        await wait_for(lambda: log.exists() and log.read_text().endswith("\n"), 30, "its first line")

    def probe(self, **more: Any) -> SupervisorProbe:
        return SupervisorProbe(
            SupervisorOptions(address=self.address, user="agent", password="secret", every_seconds=0.3, **more)
        )


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    server = Supervised(tmp_path)
    server.start()
    yield server
    server.stop()


async def test_a_killed_program_is_an_event_with_its_stderr_and_a_start_is_recovery(
    supervised: Supervised, watching: Any
) -> None:
    async with watching(supervised.probe()) as watched:
        await supervised.shop_is_up()
        os.kill(supervised.pid("shop"), signal.SIGKILL)
        event = await watched.see("shop", "program_exited")
        assert event.payload["runtime"] == "supervisor"
        assert event.payload["program"] == "shop:shop"
        assert event.payload["exit_code"] == -1
        assert event.payload["logs"] == ["shop is up"]
        assert "secret" not in event.wire().decode()
        await asyncio.to_thread(supervised.ctl, "start", "shop")
        back = await watched.see("shop", "program_exited", "service_recovered")
        assert back.incident == event.incident


async def test_one_shots_and_expected_exit_codes_are_no_incidents(supervised: Supervised, watching: Any) -> None:
    async with watching(supervised.probe()) as watched:
        await wait_for(lambda: supervised.ctl("status").count("EXITED") == 2, 10, "both to end")
        await asyncio.sleep(1.5)
        assert watched.types("oneshot") == watched.types("expected") == []


async def test_what_a_person_stops_is_no_incident(supervised: Supervised, watching: Any) -> None:
    async with watching(supervised.probe()) as watched:
        assert "shop: stopped" in await asyncio.to_thread(supervised.ctl, "stop", "shop")
        await asyncio.sleep(1.5)
        assert watched.types("shop") == []


async def test_a_program_that_supervisor_gave_up_is_fatal(supervised: Supervised, watching: Any) -> None:
    async with watching(supervised.probe()) as watched:
        await asyncio.to_thread(supervised.ctl, "start", "broken")
        event = await watched.see("broken", "program_fatal")
        assert event.severity == "critical"
        assert event.payload["logs"][-1] == "cannot start"


async def test_a_program_that_restarts_again_and_again_is_unhealthy(supervised: Supervised, watching: Any) -> None:
    async with watching(supervised.probe(stable_seconds=5)) as watched:
        await asyncio.to_thread(supervised.ctl, "start", "looping")
        event = await watched.see("looping", "program_restart_loop", seconds=20)
        assert event.payload["restart_count"] >= 3


async def test_how_a_program_ended_is_read_out_of_the_servers_own_log(supervised: Supervised) -> None:
    probe = supervised.probe()
    await probe.check(None)
    await asyncio.to_thread(supervised.ctl, "start", "looping")

    async def crashed() -> bool:
        await probe.check(None)
        return len(probe.memory().get("looping:looping", [])) > 2

    await wait_for(crashed, 60, "two crashes to be counted")
    await asyncio.to_thread(supervised.ctl, "restart", "shop")
    await probe.check(None)
    assert len(probe.memory()["shop:shop"]) == 1  # its start, and no crash


async def test_a_program_of_a_larger_group_is_a_whole_node_event_with_its_full_name(
    supervised: Supervised, watching: Any
) -> None:
    async with watching(supervised.probe()) as watched:
        os.kill(supervised.pid("many:many_1"), signal.SIGKILL)
        event = await watched.see(None, "node_online", "program_exited")
        assert event.payload["name"] == event.payload["program"] == "many:many_1"


async def test_a_silent_supervisord_is_an_event_and_its_programs_are_not_called_well(
    supervised: Supervised, watching: Any
) -> None:
    async with watching(supervised.probe()) as watched:
        os.kill(supervised.pid("shop"), signal.SIGKILL)
        await watched.see("shop", "program_exited")
        supervised.stop()
        await watched.see(None, "node_online", "program_unhealthy")
        await asyncio.sleep(1)
        assert watched.types("shop") == ["program_exited"]
        supervised.start()
        await watched.see("shop", "program_exited", "service_recovered")
        await watched.see(None, "node_online", "program_unhealthy", "service_recovered")


async def test_what_stands_behind_another_probe_is_told_with_its_last_lines(supervised: Supervised) -> None:
    probe = supervised.probe()
    await supervised.shop_is_up()
    facts = await probe.describe("shop")
    assert (facts["runtime"], facts["state"], facts["logs"]) == ("supervisor", "RUNNING", ["shop is up"])
    assert await probe.describe("nobody") == {}
