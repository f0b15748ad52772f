"""The observer's API behind its middleware, with people, sessions and a real audit log; asked without a port."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from observer_rig import Desk
from starlette.types import ASGIApp

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import Folder
from mesh_core.security.users import Role, Token, User, change_people, people_path, token_digest
from mesh_core.storage.audit_log import AuditLine, Chain, audit_path, head_path
from mesh_core.testing import AllFolders, free_port, wait_for
from observer.audit.auditor import Auditor
from observer.audit.log import AuditLog
from observer.auth.auth import Auth
from observer.auth.credentials import UserStore
from observer.auth.request_origin import OriginRules, own_names, read_hosts, read_networks
from observer.auth.sessions import Sessions
from observer.hooks.rules import HookRules
from observer.web.app import make_app, with_middleware
from observer.web.app_context import AppContext
from observer.web.server import WebServer
from observer.web.sse import SseBroadcaster
from observer.world import World

SINCE = "2026-05-05T12:00:00.000Z"
ADA, VIC = "ada's long password", "vic's long password"
BOT, EYE = "mend_bot-" + "0123456789abcdef" * 3, "mend_eye-" + "fedcba9876543210" * 3
# As cheap as argon2 can be: a sign-in takes 40 ms of processor less. What guessing costs is measured in test_guessing.
HASHES = {
    "ada": "$argon2id$v=19$m=8,t=1,p=1$9t0JlUscRlJYMAZAuYaRpQ$RG2k56CPNIhfoVl7388Uzg7CmvgAyQKhRMz5PjSATNA",
    "vic": "$argon2id$v=19$m=8,t=1,p=1$u+jB75u61a/xiChZ7if3Rw$ynSTIP/XvindkIoh0dTVKUMpwKTZs6yP2utfkJWbg/M",
}
ORIGIN = "http://127.0.0.1:8686"


@dataclass
class ServedApp(Desk):
    """`moment[0]` is the time that sessions live in."""

    runtime: Path = Path()
    app: ASGIApp = field(default=lambda *_: None)  # type: ignore[assignment,return-value]
    auth: Auth = field(default=None)  # type: ignore[assignment]
    auditor: Auditor = field(default=None)  # type: ignore[assignment]
    moment: list[float] = field(default_factory=lambda: [1_800_000_000.0])

    def folders(self) -> dict[str, list[str]]:
        """Every file in every folder of actions/: what must not change when somebody may not."""
        root = self.runtime / "actions"
        return {
            folder: sorted(str(path.relative_to(root)) for path in (root / folder).rglob("*") if path.is_file())
            for folder in Folder
        }

    def lines(self) -> list[AuditLine]:
        """The audit log, which must be whole."""
        chain = Chain()
        with audit_path(self.runtime).open("rb") as handle:
            found = [chain.follow(raw) for raw in handle]
        assert chain.verdict().problems == ()
        return [line for line in found if line is not None]

    def noted(self) -> list[tuple[str, str, str]]:
        return [(line.what, line.who, line.how) for line in self.lines()]

    @asynccontextmanager
    async def browser(self, address: str = "127.0.0.1", **headers: str) -> AsyncIterator[Browser]:
        """Somebody's browser on our page: a cookie jar, and the headers that browsers set by themselves."""
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", **headers}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/api/v1", headers=own) as http:
            yield Browser(http)

    @asynccontextmanager
    async def program(self, address: str = "127.0.0.1", **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A program: no cookies, no headers of a browser."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/api/v1", headers=headers) as http:
            yield http


@dataclass
class Browser:
    http: httpx.AsyncClient
    csrf: str = ""

    async def sign_in(self, user: str = "ada", password: str = ADA, **body: str) -> httpx.Response:
        answer = await self.http.post("/login", json=body or {"user": user, "password": password})
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf"]
        return answer

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={"X-CSRF-Token": self.csrf, **headers})


def add_people(runtime: Path) -> None:
    """ada may decide, vic may look; bot and eye are their programs."""

    def change(people: Any) -> Any:
        for name, role in (("ada", Role.OPERATOR), ("vic", Role.VIEWER)):
            people = people.with_user(name, User(role=role, password=HASHES[name], since=SINCE))
        for name, role, token in (("bot", Role.OPERATOR, BOT), ("eye", Role.VIEWER, EYE)):
            people = people.with_token(name, Token(role=role, sha256=token_digest(token), since=SINCE))
        return people

    change_people(people_path(runtime), change)


@asynccontextmanager
async def serve_app(
    runtime: Path,
    redis_url: str,
    *,
    loopback: bool = True,
    hosts: str = "",
    proxies: str = "",
    hooks: HookRules = HookRules(),  # noqa: B008 - frozen
) -> AsyncIterator[ServedApp]:
    actions = AllFolders(runtime)
    actions.prepare()
    bus = Bus.connect(redis_url, "test")
    live, seen, moment = SseBroadcaster(redis_url, "test"), [World()], [1_800_000_000.0]
    book = UserStore(people_path(runtime), {}, loopback=loopback)
    sessions = Sessions(
        runtime / "state" / "sessions.json", idle_seconds=3600, longest_seconds=86400, wall=lambda: moment[0]
    )
    auth = Auth(
        book, sessions, OriginRules(own_names("127.0.0.1", "pi4"), read_hosts(hosts), read_networks(proxies)), runtime
    )
    log = AuditLog(audit_path(runtime), head_path(runtime))
    auditor = Auditor(log, actions)
    log.open(auditor.remember)
    context = AppContext(runtime, actions, bus, lambda: seen[0], live, auth=auth, audit=auditor, hooks=hooks)
    app = with_middleware(make_app(context))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    try:  # whatever the test finds: what stays open is told in the middle of another one
        async with httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/api/v1") as http:
            yield ServedApp(actions, bus, http, live, seen, 0, runtime, app, auth, auditor, moment)
    finally:
        await auth.close()
        await auditor.close()
        await bus.close()


@asynccontextmanager
async def serving(served: ServedApp) -> AsyncIterator[int]:
    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(WebServer(served.app, served.live, "127.0.0.1", port).run(stop))

    def up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    await wait_for(up, 10, "the server to listen")
    try:
        yield port
    finally:
        stop.set()
        await server


def error_of(answer: httpx.Response) -> tuple[int, str]:
    """(status, code) of a refusal, whose sentence is there and no traceback."""
    body = json.loads(answer.content)
    assert set(body) == {"error", "detail"}
    assert len(body["detail"]) > 10
    assert "Traceback" not in body["detail"]
    return answer.status_code, body["error"]


def yes(name: ActionName) -> tuple[str, dict[str, str]]:
    return f"/proposals/{name.id}/approve", {"digest": name.digest}
