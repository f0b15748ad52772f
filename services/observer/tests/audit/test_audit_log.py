"""The log on disk: killed at any byte it heals and says so; cut, changed or shared it never goes on silently."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh_core.storage.audit_log import DAMAGE, HEALED, AuditLine, AuditReport, Chain, Head, head_in
from observer.audit.log import AuditBusy, AuditDown, AuditLog

NOW = "2026-05-05T12:00:00.000Z"
SAID = {"at": NOW, "who": "ada", "how": "web", "what": "approve"}


class Logs:
    """One log, opened again and again."""

    def __init__(self, folder: Path):
        self.path, self.head_file = folder / "audit" / "audit.jsonl", folder / "state" / "audit.head"
        self.open_now: list[AuditLog] = []

    def open(self) -> AuditLog:
        self.close()
        log = AuditLog(self.path, self.head_file)
        log.open()
        self.open_now.append(log)
        return log

    def close(self) -> None:
        while self.open_now:
            self.open_now.pop().close()

    def verdict(self) -> AuditReport:
        noted = head_in(self.head_file.read_bytes())
        assert noted is not None
        chain = Chain([("the noted end", noted)])
        for raw in self.path.read_bytes().splitlines(keepends=True):
            chain.follow(raw)
        return chain.verdict()


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = Logs(tmp_path)
    yield made
    made.close()


def test_it_goes_on_where_an_earlier_life_ended(logs: Logs) -> None:
    for n in range(3):
        line = logs.open().append({**SAID, "reason": str(n)})
        assert line.seq == n + 1
    assert logs.verdict().problems == ()
    found: list[AuditLine] = []
    logs.close()
    again = AuditLog(logs.path, logs.head_file)
    again.open(found.append)
    assert [line.reason for line in found] == ["2", "1", "0"]
    again.close()


def test_cut_at_every_byte_of_the_last_line_it_heals_tells_and_loses_nothing(logs: Logs) -> None:
    log = logs.open()
    log.append(SAID)
    whole = logs.path.read_bytes()
    first_head = logs.head_file.read_bytes()
    log.append({**SAID, "reason": "the one that a crash cuts"})
    full = logs.path.read_bytes()
    logs.close()
    for end in {*range(len(whole) + 1, len(full), 41), len(full) - 1}:
        logs.path.write_bytes(full[:end])
        logs.head_file.write_bytes(first_head)  # it is noted after the line
        log = logs.open()
        assert log.append(SAID).seq == 3
        verdict = logs.verdict()
        assert verdict.problems == ()
        assert "unfinished line" in verdict.notes[0]
        assert [line.what for line in lines_of(logs)] == ["approve", HEALED, "approve"]
        (aside,) = logs.path.parent.glob("aside-*.txt")
        assert aside.read_bytes() == full[len(whole) : end]
        aside.unlink()


def test_killed_again_and_again_while_it_writes_it_loses_no_line_that_was_confirmed(logs: Logs, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from observer.audit.log import AuditLog\n"
        "log = AuditLog(Path(sys.argv[1]), Path(sys.argv[2])); log.open()\n"
        f"while True: print(log.append({SAID!r}).seq, flush=True)\n"
    )
    dice, confirmed = random.Random(3), 0
    for _ in range(4):
        out = tmp_path / "out"  # read by its name: a shared handle would share the place where it writes
        with out.open("wb") as handle:
            process = subprocess.Popen([sys.executable, "-c", code, logs.path, logs.head_file], stdout=handle)
            deadline = time.monotonic() + 60
            while not out.read_bytes() and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(dice.random() * 0.1)  # anywhere in its work
            process.kill()
            process.wait()
            printed = out.read_bytes().decode().splitlines(keepends=True)
            confirmed = max(confirmed, *(int(line) for line in printed if line.endswith("\n")))
    logs.open()
    verdict = logs.verdict()
    assert verdict.problems == ()
    assert verdict.head.seq >= confirmed > 4


@pytest.mark.parametrize("cut", [1, 3])
def test_whole_lines_cut_off_the_end_leave_a_gap_for_ever(logs: Logs, cut: int) -> None:
    log = logs.open()
    for _ in range(4):
        log.append(SAID)
    logs.close()
    kept = logs.path.read_bytes().splitlines(keepends=True)[:-cut]
    logs.path.write_bytes(b"".join(kept))
    log = logs.open()
    log.append(SAID)
    problems = logs.verdict().problems
    assert len(problems) == 1
    assert f"{5 - cut} to 4 are missing" in problems[0]
    assert [line.seq for line in lines_of(logs)][-2:] == [5, 6]


def test_a_log_that_was_removed_is_missed(logs: Logs) -> None:
    log = logs.open()
    for _ in range(4):
        log.append(SAID)
    logs.close()
    logs.path.unlink()
    logs.open()
    (line,) = lines_of(logs)
    assert (line.what, line.seq) == (DAMAGE, 5)
    assert logs.verdict().problems


def test_a_last_line_that_was_written_anew_is_noticed_at_the_next_start(logs: Logs) -> None:
    log = logs.open()
    log.append(SAID)
    log.append(SAID)
    logs.close()
    first, _ = logs.path.read_bytes().splitlines(keepends=True)
    other = Logs(logs.path.parents[1] / "other")
    forger = other.open()
    forger.append(SAID)
    logs.path.write_bytes(first)
    again = AuditLog(logs.path, other.head_file)  # a forger who forgets the noted end
    again.open()
    again.append({**SAID, "who": "somebody else"})
    again.close()
    other.close()
    logs.open()
    assert lines_of(logs)[-1].what == DAMAGE
    assert "another line than was noted" in logs.verdict().problems[0]


def test_rubbish_at_the_end_is_set_aside_and_called_damage(logs: Logs) -> None:
    log = logs.open()
    log.append(SAID)
    logs.close()
    with logs.path.open("ab") as handle:
        handle.write(b'{"seq": 2, "who": "mallory"}\n' + b"\x00" * 4096)
    log = logs.open()
    assert log.append(SAID).seq == 3
    assert [line.what for line in lines_of(logs)] == ["approve", DAMAGE, "approve"]
    (aside,) = logs.path.parent.glob("aside-*")
    assert aside.stat().st_size == 29 + 4096


def test_a_crash_in_the_middle_of_healing_heals_nothing_silently(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logs.open()
    log.append(SAID)
    logs.close()
    with logs.path.open("ab") as handle:
        handle.write(b'{"half": ')

    def die(*args: object, **more: object) -> None:
        raise AuditDown("the disk is full")

    with monkeypatch.context() as dying:
        dying.setattr(AuditLog, "append", die)
        with pytest.raises(AuditDown):
            logs.open()
    assert len(list(logs.path.parent.glob("*.new"))) == 1
    for _ in range(2):
        logs.open()
        assert [line.what for line in lines_of(logs)] == ["approve", HEALED]
    assert not list(logs.path.parent.glob("*.new"))


def test_only_one_writes_and_the_other_takes_over_when_the_first_is_gone(logs: Logs) -> None:
    first = logs.open()
    second = AuditLog(logs.path, logs.head_file)
    with pytest.raises(AuditBusy):
        second.open()
    with pytest.raises(AuditDown):
        second.append(SAID)
    with pytest.raises(AuditDown):
        second.check()
    first.append(SAID)
    first.close()
    second.open()
    assert second.append(SAID).seq == 2
    second.close()


def test_who_writes_into_it_from_outside_stops_it(logs: Logs) -> None:
    log = logs.open()
    log.append(SAID)
    with logs.path.open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(AuditDown, match="somebody else wrote"):
        log.append(SAID)


def test_a_full_disk_is_told_and_leaves_no_half_line(tiny_disk: Path) -> None:
    logs = Logs(tiny_disk)
    log = logs.open()
    log.append(SAID)
    with pytest.raises(AuditDown):
        [log.append({**SAID, "reason": "x" * 900}) for _ in range(1000)]
    written = log.head.seq
    assert written > 10
    with pytest.raises(AuditDown):
        log.check()
    assert len(lines_of(logs)) == written
    logs.close()


def test_a_start_reads_only_the_end_of_a_hundred_megabytes(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    log = logs.open()
    for _ in range(50):
        log.append({**SAID, "reason": "x" * 500})
    size = logs.path.stat().st_size
    monkeypatch.setattr("observer.audit.log.TAIL_BYTES", size // 5)
    found: list[AuditLine] = []
    logs.close()
    again = AuditLog(logs.path, logs.head_file)
    again.open(found.append)
    assert 8 < len(found) < 15
    assert again.append(SAID).seq == 51
    again.close()


def test_a_head_that_was_never_noted_is_no_damage(logs: Logs) -> None:
    log = logs.open()
    log.append(SAID)
    logs.head_file.unlink()
    logs.open()
    assert [line.what for line in lines_of(logs)] == ["approve"]
    assert head_in(logs.head_file.read_bytes()) == Head(1, lines_of(logs)[0].hash)


def test_nobody_else_reads_it(logs: Logs) -> None:
    logs.open()
    assert logs.path.stat().st_mode & 0o007 == 0
    assert logs.path.parent.stat().st_mode & 0o007 == 0
    assert logs.path.stat().st_mode & 0o022 == 0


def lines_of(logs: Logs) -> list[AuditLine]:
    chain = Chain()
    found = [chain.follow(raw) for raw in logs.path.read_bytes().splitlines(keepends=True)]
    return [line for line in found if line is not None]
