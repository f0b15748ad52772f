"""From a sentence to a host over ssh: asked for in words, filed for a person, run after `mv`, told where it stands."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import redis
from parts.nodes import SshNode
from parts.planning import mend, observing, planner_and_executor, waiting

from mesh_core.testing import RedisServer, wait_for


async def test_what_is_asked_for_waits_for_a_person_and_then_runs_on_its_host(
    ssh_node: SshNode, redis_server: RedisServer, tmp_path: Path
) -> None:
    hosts = {"web01": ssh_node.inventory_vars}
    actions = tmp_path / "mesh" / "actions"
    with (
        planner_and_executor(tmp_path, redis_server.url, hosts=hosts, policy="") as environment,
        observing(tmp_path, environment) as (observer, token),
    ):
        elsewhere = {**environment, "RUNTIME_PATH": str(tmp_path / "nowhere"), "REDIS_URL": "redis://127.0.0.1:1/0"}
        ann = ("--base-url", observer, "--token-file", str(token))

        def answers(*words: str) -> subprocess.CompletedProcess[bytes]:
            return subprocess.run(
                [sys.executable, "-m", "mend", *words], env=elsewhere, capture_output=True, timeout=300
            )

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
            "--preview",
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
        hears = await asyncio.create_subprocess_exec(
            *("curl", "-sN", "-H", f"Authorization: Bearer {token.read_text().strip()}"),
            f"{observer}/api/v1/requests/{proposal['event']['payload']['request']}/output",
            stdout=subprocess.PIPE,
        )
        assert asking.stdout
        said = b""
        while b"would change something" not in said:
            line = await asyncio.wait_for(asking.stdout.readline(), 300)
            assert line, said.decode()
            said += line
        assert not place.exists(), "a preview changes nothing"
        file.rename(actions / "approved" / file.name)
        told = (said + (await asyncio.wait_for(asking.communicate(), 300))[0]).decode()
        assert asking.returncode == 0, told
        for part in (
            "===== Generated Playbook (preview) =====\n---\n- name: 'Asked for: page'",
            "what would change on web01:",
            "===== Ansible Output =====",
            "PLAY RECAP",
            "Summary: {'phase': 'idempotency', 'failed': False}, rc=0",
            f"bundle: {observer}/api/v1/runs/{proposal['id']}/bundle",
        ):
            assert part in told
        assert (place / "index.html").read_bytes() == page.read_bytes()
        heard = (await asyncio.wait_for(hears.communicate(), 60))[0].decode()
        assert '"stage": "apply", "line": "PLAY [Asked for: page]' in heard
        assert heard.rstrip().endswith('"folder": "done"}'), "it ends with the last run"
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
