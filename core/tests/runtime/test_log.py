"""Logs: one JSON line per fact for machines, colours for people, never both."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from mesh_core.models.records import parse_time


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_object_with_service_level_time_and_facts() -> None:
    out = io.StringIO()
    setup("observer", stream=out)
    structlog.get_logger().info("room.what_happened", event_id="pi4/1-0", text="two\nlines \x1b[31m", number=3)
    (line,) = lines(out)
    assert (line["event"], line["service"], line["level"]) == ("room.what_happened", "observer", "info")
    assert (line["event_id"], line["text"], line["number"]) == ("pi4/1-0", "two\nlines \x1b[31m", 3)
    parse_time(str(line["timestamp"]))


def test_what_is_below_the_level_is_not_said() -> None:
    out = io.StringIO()
    setup("observer", level="warning", stream=out)
    for level in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), level)("room.word")
    assert [line["level"] for line in lines(out)] == ["warning", "error"]


def test_an_error_carries_its_traceback_in_one_line() -> None:
    out = io.StringIO()
    setup("observer", stream=out)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("room.failed")
    (line,) = lines(out)
    assert "ValueError: broken" in str(line["exception"])


def test_a_value_that_is_no_json_is_still_a_line() -> None:
    out = io.StringIO()
    setup("observer", stream=out)
    structlog.get_logger().info("room.odd", thing=object(), raw=b"\xff", surrogate="\ud800")
    assert lines(out)[0]["event"] == "room.odd"


def test_a_person_sees_colours_and_no_json() -> None:
    out = Terminal()
    setup("observer", stream=out)
    structlog.get_logger().info("room.word", fact=1)
    assert "\x1b[" in out.getvalue()
    assert not out.getvalue().startswith("{")


def test_a_second_setup_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    setup("one", stream=first)
    log = structlog.get_logger()
    log.info("room.word")
    setup("two", stream=second)
    structlog.get_logger().info("room.word")
    assert [line["service"] for line in lines(first) + lines(second)] == ["one", "two"]
