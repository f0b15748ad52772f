"""What a person may ask for: a silence, its end, a snooze, an acknowledgement; whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from silence_rig import NOW, request

from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.models.events import HealthEvent
from mesh_core.models.proposals import Folder, ModelRef, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.silences import commands as silencing
from mesh_core.silences.commands import BadSilence, Made, SilenceRequest, new_silence
from mesh_core.silences.folder import SilenceFolder
from mesh_core.silences.put_aside import put_aside_by, words_for
from mesh_core.silences.silence import SilenceKind
from mesh_core.storage import files
from mesh_core.testing import AllFolders


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


def test_what_was_asked_for_is_written_whole_and_readable_for_the_planner(folder: SilenceFolder) -> None:
    folder.root.mkdir(mode=0o2775)  # as a deployment has it
    old = os.umask(0o077)
    try:
        made = silencing.maintain(folder, request(node="web*", reason="new\n disk"), NOW).silence
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
    made = silencing.maintain(folder, request(), NOW).silence

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
    made = silencing.maintain(folder, request(), NOW).silence
    other = silencing.maintain(folder, request(node="web02"), NOW).silence
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
    assert silencing.acknowledge(folder, actions, about, NOW).aside == ()
    made = silencing.acknowledge(folder, actions, about, NOW, reject=True)
    (filed,) = made.aside
    assert filed.name.id == proposal.id
    assert made.silence.put_aside == {"web01/1-0": proposal.id}
    assert [f.name.id for f in actions.pending()] == [other.id]
    reason = actions.folder(Folder.REJECTED) / f"{filed.name.file}.reason.txt"
    assert reason.read_text() == "acknowledged by ann: known\n-- ann\n"


def test_what_is_said_again_is_one_silence(folder: SilenceFolder, actions: AllFolders) -> None:
    hour, later = timedelta(hours=1), NOW + timedelta(minutes=5)
    first = silencing.acknowledge(folder, actions, request(service="shop", ends=None), NOW).silence
    assert silencing.acknowledge(folder, actions, request(service="shop", ends=None), later) == Made(
        first, already=True
    )
    assert silencing.acknowledge(folder, actions, request(service="shop", ends=later + hour), later) == Made(
        first, already=True
    )
    assert folder.current() == (first,)
    known = silencing.acknowledge(folder, actions, request(service="shop", ends=None, reason="vendor"), later).silence
    assert (known.reason, known.ends_at) == ("vendor", first.ends_at)
    made = silencing.acknowledge(folder, actions, request(service="shop", ends=NOW + timedelta(days=9)), later)
    assert (made.already, made.replaced) == (False, (known,))
    longer = made.silence
    assert folder.current() == (longer,)
    assert longer.reason == "vendor"
    assert folder.end_reason(known.id) == f"{longer.id} is in its place\n-- ann"
    for other in ({"service": "mail"}, {"service": "shop", "type": "disk_full"}, {"service": None}):
        silencing.acknowledge(folder, actions, request(**other), later)
    assert len(folder.current()) == 4


def test_a_maintenance_that_is_said_again_lasts_until_the_later_end(folder: SilenceFolder) -> None:
    hour = timedelta(hours=1)
    first = silencing.maintain(folder, request(node="web*", ends=NOW + hour), NOW).silence
    assert silencing.maintain(folder, request(node="web*", ends=NOW + hour), NOW + hour / 2) == Made(
        first, already=True
    )
    longer = silencing.maintain(folder, request(node="web*", ends=NOW + 2 * hour), NOW + hour / 2).silence
    assert folder.current() == (longer,)
    tomorrow = request(node="web*", begins=NOW + 24 * hour, ends=NOW + 26 * hour)
    planned = silencing.maintain(folder, tomorrow, NOW + hour).silence
    assert silencing.maintain(folder, tomorrow, NOW + hour) == Made(planned, already=True)
    assert {one.id for one in folder.current()} == {longer.id, planned.id}
    silencing.maintain(folder, request(node="web01", ends=NOW + 2 * hour), NOW + hour)
    assert len(folder.current()) == 3, "another pattern is another one"


def test_a_silence_names_what_goes_on_because_a_person_said_yes(folder: SilenceFolder, actions: AllFolders) -> None:
    proposal = propose(actions)
    actions.approve(actions.pending()[0].name, "bob")
    made, other = (silencing.maintain(folder, request(node=node), NOW).silence for node in ("web*", "db*"))
    assert [f.name.id for f in silencing.in_progress(actions, made)] == [proposal.id]
    assert silencing.in_progress(actions, other) == ()


def test_what_a_silence_put_aside_is_told_from_a_rejection_by_its_own_words() -> None:
    moment = datetime.now(UTC)
    for kind in (SilenceKind.SNOOZE, SilenceKind.ACKNOWLEDGE):
        request = SilenceRequest("pi4", moment + timedelta(hours=1), "ann", reason="dinner")
        assert put_aside_by(words_for(new_silence(kind, request, moment))) is kind
    for reason in ("", "no", "snoozed it myself", "acknowledged", "it was snoozed until tomorrow"):
        assert put_aside_by(reason) is None
