"""Each decision is written down once, by whom and how, whoever is first to tell: web, folders, or the executor."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from observer_rig import oom_proposal

from mesh_core.approvals.decisions import next_attempt
from mesh_core.approvals.previews import ask_preview
from mesh_core.approvals.proposal_files import ActionName
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import ActionUpdate, Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.security.users import Role
from mesh_core.storage.audit_log import HEAD_KEY, AuditLine, Chain, audit_path, head_path
from mesh_core.testing import AllFolders, RedisServer
from observer.audit.auditor import Auditor
from observer.audit.digests import digest_of_action
from observer.audit.log import AuditLog
from observer.audit.text import who_and_how
from observer.audit.updates import UpdateSource
from observer.auth.person import AuthMethod, Person
from observer.folders.manual_moves import ManualMoves

NOW = "2026-05-05T12:00:00.000Z"
ADA = Person(name="ada", role=Role.OPERATOR, how=AuthMethod.SESSION, address="10.0.0.7")
UID = os.getuid()


class Scene:
    """One observer's audit over a folder and a Redis; `restart` is a new life of it."""

    def __init__(self, url: str, runtime: Path):
        self.url, self.runtime = url, runtime
        self.actions = AllFolders(runtime)
        self.actions.prepare()
        self.bus = Bus.connect(url, "observer")
        self.auditor: Auditor
        self.begin()

    def begin(self) -> None:
        log = AuditLog(audit_path(self.runtime), head_path(self.runtime))
        self.auditor = Auditor(log, self.actions)
        log.open(self.auditor.remember)
        self.moves = ManualMoves(self.bus, self.actions, listener=self.auditor)
        self.updates = UpdateSource(self.bus, self.auditor, self.runtime / "state" / "audit.position")

    def restart(self) -> None:
        self.auditor.log.close()
        self.begin()

    def file(self, made: Proposal) -> ActionName:
        name = self.actions.propose_again(made)
        assert name is not None
        return name

    def mv(self, name: ActionName, source: Folder, target: Folder) -> None:
        (self.actions.folder(source) / name.file).rename(self.actions.folder(target) / name.file)

    async def look(self) -> None:
        await self.moves.look()
        await self.updates.look()

    async def executed(self, name: ActionName, *, told_approval: bool = True) -> None:
        """What an executor does and says, from its claim to the end."""
        run = self.actions.claim(name)
        assert run is not None
        (run / "intent.json").write_text(f'{{"digest": "{name.digest}"}}')
        self.actions.finish(run, Folder.DONE)
        steps = [("approved", "running", "executor@pi4"), ("running", "done", "executor@pi4")]
        if told_approval:
            by = self.actions.folder(Folder.DONE) / name.id / "by.txt"
            text = f"{by.read_text()} (uid {by.stat().st_uid})" if by.exists() else "mv"
            steps.insert(0, ("pending", "approved", text))
        for source, target, by_whom in steps:
            await self.say(name, source, target, by_whom)

    async def say(self, name: ActionName, source: str, target: str, by: str) -> None:
        update = ActionUpdate(
            ts=rfc3339(datetime.now(UTC)),
            action_id=name.id,
            from_folder=source,
            to_folder=target,
            type="container_restart",
            node="pi4",
            by=by,
        )
        await self.bus.publish(update, idempotency_key=f"{name.id}:{source}:{target}")

    def lines(self) -> list[AuditLine]:
        chain = Chain()
        with audit_path(self.runtime).open("rb") as handle:
            found = [chain.follow(raw) for raw in handle]
        assert chain.verdict().problems == ()
        return [line for line in found if line is not None]

    def told(self) -> list[tuple[str, str, str]]:
        return [(line.what, line.who, line.how) for line in self.lines()]


@pytest.fixture
async def scene(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(redis_server.url, tmp_path)
    yield made
    await made.bus.close()
    made.auditor.log.close()


async def test_a_decision_on_the_web_is_written_once_although_three_tell_it(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    await scene.look()
    async with scene.auditor.deciding(ADA) as told:
        assert scene.actions.approve(name, ADA.note)
        await told.done("approve", name, Folder.PENDING, Folder.APPROVED)
    await scene.look()
    await scene.executed(name)
    await scene.look()
    scene.restart()
    await scene.look()
    executor = ("executor@pi4", "executor")
    assert scene.told() == [("approve", "ada", "web"), ("run", *executor), ("done", *executor)]
    assert {line.digest for line in scene.lines()} == {name.digest}
    assert scene.lines()[0].address == "10.0.0.7"


async def test_a_crash_between_the_rename_and_the_line_is_made_up_for_and_still_says_ada(scene: Scene) -> None:
    first, second = scene.file(oom_proposal(1)), scene.file(oom_proposal(2))
    assert scene.actions.approve(first, ADA.note)
    assert scene.actions.reject(second, "not now", ADA.note)
    scene.restart()
    for _ in range(3):
        await scene.look()
    assert sorted(scene.told()) == [("approve", "ada", "web"), ("reject", "ada", "web")]


async def test_mend_and_mv_are_told_apart_and_mend_is_known_by_uid(scene: Scene) -> None:
    by_mend, by_hand, no = (scene.file(oom_proposal(n)) for n in (1, 2, 3))
    await scene.look()
    assert scene.actions.approve(by_mend, "bob")
    scene.mv(by_hand, Folder.PENDING, Folder.APPROVED)
    assert scene.actions.reject(no, "too risky", "bob")
    await scene.look()
    bob = f"bob (uid {UID})"
    assert sorted(scene.told()) == sorted(
        [("approve", bob, "mend"), ("approve", "somebody", "mv"), ("reject", bob, "mend")]
    )
    assert [line.reason for line in scene.lines() if line.what == "reject"] == ["too risky"]


async def test_whose_preview_somebody_asked_for_is_the_reason_of_its_line(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    await scene.look()
    _, asked = ask_preview(scene.actions, name.id, "bob", datetime.now(UTC))
    await scene.look()
    [line] = scene.lines()
    assert (line.what, line.who, line.action_id) == ("approve", f"bob (uid {UID})", asked.name.id)
    assert line.reason == f"bob asks what {name.id} would change"


async def test_what_the_executor_took_before_anybody_looked_is_told_by_its_updates(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    assert scene.actions.approve(name, "bob")
    await scene.executed(name)
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "run", "done"]
    assert scene.told()[0] == ("approve", f"bob (uid {UID})", "mend")
    assert all(line.digest == name.digest for line in scene.lines())
    assert all(line.source.startswith("mesh:actions/") for line in scene.lines())


async def test_who_changes_their_mind_is_written_each_time_and_not_again_after_a_restart(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    await scene.look()
    for source, target in (
        (Folder.PENDING, Folder.APPROVED),
        (Folder.APPROVED, Folder.PENDING),
        (Folder.PENDING, Folder.APPROVED),
    ):
        scene.mv(name, source, target)
        await scene.look()
    scene.restart()
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "take_back", "approve"]


async def test_a_second_yes_that_nobody_saw_is_written_before_what_it_led_to(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    scene.mv(name, Folder.PENDING, Folder.APPROVED)
    await scene.look()
    scene.mv(name, Folder.APPROVED, Folder.PENDING)
    await scene.look()
    assert scene.actions.approve(name, "bob")
    await scene.executed(name, told_approval=False)  # that key was told before
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "take_back", "approve", "run", "done"]
    assert scene.told()[2][1] == f"bob (uid {UID})"


async def test_what_is_reported_again_because_redis_lost_it_is_written_once(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    assert scene.actions.approve(name, "bob")
    await scene.executed(name)
    await scene.look()
    rows = await scene.bus.call("XRANGE", "mesh:actions", "-", "+")
    for _, fields in rows:  # the same words, under new ids
        await scene.bus.call("XADD", "mesh:actions", "*", "p", fields[b"p"])
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "run", "done"]
    scene.restart()
    for _, fields in rows:
        await scene.bus.call("XADD", "mesh:actions", "*", "p", fields[b"p"])
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "run", "done"]


async def test_what_the_folders_showed_in_an_earlier_life_is_no_news_when_the_stream_says_it_late(scene: Scene) -> None:
    """A Redis that forgot its last second is told again of an approval, long after the run that followed it."""
    name = scene.file(oom_proposal())
    await scene.look()
    scene.mv(name, Folder.PENDING, Folder.APPROVED)
    await scene.look()
    await scene.executed(name, told_approval=False)
    await scene.look()
    scene.restart()
    await scene.bus.call("FLUSHALL")
    await scene.say(name, Folder.PENDING, Folder.APPROVED, "mv")
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve", "run", "done"]


async def test_an_edit_and_a_retry_are_decisions_too(scene: Scene) -> None:
    old = scene.file(oom_proposal())
    await scene.look()
    changed = oom_proposal().model_copy(update={"reason": "ada says that it is so", "edited_by": "bob"})
    new = scene.actions.refile(old, changed)
    again = scene.file(next_attempt(oom_proposal(2), datetime.now(UTC)))
    for _ in range(2):
        await scene.look()
        scene.restart()
    assert new is not None
    lines = {line.what: line for line in scene.lines()}
    assert len(scene.lines()) == 2
    assert (lines["edit"].who, lines["edit"].digest) == (f"bob (uid {UID})", new.digest)
    assert lines["retry"].action_id == again.id


async def test_without_redis_decisions_are_written_all_the_same(scene: Scene, redis_server: RedisServer) -> None:
    redis_server.kill()
    name = scene.file(oom_proposal())
    assert scene.actions.approve(name, "bob")
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await scene.moves.look()
    assert [what for what, *_ in scene.told()] == ["approve"]
    redis_server.start()
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["approve"]


async def test_while_the_log_cannot_be_written_moves_are_still_told_and_the_log_catches_up(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    scene.auditor.log.close()
    scene.mv(name, Folder.PENDING, Folder.REJECTED)
    for _ in range(3):
        await scene.moves.look()
    told = [await scene.bus.call("XLEN", stream) for stream in (ActionUpdate.stream, "mesh:moves")]
    assert sum(told) == 1
    await scene.updates.look()  # opens it
    await scene.look()
    assert [what for what, *_ in scene.told()] == ["reject"]


async def test_redis_knows_the_end_of_the_log_and_misses_what_was_cut_off(scene: Scene) -> None:
    for n in range(3):
        await scene.auditor.note("login", f"user{n}", "web")
    await scene.updates.look()
    assert (await scene.bus.call("GET", HEAD_KEY)).decode() == str(scene.auditor.log.head)
    scene.auditor.log.close()
    path = audit_path(scene.runtime)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    head_path(scene.runtime).unlink()  # whoever cut it thought of this one
    scene.begin()
    await scene.updates.look()
    last = path.read_bytes().splitlines()[-1].decode()
    assert '"what":"damage"' in last
    assert "Redis knows another end" in last
    assert '"seq":4' in last


async def test_a_position_that_was_lost_repeats_no_line(scene: Scene) -> None:
    name = scene.file(oom_proposal())
    assert scene.actions.approve(name, "bob")
    await scene.executed(name)
    await scene.look()
    before = scene.told()
    (scene.runtime / "state" / "audit.position").unlink()
    scene.restart()
    await scene.look()
    assert scene.told() == before


async def test_what_anybody_writes_into_the_stream_does_not_stop_it(scene: Scene) -> None:
    await scene.bus.call("XADD", ActionUpdate.stream, "*", "p", b"\xff{")
    name = ActionName("plan-pi4-web-" + "0" * 12, "")
    await scene.say(name, "pending", "../../etc", "x" * 5000)
    await scene.say(name, "", "pending", "planner")
    await scene.updates.look()
    assert len(scene.lines()) == 1
    assert len(scene.lines()[0].who) <= 160
    assert "only an update says so" in scene.lines()[0].reason


async def test_of_what_lies_in_quarantine_under_any_name_nobody_says_that_it_is_not_there(scene: Scene) -> None:
    (scene.actions.folder(Folder.QUARANTINE) / "notes.json").write_text("{")
    for name in ("notes.json", "gone.json"):
        await scene.say(ActionName(name, ""), "approved", "quarantine", "executor")
    await scene.updates.look()
    assert ["only an update says so" in line.reason for line in scene.lines()] == [False, True]


@pytest.mark.parametrize("action_id", ["../../../etc", "/etc", "*", "plan-pi4-web-0123456789ab/../..", "", "\x00"])
async def test_an_update_can_have_nothing_read_that_is_no_action(scene: Scene, action_id: str) -> None:
    outside = scene.runtime / "outcome.json"
    outside.write_text('{"digest": "0123456789abcdef"}')
    assert digest_of_action(scene.actions, action_id, "done") == ""
    assert digest_of_action(scene.actions, "../..", "done") == ""


@pytest.mark.parametrize(
    ("by", "uid", "expected"),
    [
        ("mv", None, ("somebody", "mv")),
        ("ada (web) (uid 7)", None, ("ada", "web")),
        ("ada (web)", 7, ("ada", "web")),
        ("web (uid 7)", None, ("web", "web")),
        # Whoever else writes "web" into a note did not come by the web.
        ("ada (web) (uid 8)", None, ("ada (web) (uid 8)", "mend")),
        ("ada (web)", None, ("ada (web)", "mend")),
        ("bob (uid 1000)", None, ("bob (uid 1000)", "mend")),
        ("bob", 1000, ("bob (uid 1000)", "mend")),
    ],
)
def test_who_did_it_is_what_the_kernel_knows(by: str, uid: int | None, expected: tuple[str, str]) -> None:
    assert who_and_how(by, 7, uid) == expected


class Twin:
    """A log in memory."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def append(self, said: dict[str, Any]) -> Any:
        self.said.append(said)
        return AuditLine.model_construct(seq=len(self.said), what=said["what"], who="", how="", action_id="")

    def check(self) -> None: ...


STEP = st.sampled_from(
    [("pending", "approved"), ("approved", "pending"), ("pending", "rejected"), ("rejected", "pending")]
)


@given(st.lists(STEP, max_size=8), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_however_often_and_by_whom_a_walk_is_told_each_step_is_written_once(
    tmp_path_factory: pytest.TempPathFactory, walk: list[tuple[str, str]], data: st.DataObject
) -> None:
    log = Twin()
    auditor = Auditor(log, AllFolders(tmp_path_factory.getbasetemp()))  # type: ignore[arg-type]
    name, at, real = ActionName("plan-pi4-web-" + "0" * 12, "a" * 16), "pending", []
    for source, target in walk:
        if source != at:
            continue
        at = target
        real.append(target)
        if data.draw(st.booleans()):
            async with auditor.deciding(ADA) as told:
                await told.done(target, name, source, target)
        for _ in range(data.draw(st.integers(1, 3))):
            await auditor.moved(name, Folder(source), Folder(target), "mv", "", None, time.time())
        for _ in range(data.draw(st.integers(0, 2))):
            update = ActionUpdate(
                ts=NOW, action_id=name.id, from_folder=source, to_folder=target, type="x", node="pi4", by="mv"
            )
            await auditor.updated(update, "mesh:actions/1-0")
    assert [said["to"] for said in log.said] == real
