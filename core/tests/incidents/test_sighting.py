"""Which thing of a node an alert is about, as the note of the node's agent tells of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh_core.incidents.sighting import SightingsNote, absence_of, note_of, read_note, sighting_in_words, sighting_of
from mesh_core.models.events import HealthEvent
from mesh_core.models.parsing import read_event
from mesh_core.models.sightings import MAX_NOTE_BYTES, SeenState, Sighting

SINCE, NOW = "2026-11-29T10:00:00Z", "2026-11-29T13:00:00Z"


def seen(service: str, runtime: str = "systemd", *names: str, state: SeenState = SeenState.RUNNING) -> Sighting:
    return Sighting(service=service, state=state, since=SINCE, runtime=runtime, names=names)


def an_alert(service: str | None, **payload: Any) -> HealthEvent:
    return HealthEvent(type="weird_thing", node="nas1", service=service, payload=payload, timestamp=NOW)


WATCHED = (
    seen("nginx.service"),
    seen("shop.web", "docker", "shop-web-1"),
    seen("radarr", "docker"),
    seen("radarr.service"),
)


@pytest.mark.parametrize(
    ("alert", "service"),
    [
        (an_alert("nginx.service"), "nginx.service"),
        (an_alert("nginx"), "nginx.service"),
        (an_alert("NGINX"), "nginx.service"),
        (an_alert("shop-web-1"), "shop.web"),
        (an_alert("web", container="/shop-web-1"), "shop.web"),
        (an_alert("proxy", unit="nginx.service"), "nginx.service"),
        (an_alert("radarr", runtime="docker"), "radarr"),
        (an_alert("radarr", runtime="systemd"), "radarr.service"),
        # a unit and a container of one name, and nothing says which
        (an_alert("radarr"), None),
        # two things are named
        (an_alert("nginx", container="shop-web-1"), None),
        # its manager is another one
        (an_alert("nginx", runtime="docker"), None),
        (an_alert("web"), None),
        (an_alert(None, unit="nginx.service"), None),
    ],
)
def test_only_the_one_thing_that_an_alert_can_mean_counts(alert: HealthEvent, service: str | None) -> None:
    found = sighting_of(alert, WATCHED)
    assert (found.service if found else None) == service


def test_a_note_is_read_as_it_was_written() -> None:
    assert read_note(note_of("nas1", WATCHED), "nas1") == (WATCHED, False, {}, True)
    ports = {8096: "shop.web"}
    assert read_note(note_of("nas1", WATCHED, complete=True, ports=ports), "nas1") == (WATCHED, True, ports, True)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"1",
        b"[]",
        b'{"node": "nas1"}',
        b'{"node": "nas1", "services": "all"}',
        b'{"node": "nas1", "services": [1, {"service": "web", "state": "asleep"}]}',
        note_of("web01", WATCHED),
        note_of("nas1", WATCHED) + b" " * MAX_NOTE_BYTES,
    ],
)
def test_nothing_is_known_by_a_note_that_is_none_or_tells_of_another_node(raw: bytes) -> None:
    assert read_note(raw, "nas1").rows == ()


def test_an_agent_whose_note_is_there_speaks_whatever_it_sees() -> None:
    assert read_note(note_of("nas1", []), "nas1") == SightingsNote(speaks=True)
    assert not read_note(b"1", "nas1").speaks
    assert not read_note(note_of("web01", []), "nas1").speaks


def test_of_ports_that_are_written_otherwise_nothing_is_known() -> None:
    note = json.loads(note_of("nas1", WATCHED))
    assert read_note(json.dumps({**note, "ports": ["8096"]}).encode(), "nas1") == (WATCHED, False, {}, True)
    odd = {"eighty": "web", "81": 1, "82": "no name", "83": "web"}
    assert read_note(json.dumps({**note, "ports": odd}).encode(), "nas1").ports == {83: "web"}


def test_a_row_that_a_newer_agent_writes_otherwise_takes_no_other_row_along() -> None:
    note = json.loads(note_of("nas1", WATCHED[:1]))
    note["services"].append({**note["services"][0], "colour": "blue"})
    assert read_note(json.dumps(note).encode(), "nas1").rows == WATCHED[:1]


WHOLE = read_note(note_of("nas1", WATCHED, complete=True), "nas1")


def test_what_nothing_is_called_is_absent_where_the_note_is_whole() -> None:
    alert = an_alert("kitchen-wiki", monitor={"name": "Kitchen wiki"})
    found = absence_of(alert, WHOLE)
    assert found is not None
    assert (found.service, found.state) == ("kitchen-wiki", SeenState.ABSENT)
    assert sighting_in_words(alert, found) == "the agent on nas1 sees nothing that is called kitchen-wiki"
    assert absence_of(alert, read_note(note_of("nas1", WATCHED), "nas1")) is None
    assert absence_of(alert, read_note(note_of("web01", WATCHED, complete=True), "nas1")) is None


@pytest.mark.parametrize(
    "alert",
    [
        an_alert(None),
        an_alert("NGINX"),
        an_alert("web"),  # shop.web, by its bare name
        an_alert("radarr"),  # two are called so
        # who says what runs it may speak of what is gone
        an_alert("wiki", runtime="docker"),
        an_alert("wiki", container="wiki"),
        an_alert("wiki", unit="wiki.service"),
        an_alert("wiki").model_copy(update={"type": "container_missing"}),
    ],
)
def test_nothing_is_absent_that_may_be_there_or_was(alert: HealthEvent) -> None:
    assert absence_of(alert, WHOLE) is None


def test_a_whole_note_with_a_row_that_cannot_be_read_is_not_whole() -> None:
    note = json.loads(note_of("nas1", WATCHED, complete=True))
    note["services"].append({**note["services"][0], "colour": "blue"})
    assert not read_note(json.dumps(note).encode(), "nas1").complete


def test_it_is_told_in_a_sentence() -> None:
    one = seen("nginx.service")
    assert sighting_in_words(an_alert("nginx"), one) == "the agent on nas1 sees nginx.service running for 3 h or longer"


def test_what_was_first_seen_so_after_the_alerts_own_time_is_told_without_a_span() -> None:
    alert = an_alert("nginx").model_copy(update={"timestamp": "2026-11-29T09:00:00Z"})
    assert sighting_in_words(alert, seen("nginx.service")) == "the agent on nas1 sees nginx.service running"
    red = seen("nginx.service", state=SeenState.UNHEALTHY)
    assert sighting_in_words(alert, red) == "the agent on nas1 sees nginx.service running, with its own check red"


def test_no_message_brings_a_sighting_of_its_own() -> None:
    alert = an_alert("nginx").model_copy(update={"sighting": seen("nginx.service")})
    read = read_event(alert.wire())
    assert isinstance(read, HealthEvent)
    assert read.sighting is None
