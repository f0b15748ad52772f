"""events/ on disk: one file per event, whole, once, wherever its name came from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.records import Decision, HealthEvent, Trust
from observer.archive import Archive, is_event_id

T1, T2 = "2026-05-05T12:00:01.000Z", "2026-05-05T12:00:02.000Z"
MS = 1777982400000  # 2026-05-05T12:00:00Z


def event(n: int = 0, **more: object) -> HealthEvent:
    fields = {"id": f"pi4/{MS + n}-0", "type": "oom", "node": "pi4", "service": "web", "timestamp": T1}
    return HealthEvent.model_validate(fields | more)


def decided(n: int = 0, verdict: str = "proposed", ts: str = T1) -> Decision:
    return Decision.model_validate({"ts": ts, "event_id": f"pi4/{MS + n}-0", "verdict": verdict})


def test_the_day_is_the_one_on_which_the_mesh_learned_of_it_whatever_the_event_claims(tmp_path: Path) -> None:
    Archive(tmp_path).keep([event(timestamp="1999-01-01T00:00:00Z")], [])
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.json")] == [f"2026-05-05/pi4/evt-{MS}-0.json"]


@pytest.mark.parametrize("order", ["event first", "decision first", "together"])
def test_event_and_decision_make_the_same_file_in_any_order(tmp_path: Path, order: str) -> None:
    archive = Archive(tmp_path)
    match order:
        case "event first":
            archive.keep([event()], [])
            archive.keep([], [decided()])
        case "decision first":
            archive.keep([], [decided()])
            archive.keep([event()], [])
        case _:
            archive.keep([event()], [decided()])
    (path,) = tmp_path.rglob("*.json")
    kept = json.loads(path.read_bytes())
    assert kept["event"] == json.loads(event().wire())
    assert kept["decision"] == {"verdict": "proposed", "action_id": None, "reason": "", "ts": T1}


def test_nothing_is_written_twice(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert len(archive.keep([event()], [decided()])) == 1
    (path,) = tmp_path.rglob("*.json")
    inode = path.stat().st_ino
    assert len(archive.keep([event()], [decided()])) == 0
    assert len(archive.keep([event(type="another_story")], [])) == 0  # the first copy of an entry is the entry
    assert path.stat().st_ino == inode


def test_the_newest_decision_counts_and_a_repeated_old_one_does_not(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.keep([event()], [decided(verdict="proposed", ts=T2), decided(verdict="counted", ts=T1)])
    archive.keep([], [decided(verdict="counted", ts=T1)])
    (path,) = tmp_path.rglob("*.json")
    assert json.loads(path.read_bytes())["decision"]["verdict"] == "proposed"


def test_a_planner_s_word_replaces_what_goes_without_saying(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.keep([event(type="service_recovered", timestamp="2099-01-01T00:00:00Z")], [])
    archive.keep([], [decided(verdict="recovered")])
    (path,) = tmp_path.rglob("*.json")
    assert json.loads(path.read_bytes())["decision"]["verdict"] == "recovered"


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b'{"event":1,"decision":2}', b"\xff"])
def test_a_file_that_somebody_spoilt_is_written_anew(tmp_path: Path, rubbish: bytes) -> None:
    archive = Archive(tmp_path)
    archive.keep([event()], [])
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(rubbish)
    assert len(archive.keep([event()], [])) == 1
    assert json.loads(path.read_bytes())["event"]["type"] == "oom"


def test_what_a_killed_writer_left_under_a_temporary_name_is_used_again(tmp_path: Path) -> None:
    folder = tmp_path / "2026-05-05" / "pi4"
    folder.mkdir(parents=True)
    (folder / f".evt-{MS}-0.json.tmp").write_bytes(b"half of")
    Archive(tmp_path).keep([event()], [])
    assert [p.name for p in folder.iterdir()] == [f"evt-{MS}-0.json"]


def test_a_link_under_the_temporary_name_is_not_followed(tmp_path: Path) -> None:
    folder, victim = tmp_path / "2026-05-05" / "pi4", tmp_path / "victim"
    folder.mkdir(parents=True)
    victim.write_text("precious")
    (folder / f".evt-{MS}-0.json.tmp").symlink_to(victim)
    with pytest.raises(OSError):
        Archive(tmp_path).keep([event()], [])
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("ms", ["0", "99999999999999999999", "253402300800000"])
def test_a_clock_gone_mad_still_finds_a_folder(tmp_path: Path, ms: str) -> None:
    assert len(Archive(tmp_path).keep([event(id=f"pi4/{ms}-0")], [])) == 1


@pytest.mark.parametrize(
    "name", ["", "pi4", "pi4/", "../1-0", "a/../1-0", "pi4/1-0\n", ".x/1-0", "pi4/1-0/2-0", "/1-0"]
)
def test_no_name_leads_out_of_the_archive(tmp_path: Path, name: str) -> None:
    assert not is_event_id(name)
    with pytest.raises(ValueError):
        Archive(tmp_path).path_of(name)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_whatever_the_id_the_path_stays_inside_or_is_refused(text: str) -> None:
    root = Path("/r")
    if is_event_id(text):
        assert Archive(root).path_of(text).is_relative_to(root)
        assert ".." not in Archive(root).path_of(text).parts


def test_everything_that_an_event_carried_is_kept(tmp_path: Path) -> None:
    odd = event(payload={"log": "ü\u2028\x00", "n": 10**30, "f": 0.1}, extra={"deep": [1, None]}, trust=Trust.MESH)
    Archive(tmp_path).keep([odd], [])
    (path,) = tmp_path.rglob("*.json")
    assert json.loads(path.read_bytes())["event"] == json.loads(odd.wire())


def test_a_crash_at_any_moment_leaves_whole_files_only(tmp_path: Path) -> None:
    writer = (
        "import sys; from pathlib import Path; from observer.archive import Archive\n"
        "from mesh_core.records import HealthEvent\n"
        "a = Archive(Path(sys.argv[1])); print('on', flush=True)\n"
        "for n in range(10**6):\n"
        "    a.keep([HealthEvent(id=f'pi4/{n}-0', type='oom', node='pi4', payload={'x': 'y' * 9000})], [])"
    )
    process = subprocess.Popen([sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while len(list(tmp_path.rglob("evt-*.json"))) < 20:
        assert process.poll() is None
    process.kill()
    process.communicate()
    for path in tmp_path.rglob("evt-*.json"):
        assert json.loads(path.read_bytes())["event"]["payload"]["x"] == "y" * 9000
