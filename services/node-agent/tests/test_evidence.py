"""What may travel as evidence."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_core.incidents.rule import is_benign
from mesh_core.models.events import MAX_EVENT_BYTES, Severity
from mesh_core.models.records import NAME_PATTERN, SERVICE_PATTERN
from node_agent.checks.check_result import CheckResult, Condition, ConfirmationRule
from node_agent.checks.evidence import clean_lines, clean_text, clean_value
from node_agent.incidents.events import event_for, node_event
from node_agent.incidents.incident_tracker import IncidentChange, IncidentTracker


def change(service: str | None = "web", kind: str = "opened", **facts: object) -> IncidentChange:
    result = CheckResult(
        "docker:/web", service, Condition.UNHEALTHY, ConfirmationRule(), "container_died", Severity.ERROR, dict(facts)
    )
    return IncidentChange(kind, "container_died", Severity.ERROR, result, "n1/web/5", 5000)  # type: ignore[arg-type]


def test_escapes_and_control_characters_do_not_travel() -> None:
    raw = b"\x1b[31mred\x1b[0m\x07 \x1b]0;title\x07text\x00\r\nprogress 1\rprogress 2\n\n\xff\xfe end\n"
    assert clean_lines(raw) == ["red text", "progress 1", "progress 2", "\ufffd\ufffd end"]
    assert clean_lines(b"a\0b\n") == ["ab"]  # a zero makes no UTF-16


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_wide_scripts_stay_readable_in_any_encoding(encoding: str) -> None:
    text = "started\r\nGröße: 7\n接続が拒否されました\nошибка соединения 🔥\n"
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"\xef\xbb\xbf")
    lines = ["started", "Größe: 7", "接続が拒否されました", "ошибка соединения 🔥"]
    assert clean_lines(mark + text.encode(encoding)) == lines
    assert clean_lines(text.encode("utf-8")) == lines
    western = "Größe: 7\nplain words of a service\n" * 3
    assert clean_lines(western.encode(encoding)) == western.splitlines(), "the end of a log has no mark"


def test_utf16_that_the_engine_took_for_utf8_keeps_its_letters() -> None:
    raw = (b"\xff\xfe" + "could not start\r\nport in use\r\n".encode("utf-16-le")).decode("utf-8", "replace").encode()
    assert clean_lines(raw) == ["could not start", "port in use"]


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        (b"cat: /h1\n" + "port in use\r\n".encode("utf-16-le") + b"FATAL\n", ["cat: /h1", "port in use", "FATAL"]),
        (b"first\n" + "disk is full, give up\n".encode("utf-16-be"), ["first", "disk is full, give up"]),
        (b"A=1\0B=2\0FATAL=yes\0", ["A=1", "B=2", "FATAL=yes"]),
        (b"a\0b\0FATAL\0", ["a", "b", "FATAL"]),
        (b"page one\x0cpage two\x0bend", ["page one", "page two", "end"]),
    ],
)
def test_zeros_among_plain_lines_take_no_letter_of_theirs_away(raw: bytes, lines: list[str]) -> None:
    assert clean_lines(raw) == lines


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[1;38:5:196mred\x1b[m",
        "\x1b(B\x1b)0red",
        "\x9b31mred\x9b0m",
        "\x1b]8;;http://x/\x1b\\red\x1b]8;;\x1b\\",
        "\x1bP1$r0m\x1b\\red",
        "\x1b7\x1b[?25lred\x1b8\x1b=",
        "\ufeffred",
    ],
)
def test_no_escape_of_a_terminal_leaves_a_piece_behind(text: str) -> None:
    assert clean_text(text) == "red"
    assert clean_lines(text.encode()) == ["red"]


def test_a_bar_of_progress_is_lines() -> None:
    assert clean_text("10 %\r50 %\rdone\r\nnext") == "10 %\n50 %\ndone\nnext"


def test_bidirectional_overrides_do_not_travel() -> None:
    assert clean_text("a\u202eb\u2066c\ud800d") == "abcd"


def test_only_the_last_lines_and_the_start_of_long_ones() -> None:
    lines = clean_lines(b"\n".join(b"line %d" % i for i in range(100)), 3)
    assert lines == ["line 97", "line 98", "line 99"]
    assert len(clean_lines(b"x" * 10_000)[0]) == 500


def test_a_hostile_log_is_cleaned_in_no_time() -> None:
    started = time.process_time()
    clean_lines((b"\x1b[" + b"1;" * 4000) * 60)
    clean_text("\x1b]" * 50_000)
    assert time.process_time() - started < 3


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=50) | st.integers(), st.lists, max_leaves=20))
def test_any_value_comes_out_as_encodable_json(value: object) -> None:
    node_event("x", "n1", 0, Severity.INFO, {"value": value}).wire().decode()


def test_depth_and_width_are_bounded() -> None:
    deep: object = "end"
    for _ in range(50):
        deep = {"a": deep}
    assert "end" not in str(clean_value(deep))
    assert len(clean_value(list(range(1000)))) == 64


def test_the_event_carries_evidence_and_incident() -> None:
    event = event_for(change(exit_code=7), "n1", 6000, {"logs": ["bye"]})
    assert (event.type, event.service, event.incident) == ("container_died", "web", "n1/web/5")
    assert event.payload["exit_code"] == 7
    assert event.payload["logs"] == ["bye"]
    assert event.timestamp == "1970-01-01T00:00:06.000Z"


def test_a_name_that_is_no_name_becomes_a_whole_node_event_with_the_raw_name() -> None:
    for raw in ("@tty1.service", "-H root@evil", "group:prog", "a" * 129):
        event = event_for(change(service=raw), "n1", 6000)
        assert event.service is None
        assert event.payload["name"] == raw


def test_an_instance_of_a_template_unit_is_a_service() -> None:
    event = event_for(change(service="getty@tty1.service"), "n1", 6000)
    assert (event.service, event.target_key) == ("getty@tty1.service", "n1/getty@tty1.service")


@given(st.one_of(st.text(max_size=140), st.from_regex(SERVICE_PATTERN)), st.from_regex(NAME_PATTERN, fullmatch=True))
def test_whatever_a_thing_and_its_node_are_called_its_incident_can_be_told(service: str, node: str) -> None:
    seen = CheckResult("systemd:x", service, Condition.UNHEALTHY, ConfirmationRule(unhealthy_checks=1), "unit_failed")
    (told,) = IncidentTracker(node).apply(seen, 0, 1_795_953_790_984).changes
    event = event_for(told, node, 6000)
    assert (event.incident, event.service) == (told.incident, None if "name" in event.payload else service)


def test_an_event_never_outgrows_the_contract() -> None:
    event = event_for(change(logs=["x" * 2000] * 60), "n1", 6000, {"body": "y" * 2000})
    assert len(event.wire()) < MAX_EVENT_BYTES
    assert "logs" not in event.payload


def test_recovery_says_what_it_was_and_how_long() -> None:
    result = CheckResult("docker:/web", "web", Condition.HEALTHY, ConfirmationRule())
    done = IncidentChange(
        "recovered", "service_recovered", Severity.INFO, result, "n1/web/5", 5000, was="container_died"
    )
    event = event_for(done, "n1", 65_000)
    assert is_benign(event)
    assert (event.payload["was"], event.payload["open_seconds"]) == ("container_died", 60)


def test_no_secret_of_a_containers_log_leaves_the_host() -> None:
    facts = {
        "logs": ["start", "db: postgres://app:orbit-Velvet42@db/shop refused"],
        "env": {"API_KEY": "orbit-Velvet42"},
    }
    event = node_event("container_died", "n1", 0, Severity.ERROR, facts)
    assert "Velvet" not in event.wire().decode()
    assert event.payload["logs"] == ["start", "db: postgres://***@db/shop refused"]
