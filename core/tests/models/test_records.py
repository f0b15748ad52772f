"""Records: what travels keeps its shape, its channel and its id."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mesh_core.approvals.proposal_files import name_of
from mesh_core.incidents.event_types import BENIGN
from mesh_core.incidents.rule import is_benign
from mesh_core.models.attempts import AttemptOutcome, ModelAttempt
from mesh_core.models.events import DeadLetter, Decision, HealthEvent, Runtime, Trust, WorldUpdate
from mesh_core.models.proposals import ActionUpdate, proposal_id
from mesh_core.models.records import is_name, parse_time, rfc3339

NOW = "2026-05-05T12:00:00.000Z"


def test_the_benign_types_are_those_of_the_contract() -> None:
    assert set(BENIGN) == {
        "service_healthy",
        "service_recovered",
        "node_online",
        "node_retired",
        "deployment_completed",
        "deployment_started",
        "remediation_started",
        "remediation_completed",
    }
    assert is_benign(HealthEvent(type="node_online", node="pi4"))
    assert not is_benign(HealthEvent(type="remediation_failed", node="pi4"))


def test_the_outcomes_of_a_model_attempt_are_those_of_the_contract() -> None:
    assert [outcome.value for outcome in AttemptOutcome] == (
        [
            "ok",
            "timeout",
            "network_error",
            "api_error",
            "refusal",
            "invalid_json",
            "schema_violation",
            "ungrounded",
            "circuit_open",
            "budget_spent",
        ]
    )


@pytest.mark.parametrize(
    ("record", "channel", "stream"),
    [
        (HealthEvent, "health_events", ""),
        (WorldUpdate, "world_updates", "mesh:world"),
        (ModelAttempt, "llm_router_metrics", "mesh:llm_attempts"),
        (ActionUpdate, "action_updates", "mesh:actions"),
        (Decision, "", "mesh:decisions"),
        (DeadLetter, "", "mesh:dead_letters"),
    ],
)
def test_each_record_knows_its_channel_and_stream(
    record: type[HealthEvent | WorldUpdate | ModelAttempt | ActionUpdate | Decision | DeadLetter],
    channel: str,
    stream: str,
) -> None:
    assert (record.channel, record.stream) == (channel, stream)


def test_updates_say_from_and_to_on_the_wire() -> None:
    world = WorldUpdate(ts=NOW, node="pi4", from_state="healthy", to_state="sick")
    said = json.loads(world.wire())
    assert (said["from"], said["to"]) == ("healthy", "sick")
    assert WorldUpdate.model_validate_json(world.wire()) == world
    action = ActionUpdate(
        ts=NOW, action_id="a", from_folder="", to_folder="pending", type="notify", node="pi4", by="planner"
    )
    said = json.loads(action.wire())
    assert set(said) == {"ts", "action_id", "from", "to", "type", "node", "service", "by", "reason"}
    assert ActionUpdate.model_validate_json(action.wire()) == action


def test_a_model_attempt_has_the_fields_of_the_contract() -> None:
    attempt = ModelAttempt(
        ts=NOW, event_id="pi4/1-0", model="m", provider="p", position=1, outcome=AttemptOutcome.OK, latency_ms=3
    )
    assert list(json.loads(attempt.wire())) == (
        [
            "ts",
            "event_id",
            "model",
            "provider",
            "position",
            "outcome",
            "latency_ms",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd",
            "detail",
        ]
    )


def test_records_cannot_be_changed() -> None:
    event = HealthEvent(type="oom", node="pi4")
    with pytest.raises(ValidationError):
        event.node = "other"  # type: ignore[misc]


def test_what_an_event_does_not_say_is_absent_and_not_null() -> None:
    assert set(json.loads(HealthEvent(type="oom", node="pi4").wire())) == {
        "type",
        "node",
        "severity",
        "payload",
        "timestamp",
        "trust",
    }


def test_the_wire_begins_so_that_redis_can_put_the_id_in_front() -> None:
    raw = HealthEvent(type="oom", node="pi4", trust=Trust.MESH).wire()
    assert raw.startswith(b'{"type"')
    assert json.loads(b'{"id":"pi4/1-1",' + raw[1:])["id"] == "pi4/1-1"


def test_a_pair_is_the_node_and_its_service() -> None:
    assert HealthEvent(type="oom", node="pi4", service="web").target_key == "pi4/web"
    assert HealthEvent(type="disk_full", node="pi4").target_key == "pi4/"


@pytest.mark.parametrize(
    ("said", "runtime"),
    [
        ("docker", Runtime.DOCKER),
        ("systemd", Runtime.SYSTEMD),
        ("supervisor", Runtime.SUPERVISOR),
        *((odd, None) for odd in ("Docker", "", "kubernetes", 1, None, ["docker"], {"docker": 1})),
    ],
)
def test_a_runtime_is_believed_only_in_words_that_we_know(said: object, runtime: Runtime | None) -> None:
    assert HealthEvent(type="oom", node="pi4", payload={"runtime": said}).runtime is runtime


@pytest.mark.parametrize("name", ["a", "Pi4", "a.b_c-d", "0", "x" * 128])
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", ".", "-a", "_a", "a b", "a/b", "a\n", "é", "x" * 129, "*"])
def test_no_names(name: str) -> None:
    assert not is_name(name)


def test_a_proposal_id_follows_from_the_event_alone_and_is_a_file_name() -> None:
    one = proposal_id("pi4/1-0", "pi4", "web")
    assert one == proposal_id("pi4/1-0", "pi4", "web") == "plan-pi4-web-2a38095332dd"
    assert proposal_id("pi4/2-0", "pi4", "web") != one
    assert proposal_id("pi4/1-0", "pi4", None).startswith("plan-pi4-node-")
    longest = proposal_id("x" * 128 + "/1-0", "x" * 128, "y" * 128)
    file_name = f"{longest}.{'0' * 16}.json"
    assert len(file_name) <= 255
    assert name_of(file_name) is not None


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9998, 12, 30)), st.integers(-1439, 1439))
def test_a_time_survives_being_written_to_the_millisecond(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = rfc3339(moment)
    assert text.endswith("Z")
    assert abs(parse_time(text) - moment) < timedelta(milliseconds=1)
    assert rfc3339(parse_time(text)) == text


def test_times_with_nanoseconds_and_zones_are_understood() -> None:
    wanted = datetime(2026, 5, 5, 10, 0, 0, 123456, tzinfo=UTC)
    assert parse_time("2026-05-05T12:00:00.123456789+02:00") == wanted
    assert parse_time("2026-05-05 10:00:00.123456z") == wanted


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+13:59", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
@pytest.mark.parametrize("hours", [-14, 14])
def test_a_time_at_an_end_of_the_calendar_can_be_told_in_every_zone_and_reckoned_with(text: str, hours: int) -> None:
    moment = parse_time(text)
    assert moment.astimezone(timezone(timedelta(hours=hours))) == moment
    assert moment - timedelta(days=30) < moment < moment + timedelta(days=30)


def test_a_leap_second_is_the_end_of_its_minute() -> None:
    assert parse_time("2008-12-31T23:59:60Z") == datetime(2008, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert parse_time("2009-01-01T00:59:60.25+01:00") == parse_time("2008-12-31T23:59:60Z")
    with pytest.raises(ValueError, match="minute"):
        parse_time("2008-12-31T23:60:10Z")
