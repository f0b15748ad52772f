"""The observer as a process behind its door: it does not start open to strangers, and a kill -9 signs nobody out."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from auth_rig import ADA, add_people
from observer_rig import Desk
from parts.forked import Forked, run_forked

from mesh_core.models.proposals import Folder
from mesh_core.storage.audit_log import Chain, audit_path, head_in, head_path
from mesh_core.testing import AllFolders, RedisServer, free_port, wait_for

TOKEN = "0123456789abcdef" * 2


class Running:
    """An observer of its own, again and again on one port."""

    def __init__(self, redis_url: str, runtime: Path):
        self.port, self.runtime = free_port(), runtime
        self.environ = {
            **os.environ,
            "REDIS_URL": redis_url,
            "RUNTIME_PATH": str(runtime),
            "NODE_NAME": "here",
            "OBSERVER_LISTEN": f"127.0.0.1:{self.port}",
        }
        self.process: Forked | None = None

    async def start(self) -> None:
        self.process = Forked("observer", environ=self.environ, log=self.runtime / "observer.log")

        async def up() -> bool:
            try:
                async with httpx.AsyncClient(trust_env=False) as http:
                    return (await http.get(f"http://127.0.0.1:{self.port}/api/v1/session")).status_code in (200, 401)
            except httpx.TransportError:
                return False

        await wait_for(up, 30, "the observer to answer")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
async def running(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Running]:
    made = Running(redis_server.url, tmp_path)
    yield made
    made.kill()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"OBSERVER_LISTEN": "0.0.0.0:8686"}, ["OBSERVER_LISTEN", "mend users add", "OBSERVER_TOKENS"]),
        ({"OBSERVER_LISTEN": "[::]:8686"}, ["OBSERVER_LISTEN"]),
        ({"OBSERVER_TOKENS": f"bot:root:{TOKEN}"}, ["OBSERVER_TOKENS"]),
    ],
)
def test_it_does_not_start_where_strangers_could_come_in(
    tmp_path: Path, changed: dict[str, str], said: list[str]
) -> None:
    environ = {**os.environ, "RUNTIME_PATH": str(tmp_path), **changed}
    done = run_forked("observer", environ=environ)
    assert done.returncode == 2
    assert all(word in done.stderr for word in said)
    assert "Traceback" not in done.stderr
    assert TOKEN not in done.stderr


def test_it_does_not_start_with_a_users_file_that_it_cannot_use(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "users.yml").write_text("users: [")
    environ = {**os.environ, "RUNTIME_PATH": str(tmp_path)}
    done = run_forked("observer", environ=environ)
    assert done.returncode == 2
    assert "users.yml" in done.stderr


async def test_a_kill_signs_nobody_out_and_the_log_holds_what_hand_and_page_did(running: Running) -> None:
    add_people(running.runtime)
    actions = AllFolders(running.runtime)
    actions.prepare()
    desk = Desk(actions, None, None, None)  # type: ignore[arg-type]
    by_page, by_hand, later = (desk.propose(service=name) for name in ("a", "b", "c"))
    await running.start()
    url = f"http://127.0.0.1:{running.port}"
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers={"Origin": url}, trust_env=False, timeout=60
    ) as http:

        async def post(path: str, body: dict[str, Any], csrf: str = "") -> httpx.Response:
            return await http.post(path, json=body, headers={"X-CSRF-Token": csrf})

        told = (await post("/login", {"user": "ada", "password": ADA})).json()
        path = f"/proposals/{by_page.id}/approve"
        assert (await post(path, {"digest": by_page.digest}, told["csrf"])).status_code == 200
        (actions.folder(Folder.PENDING) / by_hand.file).rename(actions.folder(Folder.REJECTED) / by_hand.file)
        running.kill()
        await running.start()
        assert (await http.get("/session")).json() == told
        path = f"/proposals/{later.id}/approve"
        assert (await post(path, {"digest": later.digest}, told["csrf"])).status_code == 200

        async def noted() -> bool:
            items = (await http.get("/audit")).json()["items"]
            return {"approve", "reject"} <= {item["what"] for item in items} and len(items) >= 8

        await wait_for(noted, 20, "the move by hand in the log")
        assert (await post("/logout", {}, told["csrf"])).status_code == 204
        running.kill()
        await running.start()
        assert (await http.get("/session")).status_code == 401
    head = head_in(head_path(running.runtime).read_bytes())
    assert head is not None
    chain = Chain([("the noted end", head)])
    with audit_path(running.runtime).open("rb") as handle:
        lines = [line for raw in handle if (line := chain.follow(raw))]
    assert chain.verdict().problems == ()
    decided = sorted((line.what, line.who, line.how) for line in lines if line.action_id)
    assert decided == [("approve", "ada", "web"), ("approve", "ada", "web"), ("reject", "somebody", "mv")]
    assert {line.reason for line in lines if line.what == "user_added"} == {
        "user ada may come in as operator",
        "user vic may come in as viewer",
    }
    assert (running.runtime / "state" / "sessions.json").stat().st_mode & 0o077 == 0
    logged = (running.runtime / "observer.log").read_text()
    assert ADA not in logged
    assert json.dumps(told["csrf"]) not in logged
