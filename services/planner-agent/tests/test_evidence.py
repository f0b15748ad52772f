"""What a model is shown, and what it never is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.policy import Policy
from mesh_core.security.redaction import MAX_FIELD_BYTES, clean, redacted
from mesh_core.security.secret_names import is_secret_name
from planner_agent.prompts.evidence import MAX_TOTAL_BYTES, evidence_for, kept_event


def event(payload: dict[str, Any]) -> HealthEvent:
    return HealthEvent(type="container_died", node="n1", service="web", payload=payload)


@pytest.mark.parametrize(
    "text",
    [
        "postgres://app:S3CRET@db:5432/shop",
        "https://S3CRET@github.example/repo.git",
        "Authorization: Bearer S3CRET-abcdef",
        "authorization: basic S3CRETS3CRET=",
        "DB_PASSWORD=S3CRET",
        '{"api_key": "S3CRET"}',
        "run --api-token S3CRET --verbose",
        "password : 'S3CRET with blanks'",
        "AWS_SECRET_ACCESS_KEY=S3CRET",
        "cookie: sid=S3CRET",
        "token ghp_S3CRETS3CRETS3CRETS3CRET",
        "found sk-ant-S3CRETS3CRETS3CRET in the log",
        "AKIAS3CRETS3CRETS3CR and more",
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiS3CRET.S3CRETS3CRET",
        "-----BEGIN RSA PRIVATE KEY-----\nS3CRET\nS3CRET\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nS3CRET and the log was cut here",
        "bot 123456789:AAS3CRETS3CRETS3CRETS3CRETS3CRETS",
        "PGPASSWORD=S3CRET psql",
        "mysql -u root --password=S3CRET",
    ],
)
def test_no_secret_is_shown(text: str) -> None:
    assert "S3CRET" not in redacted(text), redacted(text)
    (piece,) = evidence_for(event({"log_tail": ["before", text, "after"]}))
    assert "S3CRET" not in piece.text
    assert "S3CRET" not in kept_event(event({"deep": [{"log": text}]})).wire().decode()


@pytest.mark.parametrize("trust", list(Trust))
def test_what_an_agent_found_is_told_room_by_room_and_a_strangers_is_a_field(trust: Trust) -> None:
    found = {
        "disk": {"mount": "/", "used_percent": 97, "biggest": [{"path": "/srv/token=S3CRETS3CRET", "bytes": 5}]},
        "journal": {"bytes": 4 * 2**30},
        "took_ms": 12,
    }
    told = event({"zeal": 1, "exit_code": 1, "investigation": found}).model_copy(update={"trust": trust})
    shown = {piece.source: piece.text for piece in evidence_for(told)}
    assert "S3CRET" not in str(shown)
    if trust is Trust.NODE:
        disk, journal = "payload.investigation.disk", "payload.investigation.journal"
        assert list(shown) == ["payload.exit_code", disk, journal, "payload.zeal"]
        assert shown[journal] == "the journal holds 4.0 GiB [journal.bytes]"
        assert shown[disk].startswith("/ is 97 % full [disk.used_percent]\nmost of it lies in /srv/token=")
    else:
        assert json.loads(shown["payload.investigation"])["journal"] == found["journal"]


def test_a_secret_by_its_fields_name_is_hidden_whatever_it_is() -> None:
    payload = {"db_password": "abc", "env": {"API_TOKEN": "abc", "empty_token": "", "secret_set": True}}
    shown = {piece.source: piece.text for piece in evidence_for(event(payload))}
    assert shown["payload.db_password"] == "***"
    assert json.loads(shown["payload.env"]) == {"API_TOKEN": "***", "empty_token": "", "secret_set": True}
    assert kept_event(event(payload)).payload["db_password"] == "***"
    environment = {"env": [{"name": "DB_PASSWORD", "value": "abc"}, {"name": "PORT", "value": "80"}]}
    hidden = [{"name": "DB_PASSWORD", "value": "***"}, {"name": "PORT", "value": "80"}]
    assert kept_event(event(environment)).payload["env"] == hidden
    assert not is_secret_name("passenger_count")


def test_a_key_over_several_lines_of_a_log_is_one_secret() -> None:
    logs = ["start", "-----BEGIN OPENSSH PRIVATE KEY-----", "S3CRET", "-----END OPENSSH PRIVATE KEY-----", "end"]
    assert kept_event(event({"logs": logs})).payload["logs"] == ["start", "***", "end"]
    assert "S3CRET" not in evidence_for(event({"nested": {"logs": logs}}))[0].text


@pytest.mark.parametrize(
    "harmless",
    [
        "Out of memory: Killed process 3154 (mysqld)",
        "GET /index.html 200 12ms",
        "connect ECONNREFUSED 192.168.1.25:1883",
        "http://127.0.0.1:8080/health answered 500",
        "the token expired and the password for user app was wrong",
        "sha256:3da714068e2f4bea8dc0f2f3b7c1d2e3f4a5b6c7",
    ],
)
def test_what_a_person_needs_stays_readable(harmless: str) -> None:
    assert redacted(harmless) == harmless


def test_control_direction_and_invisible_characters_are_gone() -> None:
    raw = "\x1b[2J\x1b[1;1H\x1b]0;title\x07ok\u202egnp.exe\u2066\u200b\u200d\ufeff\x00\x08\x9b\r\U000e0041\nnext\tone"
    assert clean(raw) == "okgnp.exe\nnext\tone"
    assert clean("half \ud800 pair") == "half ? pair"


def test_the_end_of_a_long_field_is_kept_from_a_line_on() -> None:
    log = "\n".join(f"line {n} password=hunter{n}" for n in range(500))
    shown = redacted(log)
    assert len(shown.encode()) <= MAX_FIELD_BYTES + 3
    assert shown.startswith("...line ")
    assert "line 499" in shown
    assert "hunter" not in shown


def test_one_endless_word_is_left_out_because_half_a_secret_has_no_pattern() -> None:
    assert redacted("token=" + "S3CRET" * 1000) == "(one long word, left out)"
    assert "S3CRET" not in redacted("S3CRET" * 1000 + " and then words")


@pytest.mark.parametrize(
    "worst",
    [
        "password" * 2000,
        "." * 16_000 + "password",
        "a-" * 8000 + "=",
        "token=" * 3000,
        "://" * 6000,
        "://" + "a" * 16_000,
        "bearer " * 2500,
        "eyJ" * 5000,
        "-----BEGIN " * 1500,
        "\x1b[" * 8000,
        "\x1b]" * 8000,
        "secret = '" * 2000,
        "-" * 16_000,
        "--a" * 6000,
        "api_key" + " " * 16_000,
        "é" * 16_000,
    ],
)
def test_the_worst_text_for_a_pattern_costs_little(worst: str) -> None:
    began = time.process_time()
    redacted(worst)
    assert time.process_time() - began < 2  # the collector of garbage may fall into it


def test_a_hostile_payload_of_64_kib_costs_little_and_stays_small() -> None:
    payload = {f"field{n}": "password" * 120 + " " + "token=" * 10 for n in range(60)}
    began = time.process_time()
    pieces = evidence_for(event(payload))
    kept = kept_event(event(payload))
    assert time.process_time() - began < 5
    assert sum(len(p.text.encode()) + len(p.source.encode()) for p in pieces) <= MAX_TOTAL_BYTES
    assert len(kept.wire()) < 160 * 1024


def test_the_most_telling_fields_come_first_and_the_order_is_always_the_same() -> None:
    payload = {"zebra": 1, "log_tail": ["x"], "alpha": 2, "exit_code": 137, "status": "exited"}
    names = [piece.source for piece in evidence_for(event(payload))]
    assert names == ["payload.status", "payload.exit_code", "payload.log_tail", "payload.alpha", "payload.zebra"]
    assert evidence_for(event(dict(reversed(payload.items())))) == evidence_for(event(payload))


def test_what_its_sender_left_empty_is_no_evidence_and_zero_and_no_are_some() -> None:
    told = evidence_for(event({"notes": {}, "startsAt": None, "tags": [], "text": "", "count": 0, "up": False}))
    assert {piece.source: piece.text for piece in told} == {"payload.count": "0", "payload.up": "false"}


def test_a_field_that_does_not_fit_any_more_is_left_out_and_later_ones_still_come() -> None:
    payload: dict[str, Any] = {f"a{n}": "word " * 400 for n in range(20)} | {"zz": "short"}
    names = [piece.source for piece in evidence_for(event(payload))]
    assert "payload.zz" in names
    assert "payload.a19" not in names


def test_the_kept_event_is_the_same_but_for_secrets_and_depth() -> None:
    payload = {"runtime": "docker", "compose": {"project": "shop", "service": "web"}, "exit_code": 1, "ok": None}
    plain = event(payload)
    assert kept_event(plain) == plain
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"d": [deep]}
    kept = kept_event(event(deep)).wire()
    assert b"(deeper)" in kept
    assert len(kept) < 1000
    assert len(kept_event(event({"many": list(range(10_000))})).payload["many"]) == 100


@pytest.mark.parametrize(
    "payload",
    [
        {"a": [[[1] * 3 for _ in range(100)] for _ in range(100)]},
        {"a": {str(n): {str(m): [0] for m in range(90)} for n in range(90)}},
        {"a": ["\u20ac" * 600 for _ in range(30)]},
    ],
)
def test_the_kept_event_always_fits_a_proposal_file(payload: dict[str, Any]) -> None:
    assert len(kept_event(event(payload)).model_dump_json(indent=2)) < 200 * 1024


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)  # other work on the machine is no bug
@given(st.dictionaries(st.text(max_size=20), JSON, max_size=6))
def test_no_payload_makes_it_raise_or_grow(payload: dict[str, Any]) -> None:
    pieces = evidence_for(event(payload))
    assert sum(len(p.text.encode()) for p in pieces) <= MAX_TOTAL_BYTES
    assert all(clean(p.text) == p.text for p in pieces)
    kept_event(event(payload))


POLICY = Policy.load(None)
TELLING = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["exited", "running", "restarting", "resolved", 500]),
        "health": st.sampled_from(["healthy", "unhealthy", "none"]),
        "State": st.sampled_from([None, {"Status": "dead"}, {"Status": "exited", "Error": "no network"}]),
        "Action": st.sampled_from(["die", "destroy", "health_status: unhealthy"]),
        "compose": st.just({"project": "shop", "service": "web"}),
        "declared_image": st.just("a"),
        "live_image": st.sampled_from(["a", "b"]),
        "restart_count": st.integers(0, 9),
        "logs": st.lists(
            st.sampled_from(["no space left", "permission denied", "token=abc", "fine " * 200]), max_size=9
        ),
        "test": st.booleans(),
        "host": st.sampled_from(["n1", "n2"]),
        "labels": st.just({"mendmesh.restart": "false"}),
    },
)


@settings(deadline=None)  # other work on the machine is no bug
@given(TELLING, st.sampled_from(["container_died", "container_missing", "container_unhealthy", "alert", "http_probe"]))
def test_what_the_policy_prefers_for_an_event_it_also_allows_for_the_kept_one(
    payload: dict[str, Any], type_: str
) -> None:
    """The executor asks the policy again, with the event out of the proposal's file."""
    whole = HealthEvent(type=type_, node="n1", service="shop.web", severity="error", payload=payload)
    assert POLICY.permits(POLICY.allows(whole).preferred, kept_event(whole))
