"""Which silences hold where, what a person may ask for, and what lies in the folder that is none."""

from __future__ import annotations

import errno
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.models.durations import BadTime, parse_moment, parse_span
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder, ModelRef, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.silences import commands as silencing
from mesh_core.silences.commands import BadSilence, SilenceRequest, new_silence
from mesh_core.silences.folder import MAX_BYTES, SilenceFolder
from mesh_core.silences.put_aside import put_aside_by, words_for
from mesh_core.silences.silence import MAX_DAYS, Silence, SilenceKind, ends_with, silences_for
from mesh_core.storage import files
from mesh_core.testing import AllFolders

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


def silence(kind: str = "maintenance", node: str = "web01", **changes: Any) -> Silence:
    fields: dict[str, Any] = {
        "id": f"{kind}-0123abcd",
        "kind": kind,
        "node": node,
        "starts_at": rfc3339(NOW - timedelta(hours=1)),
        "ends_at": rfc3339(NOW + timedelta(hours=1)),
        "by": "ann",
        "created_at": rfc3339(NOW - timedelta(hours=1)),
    }
    return Silence.model_validate({**fields, **changes})


def request(**changes: Any) -> SilenceRequest:
    return SilenceRequest(**{"node": "web01", "ends": NOW + timedelta(hours=2), "actor": "ann", **changes})


@pytest.fixture
def folder(tmp_path: Path) -> SilenceFolder:
    return SilenceFolder(tmp_path)


@pytest.fixture
def actions(tmp_path: Path) -> AllFolders:
    made = AllFolders(tmp_path)
    made.prepare()
    return made


def propose(actions: AllFolders, service: str | None = "shop", number: int = 1) -> Proposal:
    event = HealthEvent(id=f"web01/{number}-0", type="container_died", node="web01", service=service)
    proposal = Proposal(
        id=f"plan-web01-{service or 'node'}-{number:012x}",
        type="container_restart",  # type: ignore[arg-type]
        action="restart",  # type: ignore[arg-type]
        risk_level="low",  # type: ignore[arg-type]
        node="web01",
        service=service,
        reason="it does not run any more",
        confidence=0.9,
        created_at=rfc3339(NOW),
        expires_at=rfc3339(NOW + timedelta(days=1)),
        event=event,
        model=ModelRef(name="m", provider="p", position=1, latency_ms=1),
    )
    assert actions.propose_again(proposal) is not None
    return proposal


@pytest.mark.parametrize(
    ("fields", "place", "covered"),
    [
        ({}, ("web01", "shop", "any_type"), True),
        ({}, ("web01", None, "disk_full"), True),
        ({}, ("web02", "shop", "any_type"), False),
        ({"node": "*"}, ("web02", None, "x"), True),
        ({"node": "web0?"}, ("web02", None, "x"), True),
        ({"node": "web0?"}, ("web10", None, "x"), False),
        ({"service": "shop*"}, ("web01", "shop.db", "x"), True),
        ({"service": "shop*"}, ("web01", "mail", "x"), False),
        ({"service": "shop*"}, ("web01", None, "x"), False),
        ({"type": "disk_*"}, ("web01", None, "disk_full"), True),
        ({"type": "disk_*"}, ("web01", None, "load_high"), False),
        ({"type": "disk_*"}, ("web01", None, None), True),
        ({"kind": "snooze", "service": "shop"}, ("web01", "shop", "x"), True),
        ({"kind": "snooze", "service": "shop"}, ("web01", None, "x"), False),
        ({"kind": "acknowledge"}, ("web01", "shop", "x"), False),
        ({"kind": "acknowledge"}, ("web01", None, "x"), True),
    ],
)
def test_a_silence_covers_what_it_says_and_no_more(
    fields: dict[str, str], place: tuple[str, str | None, str | None], *, covered: bool
) -> None:
    assert bool(silences_for([silence(**fields)], *place, NOW)) is covered


def test_a_silence_holds_from_its_begin_until_just_before_its_end() -> None:
    known = [silence()]
    for minutes, holds in ((-61, False), (-60, True), (0, True), (59, True), (60, False)):
        moment = NOW + timedelta(minutes=minutes)
        assert bool(silences_for(known, "web01", None, None, moment)) is holds, minutes


def test_the_one_that_ends_last_is_named_first() -> None:
    longer = silence(ends_at="2026-01-31T16:00:00+02:00", id="maintenance-00000002")  # 14:00 in UTC
    assert silences_for([silence(), longer], "web01", None, None, NOW)[0] is longer


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"ends_at": "2026-01-31T10:00:00Z"}, "not after"),
        ({"ends_at": "2026-03-30T10:00:00Z"}, f"{MAX_DAYS} days"),
        ({"kind": "snooze", "node": "web*", "id": "snooze-0123abcd"}, "patterns"),
        ({"kind": "acknowledge", "service": "*", "id": "acknowledge-0123abcd"}, "patterns"),
        ({"starts_at": "9999-12-31T00:00:00-23:00", "ends_at": "9999-12-31T23:59:59-23:00"}, "between the years"),
        ({"node": "../etc"}, "pattern"),
        ({"node": "[a-z]*"}, "pattern"),
        ({"node": "web01\n"}, "pattern"),
        ({"id": "maintenance-../../x"}, "pattern"),
    ],
)
def test_what_is_no_silence_is_none(fields: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        silence(**fields)


def recovery(
    node: str = "web01", service: str | None = None, kind: str = "service_recovered", **more: Any
) -> HealthEvent:
    return HealthEvent(
        type=kind, node=node, service=service, timestamp=more.pop("timestamp", rfc3339(NOW)), payload=more
    )


@pytest.mark.parametrize(
    ("fields", "event", "ends"),
    [
        ({"service": "shop"}, recovery(service="shop"), True),
        ({"service": "shop"}, recovery(service="mail"), False),
        ({"service": "shop"}, recovery(), False),
        ({"service": "shop"}, recovery(kind="node_online"), False),
        ({}, recovery(), True),
        ({"type": "disk_full"}, recovery(was="disk_full"), True),
        ({"type": "disk_full"}, recovery(was="load_high"), False),
        ({"type": "disk_full"}, recovery(kind="node_online"), False),
        ({"type": "node_offline"}, recovery(kind="node_online"), True),
        ({}, recovery(timestamp=rfc3339(NOW - timedelta(hours=2))), False),
        ({"kind": "maintenance", "id": "maintenance-0123abcd"}, recovery(), False),
        ({"kind": "snooze", "id": "snooze-0123abcd"}, recovery(), False),
    ],
)
def test_an_acknowledgement_ends_with_the_recovery_of_what_it_is_about(
    fields: dict[str, str], event: HealthEvent, *, ends: bool
) -> None:
    assert ends_with(silence(**{"kind": "acknowledge", **fields}), event) is ends


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("3d", 259200), ("1W", 604800), ("1h 30m", 5400)],
)
def test_spans_as_people_type_them(text: str, seconds: int) -> None:
    assert parse_span(text).total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2", "no unit; write 2m"),
        ("", "45m"),
        ("soon", "45m"),
        ("-2h", "45m"),
        ("0m", "nothing"),
        ("9999w", "too long"),
    ],
)
def test_a_span_that_cannot_be_read_says_how_it_is_written(text: str, word: str) -> None:
    with pytest.raises(BadTime, match=word):
        parse_span(text)


def test_moments_as_people_type_them() -> None:
    vienna = timezone(timedelta(hours=1))
    assert parse_moment("18:30", NOW, vienna) == datetime(2026, 1, 31, 17, 30, tzinfo=UTC)
    assert parse_moment("06:00", NOW, vienna) == datetime(2026, 2, 1, 5, 0, tzinfo=UTC)
    assert parse_moment("2026-02-01T12:00", NOW, vienna) == datetime(2026, 2, 1, 11, 0, tzinfo=UTC)
    assert parse_moment("2026-02-01T12:00:00Z", NOW, vienna) == datetime(2026, 2, 1, 12, 0, tzinfo=UTC)
    for text in ("25:00", "tomorrow", "", "2026-13-01", "0001-01-01", "9999-12-31"):
        with pytest.raises(BadTime):
            parse_moment(text, NOW, vienna)


def test_what_was_asked_for_is_written_whole_and_readable_for_the_planner(folder: SilenceFolder) -> None:
    folder.root.mkdir(mode=0o2775)  # as a deployment has it
    old = os.umask(0o077)
    try:
        made = silencing.maintain(folder, request(node="web*", reason="new\n disk"), NOW)
    finally:
        os.umask(old)
    path = folder.root / f"{made.id}.json"
    assert path.stat().st_mode & 0o777 == 0o644
    assert json.loads(path.read_bytes())["reason"] == "new disk"
    assert SilenceFolder(folder.root.parent).current() == (made,)
    assert silencing.active(folder, NOW) == (made,)
    assert silencing.active(folder, NOW + timedelta(hours=2)) == ()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"ends": NOW}, "passed already"),
        ({"ends": NOW + timedelta(hours=1), "begins": NOW + timedelta(hours=2)}, "not after its begin"),
        ({"ends": NOW + timedelta(days=31)}, "30 days"),
        ({"ends": NOW + timedelta(days=400), "begins": NOW + timedelta(days=399)}, "more than a year"),
        ({"node": "a b"}, "node 'a b' is no name"),
        ({"service": "/x"}, "service '/x' is no name"),
        ({"type": "Disk"}, "type 'Disk'"),
        ({"reason": "x" * 501}, "longer than 500"),
    ],
)
def test_a_wish_that_cannot_be_granted_says_why_and_leaves_nothing(
    folder: SilenceFolder, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(BadSilence, match=word):
        silencing.maintain(folder, request(**changes), NOW)
    assert not folder.root.exists()


def test_a_full_disk_refuses_the_end_of_a_silence_before_it_is_moved(
    folder: SilenceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = silencing.maintain(folder, request(), NOW)

    def no_space(path: Path, data: bytes, *more: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(files, "_write_temporary", no_space)
        with pytest.raises(OSError, match="No space left"):
            folder.end(made.id, "well again")
    assert folder.current() == (made,)
    assert folder.end(made.id, "well again")
    assert folder.end_reason(made.id) == "well again"


def test_a_silence_ends_before_its_time_once(folder: SilenceFolder) -> None:
    made = silencing.maintain(folder, request(), NOW)
    other = silencing.maintain(folder, request(), NOW)
    with pytest.raises(CannotDecide, match="fits 2 silences"):
        silencing.unsilence(folder, "maintenance", "bob")
    assert silencing.unsilence(folder, made.id.rpartition("-")[2], "bob") == made
    assert folder.current() == (other,)
    assert folder.ended() == (made,)
    assert folder.end_reason(made.id) == "ended by bob\n-- bob"
    for said, why in (
        (made.id, RefusalReason.DECIDED),
        ("maintenance-ffffffff", RefusalReason.UNKNOWN),
        ("", RefusalReason.UNKNOWN),
    ):
        with pytest.raises(CannotDecide) as no:
            silencing.unsilence(folder, said, "bob")
        assert no.value.reason is why


def test_snoozing_puts_the_proposal_aside_and_silences_its_place(folder: SilenceFolder, actions: AllFolders) -> None:
    proposal = propose(actions)
    ends = NOW + timedelta(hours=2)
    filed, made = silencing.snooze(folder, actions, proposal.id, ends, "ann", NOW, reason="asleep")
    assert (made.node, made.service, made.type, made.subject) == ("web01", "shop", None, "web01/shop")
    assert made.put_aside == {"web01/1-0": proposal.id}
    assert (actions.folder(Folder.REJECTED) / filed.name.file).exists()
    with pytest.raises(CannotDecide) as no:
        silencing.snooze(folder, actions, proposal.id, ends, "bob", NOW)
    assert no.value.reason is RefusalReason.DECIDED
    assert folder.current() == (made,)


def test_of_two_people_who_snooze_and_approve_one_wins_and_no_silence_is_left_by_the_other(
    folder: SilenceFolder, actions: AllFolders
) -> None:
    for number in range(1, 21):
        proposal = propose(actions, number=number)
        name = actions.pending()[-1].name
        won: list[bool] = []
        thread = threading.Thread(target=lambda name=name, won=won: won.append(actions.approve(name, "bob")))
        thread.start()
        snoozed = True
        try:
            silencing.snooze(folder, AllFolders(actions.root.parent), proposal.id, NOW + timedelta(hours=1), "ann", NOW)
        except CannotDecide:
            snoozed = False
        thread.join()
        assert [not snoozed] == won
        assert any(proposal.id in s.put_aside.values() for s in folder.current()) is snoozed


def test_a_snooze_of_bytes_that_nobody_looked_at_moves_nothing(folder: SilenceFolder, actions: AllFolders) -> None:
    proposal = propose(actions)
    with pytest.raises(CannotDecide) as no:
        silencing.snooze(folder, actions, proposal.id, NOW + timedelta(hours=2), "ann", NOW, digest="0" * 16)
    assert no.value.reason is RefusalReason.CHANGED
    assert folder.current() == ()
    assert len(actions.pending()) == 1


def test_acknowledging_leaves_or_takes_what_waits_as_asked(folder: SilenceFolder, actions: AllFolders) -> None:
    proposal = propose(actions)
    other = propose(actions, service="mail", number=2)
    about = request(service="shop", reason="known")
    _, none = silencing.acknowledge(folder, actions, about, NOW)
    assert none == ()
    made, (filed,) = silencing.acknowledge(folder, actions, about, NOW, reject=True)
    assert filed.name.id == proposal.id
    assert made.put_aside == {"web01/1-0": proposal.id}
    assert [f.name.id for f in actions.pending()] == [other.id]
    reason = actions.folder(Folder.REJECTED) / f"{filed.name.file}.reason.txt"
    assert reason.read_text() == "acknowledged by ann: known\n-- ann\n"


def test_a_silence_names_what_goes_on_because_a_person_said_yes(folder: SilenceFolder, actions: AllFolders) -> None:
    proposal = propose(actions)
    actions.approve(actions.pending()[0].name, "bob")
    made = silencing.maintain(folder, request(node="web*"), NOW)
    assert [f.name.id for f in silencing.in_progress(actions, made)] == [proposal.id]
    assert silencing.in_progress(actions, silencing.maintain(folder, request(node="db*"), NOW)) == ()


def _hostile(folder: SilenceFolder, name: str) -> None:
    path = folder.root / f"{name}.json"
    good = silence(id=name).wire()
    match name[-1]:
        case "0":
            path.write_bytes(b"{" + good)
        case "1":
            path.symlink_to("/dev/zero")
        case "2":
            os.mkfifo(path)
        case "3":
            with path.open("wb") as handle:
                handle.truncate(10 * 1024**3)
        case "4":
            path.mkdir()
        case "5":
            path.write_bytes(silence(id="maintenance-99999999").wire())
        case "6":
            path.write_bytes(good.replace(b'"node"', b'"node": "a", "node"'))
        case "7":
            path.write_bytes(good + b" " * MAX_BYTES)
        case "8":
            path.write_bytes(b"[" * 20000)
        case "9":
            outside = folder.root.parent / "outside.json"
            outside.write_bytes(good)
            path.symlink_to(outside)


def test_rubbish_in_the_folder_is_left_alone_and_said_once(folder: SilenceFolder) -> None:
    made = silencing.maintain(folder, request(), NOW)
    for number in range(10):
        _hostile(folder, f"maintenance-0000000{number}")
    with capture_logs() as logs:
        for _ in range(3):
            assert folder.current() == (made,)
        (folder.root / "maintenance-00000000.json").touch()
        assert folder.current() == (made,)
    said = [log["file"][-6:] for log in logs if log["event"] == "silences.ignored"]
    assert sorted(said) == sorted([f"{n}.json" for n in range(10)] + ["0.json"])  # once, and once as it is now


def test_reading_again_costs_little_when_nothing_changed(folder: SilenceFolder) -> None:
    for _ in range(200):
        silencing.maintain(folder, request(), NOW)
    assert len(folder.current()) == 200
    begin = time.process_time()
    for _ in range(20):
        folder.current()
    assert (time.process_time() - begin) / 20 < 0.2


def test_what_was_ended_long_ago_is_forgotten(folder: SilenceFolder) -> None:
    made = silencing.maintain(folder, request(), NOW)
    silencing.unsilence(folder, made.id, "ann")
    assert folder.forget(time.time() - 3600) == 0
    assert folder.forget(time.time() + 3600) == 2  # the file and its reason
    assert folder.ended() == ()


PLANNER, OPERATOR, OPERATORS = 61001, 61002, 61100


def _as(uid: int, gid: int, do: Callable[[], object]) -> str:
    """What that user gets, in a process of its own: nothing but a fork can be sure to find this very Python."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.umask(0o077)  # of a careful person
            os.write(writing, str(do()).encode())
        except BaseException as error:  # noqa: BLE001 - it must not go on as a second pytest
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to be other users")
def test_planner_and_operators_end_each_others_silences_in_a_deployed_folder_and_strangers_see_none() -> None:
    with tempfile.TemporaryDirectory() as place:
        runtime = Path(place)
        runtime.chmod(0o755)
        folder = SilenceFolder(runtime)
        folder.root.mkdir()
        os.chown(folder.root, PLANNER, OPERATORS)
        folder.root.chmod(0o2770)
        now = datetime.now(UTC)

        def make() -> str:
            return silencing.maintain(folder, request(ends=now + timedelta(hours=1)), now).id

        assert _as(PLANNER, PLANNER, folder.prepare) == "None"
        first, second = _as(OPERATOR, OPERATORS, make), _as(OPERATOR, OPERATORS, make)
        assert _as(PLANNER, PLANNER, lambda: folder.end(first, "well again")) == "True"
        assert _as(PLANNER, PLANNER, lambda: [s.id for s in folder.current()]) == f"['{second}']"
        assert _as(OPERATOR, OPERATORS, lambda: folder.end(second, "done")) == "True"
        assert _as(OPERATOR, OPERATORS, lambda: folder.end_reason(first)) == "well again"
        assert _as(61003, 61003, lambda: (folder.current(), folder.ended())) == "((), ())"


def test_what_a_silence_put_aside_is_told_from_a_rejection_by_its_own_words() -> None:
    moment = datetime.now(UTC)
    for kind in (SilenceKind.SNOOZE, SilenceKind.ACKNOWLEDGE):
        request = SilenceRequest("pi4", moment + timedelta(hours=1), "ann", reason="dinner")
        assert put_aside_by(words_for(new_silence(kind, request, moment))) is kind
    for reason in ("", "no", "snoozed it myself", "acknowledged", "it was snoozed until tomorrow"):
        assert put_aside_by(reason) is None
