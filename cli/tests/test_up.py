"""mend up as a real process: everything starts, dies and comes back, and is gone after Ctrl-C with nothing lost."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
from collections.abc import Callable

import psutil
import pytest
import redis
from mend_rig import NODE, Mend
from up_rig import Up, gone, told_to

from mend.local.inventory_file import make_inventory
from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.proposals import Folder
from mesh_core.runtime.services import SERVICES
from mesh_core.testing import RedisServer, wait_for

PASSWORD = "r3dis-of the%t3st"  # its beginning is the same in a URL


def real(mend: Mend, *words: str) -> Callable[[], subprocess.CompletedProcess[str]]:
    return lambda: mend.real(*words)


async def proposed_for(mend: Mend, service: str) -> Filed:
    """This machine has an agent, too, which may have something to say of it while tests keep it busy."""

    def found() -> list[Filed]:
        return [filed for filed in mend.actions.pending() if filed.proposal.service == service]

    await wait_for(found, 30, f"a proposal for {service}")
    [filed] = found()
    return filed


async def test_the_whole_mesh_starts_is_watched_stops_with_nothing_lost_and_is_gone_with_a_killed_mend_up(
    up: Up,
) -> None:
    mend = up.mend
    mend.environ["REDIS_PASSWORD"] = PASSWORD
    await up.start()
    _says_what_it_started(up)
    _tells_nobody_the_password(up)
    await _is_found_without_its_url(up)

    # Trouble by hand becomes a proposal; a plain mv approves it, and the executor takes it.
    event = await asyncio.to_thread(real(mend, "inject", "service_down", "--node", NODE, "--service", "demo"))
    assert event.returncode == 0, event.stderr
    filed = await proposed_for(mend, "demo")
    assert filed.proposal.event.id == event.stdout.strip()
    filed.path.rename(mend.actions.folder(Folder.APPROVED) / filed.path.name)
    ends = (Folder.DONE, Folder.FAILED, Folder.WITHDRAWN)
    await wait_for(lambda: mend.actions.place_of(filed.name.id) in ends, 60, "the executor to have dealt with it")

    planner = up.kill("planner-agent")
    await wait_for(lambda: "started again" in up.said, 20, "a line about the planner")
    await wait_for(lambda: up.of("planner-agent") not in (None, planner), 20, "a new planner")

    family = up.family()
    assert await up.stop(signal.SIGTERM) == 0
    await gone(family)
    assert "everything is stopped" in up.said
    assert not (mend.runtime / "run" / "mesh.json").exists()

    await up.start()  # the second start
    url = json.loads((mend.runtime / "run" / "mesh.json").read_text())["redis_url"]
    with redis.Redis.from_url(url) as client:
        assert client.xlen("mesh:ev:_foreign") == 1  # the event of before
    await _leaves_nothing_when_killed(up)


def _says_what_it_started(up: Up) -> None:
    for name in ("redis", *SERVICES):
        assert f"  {name}" in up.said
    assert "\x1b" not in up.said
    assert "inventory.yml" in up.said  # made for this machine, and said so
    assert re.search(r"http://127\.0\.0\.1:\d+/#/link/\S{43}\n", up.said)  # whole, on one line
    assert (up.mend.runtime / "run").stat().st_mode & 0o777 == 0o700
    assert (up.mend.runtime / "run" / "mesh.json").stat().st_mode & 0o777 == 0o600


def _tells_nobody_the_password(up: Up) -> None:
    """It is handed on in no environment and on no command line."""
    seen = [text for process in up.family() if (text := told_to(process))]
    assert len(seen) > len(SERVICES)
    assert not [text for text in (*seen, up.said) if PASSWORD[:5] in text]


async def _is_found_without_its_url(up: Up) -> None:
    mend = up.mend
    del mend.environ["REDIS_URL"], mend.environ["REDIS_PASSWORD"]
    status = await asyncio.to_thread(real(mend, "status", "--json"))
    assert status.returncode == 0, status.stdout
    assert set(json.loads(status.stdout)["services"]) == set(SERVICES)
    assert PASSWORD[:5] not in status.stdout
    second = await asyncio.to_thread(real(mend, "up"))
    assert (second.returncode, "runs on" in second.stderr) == (1, True)


async def _leaves_nothing_when_killed(up: Up) -> None:
    """Its own Redis neither."""
    assert up.process is not None
    family = up.family()
    up.process.kill()
    await asyncio.to_thread(up.process.wait)
    await gone(family, 45)


async def test_ctrl_c_lets_a_running_repair_end_and_says_so_and_a_redis_that_answers_is_used_and_stays(
    up: Up, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mend = up.mend
    mend.environ["REDIS_URL"] = redis_server.url
    there = tmp_path_factory.mktemp("node")  # not in the runtime folder, which a run cannot see
    control = there / "supervisorctl"  # one that takes until it is let go on: `-c conf status|restart program`
    control.write_text(
        f"#!/bin/sh\ncd {there}\n"
        'if [ "$3" = restart ]; then echo x >> restarts; until [ -e go-on ]; do sleep 0.1; done\n'
        'echo "demo: stopped"; echo "demo: started"\n'
        'elif [ -e restarts ]; then echo "demo RUNNING pid 7, uptime 0:01:00"; else echo "demo EXITED yesterday"; fi\n'
    )
    control.chmod(0o755)
    variables = {"mend_supervisorctl": str(control), "mend_supervisor_conf": "/nowhere"}
    make_inventory(mend.runtime / "config" / "inventory.yml", NODE, variables)
    await up.start()
    assert f"using the Redis that answers at {redis_server.url}" in up.said
    payload = json.dumps({"runtime": "supervisor", "state": "EXITED", "exit_status": 1})
    words = (
        "inject",
        "program_exited",
        "--node",
        NODE,
        "--service",
        "demo",
        "--severity",
        "error",
        "--payload",
        payload,
    )
    assert (await asyncio.to_thread(real(mend, *words))).returncode == 0
    filed = await proposed_for(mend, "demo")
    assert filed.proposal.type == "service_restart"
    assert mend.actions.approve(filed.name, "ann")
    await wait_for((there / "restarts").exists, 30, "the restart to have begun")

    family = up.family()
    ending = asyncio.create_task(up.stop())
    await wait_for(lambda: "finishing 1 running action" in up.said, 60, "a word about what is still running")
    (there / "go-on").touch()
    assert await ending == 0
    await gone(family)
    assert "everything is stopped" in up.said
    [(folder, run)] = mend.actions.find(filed.name.id)
    assert folder in (Folder.DONE, Folder.FAILED), folder  # told, not left hanging
    assert mend.actions.outcome_at(run) is not None
    assert (there / "restarts").read_text() == "x\n"
    assert not (mend.runtime / "redis").exists()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


async def test_a_bad_setting_of_a_service_is_named_and_nothing_stays(up: Up) -> None:
    up.launch(COOLDOWN_SECONDS="never")
    assert up.process is not None
    await wait_for(lambda: up.ended, 60, f"mend up to give up:\n{up.said}")
    assert up.process.returncode == 1
    assert "COOLDOWN_SECONDS='never'" in up.said
    assert "Traceback" not in up.said
    assert psutil.pid_exists(up.process.pid) is False
