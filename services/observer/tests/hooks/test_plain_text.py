"""A text is a message, a mail has a subject, XML has leaves; a line of a text is no field."""

from __future__ import annotations

import pytest
from alert_rig import event_of, one
from hooks_rig import OPEN, TOKEN, WITH_TOKEN, Serve

from mesh_core.models.events import HealthEvent, Severity
from observer.hooks.plain_text import fields_of_text
from observer.hooks.request_body import FORM
from observer.hooks.senders.any_json import alerts_in

KEY = {"Authorization": f"Bearer {TOKEN}"}
LINES = "The pump of the cellar ran dry\nHost: attic\nService: sshd\nState: resolved\n"
XML = """<?xml version="1.0"?>
<n:notice xmlns:n="urn:x"><host>barn</host><n:problem kind="a">Tank is low</n:problem><severity>major</severity>
<text>and &lt;host&gt; <host>attic</host></text></n:notice>"""


def read(text: str) -> HealthEvent:
    return event_of(one(alerts_in(fields_of_text(text))))


@pytest.mark.parametrize("media", ["text/plain", "text/plain; charset=utf-8", FORM])
async def test_a_text_is_trouble_that_people_are_told_of(serve: Serve, media: str) -> None:
    async with serve(WITH_TOKEN) as observer:
        headers = KEY | {"Content-Type": media}
        answer = await observer.http.post("/hooks/any", content=LINES.encode(), headers=headers)
        assert answer.status_code == 200, answer.text
        (event,) = await observer.events()
    assert (event.type, event.service, event.severity) == ("alert", None, Severity.WARNING)
    assert event.payload["message"] == LINES.strip()


async def test_json_that_is_called_a_text_is_json(serve: Serve) -> None:
    async with serve(WITH_TOKEN) as observer:
        headers = KEY | {"Content-Type": "text/plain"}
        content = b'{"rule": "pump-dry", "host": "barn"}'
        assert (await observer.http.post("/hooks/any", content=content, headers=headers)).status_code == 200
        (event,) = await observer.events()
    assert (event.type, event.node) == ("pump_dry", "barn")


@pytest.mark.parametrize("media", ["text/plain", "application/xml"])
async def test_a_text_that_a_web_page_could_have_sent_enters_nothing(serve: Serve, media: str) -> None:
    async with serve(OPEN) as observer:
        answer = await observer.http.post("/hooks/any", content=b"a pump is dry", headers={"Content-Type": media})
        assert (answer.status_code, "with a key only" in answer.json()["detail"]) == (415, True)
        assert await observer.nothing_entered()


async def test_a_hook_that_knows_its_sender_reads_no_text(serve: Serve) -> None:
    async with serve(WITH_TOKEN) as observer:
        headers = KEY | {"Content-Type": "text/plain"}
        assert (await observer.http.post("/hooks/grafana", content=b"x y", headers=headers)).status_code == 415


@pytest.mark.parametrize("head", ["Subject: ", "From: root@barn\nX-Spam: no,\n  by 3\nSubject: ", "Betreff : "])
def test_a_mail_has_a_subject(head: str) -> None:
    said = fields_of_text(f"{head}Tank is low again\r\n\r\nLevel: 3 %\r\nSubject: other\r\n")
    assert said == {"subject": "Tank is low again", "message": "Level: 3 %\nSubject: other"}


def test_no_line_of_a_text_names_a_place_or_ends_it() -> None:
    event = read(LINES)
    assert (event.node, event.service, event.type) == ("unknown", None, "alert")


def test_xml_is_read_by_its_leaves() -> None:
    event = read(XML)
    assert (event.type, event.node, event.severity) == ("tank_is_low", "barn", Severity.ERROR)


def test_what_only_begins_like_xml_is_a_text() -> None:
    assert fields_of_text("<3 from the pump of the barn") == {"message": "<3 from the pump of the barn"}
    assert fields_of_text(" \n") == {}
