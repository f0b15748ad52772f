"""The door: what a health event or a proposal must be, whoever brings it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.actions.reading import read_proposal
from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, Trust
from mesh_core.models.parsing import read_event
from mesh_core.models.proposals import proposal_id
from mesh_core.models.records import parse_time
from mesh_core.models.strict_json import Refusal

GOOD: dict[str, Any] = {"type": "oom", "node": "pi4"}


def brought(**more: object) -> HealthEvent | Refusal:
    return read_event(json.dumps(GOOD | more).encode())


def reason(**more: object) -> str:
    refusal = brought(**more)
    assert isinstance(refusal, Refusal), refusal
    return refusal.reason


def test_the_least_that_is_an_event() -> None:
    event = brought()
    assert isinstance(event, HealthEvent)
    assert (event.severity, event.payload, event.service, event.id) == (Severity.WARNING, {}, None, None)
    parse_time(event.timestamp)  # the moment of receipt


def test_unknown_fields_are_kept_even_when_they_are_named_like_something_of_ours() -> None:
    odd = dict.fromkeys(
        [
            "wire",
            "target_key",
            "benign",
            "runtime",
            "channel",
            "stream",
            "model_config",
            "model_fields",
            "__dict__",
            "",
            "é",
        ],
        1,
    )
    event = brought(**odd)
    assert isinstance(event, HealthEvent)
    assert event.target_key == "pi4/"
    assert not is_benign(event)
    said = json.loads(event.wire())
    assert {key: said[key] for key in odd} == odd


def test_trust_and_id_come_from_the_door_and_not_from_the_message() -> None:
    raw = json.dumps(GOOD | {"trust": "node", "id": "other/1-0"}).encode()
    event = read_event(raw, Trust.FOREIGN, entry_id="7-3")
    assert isinstance(event, HealthEvent)
    assert (event.trust, event.id) == (Trust.FOREIGN, "pi4/7-3")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("type", value) for value in ["", "Oom", "1oom", "o-om", "oom\n", "x" * 65, 1, None, ["oom"], "öl"]),
        *(("node", value) for value in ["", ".", "..", "-h", "a b", "a/b", "a\n", "a\x00", "x" * 129, 1, None, "ñ"]),
        *(("service", value) for value in ["", ".x", "-H root@evil", "a/b", "web\n", "{{ 7*7 }}", "x" * 129, 1, True]),
        *(("severity", value) for value in ["", "WARNING", "fatal", 3, None]),
        *(("payload", value) for value in ["text", [], 1, None, True]),
        *(("id", value) for value in [1, [], {}, True]),
        *(("incident", value) for value in ["", "a b", "x" * 301, 1, "a\n"]),
        *(
            ("timestamp", value)
            for value in ["", "now", "2026-05-05", "2026-05-05T12:00:00", "2026-13-05T12:00:00Z", 1.5, None]
        ),
        ("timestamp", "2026-05-05T25:00:00Z"),
        ("timestamp", "2026-05-05T12:00:00Z\n"),
        ("timestamp", "２０２６-05-05T12:00:00Z"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    assert reason(**{field: value}).startswith(field)


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-05-05T12:00:00Z",
        "2026-05-05t12:00:00z",
        "2026-05-05 12:00:00.123456789+02:00",
        "2024-02-29T00:00:00-23:59",
    ],
)
def test_every_rfc_3339_time_is_taken(timestamp: str) -> None:
    assert isinstance(brought(timestamp=timestamp), HealthEvent)


def test_every_problem_is_named_in_one_line_of_bounded_length() -> None:
    text = reason(type="X", node="..", severity="fatal", payload=1)
    assert all(field in text for field in ("type:", "node:", "severity:", "payload:"))
    assert "\n" not in text
    assert len(reason(**{"type": "X" * 30_000, "node": "." * 30_000})) <= 500


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({}, "type, node: missing"),
        ({"type": "Oom!", "service": 1}, "node: missing; type: should be lower case letters, digits and _"),
        (GOOD | {"node": "küche"}, "node: should be a name: letters A-Z, digits, . _ -, the first"),
        (GOOD | {"service": "web/1"}, "service: should be a name: letters A-Z, digits, . _ @ -, the first"),
        (GOOD | {"timestamp": "gestern"}, "timestamp: not an RFC 3339 time with a zone, such as"),
    ],
)
def test_what_does_not_fit_is_said_in_words_for_people(event: dict[str, Any], told: str) -> None:
    refusal = read_event(json.dumps(event).encode())
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(told)
    assert "pattern" not in refusal.reason


def test_an_event_is_at_most_64_kib() -> None:
    room = MAX_EVENT_BYTES - len(json.dumps(GOOD | {"payload": {"x": ""}}))
    assert isinstance(brought(payload={"x": "y" * room}), HealthEvent)
    assert reason(payload={"x": "y" * (room + 1)}).startswith("too large")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["type", "node", "service", "severity", "payload", "timestamp", "id", "incident", "trust", "x"]
)


@settings(max_examples=3 * settings.default.max_examples)
@given(st.dictionaries(FIELDS, JSON, max_size=6))
def test_whatever_is_brought_it_is_an_event_that_survives_the_wire_or_a_refusal(more: dict[str, Any]) -> None:
    event = read_event(json.dumps(GOOD | more).encode())
    if isinstance(event, Refusal):
        assert event.reason
        return
    again = read_event(event.wire(), event.trust)
    assert again == event


@given(st.binary(max_size=200))
def test_no_bytes_are_a_proposal_by_accident(raw: bytes) -> None:
    assert isinstance(read_proposal(raw, 1000), Refusal)


def proposal(**more: object) -> bytes:
    event = {"type": "oom", "node": "pi4", "service": "web", "id": "pi4/1-0", "timestamp": "2026-05-05T12:00:00Z"}
    return json.dumps(
        {
            "schema_version": 1,
            "id": proposal_id("pi4/1-0", "pi4", "web"),
            "type": "container_restart",
            "action": "restart",
            "risk_level": "low",
            "node": "pi4",
            "service": "web",
            "reason": "it ran out of memory",
            "confidence": 0.9,
            "requires_human": True,
            "created_at": "2026-05-05T12:00:00Z",
            "expires_at": "2026-05-06T12:00:00Z",
            "event": event,
            "evidence": [],
            "model": {"name": "m", "provider": "floor", "position": 1, "latency_ms": 3},
            "playbook": None,
        }
        | more
    ).encode()


def test_a_proposal_is_read() -> None:
    assert not isinstance(read_proposal(proposal(), 10_000), Refusal)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("requires_human", False),
        ("requires_human", "yes"),
        ("requires_human", 0),
        ("confidence", "0.9"),
        ("confidence", 1.01),
        ("confidence", -0.1),
        ("confidence", True),
        ("schema_version", 2),
        ("schema_version", "1"),
        ("reason", "short"),
        ("type", "shell"),
        ("action", "ignore_everything"),
        ("node", "pi4\n"),
        ("id", "../../etc/passwd"),
        ("id", "plan-pi4-web-0123456789ab\n"),
        ("attempt", "2"),
        ("surprise", 1),
        ("event", {"type": "oom"}),
        ("playbook", {"name": "x", "sha256": "short", "text": ""}),
    ],
)
def test_a_proposal_with_a_wrong_word_is_refused_by_the_name_of_the_field(field: str, value: object) -> None:
    refusal = read_proposal(proposal(**{field: value}), 10_000)
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(field)
