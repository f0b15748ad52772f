"""Events come back by every mix of filters, newest first, each exactly once, whatever they say."""

from __future__ import annotations

import json

import pytest
from index_rig import BASE_MS, Shelf
from parts.archive import put_old
from sqlalchemy import func, select

from mesh_core.models.events import Decision, Severity, Trust
from observer.index import tables
from observer.index.keys import SLOTS, preferred_key, time_of


def ids(page: object) -> list[str]:
    return [row.id.rpartition("/")[2] for row in page.items]  # type: ignore[attr-defined]


def test_an_event_comes_back_with_what_was_decided(shelf: Shelf) -> None:
    event = shelf.event("oom_killed", decided=("proposed", "plan-x"), payload={"reason": "out of memory", "pid": 7})
    shelf.settle()
    (row,) = shelf.events().items
    assert row.model_dump() == {
        **{"id": event.id, "at": time_of(BASE_MS), "type": "oom_killed", "node": "pi4", "service": "web"},
        **{"severity": Severity.ERROR, "trust": Trust.NODE, "summary": "out of memory; pid 7"},
        **{"verdict": "proposed", "action_id": "plan-x"},
    }


def test_filters_narrow_alone_and_together(shelf: Shelf) -> None:
    shelf.event("disk_full", at=1, node="pi4", service=None, severity="critical")
    shelf.event("container_died", at=2, node="pi4", service="web", severity="error")
    shelf.event("container_died", at=3, node="pi5", service="web", severity="warning")
    shelf.event("service_recovered", at=4, node="pi5", service="db", severity="info")
    shelf.settle()
    for wanted, found in (
        ({}, [4, 3, 2, 1]),
        ({"node": "pi4"}, [2, 1]),
        ({"service": "web"}, [3, 2]),
        ({"type": "container_died"}, [3, 2]),
        ({"severity": Severity.INFO}, [4, 3, 2, 1]),
        ({"severity": Severity.WARNING}, [3, 2, 1]),
        ({"severity": Severity.CRITICAL}, [1]),
        ({"node": "pi5", "service": "web"}, [3]),
        ({"node": "pi5", "type": "disk_full"}, []),
        ({"node": "nobody"}, []),
        ({"since_ms": BASE_MS + 2, "until_ms": BASE_MS + 4}, [3, 2]),
        ({"service": "web", "since_ms": BASE_MS + 3}, [3]),
    ):
        assert ids(shelf.events(**wanted)) == [f"{BASE_MS + n}-0" for n in found], wanted


def test_words_of_the_payload_find_it_in_any_order_and_case(shelf: Shelf) -> None:
    shelf.event(at=1, payload={"message": "Connection REFUSED by 10.0.0.7:5432", "vhost": "küche"})
    shelf.event(at=2, node="pi5", payload={"message": "connection timed out"})
    shelf.settle()
    for q, found in (
        ("connection", [2, 1]),
        ("refused connection", [1]),
        ("KÜCHE", [1]),
        ("5432", [1]),
        ("container_died pi5", [2]),
        ("refu", []),
        ("refu*", [1]),
        ("nowhere", []),
        ('refused" OR "timed', []),
        ("NEAR(connection", []),
        ("*", []),
        ("...", []),
        ("\ue000n1", []),
    ):
        assert ids(shelf.events(q=q)) == [f"{BASE_MS + n}-0" for n in found], q
    assert ids(shelf.events(q="connection", node="pi4")) == [f"{BASE_MS + 1}-0"]


def test_a_payload_cannot_pose_as_a_filter(shelf: Shelf) -> None:
    shelf.event(at=1, node="pi4")
    shelf.event(at=2, node="pi5", payload={"message": "\ue000n1 \ue000n2 \ue000n3 n1 v3"})
    shelf.settle()
    assert ids(shelf.events(node="pi4")) == [f"{BASE_MS + 1}-0"]
    assert ids(shelf.events(severity=Severity.CRITICAL)) == []


def test_pages_follow_each_other_without_gap_or_repetition(shelf: Shelf) -> None:
    for number in range(25):
        shelf.event(at=number // 3, sequence=number, node="pi4" if number % 2 else "evt-5")
    shelf.settle()
    for wanted in ({}, {"node": "pi4"}, {"q": "died"}):
        whole = ids(shelf.events(**wanted))
        seen, cursor = [], None
        while True:
            page = shelf.events(limit=4, cursor=cursor, **wanted)
            seen += ids(page)
            cursor = page.next
            if cursor is None:
                break
        assert seen == whole, wanted
        assert len(set(seen)) == len(seen) >= 12


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9" * 30, "1.2", "٣", "0"])
def test_a_cursor_that_is_none_breaks_nothing(shelf: Shelf, cursor: str) -> None:
    shelf.event()
    shelf.settle()
    assert len(shelf.events(cursor=cursor).items) in (0, 1)


def test_events_of_one_millisecond_all_have_their_place(shelf: Shelf) -> None:
    # Sequences whose wished keys are one and the same.
    wished: dict[int, list[int]] = {}
    for sequence in range(1, 60_000):
        wished.setdefault(preferred_key("pi4", BASE_MS, sequence) % SLOTS, []).append(sequence)
    same = next(numbers for numbers in wished.values() if len(numbers) > 1)
    shelf.event(sequence=same[0])
    shelf.settle()
    shelf.event(sequence=same[1])
    shelf.settle()
    shelf.event(sequence=same[0])
    shelf.settle()
    assert sorted(ids(shelf.events())) == sorted(f"{BASE_MS}-{n}" for n in same[:2])
    assert all(shelf.incident(f"pi4/{BASE_MS}-{n}") for n in same[:2])


def test_a_decision_that_comes_first_shows_nothing_until_its_event_is_there(shelf: Shelf) -> None:
    early = Decision(ts=time_of(BASE_MS), event_id=f"pi4/{BASE_MS + 9}-0", verdict="ignored", reason="no")
    shelf.keep(early)
    shelf.settle()
    assert shelf.events().items == ()
    shelf.event(at=9)
    shelf.settle()
    (row,) = shelf.events(q="died").items
    assert row.verdict == "ignored"


def test_the_same_event_twice_changes_nothing_whatever_the_form(shelf: Shelf) -> None:
    event = shelf.event(decided=("counted", "plan-x"))
    (path,) = (shelf.runtime / "events").glob("*/pi4.jsonl")
    path.write_bytes(path.read_bytes() * 2)  # the same entries, delivered again
    decision = {"verdict": "counted", "action_id": "plan-x", "reason": "", "ts": time_of(BASE_MS)}
    old = put_old(shelf.runtime / "events", event.id or "", json.loads(event.wire()), decision)
    for _ in range(3):
        shelf.indexer.files_written([path, old], 0)
        shelf.settle()
    assert len(shelf.events(q="died").items) == 1
    days = shelf.ask(lambda c: c.execute(select(func.sum(tables.event_days.c.count))).scalar_one())
    assert days == 1


def test_broken_and_foreign_files_are_left_out(shelf: Shelf) -> None:
    shelf.event(at=1)
    (plain,) = (shelf.runtime / "events").glob("*/pi4.jsonl")
    folder = plain.with_name("pi4")
    folder.mkdir()
    bad = {
        f"evt-{BASE_MS + 2}-0.json": b"[" * 100_000,
        f"evt-{BASE_MS + 3}-0.json": b"\xff\xfe",
        f"evt-{BASE_MS + 4}-0.json": b'{"event": {"type": "oom", "node": "other"}, "decision": 7}',
        f"evt-{BASE_MS + 5}-0.json": b'{"event": [], "decision": {"verdict": "\\ud800", "action_id": 3}}',
        f"evt-{BASE_MS + 6}-0.json": b"{" + b" " * 10**6 + b"}",
        f"evt-{10**19}-0.json": b"{}",
        "evt-x.json": b"{}",
    }
    for name, raw in bad.items():
        (folder / name).write_bytes(raw)
    (folder / f"evt-{BASE_MS + 7}-0.json").symlink_to("/etc/passwd")
    good = shelf.event(at=8)
    lines = [
        *(b"[" * 100_000, b"\xff\xfe", b"", b"{}", b"null", b'{"id":7,"event":{}}', b'{"id":"pi4/x","event":{}}'),
        b'{"id":"other/%d-0","event":{"type":"oom","node":"other"}}' % BASE_MS,
        b'{"id":"pi4/%d-0","event":{"type":"oom","node":"pi4"}}' % (BASE_MS + 86_400_000),
        b'{"id":"pi4/%d-0","event":{"type":"oom","node":"other"},"decision":7}' % (BASE_MS + 9),
        b'{"id":"pi4/%d-0","event":[],"decision":{"verdict":"\\ud800","action_id":3}}' % (BASE_MS + 10),
        b"x" * 3_000_000,
    ]
    with plain.open("ab") as handle:
        handle.write(
            b"\n".join(lines) + b"\n" + plain.read_bytes().replace(b"%d-0" % (BASE_MS + 8), b"%d-0" % (BASE_MS + 11))
        )
        handle.write(b'{"id":"pi4/torn')
    plain.with_name("pi5.jsonl").symlink_to("/etc/passwd")
    plain.with_name("pi6.jsonl.gz").write_bytes(b"no gzip")
    shelf.indexer.files_written([*sorted(folder.iterdir()), *sorted(folder.parent.glob("*.jsonl*"))], 0)
    shelf.settle()
    assert ids(shelf.events()) == [f"{BASE_MS + n}-0" for n in (11, 8, 1)]
    assert good.id == f"pi4/{BASE_MS + 8}-0"
