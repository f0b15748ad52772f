"""From sick to well where no engine is needed: programs of a real supervisord; and a host that does not answer."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from parts.playing import Prepare, a_proposal
from repair_rig import REPAIRED, preview, prove, repair, the_look

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.runner.stages import LOOK
from mesh_core.actions.target_state import TargetStatus
from mesh_core.models.outcomes import OutcomeVerdict
from mesh_core.models.proposals import Proposal
from mesh_core.testing import wait_for


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Path]:
    """A supervisord with a program `web` (a real listening process) and `broken`; the path of its configuration."""
    short = Path("/tmp") / f"mm-sv-{time.monotonic_ns()}"  # a socket's path has 107 bytes
    conf = tmp_path / "supervisord.conf"
    sock = f"{short}.sock"
    conf.write_text(
        textwrap.dedent(f"""
            [unix_http_server]
            file={sock}
            [supervisord]
            logfile={tmp_path}/supervisord.log
            pidfile={tmp_path}/supervisord.pid
            [rpcinterface:supervisor]
            supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
            [supervisorctl]
            serverurl=unix://{sock}
            [program:web]
            command=sleep 600
            startsecs=1
            [program:broken]
            command=false
            startsecs=1
            startretries=1
            autostart=false
        """)
    )
    server = subprocess.Popen(
        [str(Path(sys.prefix, "bin", "supervisord")), "-n", "-c", str(conf)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not Path(sock).exists() and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(0.1)
            if server.poll() is not None:
                break
            time.sleep(0.05)
    assert Path(sock).exists()
    yield conf
    server.terminate()
    server.wait(300)


def for_supervisor(conf: Path) -> bytes:
    control = str(Path(sys.prefix, "bin", "supervisorctl"))
    box = {"ansible_connection": "local", "mend_supervisorctl": control, "mend_supervisor_conf": str(conf)}
    return yaml.safe_dump({"all": {"hosts": {"box": box}}}).encode()


def of_supervisor(program: str) -> Proposal:
    return a_proposal(program, "service_restart", {"runtime": "supervisor"})


async def test_a_supervisor_program_is_restarted_and_proven(
    pool: AnsiblePool, supervisor: Path, prepare: Prepare
) -> None:
    run = prepare(pool, of_supervisor("web"), inventory=for_supervisor(supervisor))
    await wait_for(lambda: the_look(run).health is TargetStatus.HEALTHY, 15, "running at first")
    first = the_look(run).incarnation
    said = await preview(run)
    assert said.sentence.endswith("of 2 tasks check mode cannot say: Restart it, Supervisor started it"), said
    assert (said.surprises, the_look(run).incarnation) == ((), first)
    stages = await asyncio.to_thread(repair, run)
    assert [(s.name, s.ok, s.changed) for s in stages] == REPAIRED
    done = await prove(run)
    assert done.verdict is OutcomeVerdict.PROVEN, done
    assert done.after["incarnation"] != first
    control = [str(Path(sys.prefix, "bin", "supervisorctl")), "-c", str(supervisor)]
    await asyncio.to_thread(subprocess.run, [*control, "stop", "web"], capture_output=True)
    assert the_look(run).health is TargetStatus.UNHEALTHY
    assert all(s.ok for s in await asyncio.to_thread(repair, run))  # restart of a stopped program starts it


def test_a_supervisor_program_that_cannot_start_or_is_not_there_fails_in_words(
    pool: AnsiblePool, supervisor: Path, prepare: Prepare
) -> None:
    broken = repair(prepare(pool, of_supervisor("broken"), inventory=for_supervisor(supervisor)))[-1]
    assert not broken.ok
    assert "did not start broken" in broken.detail
    assert "spawn error" in broken.detail or "abnormal" in broken.detail
    run = prepare(pool, of_supervisor("nobody"), inventory=for_supervisor(supervisor))
    assert the_look(run).facts["exists"] is False
    assert "no such process" in repair(run)[-1].detail
    nowhere = prepare(pool, of_supervisor("web"), inventory=for_supervisor(Path("/nowhere.conf")))
    assert the_look(nowhere).health is TargetStatus.UNKNOWN
    assert not repair(nowhere)[-1].ok


def test_a_host_that_does_not_answer_is_unknown_and_the_repair_fails(pool: AnsiblePool, prepare: Prepare) -> None:
    far = b"all: {hosts: {far: {ansible_host: 127.0.0.1, ansible_port: 9, ansible_user: nobody}}}"
    proposal = a_proposal("web", "service_restart", {"runtime": "systemd"}, node="far")
    run = prepare(pool, proposal, inventory=far)
    assert the_look(run).health is TargetStatus.UNKNOWN
    stages = repair(run)
    assert not stages[-1].ok
    assert "refused" in stages[-1].detail
    assert LOOK.log == ""
