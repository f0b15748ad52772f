"""Planner and executor as they are, on a mesh of one folder: the way from an event to a proven run."""

from __future__ import annotations

import json
import os
import secrets
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis

from mesh_core.testing import free_port, until, wait_for
from parts.forked import Forked
from parts.forked_mend import run_mend

NOTHING_MORE = (True, 0, "what it was run for is so, and in check mode nothing would change")  # of a second pass


@contextmanager
def planner_and_executor(
    folder: Path, redis_url: str, *, hosts: Mapping[str, Mapping[str, Any]], policy: str, **environment: str
) -> Iterator[dict[str, str]]:
    """Gives the environment for `mend`. `hosts`: the inventory, with variables; `environment` goes over what both get.

    The mesh lies in `folder`/mesh, what both say in `folder`/log.
    """
    runtime = folder / "mesh"
    (runtime / "config").mkdir(parents=True, exist_ok=True)
    (runtime / "config" / "inventory.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    (runtime / "config" / "policy.yml").write_text(policy)
    both = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "REDIS_URL": redis_url,
        "RUNTIME_PATH": str(runtime),
        "NODE_NAME": "web01",
        "METRICS_LISTEN": "off",
        **environment,
    }
    processes = [Forked(module, environ=both, log=folder / "log") for module in ("planner_agent", "executor_agent")]
    try:
        yield both
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(300)


@contextmanager
def observing(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """An observer beside them: (its address, a file with the token of ann, who may decide)."""
    listens, token, log = f"127.0.0.1:{free_port()}", folder / "token", folder / "observer.log"
    token.write_text(secrets.token_hex(32) + "\n")
    tokens = f"ann:operator:{token.read_text().strip()}"
    own = {**environment, "OBSERVER_LISTEN": listens, "OBSERVER_TOKENS": tokens}
    serving = Forked("observer", environ=own, log=log)
    try:
        until(lambda: serving.poll() is not None or _is_open(listens), 120, "an observer")
        yield f"http://{listens}", token
    finally:
        serving.terminate()
        serving.wait(60)


def _is_open(listens: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{listens}/healthz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def tell(redis_url: str, event: Mapping[str, Any]) -> None:
    """Into the stream of its node, as the agent there does."""
    stream = f"mesh:ev:{event['node']}"
    with redis.Redis.from_url(redis_url) as client:
        last = client.xrevrange(stream, count=1)
        number = max(int(time.time() * 1000), int(last[0][0].split(b"-")[0]) + 1 if last else 0)
        client.xadd(stream, {"p": json.dumps(event)}, id=f"{number}-0")


def waiting(actions: Path, host: str = "*") -> list[tuple[Path, dict[str, Any]]]:
    """What waits for a person, everywhere or on one host: (file, proposal)."""
    found = []
    for file in (actions / "pending").glob(f"plan-{host}-*.json"):
        with suppress(FileNotFoundError):  # its planner joins it to another one, or withdraws it
            found.append((file, json.loads(file.read_bytes())))
    return found


def proposed(actions: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """The same by type."""
    return {proposal["type"]: (file, proposal) for file, proposal in waiting(actions)}


async def outcome_of(actions: Path, action_id: str) -> dict[str, Any]:
    """How it ended, once it did."""

    def ended() -> list[Path]:
        return [*actions.glob(f"*/{action_id}/outcome.json")]

    await wait_for(lambda: any(path.parts[-3] != "running" for path in ended()), 300, f"the outcome of {action_id}")
    told: dict[str, Any] = json.loads(ended()[0].read_bytes())
    return told


def second_pass(outcome: Mapping[str, Any]) -> tuple[bool, int, str]:
    """(it went well, how many tasks changed something, what that shows), of the run's own."""
    stage = next(one for one in outcome["stages"] if one["name"] == "check_idempotency")
    return stage["ok"], stage["changed"], stage["detail"]


def preview_of(actions: Path, action_id: str) -> dict[str, Any]:
    """What came of the newest preview of it."""
    paths = sorted((actions / "done").glob("*/preview.json"), key=lambda path: path.stat().st_mtime_ns)
    said: list[dict[str, Any]] = [json.loads(path.read_bytes()) for path in paths]
    return next(one for one in reversed(said) if one["of"] == action_id)


def mend(environment: Mapping[str, str], *words: str) -> str:
    """What the command prints, in wide lines."""
    done = run_mend({**environment, "COLUMNS": "200"}, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout
