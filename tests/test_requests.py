"""From a sentence to a host over ssh: asked for in words, filed for a person, run after `mv`, told where it stands."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import redis
from parts.nodes import SshNode
from parts.planning import mend, planner_and_executor, waiting

from mesh_core.testing import RedisServer, free_port, wait_for


def is_open(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


async def test_what_is_asked_for_waits_for_a_person_and_then_runs_on_its_host(
    ssh_node: SshNode, redis_server: RedisServer, tmp_path: Path
) -> None:
    hosts = {"web01": ssh_node.inventory_vars}
    actions, observer = tmp_path / "mesh" / "actions", f"http://127.0.0.1:{free_port()}"
    token = tmp_path / "token"
    token.write_text(secrets.token_hex(32) + "\n")
    with planner_and_executor(tmp_path, redis_server.url, hosts=hosts, policy="") as environment:
        listens = {**environment, "OBSERVER_LISTEN": observer.removeprefix("http://")}
        listens |= {"OBSERVER_TOKENS": f"ann:operator:{token.read_text().strip()}"}
        with (tmp_path / "observer.log").open("wb") as log:
            serving = subprocess.Popen([sys.executable, "-m", "observer"], env=listens, stdout=log, stderr=log)
        elsewhere = {**environment, "RUNTIME_PATH": str(tmp_path / "nowhere"), "REDIS_URL": "redis://127.0.0.1:1/0"}
        ann = ("--base-url", observer, "--token-file", str(token))

        def answers(*words: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [sys.executable, "-m", "mend", *words], env=elsewhere, capture_output=True, timeout=180
            )

        try:
            await wait_for(lambda: serving.poll() is not None or is_open(observer), 120, "an observer")
            page, place = tmp_path / "index.html", tmp_path / "www"
            page.write_text("<p>오늘 점검 중</p>\n")
            text = f"create the directory {place} and copy index.html to {place}/index.html"
            asked = (
                "request",
                text,
                "--host",
                "web01",
                "--file",
                str(page),
                "--name",
                "page",
                "--limit",
                "web01",
                "--wait",
                *ann,
            )
            asking = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "mend", *asked, env={**elsewhere, "COLUMNS": "200"}, stdout=subprocess.PIPE
            )
            await wait_for(lambda: waiting(actions), 120, "a proposal for what was asked")
            ((file, proposal),) = waiting(actions)
            assert (proposal["type"], proposal["node"], proposal["risk_level"]) == ("playbook", "web01", "guarded")
            assert proposal["reason"] == f"ann (web) asked: {text}"
            assert not place.exists()
            file.rename(actions / "approved" / file.name)
            said = (await asyncio.wait_for(asking.communicate(), 300))[0].decode()
            assert asking.returncode == 0, said
            for part in (
                "===== Generated Playbook (preview) =====\n---\n- name: 'Asked for: page'",
                "===== Ansible Output =====",
                "PLAY RECAP",
                "Summary: {'phase': 'idempotency', 'failed': False}, rc=0",
                f"bundle: {observer}/api/v1/runs/{proposal['id']}/bundle",
            ):
                assert part in said
            assert (place / "index.html").read_bytes() == page.read_bytes()
            with redis.Redis.from_url(redis_server.url) as client:
                assert client.xlen("mesh:ev:_mesh") == 0, "nothing was sick, so nothing was remedied"
            rows: list[list[dict[str, Any]]] = [
                json.loads(mend(environment, "requests", "--json")),
                json.loads(answers("requests", "--json", *ann).stdout),
            ]
            assert rows[0] == rows[1]
            ((row,), _) = rows
            assert (row["state"], row["proposals"][0]["folder"]) == ("filed", "done")
            stranger = answers("request", "install tar", "--host", "web01", "--base-url", observer)
            assert (stranger.returncode, b"sign in" in stranger.stderr) == (1, True), stranger.stderr
        finally:
            serving.terminate()
            serving.wait(60)
