"""Real Redis, real folders, a real HTTP target: a restart loses nothing, a target that fails holds up nobody."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psutil
import pytest
from observer_rig import Desk
from parts.http_server import LoopbackServer

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.messaging.bus import Bus
from mesh_core.models.events import WorldUpdate
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.notifications.notifier import AppriseSender, SendResult
from mesh_core.runtime.metrics import NOTIFICATIONS
from mesh_core.silences.commands import SilenceRequest, maintain
from mesh_core.silences.folder import SilenceFolder
from mesh_core.testing import AllFolders, RedisServer, wait_for
from observer.notify.notifications import Kind, Notification, Trigger
from observer.notify.notifier import Notifier
from observer.notify.outbox import NotificationOutbox, save_outbox
from observer.notify.rules import BadNotificationRules, rules_file
from observer.notify.triggers import TRIGGERS

URL = "json://user:s3cret@127.0.0.1:{port}/hook"


@dataclass
class Ear:
    """Takes what it is told, while it is well."""

    heard: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    def titles(self) -> list[str]:
        return [message["title"] for message in self.heard]


@dataclass
class Mouth:
    """In place of `AppriseSender.send`, where the tests are about when and not about HTTP."""

    said: list[tuple[int, str, str]] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)

    async def __call__(self, urls: Sequence[str], title: str, body: str) -> SendResult:
        self.said.append((len(urls), title, body))
        found = tuple(self.troubles.get(url, "") for url in urls)
        return SendResult(not any(found), "; ".join(filter(None, found)), found)

    def titles(self) -> list[str]:
        return [title for _, title, _ in self.said]


@pytest.fixture
def ear() -> Iterator[tuple[Ear, str]]:
    made = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if made.status == 200:
                made.heard.append(json.loads(body))
            self.send_response(made.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with LoopbackServer(Handler) as server:
        yield made, URL.format(port=server.port)


class Place:
    """A runtime folder, a Redis, and a notifier over them whose clock is given."""

    def __init__(self, url: str, runtime: Path):
        self.runtime = runtime
        self.actions = AllFolders(runtime)
        self.actions.prepare()
        (runtime / "state").mkdir()
        (runtime / "config").mkdir()
        self.bus = Bus.connect(url, "test")
        self.desk = Desk(self.actions, self.bus, None, None)  # type: ignore[arg-type]
        self.now = datetime.now(UTC)
        self.mouth = Mouth()

    def notifier(self, *urls: str, send: Any = None) -> Notifier:
        return Notifier(
            self.bus,
            self.actions,
            SilenceFolder(self.runtime),
            self.runtime,
            urls or ("json://a/",),
            public_url="https://mesh.example.org",
            send=send or self.mouth,
            clock=lambda: self.now,
        )

    async def proposes(self, **changed: Any) -> ActionName:
        """As a planner does: the file, then the update."""
        name = self.desk.propose(**changed)
        await self.moves(name, "", "pending", service=changed.get("service", "web"))
        return name

    async def moves(self, name: ActionName, before: str, after: str, reason: str = "", service: str = "web") -> None:
        fields: dict[str, Any] = {"from": before, "to": after}
        await self.bus.publish(
            ActionUpdate(
                ts=rfc3339(self.now),
                action_id=name.id,
                type="container_restart",
                node="pi4",
                service=service,
                by="planner",
                reason=reason,
                **fields,
            )
        )

    async def node(self, before: str, after: str) -> None:
        fields: dict[str, Any] = {"from": before, "to": after}
        await self.bus.publish(WorldUpdate(ts=rfc3339(self.now), node="pi4", **fields))


@pytest.fixture
async def place(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(redis_server.url, tmp_path)
    yield made
    await made.bus.close()


async def test_a_proposal_its_outcome_and_a_silent_node_reach_a_real_target(place: Place, ear: tuple[Ear, str]) -> None:
    heard, url = ear
    async with AppriseSender() as teller:
        await _news_reach(place, place.notifier(url, send=teller.send), heard)


async def _news_reach(place: Place, notifier: Notifier, heard: Ear) -> None:
    await notifier.look()
    name = await place.proposes()
    await notifier.look()
    assert heard.titles() == ["pi4/web: container died (container_restart? no model answered)"]
    assert f"https://mesh.example.org/#/proposals/{name.id}" in heard.heard[0]["message"]
    await place.moves(name, "pending", "approved")
    await place.moves(name, "running", "failed", "still sick after 3 looks")
    await place.node("healthy", "offline")
    await notifier.look()
    assert heard.titles()[1:] == ["pi4/web: container_restart FAILED", "pi4 is silent"]
    assert "still sick after 3 looks" in heard.heard[1]["message"]
    saved = (place.runtime / "state" / "notify.json").read_text()
    assert "s3cret" not in saved


async def test_what_happened_long_before_the_first_start_is_history(place: Place) -> None:
    await place.proposes()
    place.now += timedelta(minutes=11)
    notifier = place.notifier()
    await notifier.look()
    await place.proposes(service="mail")
    await notifier.look()
    assert place.mouth.titles() == ["pi4/mail: container died (container_restart? no model answered)"]


async def test_what_happened_while_everything_started_for_the_first_time_is_told(place: Place) -> None:
    await place.proposes()
    await place.notifier().look()
    assert len(place.mouth.said) == 1


async def test_what_happens_while_it_is_down_is_told_after_the_restart_once(place: Place) -> None:
    await place.notifier().look()
    await place.proposes()
    for _ in range(3):
        await place.notifier().look()
    assert len(place.mouth.said) == 1


async def test_a_target_that_fails_hears_it_later_and_the_other_only_once(place: Place) -> None:
    place.mouth.troubles = {"json://b/": "refused the message"}
    await place.notifier("json://a/", "json://b/").look()
    await place.proposes()
    await place.notifier("json://a/", "json://b/").look()
    await place.notifier("json://a/", "json://b/").look()  # not yet time
    place.now += timedelta(seconds=11)
    place.mouth.troubles = {}
    for _ in range(2):
        await place.notifier("json://a/", "json://b/").look()
    assert [targets for targets, *_ in place.mouth.said] == [2, 1]


async def test_it_gives_up_in_the_end_and_counts(place: Place) -> None:
    before = {result: NOTIFICATIONS.value(result) for result in ("sent", "failed", "given_up")}
    place.mouth.troubles = {"json://a/": "refused the message"}
    notifier = place.notifier()
    await notifier.look()
    await place.proposes()
    for _ in range(40):
        await notifier.look()
        place.now += timedelta(hours=1)
    assert notifier.outbox.messages == ()
    assert notifier.outbox.given_up == 1
    assert len(place.mouth.said) == 12
    assert [NOTIFICATIONS.value(result) - n for result, n in before.items()] == [0, 12, 1]


async def test_a_wiped_redis_is_followed_from_its_new_beginning(place: Place) -> None:
    notifier = place.notifier()
    await place.bus.call("XADD", ActionUpdate.stream, "9999999999999-0", "p", "rubbish")
    await notifier.look()
    await place.bus.call("FLUSHALL")
    await place.proposes()
    await notifier.look()
    assert len(place.mouth.said) == 1


async def test_redis_away_stops_nothing_and_loses_nothing(place: Place, redis_server: RedisServer) -> None:
    notifier = place.notifier()
    await notifier.look()
    await place.proposes()
    redis_server.kill()
    await notifier.look()
    assert place.mouth.said == []
    redis_server.start()
    await wait_for(place.bus.is_up, 10, "Redis is back")
    await notifier.look()
    assert len(place.mouth.said) == 1


async def test_a_proposal_that_was_decided_while_it_waited_is_not_told(place: Place) -> None:
    (place.runtime / "config" / "notifications.yml").write_text("digest_minutes: 10\n")
    notifier = place.notifier()
    await notifier.look()
    decided = await place.proposes()
    still = await place.proposes(service="mail")
    await notifier.look()
    place.actions.reject(decided, "no", "ann")
    place.now += timedelta(minutes=11)
    await notifier.look()
    assert place.mouth.titles() == ["pi4/mail: container died (container_restart? no model answered)"]
    assert place.actions.find(still.id)[0][0] is Folder.PENDING


async def test_a_node_in_maintenance_may_fall_silent_without_a_word(place: Place) -> None:
    notifier = place.notifier()
    await notifier.look()
    ends = place.now + timedelta(hours=1)
    maintain(SilenceFolder(place.runtime), SilenceRequest("pi*", ends, "ann"), place.now)
    await place.node("healthy", "offline")
    await place.node("offline", "healthy")
    await notifier.look()
    assert place.mouth.said == []
    place.now = ends
    await place.node("healthy", "offline")
    await notifier.look()
    assert place.mouth.titles() == ["pi4 is silent"]


async def test_rubbish_in_the_streams_is_passed_over(place: Place) -> None:
    notifier = place.notifier()
    await notifier.look()
    for raw in (b"", b"{", b'{"action_id":"x"}', b"[" * 1000):
        await place.bus.call("XADD", ActionUpdate.stream, "*", "p", raw)
    await place.bus.call("XADD", ActionUpdate.stream, "*", "other", "field")
    await place.proposes()
    await notifier.look()
    assert len(place.mouth.said) == 1


async def test_rules_are_read_again_when_they_change_and_a_bad_file_changes_nothing(place: Place) -> None:
    path = place.runtime / "config" / "notifications.yml"
    notifier = place.notifier()
    await notifier.look()
    path.write_text("kinds: [nothing]\n")
    await place.proposes()
    await notifier.look()
    assert len(place.mouth.said) == 1
    path.unlink()
    path.write_text("kinds: [failed]\n")
    await place.proposes(service="mail")
    await notifier.look()
    assert len(place.mouth.said) == 1
    path.write_text("kinds: [nothing]\n")
    with pytest.raises(BadNotificationRules):
        place.notifier()


async def test_a_target_that_takes_its_time_does_not_hold_up_the_end(place: Place) -> None:
    asked = asyncio.Event()

    async def slow(urls: Sequence[str], title: str, body: str) -> SendResult:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError("it was waited for")

    await place.notifier().look()
    await place.proposes()
    notifier = place.notifier(send=slow)
    stop = asyncio.Event()
    running = asyncio.create_task(notifier.run(stop))
    await asyncio.wait_for(asked.wait(), 60)
    stop.set()
    await asyncio.wait_for(running, 30)
    await place.notifier().look()
    assert len(place.mouth.said) == 1  # told at the next start


async def test_the_observer_as_a_process_tells_after_kill_9_and_stays_small(
    place: Place, redis_server: RedisServer, ear: tuple[Ear, str]
) -> None:
    heard, url = ear
    heard.status = 500
    environ = {
        **os.environ,
        "REDIS_URL": redis_server.url,
        "RUNTIME_PATH": str(place.runtime),
        "NOTIFY_URLS": url,
        "OBSERVER_LISTEN": "off",
    }
    log = place.runtime / "observer.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as handle:
            return subprocess.Popen([sys.executable, "-m", "observer"], env=environ, stdout=handle, stderr=handle)

    process = start()
    try:
        state = place.runtime / "state" / "notify.json"
        await wait_for(state.exists, 20, "the first look")
        await place.proposes()
        await wait_for(lambda: b"notify.try_again" in log.read_bytes(), 20, "a try that failed")
        process.kill()
        process.wait()
        outbox = json.loads(state.read_bytes())
        outbox["messages"] = [{**m, "next_at": "2026-01-01T00:00:00Z"} for m in outbox["messages"]]
        state.write_text(json.dumps(outbox))  # its time has come
        heard.status = 200
        process = start()
        await wait_for(lambda: heard.heard != [], 20, "the target hears it")
        assert len(heard.heard) == 1
        assert psutil.Process(process.pid).memory_info().rss < 120 * 1024**2
        assert b"s3cret" not in log.read_bytes()
    finally:
        process.terminate()
        assert process.wait(300) == 0


async def test_a_new_trigger_is_its_file_and_one_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def rejected(update: ActionUpdate, entry: str, proposal: Proposal | None) -> Notification | None:
        """As somebody would write it in triggers/rejections.py."""
        if update.to_folder != "rejected":
            return None
        return Notification(key=f"no:{entry}", kind="rejected", at=update.ts, node=update.node, facts={"by": update.by})

    kind = Kind("rejected", "$node: $by said no", "$link")
    monkeypatch.setattr(
        "observer.notify.triggers.TRIGGERS", lines := [*TRIGGERS, Trigger(ActionUpdate, (kind,), rejected)]
    )
    monkeypatch.setattr("observer.notify.notification_source.TRIGGERS", lines)
    rules_file(place.runtime).write_text("kinds: [rejected]\ntemplates: {rejected: {body: 'so said $by'}}\n")
    notifier = place.notifier()
    await notifier.look()
    await place.moves(await place.proposes(), "pending", "rejected")
    await notifier.look()
    assert [(title, body) for _, title, body in place.mouth.said] == [("pi4: planner said no", "so said planner")]


async def test_what_waited_under_a_word_that_is_gone_is_dropped(place: Place) -> None:
    old = Notification(key="k", kind="gone", at=rfc3339(place.now), node="pi4")
    save_outbox(place.runtime / "state" / "notify.json", NotificationOutbox(waiting=(old,)))
    notifier = place.notifier()
    await notifier.look()
    assert (notifier.outbox.waiting, place.mouth.said) == ((), [])
