"""events/ on disk: every event a line, whole, once, wherever its name came from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts.archive import lines_in, put_old, read_archive

from mesh_core.models.events import Decision, HealthEvent, Trust
from mesh_core.testing import wait_for
from observer.archive.events import EventArchive, is_event_id

T1, T2 = "2026-05-05T12:00:01.000Z", "2026-05-05T12:00:02.000Z"
MS = 1777982400000  # 2026-05-05T12:00:00Z
FIRST = f"pi4/{MS}-0"


def event(n: int = 0, **more: object) -> HealthEvent:
    fields = {"id": f"pi4/{MS + n}-0", "type": "oom", "node": "pi4", "service": "web", "timestamp": T1}
    return HealthEvent.model_validate(fields | more)


def decided(n: int = 0, verdict: str = "proposed", ts: str = T1) -> Decision:
    return Decision.model_validate({"ts": ts, "event_id": f"pi4/{MS + n}-0", "verdict": verdict})


def test_the_day_is_the_one_on_which_the_mesh_learned_of_it_whatever_the_event_claims(tmp_path: Path) -> None:
    EventArchive(tmp_path).keep([event(timestamp="1999-01-01T00:00:00Z")], [])
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*")] == ["2026-05-05/pi4.jsonl"]


@pytest.mark.parametrize("order", ["event first", "decision first", "together"])
def test_event_and_decision_meet_in_the_same_file_in_any_order(tmp_path: Path, order: str) -> None:
    archive = EventArchive(tmp_path)
    match order:
        case "event first":
            archive.keep([event()], [])
            archive.keep([], [decided()])
        case "decision first":
            archive.keep([], [decided()])
            archive.keep([event()], [])
        case _:
            archive.keep([event()], [decided()])
    assert read_archive(tmp_path) == {
        FIRST: {
            "event": json.loads(event().wire()),
            "decision": {"verdict": "proposed", "action_id": None, "reason": "", "ts": T1},
        }
    }


def test_a_line_has_the_very_form_that_is_written_down(tmp_path: Path) -> None:
    (path,) = EventArchive(tmp_path).keep([event(), event(1, type="service_recovered")], [decided()])
    benign = f'{{"verdict":"benign","action_id":null,"reason":"service_recovered is never trouble","ts":"{T1}"}}'
    second = event(1, type="service_recovered")
    assert path.read_text().splitlines() == [
        f'{{"id":"{FIRST}","event":{event().wire().decode()}}}',
        f'{{"id":"{second.id}","event":{second.wire().decode()},"decision":{benign}}}',
        f'{{"id":"{FIRST}","decision":{{"verdict":"proposed","action_id":null,"reason":"","ts":"{T1}"}}}}',
    ]


@pytest.mark.parametrize("restarted", [False, True])
def test_nothing_is_written_twice(tmp_path: Path, restarted: bool) -> None:
    archive = EventArchive(tmp_path)
    assert len(archive.keep([event()], [decided()])) == 1
    (path,) = tmp_path.rglob("*.jsonl")
    before = path.read_bytes()
    again = EventArchive(tmp_path) if restarted else archive
    assert len(again.keep([event()], [decided()])) == 0
    assert len(again.keep([event(type="another_story")], [])) == 0  # the first copy of an entry is the entry
    assert path.read_bytes() == before


def test_the_newest_decision_counts_and_a_repeated_old_one_does_not(tmp_path: Path) -> None:
    archive = EventArchive(tmp_path)
    archive.keep([event()], [decided(verdict="proposed", ts=T2), decided(verdict="counted", ts=T1)])
    archive.keep([], [decided(verdict="counted", ts=T1)])
    assert read_archive(tmp_path)[FIRST]["decision"]["verdict"] == "proposed"


def test_a_planner_s_word_replaces_what_goes_without_saying(tmp_path: Path) -> None:
    archive = EventArchive(tmp_path)
    archive.keep([event(type="service_recovered", timestamp="2099-01-01T00:00:00Z")], [])
    archive.keep([], [decided(verdict="recovered")])
    assert read_archive(tmp_path)[FIRST]["decision"]["verdict"] == "recovered"


@pytest.mark.parametrize("half", [b"{", b'{"id":"pi4/17', b"\0" * 700, b"\xff", b"x" * 300_000])
def test_half_a_line_of_a_crash_is_cut_and_what_was_whole_stays(tmp_path: Path, half: bytes) -> None:
    EventArchive(tmp_path).keep([event()], [])
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as handle:
        handle.write(half)
    assert len(EventArchive(tmp_path).keep([event(1)], [])) == 1
    assert [line["id"] for line in lines_in(tmp_path)] == [FIRST, event(1).id]
    assert path.read_bytes().count(b"\n") == 2


def test_a_last_line_that_only_lacks_its_end_gets_one(tmp_path: Path) -> None:
    EventArchive(tmp_path).keep([event()], [decided()])
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes().rstrip())  # as an editor leaves it
    EventArchive(tmp_path).keep([event(1)], [decided()])
    assert [(line["id"], "event" in line) for line in lines_in(tmp_path)] == [
        (FIRST, True),
        (FIRST, False),
        (event(1).id, True),
    ]


def test_a_full_disk_is_told_and_leaves_no_half_line(tiny_disk: Path) -> None:
    archive, kept = EventArchive(tiny_disk / "events"), 0
    (tiny_disk / "events").mkdir()

    def until_it_is_full() -> None:
        nonlocal kept
        for number in range(10_000):
            archive.keep([event(number, payload={"log": "x" * 3000})], [])
            kept += 1

    with pytest.raises(OSError, match="No space"):
        until_it_is_full()
    (path,) = tiny_disk.rglob("*.jsonl")
    assert len(lines_in(tiny_disk / "events")) == kept > 0
    assert path.read_bytes().endswith(b"}\n")


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "2026-05-05").mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "2026-05-05" / "pi4.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic link"):
        EventArchive(tmp_path).keep([event()], [])
    assert (tmp_path / "victim").read_text() == "precious"


def test_nodes_whose_names_look_alike_do_not_get_into_each_others_way(tmp_path: Path) -> None:
    names = ["pi4", "Pi4", "PI4", "pi4.jsonl", "pi4.jsonl.gz", "pi4.jsonl.jsonl", "a" * 128]
    old = put_old(tmp_path, f"pi4.jsonl/{MS}-7", json.loads(event(node="pi4.jsonl", id=f"pi4.jsonl/{MS}-7").wire()))
    assert old.parent.name == "pi4.jsonl"  # a folder of before, where the file of pi4 has to be
    events = [event(id=f"{name}/{MS}-0", node=name) for name in names]
    archive = EventArchive(tmp_path)
    assert len(archive.keep(events, [])) == len(names)
    found = read_archive(tmp_path)
    assert sorted(found) == sorted([f"{name}/{MS}-0" for name in names] + [f"pi4.jsonl/{MS}-7"])
    assert all(kept["event"]["node"] == key.partition("/")[0] for key, kept in found.items())


@pytest.mark.parametrize("ms", ["0", "99999999999999999999", "253402300800000"])
def test_a_clock_gone_mad_still_finds_a_folder(tmp_path: Path, ms: str) -> None:
    assert len(EventArchive(tmp_path).keep([event(id=f"pi4/{ms}-0")], [])) == 1


@pytest.mark.parametrize(
    "name", ["", "pi4", "pi4/", "../1-0", "a/../1-0", "pi4/1-0\n", ".x/1-0", "pi4/1-0/2-0", "/1-0", "_attempts/1-0"]
)
def test_no_name_leads_out_of_the_archive(tmp_path: Path, name: str) -> None:
    assert not is_event_id(name)
    with pytest.raises(ValueError):
        EventArchive(tmp_path).path_of(name)


@settings(max_examples=2 * settings.default.max_examples)
@given(st.text(max_size=40))
def test_whatever_the_id_the_path_stays_inside_or_is_refused(text: str) -> None:
    root = Path("/r")
    if is_event_id(text):
        assert EventArchive(root).path_of(text).is_relative_to(root)
        assert ".." not in EventArchive(root).path_of(text).parts


def test_everything_that_an_event_carried_is_kept(tmp_path: Path) -> None:
    odd = event(payload={"log": "ü\u2028\x00\r\n", "n": 10**30, "f": 0.1}, extra={"deep": [1, None]}, trust=Trust.MESH)
    EventArchive(tmp_path).keep([odd], [])
    assert read_archive(tmp_path)[FIRST]["event"] == json.loads(odd.wire())


def test_one_fsync_a_file_however_many_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), real(descriptor))[1])
    archive = EventArchive(tmp_path)
    archive.keep([event()], [])
    synced.clear()
    archive.keep([event(n) for n in range(1, 200)], [decided(n) for n in range(200)])
    assert len(synced) == 1


async def test_a_crash_at_any_moment_leaves_whole_lines_only_and_costs_nothing_that_was_said_to_be_kept(
    tmp_path: Path,
) -> None:
    writer = (
        "import sys; from pathlib import Path; from observer.archive.events import EventArchive\n"
        "from mesh_core.models.events import HealthEvent\n"
        "a = EventArchive(Path(sys.argv[1])); first = int(sys.argv[2])\n"
        "for n in range(first, first + 10**6, 20):\n"
        "    a.keep([HealthEvent(id=f'pi4/{n + k}-0', type='oom', node='pi4', payload={'x': 'y' * 2000})\n"
        "            for k in range(20)], [])\n"
        "    print(n + 19, flush=True)"
    )
    said, first = -1, 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", writer, str(tmp_path), str(first)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        lines: list[bytes] = []
        reading = threading.Thread(target=lambda out=process.stdout, into=lines: into.extend(iter(out.readline, b"")))
        reading.start()
        await wait_for(lambda into=lines: len(into) > 3, 30, "it at work")  # type: ignore[misc]
        process.kill()
        process.wait()
        reading.join()
        process.stdout.close()
        said = int([line for line in lines if line.endswith(b"\n")][-1])
        first = max(0, said - 19)  # the last batch is delivered again
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as handle:
        handle.write(b'{"id":"pi4/half')
    EventArchive(tmp_path).keep([event(id=f"pi4/{said + 1000}-0")], [])
    kept = [line["id"] for line in lines_in(tmp_path)]
    assert {f"pi4/{n}-0" for n in range(said + 1)} <= set(kept)
    assert len(kept) == len(set(kept))
    assert all(line["event"]["payload"]["x"] == "y" * 2000 for line in lines_in(tmp_path)[:-1])
