"""The ten commands of kiki's README, as docs/seeds.md has them: each asks, checks or proposes, and runs nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from parts.planning import observing, planner_and_executor
from typer.testing import CliRunner

from mend.app import app
from mesh_core.testing import RedisServer, until
from planner_agent.requests.filing import NOBODY_CHECKS

PAGE = Path(__file__).parents[1] / "docs" / "seeds.md"
COMMANDS = [line.split("`")[1] for line in PAGE.read_text().splitlines() if "`--m" in line and "--message" in line]
HOSTS = {f"node{number}": {"ansible_host": f"192.0.2.{number}"} for number in (1, 2, 3)}
POLICY = "requests: {users: [rocky]}\n"
# Recipes know the words of all ten, so nobody asks it.
CHAIN = "- {name: local-llama, kind: openai, url: 'http://127.0.0.1:1/v1', model: local-llama, writes: true}\n"
ALL, DONE, ASKS = [*HOSTS], 0, 4
FILE = ["source", "destination"]
PAGE_TEXT = ["source", "text", "destination"]
# By their order on the page: the exit status, the state, and the hosts of its proposals or the slots that it asks for.
ENDS: list[tuple[int, str, list[str]]] = [
    (ASKS, "asks", FILE),
    (ASKS, "asks", FILE),
    (DONE, "filed", ALL),
    (DONE, "filed", ["node1", "node3"]),
    (DONE, "filed", ["node1", "node3"]),
    (DONE, "filed", ["node1", "node2"]),
    (ASKS, "asks", PAGE_TEXT),
    (DONE, "checked", []),
    (ASKS, "asks", ["ports", "rule"]),
    (ASKS, "asks", PAGE_TEXT),
]


@dataclass(frozen=True)
class Kiki:
    """`mend request` against an observer, from a folder with a hosts.ini, and nothing of a mesh around it."""

    folder: Path
    environment: dict[str, str]
    observer: tuple[str, ...]

    def __call__(self, words: str) -> tuple[int, dict[str, Any]]:
        """How it ends once an executor has had the time to look at its syntax."""
        ended: list[tuple[int, dict[str, Any]]] = []

        def is_looked_at() -> bool:
            ended[:] = [self._ask(words)]
            return NOBODY_CHECKS not in ended[0][1]["reason"]

        until(is_looked_at, 240, "an executor that answers in time")
        return ended[0]

    def _ask(self, words: str) -> tuple[int, dict[str, Any]]:
        asked = ["request", *shlex.split(words), "--json", *self.observer]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mend.commands.request.PATIENCE_SECONDS", 300.0)  # however busy this machine is
            said = CliRunner().invoke(app, asked, env=self.environment)
        assert said.stdout, said.output
        return said.exit_code, json.loads(said.stdout)


@pytest.fixture(scope="module")
def kiki(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiki]:
    folder = tmp_path_factory.mktemp("kiki")
    (folder / "hosts.ini").write_text("[web]\nnode1\nnode3\n")
    (folder / "mesh" / "config").mkdir(parents=True)
    (folder / "mesh" / "config" / "chain.yml").write_text(CHAIN)
    server = RedisServer(folder / "redis").start()
    try:
        with (
            planner_and_executor(folder, server.url, hosts=HOSTS, policy="requests: {users: [rocky]}\n") as environment,
            observing(folder, environment) as (address, token),
        ):
            # Without it a look takes so long on a busy machine that its planner asks nobody for a minute.
            until(lambda: b"ansible_pool.ready" in (folder / "log").read_bytes(), 120, "the executor's Ansible")
            elsewhere = {**environment, "RUNTIME_PATH": str(folder / "nowhere"), "REDIS_URL": "redis://127.0.0.1:1/0"}
            yield Kiki(folder, elsewhere, ("--base-url", address, "--token-file", str(token)))
    finally:
        server.stop()


@pytest.mark.parametrize(("number", "words"), [*enumerate(COMMANDS)])
def test_a_command_of_kikis_readme_does_what_the_page_says(
    kiki: Kiki, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    monkeypatch.chdir(kiki.folder)
    code, row = kiki(words)
    found = [one["host"] for one in row["proposals"]] or [one["slot"] for one in row["questions"]]
    assert (code, row["state"], found) == ENDS[number], row
    assert {one["folder"] for one in row["proposals"]} <= {"pending"}


def test_the_page_has_the_ten() -> None:
    assert len(COMMANDS) == len(ENDS) == 10
