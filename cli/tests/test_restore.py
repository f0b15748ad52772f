"""mend restore: nothing damaged gets in, nothing half stays behind, and no mesh that runs is touched."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
import redis
from backup_rig import approved, back_up, names, put_back, tree, write
from mend_rig import Mend

from mend.backup import restoring
from mesh_core.models.proposals import Folder
from mesh_core.storage.schema import SCHEMA_VERSION, schema_file
from mesh_core.testing import RedisServer


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
