"""docs/remedies.md, "Your own in ten minutes", followed word by word: from `mend remedies new` to a proven run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from parts.nodes import SystemdNode
from parts.planning import planner_and_executor

from mesh_core.testing import RedisServer, wait_for

PAGE = (Path(__file__).parents[1] / "docs" / "remedies.md").read_text()
CHAPTER = PAGE.split("## Your own in ten minutes", 1)[1].split("\n## ", 1)[0]
TRY_OUT, PUT, DECIDE = re.findall(r"```sh\n(.*?)```", CHAPTER, re.DOTALL)
FULL = """
mkdir -p /srv/scratch; mount -t tmpfs -o size=20m scratch /srv/scratch
head -c 19000000 /dev/zero > /srv/scratch/old; touch -d '30 days ago' /srv/scratch/old; echo 1 > /srv/scratch/new
"""
TRIED = ("scratch_clean.yml is a good remedy", "/srv/scratch 9", "Delete it: change 1 thing", "Nothing was changed")
DECIDED = (
    "scratch_clean on web01",
    "deletes old files of the scratch folder on web01; /srv/scratch is 94 % full; what is older than 7",
    "path: '{{ item.path }}'",
    "would change      Delete it: /srv/scratch/old",
    "proven",
    "/srv/scratch 91 % -> 1 % full",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Where the commands are typed: `mend` is on the path, and the mesh lies in var/."""
    (tmp_path / "var").symlink_to("mesh")
    (tmp_path / "mend").write_text(f'#!/bin/sh\nexec {sys.executable} -m mend "$@"\n')
    (tmp_path / "mend").chmod(0o755)
    return tmp_path


def typed(commands: str, checkout: Path, environment: dict[str, str]) -> str:
    path = {"PATH": f"{checkout}:{environment['PATH']}"}
    words = ["sh", "-euc", commands]
    done = subprocess.run(words, cwd=checkout, env=environment | path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def say_full(redis_url: str) -> None:
    """As its agent tells of it."""
    told = {
        **{"node": "web01", "incident": "web01/1", "type": "disk_space_low", "severity": "error"},
        "payload": {"mount": "/srv/scratch", "used_percent": 94.0, "limit_percent": 90},
    }
    with redis.Redis.from_url(redis_url) as client:
        client.xadd("mesh:ev:web01", {"p": json.dumps(told)}, id=f"{int(time.time() * 1000)}-0")


async def test_who_follows_the_page_gets_a_proven_run(
    checkout: Path, systemd_node: SystemdNode, redis_server: RedisServer
) -> None:
    def there(script: str) -> str:
        return systemd_node.engine.enter(systemd_node.name, "sh", "-euc", script)

    host = {"web01": dict(systemd_node.inventory_vars)}
    with planner_and_executor(
        checkout, redis_server.url, hosts=host, policy="max_restarts_per_hour: 3\n", LLM_CHAIN=""
    ) as mesh:
        there(FULL)
        try:
            tried = typed(TRY_OUT, checkout, mesh)
            assert [words for words in TRIED if words not in tried] == [], tried
            assert there("ls /srv/scratch").split() == ["new", "old"], "a trial only looks"
            assert "scratch_clean" in typed(PUT, checkout, mesh)
            say_full(redis_server.url)
            pending = Path(mesh["RUNTIME_PATH"]) / "actions" / "pending"
            await wait_for(lambda: any(pending.glob("plan-*.json")), 60, "the proposal")
            decided = typed(DECIDE, checkout, mesh)
            assert [words for words in DECIDED if words not in decided] == [], decided
            assert there("ls /srv/scratch").split() == ["new"]
        finally:
            there("umount -l /srv/scratch")
    assert not any((checkout / "mesh" / "actions" / "failed").iterdir())
