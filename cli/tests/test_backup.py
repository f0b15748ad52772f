"""mend backup: what is copied, what of it can never run again, and what is left out."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from backup_rig import approved, back_up, names, put_back, running, tree, write
from executor_rig import ExecutorHarness, proposal_for
from mend_rig import Mend

from mend.backup import snapshot
from mesh_core.approvals.proposal_files import ActionName, Receipt, digest_of
from mesh_core.models.proposals import Folder
from mesh_core.storage.schema import SCHEMA_VERSION, read_schema
from mesh_core.testing import AllFolders, RedisServer, wait_for


def test_what_is_restored_is_what_was_there(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    manifest = back_up(lived, elsewhere / "mesh.tar.gz")
    assert (elsewhere / "mesh.tar.gz").stat().st_mode & 0o777 == 0o600
    assert (manifest["node"], manifest["schema"], manifest["redis"]) == ("pi4", SCHEMA_VERSION, None)
    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new").exit_code == 0
    before, after = tree(lived.runtime), tree(elsewhere / "new")
    for passing in ("state/sessions.json", "state/observer.heartbeat", "secrets/redis", "state/schema.json"):
        del before[passing]
    del after["state/schema.json"]
    before["audit/audit.jsonl"] = b'{"n":1}\n{"n":2}\n'
    assert after == before
    assert (known := read_schema(elsewhere / "new")) is not None
    assert (known.version, known.unfinished) == (SCHEMA_VERSION, "")
    old, new = (folder / "state" / "world.json" for folder in (lived.runtime, elsewhere / "new"))
    assert (int(old.stat().st_mtime), old.stat().st_mode) == (int(new.stat().st_mtime), new.stat().st_mode)


def test_nothing_of_the_past_can_run(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    actions = lived.actions
    said_yes, yes = approved(actions, "yes")
    claimed = running(actions, "claimed")
    started = running(actions, "started", started=True)
    ended = running(actions, "ended", started=True, outcome="done")
    manifest = back_up(lived, elsewhere / "mesh.tar.gz")
    assert sorted(manifest["again_pending"]) == sorted([said_yes.id, claimed.id])
    assert manifest["interrupted"] == [started.id]

    with tarfile.open(elsewhere / "mesh.tar.gz") as tar:  # not even for somebody who unpacks it by hand
        inside = {name for name in tar.getnames() if not tar.getmember(name).isdir()}
    assert not [name for name in inside if "/approved/" in name or "/running/" in name]

    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new").exit_code == 0
    restored = AllFolders(elsewhere / "new")
    waiting = {filed.name for filed in restored.pending()}
    assert {name.id for name in waiting} == {*(f.name.id for f in actions.pending()), said_yes.id, claimed.id}
    assert yes in waiting  # the same bytes, so the same digest
    assert names(restored.folder(Folder.APPROVED)) == names(restored.folder(Folder.RUNNING)) == []
    outcome = restored.outcome_at(restored.folder(Folder.INTERRUPTED) / started.id)
    assert outcome is not None
    assert (outcome.result, outcome.approved_by, outcome.before) == ("interrupted", "ann", {"state": "down"})
    assert "look at the target" in outcome.reason
    assert (restored.folder(Folder.INTERRUPTED) / started.id / "logs" / "01_syntax.log").read_text() == "fine\n"
    assert restored.outcome_at(restored.folder(Folder.DONE) / ended.id) is not None


async def test_an_executor_on_a_restored_mesh_runs_nothing_and_takes_no_id_again(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    waits, _ = approved(lived.actions, "waits")
    cut_off = running(lived.actions, "cut-off", started=True)
    back_up(lived, elsewhere / "mesh.tar.gz")
    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new").exit_code == 0
    living = ExecutorHarness(elsewhere / "new", redis_server.url)
    (name,) = (filed.name for filed in living.actions.pending() if filed.name.id == waits.id)
    again = ActionName(cut_off.id, digest_of(cut_off.wire()))
    await living.begin()
    try:
        # A person brings back the file of what had begun: that id never runs again.
        (living.folder(Folder.APPROVED) / again.file).write_bytes(cut_off.wire())
        assert "interrupted" in await living.quarantined(again.file)
        assert living.runner.runs() == []
        assert (living.folder(Folder.PENDING) / name.file).exists()
        (living.folder(Folder.PENDING) / name.file).rename(living.folder(Folder.APPROVED) / name.file)
        await living.ends_in(Folder.DONE, name)  # only now, after somebody's yes
        assert living.runner.runs() == [waits.id]
    finally:
        await living.end()


@pytest.mark.parametrize("moment", ["_settle", "_ledger"])
def test_what_moves_on_while_it_is_read_is_there_once_and_never_as_waiting(
    moment: str, lived: Mend, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    actions = lived.actions
    proposal, name = approved(actions, "moving")
    real = getattr(snapshot, moment)

    def meanwhile(runtime: Path, *rest: Any) -> Any:
        """The executor takes it, runs it and is done, all between two of our looks."""
        folder = actions.claim(name, {"proposal.json": proposal.wire(), "intent.json": b"{}"})
        if folder is not None:
            write(runtime / "state" / "executor" / "executed" / proposal.id, "")
            write(folder / "started", "{}")
            actions.finish(folder, Folder.DONE)
        return real(runtime, *rest)

    monkeypatch.setattr(snapshot, moment, meanwhile)
    back_up(lived, elsewhere / "mesh.tar.gz")
    monkeypatch.undo()
    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new").exit_code == 0
    restored = AllFolders(elsewhere / "new")
    places = [folder for folder, _ in restored.find(proposal.id)]
    assert places == ([Folder.DONE] if moment == "_settle" else [Folder.INTERRUPTED])
    assert (elsewhere / "new" / "state" / "executor" / "executed" / proposal.id).exists()


@pytest.mark.parametrize("read_first", ["actions/pending/.wip", "actions/pending", "actions/approved"])
def test_what_is_filed_while_the_folders_are_read_is_there_or_is_made_again(
    read_first: str, lived: Mend, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a receipt of what the archive does not have, and never a draft of what it has."""
    elsewhere = tmp_path_factory.mktemp("b")
    old, new = proposal_for(71, service="drafted"), proposal_for(72, service="new")
    lived.actions.draft(old, "aa")
    real = snapshot._files

    def meanwhile(runtime: Path, below: PurePosixPath, *rest: Any, **more: Any) -> Any:
        """A planner files both right after the first look into that folder."""
        found = real(runtime, below, *rest, **more)
        if str(below) == read_first and lived.actions.receipt(old.id) is None:
            lived.actions.draft(new, "bb")
            for proposal, token in ((old, "aa"), (new, "bb")):
                assert lived.actions.file_draft(proposal.id, Receipt(token, proposal.wire()))
        return found

    monkeypatch.setattr(snapshot, "_files", meanwhile)
    back_up(lived, elsewhere / "mesh.tar.gz")
    monkeypatch.undo()
    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new").exit_code == 0
    restored = AllFolders(elsewhere / "new")
    drafts = {action_id for action_id, _, _ in restored.drafts()}
    waiting = {filed.proposal.id for filed in restored.pending()}
    receipts = {proposal.id for proposal in (old, new) if restored.was_filed(proposal.id)}
    assert old.id in drafts | waiting
    assert not drafts & waiting
    assert receipts <= drafts | waiting


def test_without_redis_a_backup_says_how_to_go_on(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    done = lived("backup", "--to", str(elsewhere / "mesh.tar.gz"))
    assert (done.exit_code, "--without-redis" in done.stderr) == (1, True)
    assert list(elsewhere.iterdir()) == []


def test_odd_things_are_left_out_by_name_and_hold_nothing_up(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    os.mkfifo(lived.actions.folder(Folder.QUARANTINE) / "pipe")
    (lived.runtime / "config" / "chain.yml").symlink_to("/etc/passwd")
    with (lived.actions.folder(Folder.QUARANTINE) / "huge").open("wb") as huge:
        huge.truncate(10 * 1024**3)
    manifest = back_up(lived, elsewhere / "mesh.tar.gz")
    said = "\n".join(manifest["left_out"])
    for name in ("actions/quarantine/pipe", "config/chain.yml", "actions/quarantine/huge"):
        assert name in said


def test_an_existing_file_is_not_overwritten_and_old_backups_go_only_when_asked(lived: Mend, tmp_path: Path) -> None:
    (tmp_path / "here.tar.gz").write_text("mine")
    assert lived("backup", "--without-redis", "--to", str(tmp_path / "here.tar.gz")).exit_code == 1
    assert (tmp_path / "here.tar.gz").read_text() == "mine"
    folder = lived.runtime / "backups"
    folder.mkdir()
    (folder / "mend-other-20200101T000000.000000Z.tar.gz").touch()
    for _ in range(3):
        assert lived("backup", "--without-redis").exit_code == 0
    newest = names(folder)[-1]
    assert lived("backup", "--without-redis", "--keep", "2").exit_code == 0
    assert len(names(folder)) == 3
    assert names(folder)[0].startswith("mend-other")
    assert newest in names(folder)
    assert lived("backup", "--keep", "1", "--to", "x").exit_code == 2


async def test_a_mesh_with_a_redis_of_its_own_is_copied_and_put_back_while_it_is_down(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mend up` has stopped, and its Redis with it: it is started for the copy, and stopped again."""
    import psutil

    from mend.backup.nearby_redis import nearby_redis
    from mend.context import read_context
    from mend.local import redis_server

    elsewhere = tmp_path_factory.mktemp("b")
    monkeypatch.setattr(redis_server, "home_of", lambda url: None)  # whatever listens on this machine's default port
    del lived.environ["REDIS_URL"]
    with nearby_redis(read_context(lived.environ), making=True) as client:
        client.execute_command("SET", "mesh:ev:seq", 5)
    manifest = back_up(lived, elsewhere / "mesh.tar.gz", "--json")
    assert manifest["redis"]["keys"] == 1
    assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--json").exit_code == 0
    with nearby_redis(read_context({**lived.environ, "RUNTIME_PATH": str(elsewhere / "new")}), making=False) as client:
        assert client.execute_command("GET", "mesh:ev:seq") == b"5"

    def ours() -> list[int]:
        return [p.pid for p in psutil.process_iter(["cmdline"]) if str(elsewhere) in " ".join(p.info["cmdline"] or ())]

    await wait_for(lambda: not ours(), 10, "no server of ours is left")
