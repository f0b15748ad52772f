"""From a sentence to a host over ssh: asked for in words, filed for a person, run after `mv`, told where it stands."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from parts.nodes import SshNode
from parts.planning import mend, observing, planner_and_executor, waiting

from mesh_core.testing import RedisServer, wait_for

TOLD = (
    "===== Generated Playbook (preview) =====\n---\n- name: 'Asked for: page'",
    "what would change on web01:",
    "===== Ansible Output =====",
    "PLAY RECAP",
    "Summary: {'phase': 'idempotency', 'failed': False}, rc=0",
)


@dataclass(frozen=True)
class Ann:
    """Somebody at a machine of her own: she reaches the mesh only through the observer."""

    observer: str
    token: Path
    environment: Mapping[str, str]

    @property
    def who(self) -> tuple[str, ...]:
        return ("--base-url", self.observer, "--token-file", str(self.token))

    def mend(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "mend", *words], env=self.environment, capture_output=True, timeout=300
        )

    async def asks(self, text: str, *words: str) -> asyncio.subprocess.Process:
        """It goes on until all is over."""
        asked = ("request", text, *words, *self.who)
        wide = {**self.environment, "COLUMNS": "200"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mend", *asked, env=wide, stdout=subprocess.PIPE
        )

    async def hears(self, request: str) -> asyncio.subprocess.Process:
        """Ansible's lines about all that it asked for, as they are said."""
        return await asyncio.create_subprocess_exec(
            *("curl", "-sN", "-H", f"Authorization: Bearer {self.token.read_text().strip()}"),
            f"{self.observer}/api/v1/requests/{request}/output",
            stdout=subprocess.PIPE,
        )


@dataclass(frozen=True)
class Mesh:
    environment: dict[str, str]
    actions: Path
    ann: Ann


@pytest.fixture
def mesh(ssh_node: SshNode, redis_server: RedisServer, tmp_path: Path) -> Iterator[Mesh]:
    hosts = {"web01": ssh_node.inventory_vars}
    with (
        planner_and_executor(tmp_path, redis_server.url, hosts=hosts, policy="") as environment,
        observing(tmp_path, environment) as (observer, token),
    ):
        nowhere = {"RUNTIME_PATH": str(tmp_path / "nowhere"), "REDIS_URL": "redis://127.0.0.1:1/0"}
        yield Mesh(environment, tmp_path / "mesh" / "actions", Ann(observer, token, {**environment, **nowhere}))


async def read_until(words: bytes, stream: asyncio.StreamReader | None) -> bytes:
    said = b""
    while words not in said:
        assert stream
        line = await asyncio.wait_for(stream.readline(), 300)
        assert line, said.decode()
        said += line
    return said


async def test_what_is_asked_for_waits_for_a_person_and_then_runs_on_its_host(
    mesh: Mesh, redis_server: RedisServer, tmp_path: Path
) -> None:
    ann, actions = mesh.ann, mesh.actions
    page, place = tmp_path / "index.html", tmp_path / "www"
    page.write_text("<p>오늘 점검 중</p>\n")
    text = f"create the directory {place} and copy index.html to {place}/index.html"
    named = ("--file", str(page), "--name", "page", "--host", "web01", "--limit", "web01")
    asking = await ann.asks(text, *named, "--preview", "--wait")
    await wait_for(lambda: waiting(actions), 120, "a proposal for what was asked")
    ((file, proposal),) = waiting(actions)
    assert (proposal["type"], proposal["node"], proposal["risk_level"]) == ("playbook", "web01", "guarded")
    assert proposal["reason"] == f"ann (web) asked: {text}"
    hears = await ann.hears(proposal["event"]["payload"]["request"])
    said = await read_until(b"would change something", asking.stdout)
    assert not place.exists(), "a preview changes nothing"

    file.rename(actions / "approved" / file.name)
    told = (said + (await asyncio.wait_for(asking.communicate(), 300))[0]).decode()
    assert asking.returncode == 0, told
    for part in (*TOLD, f"bundle: {ann.observer}/api/v1/runs/{proposal['id']}/bundle"):
        assert part in told
    assert (place / "index.html").read_bytes() == page.read_bytes()
    heard = (await asyncio.wait_for(hears.communicate(), 60))[0].decode()
    assert '"stage": "apply", "line": "PLAY [Asked for: page]' in heard
    assert heard.rstrip().endswith('"folder": "done"}'), "it ends with the last run"
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.xlen("mesh:ev:_mesh") == 0, "nothing was sick, so nothing was remedied"

    rows = json.loads(mend(mesh.environment, "requests", "--json"))
    assert rows == json.loads(ann.mend("requests", "--json", *ann.who).stdout)
    (row,) = rows
    assert (row["state"], row["proposals"][0]["folder"]) == ("filed", "done")
    stranger = ann.mend("request", "install tar", "--host", "web01", "--base-url", ann.observer)
    assert (stranger.returncode, b"sign in" in stranger.stderr) == (1, True), stranger.stderr
