"""Partition: a node is cut off the network for a while, and afterwards everything is counted.

Three network namespaces of its own: the hub (Redis, observer, planner) and two nodes with an agent each. First only the
answers to n1 are lost, so that Redis has what n1 cannot know it has; then nothing gets through in either direction.
All the while services on both nodes go down and come back. Starts real processes and imports nothing of ours but how
tests wait: what it knows is the contract. Needs root. Usage: partition.py [--seconds 30] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from mesh_core.testing import Patience

SERVICES = [f"s{number}" for number in range(1, 9)]
FIRST_PORT = 7001
HUB = "10.99.0.1"
PROMPT_SECONDS = 8.0  # what an event of a node that is not cut off may take: two looks half a second apart, and more
CATCH_UP_SECONDS = 25.0  # back-off of at most 5 s, a connection attempt, and what waits
WRONG_ADDRESS = "02:00:00:00:00:99"

# Listens on a port for each service of a node; a line on stdin such as "close s3" or "open s3" changes one.
DOORS = """
import socket, sys, threading
names, first = sys.argv[1].split(","), int(sys.argv[2])
def answer(door):
    try:
        while True:
            door.accept()[0].close()
    except OSError:
        pass
def opened(name):
    door = socket.create_server(("127.0.0.1", first + names.index(name)))
    threading.Thread(target=answer, args=(door,), daemon=True).start()
    return door
doors = {name: opened(name) for name in names}
print("ready", flush=True)
for line in sys.stdin:
    verb, name = line.split()
    if verb == "close":
        door = doors.pop(name)
        door.shutdown(socket.SHUT_RDWR)
        door.close()
    else:
        doors[name] = opened(name)
    print(verb, name, flush=True)
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)


@dataclass
class Network:
    """A bridge in the hub's namespace, a cable to each node. Gone with its namespaces."""

    prefix: str
    nodes: tuple[str, ...] = ("n1", "n2")

    def namespace(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def lay(self) -> None:
        hub = self.namespace("hub")
        for name in ("hub", *self.nodes):
            ip("netns", "add", self.namespace(name))
            ip("-n", self.namespace(name), "link", "set", "lo", "up")
        ip("-n", hub, "link", "add", "br0", "type", "bridge")
        ip("-n", hub, "address", "add", f"{HUB}/24", "dev", "br0")
        ip("-n", hub, "link", "set", "br0", "up")
        for number, node in enumerate(self.nodes):
            ends = ("type", "veth", "peer", "name", "eth0", "netns", self.namespace(node))
            ip("-n", hub, "link", "add", f"to-{node}", *ends)
            ip("-n", hub, "link", "set", f"to-{node}", "master", "br0", "up")
            ip("-n", self.namespace(node), "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            ip("-n", self.namespace(node), "link", "set", "eth0", "up")

    def address(self, number: int) -> str:
        return f"10.99.0.{11 + number}"

    def lose_answers(self, node: str) -> None:
        """What the hub sends to the node goes to a card that does not exist."""
        address = self.address(self.nodes.index(node))
        hub = self.namespace("hub")
        ip("-n", hub, "neighbor", "replace", address, "lladdr", WRONG_ADDRESS, "dev", "br0", "nud", "permanent")

    def cut(self, node: str) -> None:
        """Silently, as a radio link dies: the cable stays up, nothing arrives."""
        ip("-n", self.namespace("hub"), "link", "set", f"to-{node}", "nomaster")

    def heal(self, node: str) -> None:
        hub = self.namespace("hub")
        ip("-n", hub, "link", "set", f"to-{node}", "master", "br0")
        ip("-n", hub, "neighbor", "flush", "dev", "br0", "nud", "permanent")

    def remove(self) -> None:
        for name in ("hub", *self.nodes):
            command = ["ip", "netns", "delete", self.namespace(name)]
            subprocess.run(command, capture_output=True, check=False, timeout=10)


@dataclass
class Mesh:
    """The processes, each in its namespace. `doors` opens and closes the services of a node."""

    root: Path
    network: Network
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    doors: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.root / "redis.sock"

    def start(self, name: str, where: str, command: list[str], **environment: str) -> subprocess.Popen[str]:
        with (self.root / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.network.namespace(where), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if name.startswith("doors") else log,
                stderr=log,
                text=True,
                env={"PATH": os.environ["PATH"], "LLM_CHAIN": "floor", "LOG_LEVEL": "info", **environment},
                cwd=self.root,
            )
        self.processes[name] = process
        return process

    def begin(self) -> None:
        server = shutil.which("redis-server") or sys.exit("needs redis-server: apt-get install redis-server")
        options = ["--bind", "0.0.0.0", "--protected-mode", "no", "--appendonly", "yes", "--save", ""]
        (self.root / "redis").mkdir()
        self.start(
            "redis", "hub", [server, *options, "--dir", str(self.root / "redis"), "--unixsocket", str(self.socket)]
        )
        wait_until(lambda: self.socket.exists() and self.redis().ping(), 10, "Redis to answer")
        hub = {"RUNTIME_PATH": str(self.root / "hub"), "REDIS_URL": "redis://127.0.0.1:6379/0", "NODE_NAME": "hub"}
        for service in ("observer", "planner_agent"):
            self.start(service, "hub", [sys.executable, "-m", service], **hub)
        for node in self.network.nodes:
            self.begin_node(node)
        for node in self.network.nodes:
            wait_until(lambda node=node: "node_online" in types(self, node), 20, f"{node} to say that it is there")
        beats = [self.root / "hub" / "state" / f"{name}.heartbeat" for name in ("observer", "planner-agent")]
        wait_until(lambda: all(beat.exists() for beat in beats), 20, "the services to beat")

    def begin_node(self, node: str) -> None:
        words = [sys.executable, "-c", DOORS, ",".join(SERVICES), str(FIRST_PORT)]
        self.doors[node] = self.start(f"doors-{node}", node, words)
        out = self.doors[node].stdout
        assert out is not None
        out.readline()
        config = self.root / node / "config"
        config.mkdir(parents=True)
        targets = [
            {"name": name, "host": "127.0.0.1", "port": FIRST_PORT + number, "every_seconds": 0.5, "looks": 2}
            for number, name in enumerate(SERVICES)
        ]
        parts = ("docker", "systemd", "disk", "mounts", "memory", "load", "temperature", "clock")
        off = {part: {"enabled": False} for part in parts}
        (config / "node.yml").write_text(json.dumps({"version": 1, **off, "tcp": targets}))
        environment = {"RUNTIME_PATH": str(self.root / node), "REDIS_URL": f"redis://{HUB}:6379/0", "NODE_NAME": node}
        self.start(f"agent-{node}", node, [sys.executable, "-m", "node_agent"], **environment)

    def door(self, node: str, verb: str, service: str) -> None:
        process = self.doors[node]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{verb} {service}\n")
        process.stdin.flush()
        process.stdout.readline()

    def redis(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket))

    def dead(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def end(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.communicate(timeout=15)
            except (subprocess.TimeoutExpired, ValueError):
                process.kill()
                process.wait()


def wait_until(true: Callable[[], object], seconds: float, what: str) -> float:
    """By the clock how long it took; `seconds` are those of `Patience`."""
    began, patience = time.monotonic(), Patience(seconds)
    while True:
        with contextlib.suppress(redis.ConnectionError):
            if true():
                return time.monotonic() - began
        if patience.over():
            raise SystemExit(f"FAILED: after {patience} still waiting for {what}")
        time.sleep(0.05)


def entries(mesh: Mesh, node: str) -> list[tuple[str, dict[str, Any]]]:
    with mesh.redis() as client:
        return [(key.decode(), json.loads(row[b"p"])) for key, row in client.xrange(f"mesh:ev:{node}")]


def told(mesh: Mesh, node: str) -> list[tuple[str, str]]:
    """(type, service) of each event about a service, in the stream's order; without what was only announced again."""
    rows = [event for _, event in entries(mesh, node) if event.get("service")]
    return [(row["type"], row["service"]) for row in rows if not row["payload"].get("announced_again")]


def types(mesh: Mesh, node: str) -> list[str]:
    return [event["type"] for _, event in entries(mesh, node)]


def proposals(mesh: Mesh, node: str) -> collections.Counter[str]:
    """Of each service of a node, how many proposals wait."""
    found: collections.Counter[str] = collections.Counter()
    for file in (mesh.root / "hub" / "actions" / "pending").glob(f"plan-{node}-*.json"):
        with contextlib.suppress(FileNotFoundError):  # withdrawn meanwhile
            found[json.loads(file.read_text())["service"]] += 1
    return found


def in_order(mesh: Mesh, node: str, expected: list[tuple[bool, str]]) -> bool:
    """Exactly these, each once: (went down?, service)."""
    return [(type_ != "service_recovered", service) for type_, service in told(mesh, node)] == expected


def walk(mesh: Mesh, seconds: float) -> None:
    """The story, and every promise checked where it is due."""
    down = SERVICES[:6]
    expected: dict[str, list[tuple[bool, str]]] = {"n1": [], "n2": []}
    delays: list[float] = []

    def change(node: str, verb: str, service: str) -> None:
        mesh.door(node, verb, service)
        expected[node].append((verb == "close", service))

    # before: both are heard
    for node in expected:
        change(node, "close", "s7")
        wait_until(lambda node=node: in_order(mesh, node, expected[node]), PROMPT_SECONDS, f"the first event of {node}")

    step = seconds / (len(down) + 2)
    began = time.monotonic()
    mesh.network.lose_answers("n1")
    print(f"answers to n1 are lost, soon everything, for {seconds:g} s", flush=True)
    for number, service in enumerate(down):
        if number == 2:
            mesh.network.cut("n1")
        change("n1", "close", service)
        change("n2", "close", service)
        wait = wait_until(
            lambda: in_order(mesh, "n2", expected["n2"]), PROMPT_SECONDS, f"{service} of n2, beside the cut"
        )
        delays.append(wait)
        check_the_hub(mesh)
        time.sleep(max(0.0, began + (number + 1) * step - time.monotonic()))
    change("n1", "open", down[0])
    wait_until(lambda: waiting(mesh, "n1") >= 4, PROMPT_SECONDS, "events to wait on n1's own disk")
    wait_until(lambda: set(proposals(mesh, "n2")) >= set(down), PROMPT_SECONDS, "proposals for n2 while n1 is cut off")
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    arrived = told(mesh, "n1")
    if len(arrived) >= len(expected["n1"]):
        raise SystemExit(f"FAILED: n1 was not cut off: {arrived}")

    mesh.network.heal("n1")
    caught_up = wait_until(
        lambda: in_order(mesh, "n1", expected["n1"]) or len(told(mesh, "n1")) > len(expected["n1"]),
        CATCH_UP_SECONDS,
        "everything that n1 saw",
    )
    change("n1", "close", "s8")  # and it goes on
    wait_until(lambda: in_order(mesh, "n1", expected["n1"]), PROMPT_SECONDS, "n1 to go on in order, each event once")
    check_what_is_left(mesh, down)
    known = len(arrived) - 1
    print(
        f"n1 cut off for {seconds:g} s: {len(expected['n1'])} events once and in order, {known} of them in Redis before"
        f" n1 could know; all there {caught_up:.1f} s after healing; n2 beside it: at most {max(delays):.1f} s an event"
    )


def waiting(mesh: Mesh, node: str) -> int:
    return len(list((mesh.root / node / "spool" / node).glob("*.json")))


def check_the_hub(mesh: Mesh) -> None:
    if dead := mesh.dead():
        raise SystemExit(f"FAILED: ended by itself: {dead}")
    for name in ("observer", "planner-agent"):
        beat = mesh.root / "hub" / "state" / f"{name}.heartbeat"
        wait_until(
            lambda beat=beat: time.time() - beat.stat().st_mtime <= 10, PROMPT_SECONDS, f"{name} to beat beside the cut"
        )


def check_what_is_left(mesh: Mesh, down: list[str]) -> None:
    rows = entries(mesh, "n1")
    numbers = [tuple(int(part) for part in key.split("-")) for key, _ in rows]
    if numbers != sorted(set(numbers)) or any(rest for _, rest in numbers):
        raise SystemExit(f"FAILED: ids of n1 are not in order: {numbers}")
    for node in mesh.network.nodes:
        ids = [f"{node}/{key}" for key, _ in entries(mesh, node)]
        wait_until(
            lambda node=node, ids=ids: archived(mesh, node) == sorted(ids), 10, f"each event of {node} once in events/"
        )
    # s1 of n1 recovered meanwhile: its proposal may have been withdrawn before anybody saw it
    wanted = {*down[1:], "s7", "s8"}
    wait_until(lambda: wanted <= set(proposals(mesh, "n1")), 15, "a proposal for each service of n1 that is down")
    if doubled := [name for node in ("n1", "n2") for name, count in proposals(mesh, node).items() if count > 1]:
        raise SystemExit(f"FAILED: proposed more than once: {doubled}")
    check_the_hub(mesh)


def archived(mesh: Mesh, node: str) -> list[str]:
    files = (mesh.root / "hub" / "events").glob(f"*/{node}.jsonl")
    # The last line may be half written.
    lines = (json.loads(line) for file in files for line in file.read_text().rpartition("\n")[0].splitlines())
    return sorted(line["id"] for line in lines if "event" in line)


@contextlib.contextmanager
def folder(keep: str | None) -> Iterator[Path]:
    if keep:
        Path(keep).mkdir(parents=True)
        yield Path(keep).absolute()
    else:
        with tempfile.TemporaryDirectory(prefix="mendmesh-partition-", ignore_cleanup_errors=True) as name:
            yield Path(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=30, help="how long n1 is cut off (30; at least 20)")
    parser.add_argument("--keep", metavar="FOLDER", help="keep logs and files there")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root, for network namespaces")
    network = Network(f"mm{os.getpid()}")
    with folder(arguments.keep) as root:
        mesh = Mesh(root, network)
        try:
            network.lay()
            mesh.begin()
            walk(mesh, max(20.0, arguments.seconds))
        except BaseException:
            for log in sorted(root.glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}", file=sys.stderr)
            raise
        finally:
            mesh.end()
            network.remove()


if __name__ == "__main__":
    main()
