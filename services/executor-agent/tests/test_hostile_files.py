"""Everything that can lie in approved/: the good ones run, each bad one ends in quarantine once, with a reason, within
five seconds, and the loop never blocks."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from executor_rig import ExecutorHarness, file_pending, move_by_hand, proposal_for

from executor_agent.loop import approved_scanner
from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.models.records import rfc3339
from mesh_core.testing import wait_for

Put = Callable[[Path, Proposal], object]


def _named(approved: Path, proposal: Proposal, raw: bytes) -> None:
    """Bytes with the right digest in the name: only what they say is wrong."""
    (approved / ActionName(proposal.id, digest_of(raw)).file).write_bytes(raw)


def _bytes(change: Callable[[bytes], bytes]) -> Put:
    return lambda approved, proposal: _named(approved, proposal, change(proposal.wire()))


def _replaced(old: bytes, new: bytes) -> Put:
    def put(approved: Path, proposal: Proposal) -> None:
        assert old in proposal.wire(), old
        _named(approved, proposal, proposal.wire().replace(old, new))

    return put


def _changed(**changes: Any) -> Put:
    return lambda approved, p: _named(approved, p, Proposal.model_validate({**p.model_dump(), **changes}).wire())


def _own_name(p: Proposal) -> str:
    return ActionName(p.id, digest_of(p.wire())).file


def _whole_under(name: Callable[[Proposal], str]) -> Put:
    return lambda approved, proposal: (approved / name(proposal)).write_bytes(proposal.wire())


def _sparse(approved: Path, proposal: Proposal) -> None:
    with (approved / _own_name(proposal)).open("wb") as handle:
        handle.truncate(10 * 1024**3)


def _link_to_file(approved: Path, proposal: Proposal) -> None:
    aside = approved.parent.parent / "aside.json"
    aside.write_bytes(proposal.wire())
    (approved / _own_name(proposal)).symlink_to(aside)


def _hard_link(approved: Path, proposal: Proposal) -> None:
    (approved / _own_name(proposal)).write_bytes(proposal.wire())
    (approved.parent.parent / "second-name.json").hardlink_to(approved / _own_name(proposal))


def _edited(approved: Path, proposal: Proposal) -> None:
    (approved / _own_name(proposal)).write_bytes(proposal.wire().replace(b'"web', b'"webs', 1))


def _socket(approved: Path, proposal: Proposal) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(approved)
        server.bind(proposal.id[:80])


def _full_folder(approved: Path, proposal: Proposal) -> None:
    folder = approved / _own_name(proposal)
    folder.mkdir()
    (folder / _own_name(proposal)).write_bytes(proposal.wire())


def _device(approved: Path, proposal: Proposal) -> None:
    os.mknod(approved / _own_name(proposal), 0o600 | 0o020000, os.makedev(1, 5))


PLAYBOOK = {"name": "p", "sha256": "0" * 64, "text": "- hosts: here\n  tasks: []\n"}
BAD: dict[str, Put] = {
    "half-written for ever": lambda a, p: (a / _own_name(p)).write_bytes(p.wire()[:300]),
    "empty": lambda a, p: (a / _own_name(p)).touch(),
    "fifo": lambda a, p: os.mkfifo(a / _own_name(p)),
    "symlink to a good file": _link_to_file,
    "dangling symlink": lambda a, p: (a / _own_name(p)).symlink_to("/nowhere/at/all"),
    "symlink to /dev/zero": lambda a, p: (a / _own_name(p)).symlink_to("/dev/zero"),
    "hard link": _hard_link,
    "folder": _full_folder,
    "sparse, 10 GB": _sparse,
    "socket": _socket,
    "NUL bytes": _bytes(lambda raw: b"\0" * 100),
    "NUL inside": _replaced(b"it died", b"it\0died"),
    "byte order mark": _bytes(lambda raw: b"\xef\xbb\xbf" + raw),
    "UTF-16": _bytes(lambda raw: raw.decode().encode("utf-16")),
    "not JSON": _bytes(lambda raw: b"- hosts: all\n"),
    "a list": _bytes(lambda raw: b"[" + raw + b"]"),
    "two objects": _bytes(lambda raw: raw + raw),
    "duplicate keys": _replaced(b'"node": "here"', b'"node": "there", "node": "here"'),
    "NaN": _replaced(b'"confidence": 0.9', b'"confidence": NaN'),
    "1e999": _replaced(b'"confidence": 0.9', b'"confidence": 1e999'),
    "deep nesting": _bytes(lambda raw: b'{"a":' * 20000 + b"1" + b"}" * 20000),
    "5000-digit integer": _replaced(b'"attempt": 1', b'"attempt": ' + b"1" * 5000),
    "lone surrogate": _replaced(b"it died", b"it \\ud800 died"),
    "invalid UTF-8": _replaced(b"it died", b"it \xff died"),
    "oversized": _replaced(b"it died", b"x" * 300_000),
    "wrong digest": _whole_under(lambda p: f"{p.id}.{'0' * 16}.json"),
    "edited in place": _edited,
    "id changed": lambda a, p: _named(a, p, p.wire().replace(p.id.encode(), (p.id[:-12] + "0" * 12).encode())),
    "host changed": _changed(node="there"),
    "service changed": _changed(service="database"),
    "host outside the inventory": lambda a, p: _named(a, p, proposal_for(900, node="elsewhere").wire()),
    "host that is a group": lambda a, p: _named(a, p, proposal_for(901, node="all").wire()),
    "action outside the policy": _changed(action="redeploy", type="redeploy", risk_level="guarded"),
    "type that does not belong": _changed(type="service_restart"),
    "requires_human false": _replaced(b'"requires_human": true', b'"requires_human": false'),
    "another schema_version": _replaced(b'"schema_version": 1', b'"schema_version": 2'),
    "an extra field": _replaced(b'"attempt": 1', b'"attempt": 1, "shell": "rm -rf /"'),
    "confidence above 1": _replaced(b'"confidence": 0.9', b'"confidence": 97.4'),
    "name with a template": _replaced(b'"service": "web', b'"service": "{{ 7 * 7 }}web'),
    "name with an option": _replaced(b'"service": "web', b'"service": "-H root@evil web'),
    "event without id": _changed(event={"type": "container_died", "node": "here", "service": "web"}),
    "attempt that is not its id's": _changed(attempt=2),
    "playbook without a playbook": _changed(type="playbook", action="playbook", risk_level="high"),
    "playbook that is not its sha256": _changed(
        type="playbook", action="playbook", risk_level="high", playbook=PLAYBOOK
    ),
    "restart with a playbook": _changed(playbook=PLAYBOOK),
    "expires_at is no time": _replaced(b'"expires_at": "2', b'"expires_at": "two'),
    "no digest in the name": _whole_under(lambda p: f"{p.id}.json"),
    "newline in the name": _whole_under(lambda p: f"{p.id}\n.json"),
    "blank in the name": _whole_under(lambda p: _own_name(p).replace(".json", " .json")),
    "unicode in the name": _whole_under(lambda p: "план-🔥.json"),
    "invalid bytes in the name": _whole_under(lambda p: os.fsdecode(b"pl\xffn.json")),
    "leading dash": _whole_under(lambda p: "-rf.json"),
    "hidden file": _whole_under(lambda p: "." + _own_name(p)),
    "editor backup": _whole_under(lambda p: _own_name(p) + "~"),
    "swap file": _whole_under(lambda p: f".{p.id[:60]}.json.swp"),
    "upper case ending": _whole_under(lambda p: _own_name(p).replace(".json", ".JSON")),
    "longest name": _whole_under(lambda p: "a" * 250 + ".json"),
    "longest name, in emoji": _whole_under(lambda p: "🔥" * 63),
    "a note's name": _whole_under(lambda p: "x.reason.txt"),
    "shell script": lambda a, p: (a / "run-me.sh").write_bytes(b"#!/bin/sh\ntouch /tmp/owned\n"),
}
if os.geteuid() == 0:
    BAD["device"] = _device


async def test_each_bad_file_is_quarantined_once_within_five_seconds_and_the_good_ones_run(
    harness: ExecutorHarness,
) -> None:
    """All of them at once, mixed with good ones, while the executor lives."""
    await harness.begin()
    approved, here = harness.folder(Folder.APPROVED), Path.cwd()
    good, expected = [], len(BAD)
    begun = time.monotonic()
    try:
        for number, put in enumerate(BAD.values(), 1000):
            put(approved, proposal_for(number, service=f"web-{number}"))
            if number % 6 == 0:
                good.append(harness.approve(proposal_for(number + 5000, service=f"good-{number}")))
    finally:
        os.chdir(here)
    placed = time.monotonic()
    quarantine = harness.folder(Folder.QUARANTINE)

    def caught() -> list[Path]:
        return [path for path in quarantine.iterdir() if not _is_reason(path)]

    await wait_for(lambda: len(caught()) == expected, 10, "every bad file is in quarantine")
    print(f"{expected} bad files: {time.monotonic() - placed:.2f} s after the last (placed in {placed - begun:.2f} s)")
    for name in good:
        assert (await harness.ends_in(Folder.DONE, name)).result == "done"
    assert sorted(harness.runner.runs()) == sorted(name.id for name in good)
    for path in caught():
        reason = (quarantine / f"{path.name}.reason.txt").read_text()
        assert len(reason) > 30, path.name
        assert "\n" not in reason.strip(), path.name
    assert not list(approved.iterdir())
    updates = [u for u in await harness.updates() if u["to"] == "quarantine"]
    await wait_for(lambda: _told(harness, expected), 10, "every quarantine is told")
    updates = [u for u in await harness.updates() if u["to"] == "quarantine"]
    assert len(updates) == expected
    assert all(update["reason"] and update["by"] == "executor@tester" for update in updates)


def _is_reason(path: Path) -> bool:
    return path.name.endswith(".reason.txt") and path.name != "x.reason.txt"


async def _told(harness: ExecutorHarness, expected: int) -> bool:
    return len([u for u in await harness.updates() if u["to"] == "quarantine"]) >= expected


async def test_bad_files_that_lie_there_at_the_start_hold_up_nothing(without_redis: ExecutorHarness) -> None:
    """Without Redis, and before the executor lives: the last good one is claimed at once."""
    here = Path.cwd()
    try:
        for number, put in enumerate(BAD.values(), 1000):
            put(without_redis.folder(Folder.APPROVED), proposal_for(number, service=f"web-{number}"))
    finally:
        os.chdir(here)
    name = without_redis.approve(proposal_for(2, service="good"))
    await without_redis.begin()
    await without_redis.ends_in(Folder.DONE, name)
    await wait_for(
        lambda: not list(without_redis.folder(Folder.APPROVED).iterdir()), 10, "nothing is left in approved/"
    )
    assert without_redis.runner.runs() == [name.id]


async def test_half_a_file_that_is_completed_runs(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("SETTLE_SECONDS", "LONGEST_SETTLE_SECONDS"):  # who writes it may have to wait for the machine
        monkeypatch.setattr(approved_scanner, bound, 60.0)
    await without_redis.begin()
    proposal = proposal_for(1)
    name = ActionName(proposal.id, digest_of(proposal.wire()))
    path = without_redis.folder(Folder.APPROVED) / name.file
    raw = proposal.wire()
    with path.open("wb") as handle:
        for part in (raw[:200], raw[200:400], raw[400:-1], raw[-1:]):
            handle.write(part)
            handle.flush()
            await asyncio.sleep(0.4)
    await without_redis.ends_in(Folder.DONE, name)
    assert without_redis.runner.runs() == [name.id]


async def test_a_file_approved_after_its_time_goes_to_expired(harness: ExecutorHarness) -> None:
    await harness.begin()
    past = rfc3339(datetime.now(UTC) - timedelta(seconds=1))
    name = harness.approve(proposal_for(1, expires_at=past))
    await wait_for((harness.folder(Folder.EXPIRED) / name.file).exists, 10, "it lies in expired/")
    await wait_for(lambda: _moved(harness, name.id, "approved", "expired"), 10, "it is told")
    assert not harness.runner.runs()


async def _moved(harness: ExecutorHarness, action_id: str, source: str, target: str) -> bool:
    return (action_id, source, target) in await harness.moves()


async def test_what_nobody_decides_expires_and_is_told_once(harness: ExecutorHarness) -> None:
    soon = rfc3339(datetime.now(UTC) + timedelta(seconds=0.5))
    name = file_pending(harness.actions, proposal_for(1, expires_at=soon))
    other = file_pending(harness.actions, proposal_for(2, service="other"))
    await harness.begin()
    await wait_for((harness.folder(Folder.EXPIRED) / name.file).exists, 10, "it lies in expired/")
    await wait_for(lambda: _moved(harness, name.id, "pending", "expired"), 10, "it is told")
    await harness.end()
    await harness.begin()
    await harness.end()
    assert (await harness.moves()).count((name.id, "pending", "expired")) == 1
    assert (harness.folder(Folder.PENDING) / other.file).exists()


async def test_a_past_id_never_runs_again_however_often_it_is_approved(harness: ExecutorHarness) -> None:
    await harness.begin()
    name = harness.approve(proposal_for(1))
    await harness.ends_in(Folder.DONE, name)
    raw = (harness.folder(Folder.DONE) / name.id / "claimed.json").read_bytes()
    for _ in range(3):
        (harness.folder(Folder.APPROVED) / name.file).write_bytes(raw)
        await wait_for(lambda: not list(harness.folder(Folder.APPROVED).iterdir()), 10, "out of approved/")
    edited = proposal_for(1, reason="the same id with other bytes")
    other = harness.approve(edited)
    assert "executed already" in await harness.quarantined(other.file)
    refused = harness.folder(Folder.QUARANTINE)
    await wait_for(lambda: len([p for p in refused.iterdir() if p.suffix != ".txt"]) == 4, 10, "all four refused")
    # ... not even when somebody cleared done/ away
    (harness.folder(Folder.DONE) / name.id).rename(harness.runtime / "elsewhere")
    (harness.folder(Folder.APPROVED) / name.file).write_bytes(raw)
    await wait_for(lambda: not list(harness.folder(Folder.APPROVED).iterdir()), 10, "out of approved/")
    assert harness.runner.runs() == [name.id]


async def test_a_second_file_of_an_id_that_runs_now_is_quarantined(without_redis: ExecutorHarness) -> None:
    without_redis.runner.until = asyncio.Event()
    await without_redis.begin()
    first = without_redis.approve(proposal_for(1))
    await wait_for(lambda: without_redis.runner.runs(), 10, "the first runs")
    second = without_redis.approve(proposal_for(1, reason="the same id with other bytes"))
    assert "right now" in await without_redis.quarantined(second.file)
    without_redis.runner.until.set()
    await without_redis.ends_in(Folder.DONE, first)
    assert without_redis.runner.runs() == [first.id]


async def test_a_good_file_from_quarantine_runs_when_its_trouble_is_mended(without_redis: ExecutorHarness) -> None:
    from executor_rig import write_inventory

    await without_redis.begin()
    name = without_redis.approve(proposal_for(1, node="elsewhere"))
    told = await without_redis.quarantined(name.file)
    assert "add it there" in told
    assert "then move this file back" in told
    write_inventory(without_redis.runtime, "here", "elsewhere")
    (without_redis.folder(Folder.QUARANTINE) / name.file).rename(without_redis.folder(Folder.APPROVED) / name.file)
    await without_redis.ends_in(Folder.DONE, name)


async def test_a_missing_inventory_holds_nothing_up_and_touches_nothing(without_redis: ExecutorHarness) -> None:
    (without_redis.runtime / "config" / "inventory.yml").unlink()
    await without_redis.begin()
    name = without_redis.approve(proposal_for(1))
    assert "inventory.yml" in await without_redis.quarantined(name.file)
    assert not without_redis.runner.runs()


async def test_a_message_about_a_host_that_no_inventory_names_is_done(without_redis: ExecutorHarness) -> None:
    (without_redis.runtime / "config" / "inventory.yml").unlink()
    await without_redis.begin()
    await without_redis.ends_in(
        Folder.DONE, without_redis.approve(proposal_for(1, node="elsewhere", type="notify", action="notify"))
    )


async def test_what_cannot_be_moved_away_does_not_spin_the_loop(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def refuse(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise PermissionError(1, "not permitted")

    await without_redis.begin()
    monkeypatch.setattr(ExecutorFolders, "quarantine", refuse)
    os.mkfifo(without_redis.folder(Folder.APPROVED) / "stuck.json")
    await wait_for(lambda: tries >= 1, 10, "the first try")
    name = without_redis.approve(proposal_for(1))
    await without_redis.ends_in(Folder.DONE, name)
    assert tries < 9  # every 2 s, 4 s, 8 s, and not in each of its rounds


async def test_approved_made_anew_is_seen_and_watched_again(without_redis: ExecutorHarness) -> None:
    await without_redis.begin()
    approved = without_redis.folder(Folder.APPROVED)
    await asyncio.sleep(0)
    approved.rename(without_redis.runtime / "old-approved")
    approved.mkdir(exist_ok=True)  # the executor may be faster
    name = without_redis.approve(proposal_for(1))
    await without_redis.ends_in(Folder.DONE, name)
    # gone altogether: it is made again
    approved.rename(without_redis.runtime / "older-approved")
    await wait_for(approved.is_dir, 10, "approved/ is made again")
    other = file_pending(without_redis.actions, proposal_for(2))
    move_by_hand(without_redis.actions, other)
    await without_redis.ends_in(Folder.DONE, other)


async def test_a_copied_file_runs_once_and_does_not_stay_pending(harness: ExecutorHarness) -> None:
    await harness.begin()
    name = file_pending(harness.actions, proposal_for(1))
    raw = (harness.folder(Folder.PENDING) / name.file).read_bytes()
    (harness.folder(Folder.APPROVED) / name.file).write_bytes(raw)
    await harness.ends_in(Folder.DONE, name)
    assert not (harness.folder(Folder.PENDING) / name.file).exists()
    assert (harness.folder(Folder.WITHDRAWN) / name.file).exists()
    assert harness.runner.runs() == [name.id]


async def test_a_note_without_a_proposal_goes_and_a_false_note_is_quarantined(
    without_redis: ExecutorHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh_core.approvals.executor_folders.LEFTOVER_NS", 0)
    approved, name = without_redis.folder(Folder.APPROVED), _own_name(proposal_for(1))
    (approved / f"{name}.by.txt").write_text("anna")
    (approved / "evil.by.txt").mkdir()
    (approved / f".{name}.0123456789ab.tmp").write_bytes(b"half")
    await without_redis.begin()
    await wait_for(lambda: not list(approved.iterdir()), 10, "nothing is left in approved/")
    caught = sorted(path.name for path in without_redis.folder(Folder.QUARANTINE).iterdir() if path.suffix != ".txt")
    assert caught == [f".{name}.0123456789ab.tmp"]
    assert (without_redis.folder(Folder.QUARANTINE) / "evil.by.txt").is_dir()
