"""Real units of a real systemd (in a container), watched by the real agent beside them."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from parts import images  # type: ignore[import-not-found]  # on the path of pytest only

from mesh_core.incidents.sighting import read_note
from mesh_core.models.events import HealthEvent
from mesh_core.models.records import parse_time
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.testing import RedisServer, until, wait_for

pytestmark = pytest.mark.docker

REPOSITORY = Path(__file__).parents[3]
UNITS = {
    "crash.service": "[Service]\nExecStart=/bin/sh -c 'echo about to crash; sleep 1; exit 5'\n",
    "stubborn.service": "[Service]\n"
    "ExecStart=/bin/sh -c 'trap \"exit 9\" TERM; touch /tmp/ready; while :; do sleep 0.1; done'\n",
    "loop.service": "[Unit]\nStartLimitIntervalSec=0\n"
    "[Service]\nExecStart=/bin/sh -c 'test -e /tmp/good && exec sleep 600; exit 1'\nRestart=always\nRestartSec=700ms\n",
    "base.service": "[Service]\nExecStart=/bin/false\n",
    "needy.service": "[Unit]\nRequires=base.service\nAfter=base.service\n"
    "[Service]\nExecStart=/bin/sh -c 'while ! systemctl is-failed base.service; do sleep 0.1; done; exit 3'\n"
    "[Install]\nWantedBy=multi-user.target\n",
    "odd@.service": "[Service]\nExecStart=/bin/false\n",
    "once.service": "[Service]\nType=oneshot\nExecStart=/bin/true\n",
    "report.service": "[Service]\nType=oneshot\nExecStart=/bin/false\n",
    "report.timer": "[Timer]\nOnActiveSec=1ms\nOnUnitInactiveSec=1d\n",
}
# On a busy machine a look at the host takes longer than an event of a homelab may wait.
PATIENT_AGENT = """
from node_agent.investigation import gathering
from node_agent.investigation import investigator
gathering.EVIDENCE_SECONDS, investigator.BUDGET_SECONDS = 60.0, 600.0
begin = investigator.Investigator.__init__
investigator.Investigator.__init__ = lambda self, options, rooms: begin(
    self, options.model_copy(update={"seconds": 60.0}), rooms
)
from node_agent.__main__ import main
main()
"""


class Node:
    """A systemd container that has this checkout, and a Redis socket for its agent."""

    def __init__(self, engine: Any, image: str, folder: Path):
        self.engine = engine
        self.name = f"na-systemd-{secrets.token_hex(3)}"
        self.server = RedisServer(folder / "redis", extra=("--unixsocket", str(folder / "r.sock"))).start()
        (folder / "config").mkdir()
        engine.run(
            image,
            name=self.name,
            options=[
                *("--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"),
                *("--security-opt", "apparmor=unconfined", "--cgroupns=private"),
                *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec"),
                *("-v", f"{folder}:/srv/agent", "-v", f"{REPOSITORY}:{REPOSITORY}:ro"),
                *("-v", f"{sys.base_prefix}:{sys.base_prefix}:ro", "-v", f"{sys.prefix}:{sys.prefix}:ro"),
            ],
        )
        for unit, text in UNITS.items():
            engine.exec(self.name, "sh", "-c", f"cat > /etc/systemd/system/{unit}", stdin=text)
        (folder / "config" / "node.yml").write_text(
            "docker: {enabled: false}\nsystemd: {every_seconds: 20, stable_seconds: 3, ignore: [ssh*, web.service]}\n"
            "disk: {enabled: false}\nmemory: {enabled: false}\nload: {enabled: false}\n"
            "clock: {every_seconds: 1, after_seconds: 0}\n"
        )
        self.agent: subprocess.Popen[bytes] | None = None

    def systemctl(self, *words: str) -> str:
        return str(self.engine.exec(self.name, "systemctl", *words, check=False))

    def start_agent(self) -> None:
        environment = ["REDIS_URL=unix:///srv/agent/r.sock", "NODE_NAME=n1", "RUNTIME_PATH=/srv/agent"]
        self.agent = subprocess.Popen(
            [
                *(self.engine.client, "exec", *(part for pair in environment for part in ("-e", pair)), self.name),
                *(sys.executable, "-c", PATIENT_AGENT),
            ],
            env=self.engine.env,
            stdin=subprocess.DEVNULL,
        )

    def of(self, service: str | None) -> list[HealthEvent]:
        with redis.Redis(port=self.server.port) as client:
            rows = client.xrange("mesh:ev:n1")
        events = [HealthEvent.model_validate_json(row[1][b"p"]) for row in rows]
        return [e for e in events if e.service == service and not e.payload.get("announced_again")]

    async def see(self, service: str | None, *types: str, seconds: float = 15) -> HealthEvent:
        await wait_for(lambda: [e.type for e in self.of(service)] == list(types), seconds, f"{service}: {types}")
        return self.of(service)[-1]


@pytest.fixture(scope="module")
def node(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("systemd")
    node = Node(engine, images.node_image(engine), folder)
    try:
        until(lambda: node.systemctl("is-system-running").strip() in ("running", "degraded"), 60, "systemd is up")
        node.systemctl("reset-failed")
        node.start_agent()
        until(lambda: node.of(None), 60, "the agent is up")
        yield node
    finally:
        engine.rm(node.name)
        if node.agent is not None:
            node.agent.wait(300)
        node.server.stop()


async def test_a_unit_that_fails_is_pushed_with_its_journal_and_recovers(node: Node) -> None:
    node.systemctl("start", "crash.service")
    event = await node.see("crash.service", "unit_failed", seconds=10)  # not in the round of every 20 s
    assert event.payload["runtime"] == "systemd"
    assert event.payload["unit"] == "crash.service"
    assert (event.payload["exit_code"], event.payload["result"]) == (5, "exit-code")
    assert "about to crash" in event.payload["logs"]
    found = event.payload["investigation"]
    assert found["unit"].pop("changed_seconds_ago") < 900
    assert found["unit"] == {"result": "exit-code", "exit_status": 5}
    (files,) = (row["name"] for row in found["changed"]["rows"] if row["kind"] == "unit_file")
    assert files.startswith("crash.service, ")
    node.engine.exec(
        node.name, "sh", "-c", "printf '[Service]\\nExecStart=/bin/sleep 600\\n' > /etc/systemd/system/crash.service"
    )
    node.systemctl("daemon-reload")
    node.systemctl("restart", "crash.service")
    back = await node.see("crash.service", "unit_failed", "service_recovered")
    assert back.incident == event.incident


async def test_a_unit_that_fails_beside_what_it_requires_names_it(node: Node) -> None:
    node.systemctl("start", "needy.service")
    event = await node.see("needy.service", "unit_failed")
    found = event.payload["investigation"]["unit"]
    assert (found["enabled"], found["exit_status"], found["failed_requirements"]) == (False, 3, ["base.service"])


async def test_a_unit_that_a_person_stopped_is_no_incident_even_if_it_ends_badly(node: Node) -> None:
    node.systemctl("start", "stubborn.service")
    await wait_for(lambda: "ready" in node.engine.exec(node.name, "ls", "/tmp"), 10, "its trap")
    node.systemctl("stop", "stubborn.service")
    await wait_for(lambda: node.systemctl("is-failed", "stubborn.service").strip() == "failed", 10, "a failed unit")
    node.systemctl("start", "once.service")
    node.systemctl("start", "odd@x.service")
    await node.see("odd@x.service", "unit_failed")
    assert node.of("stubborn.service") == node.of("once.service") == []


async def test_a_job_of_a_timer_that_fails_names_its_timer(node: Node) -> None:
    node.systemctl("start", "report.timer")
    event = await node.see("report.service", "unit_failed")
    assert event.payload["timer"] == "report.timer"


async def test_a_unit_whose_name_no_action_can_be_aimed_at_is_told_of_its_node(node: Node) -> None:
    escaped = "odd@two\\x20words.service"
    node.systemctl("start", escaped)

    def odd() -> list[HealthEvent]:
        return [e for e in node.of(None) if (e.type, e.payload.get("name")) == ("unit_failed", escaped)]

    await wait_for(odd, 15, "the odd unit's event")


async def test_a_restart_by_a_person_whose_start_fails_is_an_incident(node: Node) -> None:
    write = "cat > /etc/systemd/system/broken.service"
    node.engine.exec(node.name, "sh", "-c", write, stdin="[Service]\nExecStart=/bin/sleep 600\n")
    node.systemctl("daemon-reload")
    node.systemctl("start", "broken.service")
    node.engine.exec(node.name, "sh", "-c", write, stdin="[Service]\nExecStart=/bin/false\n")
    node.systemctl("daemon-reload")
    node.systemctl("restart", "broken.service")
    await node.see("broken.service", "unit_failed")


async def test_a_mount_that_was_never_there_is_told_and_what_somebody_unmounted_is_not(node: Node) -> None:
    kinds = {"noauto": "noauto", "kept": "size=1m", "lost": "size=1m"}
    node.engine.exec(node.name, "mkdir", "-p", *(f"/srv/{name}" for name in kinds))
    lines = "".join(f"nas /srv/{name} tmpfs {options} 0 0\n" for name, options in kinds.items())
    node.engine.exec(node.name, "sh", "-c", "cat > /etc/fstab", stdin=lines)
    # systemd in a container takes no device out of fstab.
    disk = "[Mount]\nWhat=/dev/none-such\nWhere=/srv/disk\n[Install]\nWantedBy=multi-user.target\n"
    node.engine.exec(node.name, "sh", "-c", "cat > /etc/systemd/system/srv-disk.mount", stdin=disk)
    node.systemctl("daemon-reload")
    node.systemctl("enable", "srv-disk.mount")
    node.systemctl("start", "srv-kept.mount")
    node.engine.exec(node.name, "umount", "/srv/kept")
    gone, lost = await node.see("srv-disk.mount", "unit_failed"), await node.see("srv-lost.mount", "mount_missing")
    away = {"is_mounted": False, "stale": False}
    assert gone.payload["source_gone"] is True
    assert gone.payload["investigation"]["mount"] == {
        **{"point": "/srv/disk", "declared_in": "unit", "source": "/dev/none-such", "source_there": False, **away}
    }
    assert lost.payload["investigation"]["mount"] == {
        **{"point": "/srv/lost", "declared_in": "fstab", "source": "nas", "source_there": True, **away}
    }
    node.engine.exec(node.name, "mount", "/srv/lost")
    node.systemctl("start", "once.service")  # what comes and goes makes the agent look
    await node.see("srv-lost.mount", "mount_missing", "service_recovered", seconds=40)
    assert node.of("srv-kept.mount") == node.of("srv-noauto.mount") == []
    assert "clock_not_synchronised" not in {one.type for one in node.of(None)}, "no time service runs here"


async def test_a_unit_that_restarts_again_and_again_is_a_loop_until_it_stays_up(node: Node) -> None:
    node.systemctl("start", "loop.service")
    event = await node.see("loop.service", "unit_restart_loop", seconds=30)
    assert event.payload["restarts"] >= 3
    node.engine.exec(node.name, "touch", "/tmp/good")
    await node.see("loop.service", "unit_restart_loop", "service_recovered", seconds=40)


async def test_what_goes_down_with_a_unit_is_told_and_what_a_person_stops_is_not(node: Node) -> None:
    bound = "BindsTo={0}\nAfter={0}\n".format
    units = {"db.service": "", "web.api.service": bound("db.service"), "front.service": bound("web.api.service")}
    units |= {"later.service": "After=db.service\n", "guest.service": bound("db.service")}
    for unit, needs in units.items():
        text = f"[Unit]\n{needs}[Service]\nExecStart=/bin/sleep 6000\n[Install]\nWantedBy=multi-user.target\n"
        node.engine.exec(node.name, "sh", "-c", f"cat > /etc/systemd/system/{unit}", stdin=text)
    node.systemctl("enable", "--now", *units)
    node.systemctl("stop", "guest.service", "later.service")
    await asyncio.sleep(2.1)  # what goes down together does so within two seconds
    node.systemctl("kill", "--signal=KILL", "db.service")
    died = await node.see("db.service", "unit_failed")
    assert died.payload["dependents"] == ["guest.service", "web.api.service"]
    first, chained = await node.see("web.api.service", "unit_failed"), await node.see("front.service", "unit_failed")
    assert (first.payload["went_down_with"], first.payload["depends_on"]) == ("db.service", {"db.service": "failed"})
    assert chained.payload["depends_on"] == {"web.api.service": "inactive"}
    assert chained.payload["went_down_with"] == "web.api.service"
    assert first.payload["dependents"] == ["front.service"]
    node.systemctl("start", "db.service", "web.api.service", "front.service")
    await node.see("front.service", "unit_failed", "service_recovered", seconds=40)
    await node.see("web.api.service", "unit_failed", "service_recovered", seconds=40)
    assert node.of("guest.service") == node.of("later.service") == []


async def test_the_sign_of_life_tells_how_each_service_is_now(node: Node) -> None:
    text = "[Service]\nExecStart=/bin/sleep 6000\n[Install]\nWantedBy=multi-user.target\n"
    node.engine.exec(node.name, "sh", "-c", "cat > /etc/systemd/system/plain.service", stdin=text)
    node.systemctl("enable", "--now", "plain.service")

    def seen() -> Sighting | None:
        with redis.Redis(port=node.server.port) as client:
            rows = read_note(client.get("mesh:alive:n1") or b"", "n1").rows
        return next((row for row in rows if row.service == "plain.service"), None)

    def is_seen(state: SeenState) -> bool:
        now = seen()
        return now is not None and now.state is state

    await wait_for(lambda: is_seen(SeenState.RUNNING), 40, "that it runs")
    runs = seen()
    assert runs is not None
    assert (runs.enabled, runs.runtime, runs.facts) == (True, "systemd", {})
    assert abs(parse_time(runs.since).timestamp() - time.time()) < 600
    node.systemctl("stop", "plain.service")
    await wait_for(lambda: is_seen(SeenState.STOPPED), 40, "that it was stopped")
    node.systemctl("start", "plain.service")
    await wait_for(lambda: is_seen(SeenState.RUNNING), 40, "that it runs again")
    node.systemctl("kill", "--signal=KILL", "plain.service")
    await wait_for(lambda: is_seen(SeenState.FAILED), 40, "that it failed")
    failed = seen()
    assert failed is not None
    assert (failed.enabled, failed.type, failed.facts["result"]) == (True, "unit_failed", "signal")
    assert failed.since > runs.since
