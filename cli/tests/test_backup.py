"""mend backup and mend restore: nothing of the past runs again, nothing damaged gets in, nothing half stays behind."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import redis
from executor_rig import ExecutorHarness, proposal_for
from mend_rig import Mend
from typer.testing import Result

from mend.backup import restoring, snapshot
from mesh_core.approvals.proposal_files import ActionName, Receipt, digest_of
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.storage.schema import SCHEMA_VERSION, read_schema, schema_file, write_schema
from mesh_core.testing import AllFolders, RedisServer, wait_for


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, without what only lives while something runs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parts[len(folder.parts)] not in ("backups", "run", "redis")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def approved(actions: AllFolders, service: str) -> tuple[Proposal, ActionName]:
    proposal = proposal_for(sum(service.encode()), service=service)
    raw = proposal.wire()
    name = ActionName(proposal.id, digest_of(raw))
    (actions.folder(Folder.APPROVED) / name.file).write_bytes(raw)
    return proposal, name


def running(actions: AllFolders, service: str, *, started: bool = False, outcome: str = "") -> Proposal:
    """A run as the executor's ledger leaves it at that step."""
    proposal, name = approved(actions, service)
    folder = actions.claim(name, {"proposal.json": proposal.wire(), "intent.json": b'{"approver": "ann"}'})
    assert folder is not None
    (folder / "logs").mkdir()
    (folder / "logs" / "01_syntax.log").write_text("fine\n")
    if started:
        (folder / "started").write_text('{"at": "2026-11-21T05:46:17Z", "before": {"state": "down"}}')
        executed = actions.root.parent / "state" / "executor" / "executed"
        executed.mkdir(parents=True, exist_ok=True)
        (executed / proposal.id).touch()
    if outcome:
        cut_short = snapshot._cut_short(proposal.id, proposal.wire(), {})
        assert cut_short is not None
        (folder / "outcome.json").write_text(cut_short.model_copy(update={"result": outcome}).model_dump_json())
    return proposal


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def lived(mend: Mend) -> Mend:
    """A runtime folder as a mesh leaves it after a while."""
    write(mend.runtime / "config" / "inventory.yml", "all: {hosts: {here: {}}}\n")
    write(mend.runtime / "events" / "2026-11-21" / "pi4" / "evt-1.json", "{}")
    write(mend.runtime / "silences" / "s1.json", "{}")
    write(mend.runtime / "audit" / "audit.jsonl", '{"n":1}\n{"n":2}\n{"n"')  # the third line is being written
    write(mend.runtime / "state" / "world.json", '{"places": {}}')
    write(mend.runtime / "state" / "sessions.json", '{"token": "stolen"}')
    write(mend.runtime / "state" / "observer.heartbeat", "")
    write(mend.runtime / "secrets" / "redis", "hunter2")
    os.utime(mend.runtime / "state" / "observer.heartbeat", (1, 1))
    mend.propose("waiting")
    write_schema(mend.runtime, "observer")
    return mend


def back_up(mend: Mend, target: Path, *more: str) -> dict[str, Any]:
    said = mend("backup", "--to", str(target), "--json", *(more or ("--without-redis",)))
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    assert isinstance(answer, dict)
    return answer


def put_back(mend: Mend, source: Path, runtime: Path, *more: str) -> Result:
    return mend("restore", str(source), *(more or ("--without-redis",)), RUNTIME_PATH=str(runtime))


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


def packed(members: dict[str, bytes], *, kind: bytes = tarfile.REGTYPE, at: str = "", version: int = 1) -> bytes:
    """An archive with right digests over whatever is put into it; `at` gets the unusual kind."""
    raw, lines = io.BytesIO(), b""
    for name, data in members.items():
        if name != at or kind == tarfile.REGTYPE:
            line = {"path": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            lines += json.dumps(line).encode() + b"\n"
    size = sum(map(len, members.values()))
    manifest = {
        "node": "x",
        "version": "0.1.0",
        "begun": "2026-11-21T05:46:17Z",
        "schema": version,
        "format": 1,
        "files": lines.count(b"\n"),
        "bytes": size,
        "digests_sha256": hashlib.sha256(lines).hexdigest(),
    }
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, data in {**members, "digests.jsonl": lines, "manifest.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(name)
            if name == at:
                info.type, info.linkname = kind, "/etc/passwd"
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def _flipped(raw: bytes) -> bytes:
    inside = bytearray(gzip.decompress(raw))
    place = inside.index(b'{"places"')
    inside[place + 2] ^= 1
    return gzip.compress(bytes(inside))


WORLD = {"runtime/state/world.json": b"{}"}
DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a byte is another": (_flipped, "runtime/state/world.json is not the file that was put in"),
    "cut short": (lambda raw: raw[: len(raw) // 2], "cut short|cannot be read"),
    "empty": (lambda raw: b"", "cannot be read"),
    "no archive": (lambda raw: b"hello" * 1000, "cannot be read"),
    "another archive": (lambda raw: packed({"etc/passwd": b"x"}), "does not belong into a backup"),
    "a path upwards": (lambda raw: packed({"runtime/state/../../x": b"x"}), "no name that a backup has"),
    "absolute": (lambda raw: packed({"/runtime/state/x": b"x"}), "does not belong"),
    "approved": (lambda raw: packed({"runtime/actions/approved/x.json": b"x"}), "without anybody's yes"),
    "running": (lambda raw: packed({"runtime/actions/running/x/started": b"x"}), "without anybody's yes"),
    "a secret place": (lambda raw: packed({"runtime/secrets/x": b"x"}), "does not belong"),
    "a link": (lambda raw: packed(WORLD, kind=tarfile.SYMTYPE, at="runtime/state/world.json"), "neither a file nor"),
    "a hard link": (lambda raw: packed(WORLD, kind=tarfile.LNKTYPE, at="runtime/state/world.json"), "neither a file"),
    "a device": (lambda raw: packed(WORLD, kind=tarfile.CHRTYPE, at="runtime/state/world.json"), "neither a file"),
    "of a newer version": (lambda raw: packed(WORLD, version=SCHEMA_VERSION + 1), "or newer"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_or_foreign_archive_is_refused_before_anything_is_touched(
    how: str, lived: Mend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    import re

    elsewhere = tmp_path_factory.mktemp("b")
    good = elsewhere / "mesh.tar.gz"
    back_up(lived, good)
    damage, words = DAMAGE[how]
    (elsewhere / "bad.tar.gz").write_bytes(damage(good.read_bytes()))
    for more in (("--without-redis",), ("--without-redis", "--dry-run")):
        done = put_back(lived, elsewhere / "bad.tar.gz", elsewhere / "new", *more)
        assert done.exit_code == 1
        assert re.search(words, done.stderr), done.stderr
    assert not (elsewhere / "new").exists()


def test_a_good_archive_of_this_shape_is_taken(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    """So that the refusals above are not for another reason."""
    elsewhere = tmp_path_factory.mktemp("b")
    (elsewhere / "good.tar.gz").write_bytes(packed(WORLD))
    done = put_back(lived, elsewhere / "good.tar.gz", elsewhere / "new")
    assert done.exit_code == 0, done.stderr
    assert (elsewhere / "new" / "state" / "world.json").read_bytes() == b"{}"


def test_a_dry_run_says_everything_and_writes_nothing(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    proposal, _ = approved(lived.actions, "yes")
    back_up(lived, elsewhere / "mesh.tar.gz")
    done = put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--dry-run", "--without-redis")
    assert done.exit_code == 0
    assert "could be restored" in done.stdout
    assert f"{proposal.id} was approved: would wait in pending/" in done.stdout
    assert names(elsewhere) == ["mesh.tar.gz"]


def test_a_place_that_is_in_use_is_refused_and_with_replace_kept_aside(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    back_up(lived, elsewhere / "mesh.tar.gz")
    proposal, name = approved(lived.actions, "later")
    write(lived.runtime / "state" / "world.json", '{"places": {"newer": 1}}')
    write(lived.runtime / "index" / "observer.db", "an index over what was")
    before = tree(lived.runtime)
    refused = put_back(lived, elsewhere / "mesh.tar.gz", lived.runtime)
    assert (refused.exit_code, "is not empty" in refused.stderr, "--replace" in refused.stderr) == (1, True, True)
    assert tree(lived.runtime) == before
    mode = lived.actions.folder(Folder.APPROVED).stat()
    done = put_back(lived, elsewhere / "mesh.tar.gz", lived.runtime, "--replace", "--without-redis")
    assert done.exit_code == 0, done.stderr
    (aside,) = lived.runtime.glob("replaced-*")
    assert (aside / "actions" / "approved" / name.file).read_bytes() == proposal.wire()
    assert "newer" in (aside / "state" / "world.json").read_text()
    assert names(lived.actions.folder(Folder.APPROVED)) == []
    assert lived.actions.folder(Folder.APPROVED).stat().st_ino == mode.st_ino  # the folder of the house itself stays
    assert "newer" not in (lived.runtime / "state" / "world.json").read_text()
    assert not (lived.runtime / "index").exists()


def test_nothing_is_restored_under_a_mesh_that_runs(lived: Mend, tmp_path_factory: pytest.TempPathFactory) -> None:
    import threading

    elsewhere = tmp_path_factory.mktemp("b")
    back_up(lived, elsewhere / "mesh.tar.gz")
    write(elsewhere / "new" / "state" / "executor-agent.heartbeat", "")
    stop = threading.Event()

    def live() -> None:
        while not stop.wait(0.1):
            (elsewhere / "new" / "state" / "executor-agent.heartbeat").touch()

    thread = threading.Thread(target=live)
    thread.start()
    done = put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new")
    stop.set()
    thread.join()
    assert (done.exit_code, "executor-agent still run" in done.stderr) == (1, True)
    assert not (elsewhere / "new" / "actions").exists()


def test_ctrl_c_leaves_no_half_archive_and_no_half_mesh(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, redis_server: RedisServer
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    lived.environ["REDIS_URL"] = redis_server.url
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("mesh:ev:seq", 3)
        client.xadd("mesh:world", {"p": "x"})

    def press(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("mend.commands.backup.snapshot_actions", press)
    stopped = lived("backup", "--to", str(elsewhere / "mesh.tar.gz"))
    assert (stopped.exit_code, list(elsewhere.iterdir())) == (130, [])
    monkeypatch.undo()

    back_up(lived, elsewhere / "mesh.tar.gz", "--json")
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        monkeypatch.setattr(restoring, "_commit", press)
        stopped = put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--json")
        assert stopped.exit_code == 130
        assert client.dbsize() == 0
        assert [path for path in (elsewhere / "new").rglob("*") if path.is_file() and "run" not in path.parts] == []
        monkeypatch.undo()
        assert put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--json").exit_code == 0
        assert client.get("mesh:ev:seq") == b"3"


def test_a_restore_that_dies_between_two_renames_stops_every_start_until_it_is_repeated(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    back_up(lived, elsewhere / "mesh.tar.gz")
    new = elsewhere / "new"

    def dies(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(restoring, "_put", dies)
    assert put_back(lived, elsewhere / "mesh.tar.gz", new).exit_code == 1
    monkeypatch.undo()
    assert "unfinished" in schema_file(new).read_text()
    refused = lived("pending", RUNTIME_PATH=str(new))
    assert (refused.exit_code, "did not end" in refused.stderr) == (1, True)
    assert "--replace" in put_back(lived, elsewhere / "mesh.tar.gz", new).stderr
    assert put_back(lived, elsewhere / "mesh.tar.gz", new, "--replace", "--without-redis").exit_code == 0
    assert lived("pending", RUNTIME_PATH=str(new)).exit_code == 0
    assert list(new.glob(".restoring-*")) == []


def test_a_redis_that_holds_a_mesh_is_left_alone_unless_it_shall_be_replaced(
    lived: Mend, tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer
) -> None:
    elsewhere = tmp_path_factory.mktemp("b")
    lived.environ["REDIS_URL"] = redis_server.url
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("mesh:ev:seq", 3)
        back_up(lived, elsewhere / "mesh.tar.gz", "--json")
        client.set("mesh:ev:seq", 4)
        client.set("mesh:newer", "1")
        refused = put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--json")
        assert (refused.exit_code, "Redis holds a mesh already" in refused.stderr) == (1, True)
        assert client.get("mesh:newer") == b"1"
        done = put_back(lived, elsewhere / "mesh.tar.gz", elsewhere / "new", "--replace")
        assert done.exit_code == 0, done.stderr
        assert (client.get("mesh:ev:seq"), client.get("mesh:newer")) == (b"3", None)
    (aside,) = (elsewhere / "new").glob("replaced-*")
    assert b'"mesh:newer"' in (aside / "redis.jsonl").read_bytes()


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
