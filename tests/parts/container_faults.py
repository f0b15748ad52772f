"""What breaks containers: images that do not work, stores that hang, limits that are too small. On a real engine."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from node_agent.containers.engine import Engine as AgentsEngine
from node_agent.investigation import memory
from node_agent.investigation.question import Question
from parts.engine import LABEL, Engine

NODE = "docker01"
PREFIX = f"mm{secrets.token_hex(4)}"
QUICK_CHECK = {"interval": "5s", "retries": 1, "start_period": "5s"}
WELL = "echo $NAME > /data/by; touch /tmp/well; while :; do sleep 0.2; done"


@dataclass(frozen=True)
class Project:
    """A compose project in a folder of its own, on the engine of the tests."""

    name: str
    folder: Path
    engine: Engine
    environment: dict[str, str]

    def declare(self, **services: dict[str, Any]) -> None:
        """Write its file; each service gets what all of them need."""
        common = {"init": True, "stop_grace_period": "1s", "labels": {LABEL: self.engine.session}}
        declared = {
            "services": {name: {**common, **said} for name, said in services.items()},
            "volumes": {"data": {"labels": {LABEL: self.engine.session}}},
            "networks": {"default": {"labels": {LABEL: self.engine.session}}},
        }
        self.folder.mkdir(exist_ok=True)
        (self.folder / "compose.yml").write_text(yaml.safe_dump(declared))

    def up(self) -> None:
        command = [self.engine.client, "compose", "-p", self.name, "-f", str(self.folder / "compose.yml"), "up", "-d"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def state(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.inspect(self.container(service))["State"]
        return found


@dataclass
class Home:
    """What the faults are made in: the engine, and the past that the agent remembers."""

    engine: Engine
    base: str
    projects: dict[str, Project]
    folder: Path
    notes: dict[str, str] = field(default_factory=dict)

    def made(self) -> dict[str, str]:
        """Each container that is there: another id where one was made anew."""
        rows = self.engine.docker("ps", "--all", "--filter", f"name={PREFIX}", "--format", "{{.Names}} {{.ID}}")
        return dict(row.split() for row in rows.splitlines())

    def image(self, tag: str, command: str, *lines: str) -> str:
        """Made of nothing but words; returns its id."""
        text = "\n".join((f"FROM {self.base}", *lines, f"CMD {json.dumps(['sh', '-c', command])}", ""))
        self.engine.docker("build", "--tag", tag, "-", stdin=text)
        return str(self.engine.inspect(tag)["Id"])


@dataclass(frozen=True)
class ContainerFault:
    """`begin` sets up what is well, `make` breaks it; `mended` is what the test itself sees afterwards. `touches` and
    `told` are words of the card and of the outcome; `event` is what the agent's probe would say, where that looks at
    the whole machine. `changes` and `unsure`: the tasks that a preview says would change something, and those of which
    check mode cannot say."""

    remedy: str
    service: str
    make: Callable[[Home], None]
    mended: Callable[[Home], bool]
    touches: str
    told: str
    changes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    begin: Callable[[Home], None] = lambda home: None
    event: Callable[[Home], dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        return f"{self.remedy} {self.service}".strip()

    def is_about(self, proposal: dict[str, Any]) -> bool:
        return proposal["type"] == self.remedy and str(proposal["service"] or "").endswith(self.service)


def shop_image(home: Home) -> str:
    return f"{home.projects['shop'].name}/shop:latest"


def a_shop_with_its_data(home: Home) -> None:
    shop, tag = home.projects["shop"], shop_image(home)
    home.notes["good"] = home.image(tag, WELL, "ENV NAME=good")
    web = {"image": tag, "restart": "always", "volumes": ["data:/data"]}
    shop.declare(web={**web, "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/well"], **QUICK_CHECK}})
    shop.up()
    home.engine.exec(shop.container("web"), "touch", "/data/precious")


def an_update_that_is_broken(home: Home) -> None:
    home.notes["bad"] = home.image(
        shop_image(home), "echo bad > /data/by; echo cannot begin >&2; exit 3", "ENV NAME=bad"
    )
    home.projects["shop"].up()


def the_shop_is_as_before(home: Home) -> bool:
    name = home.projects["shop"].container("web")
    now = home.engine.inspect(name)
    if now["Image"] != home.notes["good"] or home.engine.health(name) != "healthy":
        return False
    return home.engine.exec(name, "ls", "/data").split() == ["by", "precious"]


def stall_image(home: Home) -> str:
    return f"{home.projects['stall'].name}/stall:latest"


def a_stall(home: Home) -> None:
    home.notes["stall"] = home.image(stall_image(home), "while :; do sleep 0.2; done", "ENV NAME=good")
    home.projects["stall"].declare(web={"image": stall_image(home)})
    home.projects["stall"].up()


def an_update_that_ends_at_once(home: Home) -> None:
    """Nobody starts it again: it is down, not in a loop."""
    home.image(stall_image(home), "echo no such key: listen_adress >&2; exit 78", "ENV NAME=bad")
    home.projects["stall"].up()


def the_stall_is_as_before(home: Home) -> bool:
    now = home.engine.inspect(home.projects["stall"].container("web"))
    return bool(now["Image"] == home.notes["stall"] and now["State"]["Running"])


def a_hub_with_a_check_each(home: Home) -> None:
    checked = {
        "image": home.base,
        "command": ["sh", "-c", "touch /tmp/well; while :; do sleep 0.2; done"],
        "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/well"], **QUICK_CHECK},
    }
    api, page = {**checked, "depends_on": ["db"]}, {**checked, "depends_on": ["api"]}
    home.projects["hub"].declare(db=checked, api=api, page=page, other={**checked, "depends_on": ["db"]})
    home.projects["hub"].up()


def its_store_falls_ill_after_those_that_need_it(home: Home) -> None:
    hub, since = home.projects["hub"], time.monotonic()
    home.notes["other"] = home.engine.started_at(hub.container("other"))
    for service in ("page", "api", "db"):
        home.engine.exec(hub.container(service), "rm", "/tmp/well")
        while home.engine.health(hub.container(service)) != "unhealthy":
            assert time.monotonic() - since < 120
            time.sleep(0.1)


def the_hub_was_restarted_in_order(home: Home) -> bool:
    hub = home.projects["hub"]
    names = [hub.container(service) for service in ("db", "api", "page")]
    began = [home.engine.started_at(name) for name in names]
    well = all(home.engine.health(name) == "healthy" for name in names)
    return well and began == sorted(began) and home.engine.started_at(hub.container("other")) == home.notes["other"]


def an_eater_of_more_than_its_limit(home: Home) -> None:
    program = "my @a; push @a, chr(65 + $$_ % 20) x 1000000 for 1..36; sleep 600"  # $$ is how compose writes $
    limits = {"mem_limit": "32m", "memswap_limit": "32m", "init": False}
    home.projects["den"].declare(eater={"image": home.base, "command": ["perl", "-e", program], **limits})
    home.projects["den"].up()


def the_eater_has_enough(home: Home) -> bool:
    found = home.engine.inspect(home.projects["den"].container("eater"))
    limits = [found["HostConfig"][name] // 1024**2 for name in ("Memory", "MemorySwap")]
    return bool(found["State"]["Running"]) and limits == [48, 48]


HOG = f"{PREFIX}-hog"
# The test's own measure of memory: of a machine on which nothing else runs.
FREE = f"""#!/bin/sh
held=$(CLIENT top {HOG} -o pid,rss,comm | awk '$3 == "{HOG}" {{ held += $2 }} END {{ print held + 0 }}')
echo '              total        used        free      shared  buff/cache   available'
echo "Mem:         200000           0           0           0           0 $((190000 - held))"
"""


def a_hog(home: Home) -> None:
    """It holds much once, and little after a restart."""
    hold = f'my @a; push @a, chr(65 + $_ % 20) x 1000000 for 1..186; $0 = "{HOG}"; print "full\n"; sleep 600'
    script = f"[ -e /full ] && exec sleep 600; touch /full; exec perl -e '$| = 1; {hold}'"
    home.engine.run(home.base, "sh", "-c", script, name=HOG, options=["--init"])
    since = time.monotonic()
    while "full" not in home.engine.logs(HOG):
        assert time.monotonic() - since < 120
        time.sleep(0.1)


def hardly_any_memory(home: Home) -> dict[str, Any]:
    """As the agent of that machine sees it: the real processes of the hog, and nothing else."""
    proc = home.folder / "proc"
    for pid in home.engine.docker("top", HOG, "-o", "pid").split()[1:]:
        (proc / pid).mkdir(parents=True)
        for name in ("comm", "cgroup", "statm", "smaps_rollup"):
            (proc / pid / name).write_bytes(Path("/proc", pid, name).read_bytes())
    (proc / "meminfo").write_text("MemTotal: 200000 kB\nMemAvailable: 8000 kB\nSwapFree: 0 kB\n")
    question = Question("memory_low", {}, time.monotonic() + 60)
    found = memory.look(question, AgentsEngine(home.engine.host), proc)
    payload = {"used_percent": 96.0, "limit_percent": 90, "investigation": {"memory": found}}
    return {"type": "memory_low", "node": NODE, "severity": "error", "payload": payload, "incident": "memory"}


def the_hog_holds_little(home: Home) -> bool:
    return HOG not in home.engine.docker("top", HOG, "-o", "pid,comm")


CONTAINER_FAULTS = (
    ContainerFault(
        "rollback_image",
        service="shop.web",
        begin=a_shop_with_its_data,
        make=an_update_that_is_broken,
        mended=the_shop_is_as_before,
        touches="anew from the image that it was healthy with",
        told="image ",
        changes=("Give it the name that the declaration uses", "Make its containers anew"),
    ),
    ContainerFault(
        "rollback_image",
        service="stall.web",
        begin=a_stall,
        make=an_update_that_ends_at_once,
        mended=the_stall_is_as_before,
        touches="anew from the image that it was healthy with",
        told="image ",
        changes=("Give it the name that the declaration uses", "Make its containers anew"),
    ),
    ContainerFault(
        "restart_with_dependents",
        service="hub.db",
        begin=a_hub_with_a_check_each,
        make=its_store_falls_ill_after_those_that_need_it,
        mended=the_hub_was_restarted_in_order,
        touches="restarts 3 containers on docker01: ",
        told="0 -> 3 of 3 are healthy",
        changes=("Restart it", "Restart what depends on it, in order"),
    ),
    ContainerFault(
        "container_limit_raise",
        service="den.eater",
        make=an_eater_of_more_than_its_limit,
        mended=the_eater_has_enough,
        touches="-eater-1 may take 48 MiB instead of 32 MiB, until it is made anew",
        told=f"{PREFIX}den-eater-1 may take 32 MiB -> 48 MiB, runs: no -> yes",
        changes=("Raise its limit and see that it runs",),
    ),
    ContainerFault(
        "memory_hog_restart",
        service="",
        make=a_hog,
        event=hardly_any_memory,
        mended=the_hog_holds_little,
        touches=f"restarts what holds most of the memory on docker01; {HOG} ({HOG}) holds 1",
        told="9",
        changes=("Restart the container",),
    ),
)
