"""What a person moves by hand is told once, by whom and why; what our services move is not told here."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from observer_rig import oom_proposal

from mesh_core.approvals.proposal_files import ActionName, actor_and_reason
from mesh_core.messaging.bus import Bus
from mesh_core.models.proposals import ActionUpdate, Folder
from mesh_core.models.streams import MOVES_STREAM
from mesh_core.runtime.path_watch import PathWatch
from mesh_core.testing import AllFolders, RedisServer, wait_for
from observer.audit.follower import Follower
from observer.folders.manual_moves import WATCHED, ManualMoves

NOW = "2026-05-05T12:00:00.000Z"


class Scene:
    def __init__(self, url: str, runtime: Path):
        self.bus = Bus.connect(url, "observer")
        self.actions = AllFolders(runtime)
        self.actions.prepare()
        self.moves = ManualMoves(self.bus, self.actions)

    def file(self, n: int = 1, attempt: int = 1) -> ActionName:
        name = self.actions.propose_again(oom_proposal(n, attempt=attempt))
        assert name is not None
        return name

    def mv(self, name: ActionName, source: Folder, target: Folder) -> Path:
        to = self.actions.folder(target) / name.file
        (self.actions.folder(source) / name.file).rename(to)
        return to

    async def told(self) -> list[tuple[str, str, str, str]]:
        rows = [
            row for name in (MOVES_STREAM, ActionUpdate.stream) for row in await self.bus.call("XRANGE", name, "-", "+")
        ]
        updates = [ActionUpdate.model_validate_json(fields[b"p"]) for _, fields in rows]
        return [(u.from_folder, u.to_folder, u.by, u.reason) for u in updates]


@pytest.fixture
async def scene(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(redis_server.url, tmp_path)
    yield made
    await made.bus.close()


async def test_a_plain_mv_to_rejected_is_told_once(scene: Scene) -> None:
    name = scene.file()
    await scene.moves.look()
    assert await scene.told() == []  # filing is the planner's word
    scene.mv(name, Folder.PENDING, Folder.REJECTED)
    for _ in range(4):
        await scene.moves.look()
    assert await scene.told() == [("pending", "rejected", "mv", "")]


async def test_the_running_watch_tells_moves_also_after_a_folder_was_made_anew(scene: Scene) -> None:
    stop, follower, paths = asyncio.Event(), Follower({"moves": scene.moves}), PathWatch()
    paths.subscribe(follower.wake, *map(scene.actions.folder, WATCHED))
    parts = [asyncio.create_task(part.run(stop)) for part in (follower, paths)]

    async def rejections(number: int) -> bool:
        return sum(to == "rejected" for _, to, _, _ in await scene.told()) == number

    scene.mv(scene.file(1), Folder.PENDING, Folder.REJECTED)
    await wait_for(lambda: rejections(1), 10, "the first move is told")
    rejected = scene.actions.folder(Folder.REJECTED)
    rejected.rename(rejected.with_name("rejected-before"))
    rejected.mkdir()
    scene.mv(scene.file(2), Folder.PENDING, Folder.REJECTED)
    await wait_for(lambda: rejections(2), 10, "a watcher that has gone deaf is made up for by the scan")
    stop.set()
    await asyncio.wait_for(asyncio.gather(*parts), 60)


async def test_a_rejection_says_actor_and_reason_even_if_the_reason_comes_a_moment_later(scene: Scene) -> None:
    name = scene.file()
    path = scene.mv(name, Folder.PENDING, Folder.REJECTED)
    await scene.moves.look()
    assert await scene.told() == []
    path.with_name(path.name + ".reason.txt").write_text("not during the day\n-- ada\n")
    await scene.moves.look()
    assert await scene.told() == [("pending", "rejected", "ada", "not during the day")]


async def test_mend_reject_is_understood(scene: Scene) -> None:
    name = scene.file()
    assert scene.actions.reject(name, "no, thank you", "ada (uid 1000)")
    await scene.moves.look()
    assert await scene.told() == [("pending", "rejected", "ada (uid 1000)", "no, thank you")]


async def test_an_approval_is_told_once_whether_the_executor_or_we_come_first(scene: Scene) -> None:
    first, second = scene.file(1), scene.file(2)
    scene.mv(first, Folder.PENDING, Folder.APPROVED)
    assert scene.actions.approve(second, "ada")
    ours = ActionUpdate(
        ts=NOW,
        action_id=second.id,
        from_folder="pending",
        to_folder="approved",
        type="container_restart",
        node="pi4",
        by="executor",
    )
    await scene.bus.publish(ours, idempotency_key=f"{second.id}:pending:approved")
    await scene.moves.look()
    await scene.moves.look()
    assert sorted(by for *_, by, _ in await scene.told()) == ["executor", "mv"]


async def test_a_person_may_change_their_mind(scene: Scene) -> None:
    name = scene.file()
    await scene.moves.look()
    scene.mv(name, Folder.PENDING, Folder.APPROVED)
    await scene.moves.look()
    scene.mv(name, Folder.APPROVED, Folder.PENDING)
    await scene.moves.look()
    assert [(a, b) for a, b, *_ in await scene.told()] == [("pending", "approved"), ("approved", "pending")]


async def test_a_new_observer_tells_nothing_again_but_what_it_missed(scene: Scene, tmp_path: Path) -> None:
    told, missed = scene.file(1), scene.file(2)
    scene.actions.reject(told, "one", "ada")
    await scene.moves.look()
    scene.actions.reject(missed, "two", "ada")
    later = ManualMoves(scene.bus, AllFolders(tmp_path))
    await later.look()
    assert [reason for *_, reason in await scene.told()] == ["one", "two"]


async def test_a_decision_of_last_month_is_not_told_anew_when_its_key_has_expired(scene: Scene, tmp_path: Path) -> None:
    scene.actions.reject(scene.file(), "long ago", "ada")
    later = ManualMoves(scene.bus, AllFolders(tmp_path), wall=lambda: time.time() + 30 * 86400)
    await later.look()
    assert await scene.told() == []


async def test_what_is_no_proposal_is_not_told_and_does_not_stop_the_look(scene: Scene) -> None:
    rejected = scene.actions.folder(Folder.REJECTED)
    name = scene.file()
    (rejected / "notes.txt").write_text("hello")
    os.mkfifo(rejected / f"plan-pi4-web-{'a' * 12}.{'b' * 16}.json")
    (rejected / f"plan-pi4-web-{'c' * 12}.{'d' * 16}.json").write_text("{")
    (rejected / f"plan-pi4-web-{'e' * 12}.{'f' * 16}.json").symlink_to("/etc/passwd")
    scene.actions.reject(name, "no", "ada")
    await scene.moves.look()
    await scene.moves.look()
    assert [reason for *_, reason in await scene.told()] == ["no"]


async def test_folders_that_do_not_exist_yet_are_waited_for(redis_server: RedisServer, tmp_path: Path) -> None:
    bus = Bus.connect(redis_server.url, "observer")
    await ManualMoves(bus, AllFolders(tmp_path / "none")).look()
    await bus.close()


@pytest.mark.parametrize(
    ("text", "by", "reason"),
    [
        (b"", "mv", ""),
        (b"too risky", "mv", "too risky"),
        (b"too\n\n risky\n-- bob\n", "bob", "too risky"),
        (b"-- bob", "bob", ""),
        (b"\xfe!\n-- ", "mv", "\ufffd! --"),
        ("zbyt ryzykowne".encode("utf-16"), "mv", "zbyt ryzykowne"),
        ("지금은 안 됨\n-- bob\n".encode("utf-8-sig"), "bob", "지금은 안 됨"),
    ],
)
def test_a_reason_file_is_read_as_it_was_meant(text: bytes, by: str, reason: str) -> None:
    assert actor_and_reason(text) == (by, reason)
