"""POST /hooks/*: what of a request lies in the stream afterwards, and what its sender is told."""

from __future__ import annotations

import gzip
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hooks_rig import GENERIC, OPEN, SIGNED, Serve, alert, body, signed

from mesh_core.incidents.rule import ends
from mesh_core.models.records import rfc3339
from observer.hooks.alert import MOST_ALERTS
from observer.hooks.generic import GenericHook
from observer.hooks.ingest import REPEAT_SECONDS
from observer.hooks.mapping import Mapped


async def test_a_firing_alert_lies_in_the_stream_before_it_is_answered(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(alert()))
        (event,) = await observer.events()
    assert answer.status_code == 200
    assert answer.json() | {"events": []} == {
        "received": 1,
        "entered": 1,
        "benign": 0,
        "repeated": 0,
        "ignored": 0,
        "refused": 0,
        "events": [],
        "problems": [],
    }
    assert answer.json()["events"] == [event.id]
    assert (event.type, event.node, event.service, event.trust) == ("container_unhealthy", "pi4", "web", "foreign")


async def test_a_firing_alert_that_is_sent_again_and_again_enters_once_and_its_recovery_once(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        for _ in range(3):
            await observer.http.post("/hooks/alertmanager", json=body(alert()))
        for _ in range(2):
            last = await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved")))
        again = await observer.http.post("/hooks/alertmanager", json=body(alert(starts="2026-05-05T13:00:00Z")))
        first, well, second = await observer.events()
    assert last.json()["repeated"] == 1
    assert again.json()["entered"] == 1
    assert (well.type, well.incident) == ("service_recovered", first.incident)
    assert second.incident != first.incident


async def test_a_repeat_after_a_while_is_another_announcement_of_the_same_incident(serve: Serve) -> None:
    """As a node agent's: the planner counts it beside the proposal, or proposes what a cooldown had swallowed."""
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook:alertmanager/*")
        assert 0 < await observer.bus.call("TTL", key) <= REPEAT_SECONDS
        await observer.bus.call("DEL", key)  # it has passed
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        first, again = await observer.events()
    assert first.incident == again.incident


async def test_a_sender_that_does_not_say_when_it_began_is_followed_through_its_episodes(serve: Serve) -> None:
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    well = ill | {"state": "ok"}
    async with serve(GENERIC) as observer:
        answers = [
            (await observer.http.post("/hooks/generic/any", json=said)).json()
            for said in (well, ill, ill, well, well, ill, well)
        ]
        events = await observer.events()
    became = [next(word for word in ("entered", "benign", "repeated") if answer[word]) for answer in answers]
    assert became == ["repeated", "entered", "repeated", "benign", "repeated", "entered", "benign"]
    assert [event.type for event in events] == ["backup_failed", "service_recovered"] * 2
    assert events[0].incident == events[1].incident != events[2].incident == events[3].incident


async def test_a_recovery_whose_answer_was_lost_still_closes_its_episode(serve: Serve) -> None:
    """The sender tries again what it has no answer to; the next trouble must not pass for the old one."""
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook-open:*")
        opened = await observer.bus.call("GET", key)
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        await observer.bus.call("SET", key, opened)  # as if it had died before the episode was closed
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        answer = await observer.http.post("/hooks/generic/any", json=ill)
    assert answer.json()["entered"] == 1


async def test_what_is_resolved_ends_its_fingerprint_whatever_beginning_and_place_it_tells(serve: Serve) -> None:
    """Some senders write the end where the beginning was; a monitor may be moved while it is down."""
    moved = {"kind": "backup_failed", "host": "attic", "id": 7, "state": "ok"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/grafana", json=body(alert()))
        over = alert(status="resolved", starts="2026-05-05T12:00:00Z")
        answers = [(await observer.http.post("/hooks/grafana", json=body(over))).json() for _ in range(2)]
        ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook:generic*:firing")
        await observer.bus.call("DEL", key)  # so long ago that it is announced again
        await observer.http.post("/hooks/generic/any", json=moved | {"state": "bad"})
        await observer.http.post("/hooks/generic/any", json=moved)
        first, well, second, again, also_well = await observer.events()
    assert (again.incident, again.target_key) == (second.incident, second.target_key)
    assert [answer["benign"] for answer in answers] == [1, 0]
    assert (well.type, well.incident) == ("service_recovered", first.incident)
    for trouble, recovery in ((first, well), (second, also_well)):
        assert ends(recovery, trouble)


async def test_one_alert_whose_beginning_is_told_in_two_ways_is_one_incident(serve: Serve) -> None:
    """As the two of a pair do, of which each remembers its own."""
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        second = await observer.http.post("/hooks/alertmanager", json=body(alert(starts="2026-05-05T11:00:07Z")))
        resolved = await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved")))
        first, well = await observer.events()
    assert (second.json()["repeated"], resolved.json()["benign"]) == (1, 1)
    assert ends(well, first)


async def test_an_alert_that_begins_again_though_nobody_told_its_end_is_new_and_both_end_together(serve: Serve) -> None:
    tomorrow = rfc3339(datetime.now(UTC) + timedelta(days=1))
    async with serve(OPEN) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(alert()))
        again = await observer.http.post("/hooks/alertmanager", json=body(alert(starts=tomorrow)))
        await observer.http.post("/hooks/alertmanager", json=body(alert(status="resolved", starts=tomorrow)))
        first, second, *over = await observer.events()
    assert again.json()["entered"] == 1
    assert first.incident != second.incident
    assert {event.incident for event in over} == {first.incident, second.incident}


async def test_an_open_alert_of_before_this_was_kept_as_a_record_still_finds_its_end(serve: Serve) -> None:
    ill = {"kind": "backup_failed", "host": "nas", "svc": "mail", "id": 7, "state": "bad"}
    async with serve(GENERIC) as observer:
        await observer.http.post("/hooks/generic/any", json=ill)
        (key,) = await observer.bus.call("KEYS", "mesh:once:hook-open:*")
        await observer.bus.call("SET", key, "1777000000000")
        await observer.http.post("/hooks/generic/any", json=ill | {"state": "ok"})
        _, well = await observer.events()
    assert well.incident == "generic-any/7/1777000000000"


async def test_two_machines_of_one_prefix_are_two_and_a_host_of_the_inventory_keeps_its_name(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {NAS01: , pi4: {ansible_host: 'fd00:10::21'}}}")

    def monitor(number: int, hostname: str) -> dict[str, Any]:
        kind = {"id": number, "name": "Share", "type": "port", "hostname": hostname, "url": "https://"}
        return {"heartbeat": {"status": 0, "msg": "refused"}, "monitor": kind}

    async with serve(OPEN) as observer:
        for number, hostname in enumerate(("fd00:10::21", "fd00:10::77", "nas01.lan")):
            await observer.http.post("/hooks/uptime-kuma", json=monitor(number, hostname))
        events = await observer.events()
    assert [event.node for event in events] == ["pi4", "fd00-10--77", "NAS01"]


async def test_in_a_domain_that_a_person_calls_the_houses_own_a_short_name_is_enough(
    serve: Serve, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "inventory.yml").write_text("all: {hosts: {nas01: }}")
    ours = replace(OPEN, mapped=Mapped(domains=("Orchard.example",)))
    alerts = [
        alert(str(n), instance=f"nas01.{domain}:9100") for n, domain in enumerate(("orchard.example", "fields.example"))
    ]
    async with serve(ours) as observer:
        await observer.http.post("/hooks/alertmanager", json=body(*alerts))
        events = await observer.events()
    assert [event.node for event in events] == ["nas01", "nas01.fields.example"]


async def test_each_alert_of_a_request_is_dealt_with_by_itself(serve: Serve) -> None:
    mixed = body(alert("a"), {"labels": {}}, alert("b", status="resolved"), alert("a"), "what", alert("c"))
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=mixed)
        letters = await observer.letters()
    said = answer.json()
    assert answer.status_code == 200
    assert [said[word] for word in ("received", "entered", "benign", "repeated", "refused")] == [6, 2, 1, 1, 2]
    assert said["problems"][0].startswith("alert 2: labels.alertname")
    assert [(letter.source, letter.by) for letter in letters] == [("hook:alertmanager", "observer")] * 2


@pytest.mark.slow
async def test_a_request_of_three_thousand_alerts_enters_every_one(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body(*(alert(f"f{n}") for n in range(3000))))
        assert (answer.status_code, answer.json()["entered"]) == (200, 3000)
        assert len(await observer.events()) == 3000


async def test_a_request_of_too_many_alerts_is_refused_whole_so_that_its_sender_knows(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        short = b'{"labels":{"alertname":"a"}},' * (MOST_ALERTS + 1)
        content = b'{"alerts":[' + short[:-1] + b"]}"
        answer = await observer.http.post(
            "/hooks/alertmanager", content=content, headers={"Content-Type": "application/json"}
        )
        assert await observer.nothing_entered()
        assert len(await observer.letters()) == 1
    assert answer.status_code == 422
    assert f"more than {MOST_ALERTS} alerts" in answer.json()["detail"]


async def test_a_list_of_half_a_million_nothings_does_not_hold_the_observer_up(serve: Serve) -> None:
    rules = replace(OPEN, generic={"any": GenericHook(each="x", type="kind", node="host", service="a.b.c")})
    zeros = b"[" + b"0," * 500_000 + b"0]"
    async with serve(rules) as observer:
        for path, content in (("alertmanager", b'{"alerts":' + zeros + b"}"), ("generic/any", b'{"x":' + zeros + b"}")):
            began = time.process_time()
            answer = await observer.http.post(
                f"/hooks/{path}", content=content, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 422
            assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/hooks/alertmanager", b"", 400),
        ("/hooks/alertmanager", b"{", 400),
        ("/hooks/alertmanager", b"[]", 400),
        ("/hooks/alertmanager", b'{"a": NaN}', 400),
        ("/hooks/alertmanager", b"[" * 100_000, 400),
        ("/hooks/alertmanager", b'{"alerts": {}}', 422),
        ("/hooks/alertmanager", b'{"alerts": [1, 2]}', 422),
        ("/hooks/grafana", b'{"message": "old Grafana"}', 422),
        ("/hooks/uptime-kuma", b'{"heartbeat": {}}', 422),
        ("/hooks/generic/any", b'{"x": 1}', 422),
    ],
)
async def test_what_is_no_alert_is_refused_with_a_sentence_and_kept(
    serve: Serve, path: str, content: bytes, status: int
) -> None:
    async with serve(GENERIC) as observer:
        answer = await observer.http.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "detail"}
        letters = await observer.letters()
        assert letters
        assert {letter.source for letter in letters} == {path[1:].replace("hooks/", "hook:")}
        assert await observer.nothing_entered()


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8-sig", ""),
        ("utf-8-sig", "; charset=utf-8"),
        ("utf-16", "; charset=utf-16"),
        ("utf-16-le", ""),
        ("utf-32", ""),
        ("iso-8859-1", "; charset=iso-8859-1"),
        ("cp1252", '; charset="Windows-1252"'),
    ],
)
async def test_a_body_is_read_in_the_encoding_that_it_shows_or_that_its_header_names(
    serve: Serve, encoding: str, charset: str
) -> None:
    content = json.dumps({"kind": "backup_failed", "host": "nas", "state": "Büro"}, ensure_ascii=False)
    async with serve(GENERIC) as observer:
        answer = await observer.http.post(
            "/hooks/generic/any",
            content=content.encode(encoding),
            headers={"Content-Type": f"application/json{charset}"},
        )
        assert answer.status_code == 200, answer.text
        (event,) = await observer.events()
        assert (event.type, event.node) == ("backup_failed", "nas")
        assert "Büro" in json.dumps(event.payload, ensure_ascii=False)


async def test_a_packed_body_is_read_and_what_it_held_is_kept_if_it_is_no_alert(serve: Serve) -> None:
    async with serve(GENERIC) as observer:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        for content, status in (
            (gzip.compress(b'{"kind": "backup_failed", "host": "nas"}'), 200),
            (gzip.compress(b"no JSON"), 400),
            (b"{}", 400),
        ):
            answer = await observer.http.post("/hooks/generic/any", content=content, headers=headers)
            assert answer.status_code == status, answer.text
        (event,) = await observer.events()
        assert (event.type, event.node) == ("backup_failed", "nas")
        assert any("no JSON" in letter.raw for letter in await observer.letters())


async def test_a_signed_body_is_read_in_its_encoding_as_well(serve: Serve) -> None:
    content = json.dumps(body(alert())).encode("utf-16")
    async with serve(SIGNED) as observer:
        answer = await observer.http.post("/hooks/alertmanager", content=content, headers=signed(content))
        assert answer.status_code == 200, answer.text


async def test_a_charset_that_nobody_knows_is_named_with_what_to_send_instead(serve: Serve) -> None:
    async with serve(GENERIC) as observer:
        headers = {"Content-Type": "application/json; charset=klingon"}
        answer = await observer.http.post("/hooks/generic/any", content=b'{"\xfc": 1}', headers=headers)
        assert answer.status_code == 400
        assert "'klingon' is not known here; send UTF-8" in answer.json()["detail"]
        assert await observer.letters()


async def test_an_empty_group_is_no_mistake(serve: Serve) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/alertmanager", json=body())
    assert (answer.status_code, answer.json()["received"]) == (200, 0)
