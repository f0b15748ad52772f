"""What people ask for in words, as it comes in: strict, and the same for the same bytes of one moment."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mesh_core.models.parsing import read_asked
from mesh_core.models.requests import Request, RequestReply
from mesh_core.models.strict_json import Refusal

ASKED = {"text": "install nginx", "hosts": ["web01"]}


def read(moment_ms: int = 1_767_340_800_000, **value: Any) -> Request | RequestReply | Refusal:
    return read_asked(json.dumps(value).encode(), moment_ms)


def test_the_same_bytes_of_one_moment_are_one_request() -> None:
    one, same, later = read(**ASKED), read(**ASKED), read(1_767_340_800_001, **ASKED)
    assert isinstance(one, Request)
    assert isinstance(later, Request)
    assert one == same
    assert one.id != later.id
    assert one.ts == "2026-01-02T08:00:00.000Z"


@pytest.mark.parametrize("moment_ms", [0, 253_402_300_799_999, 10**17])
def test_an_entry_of_any_time_can_be_read(moment_ms: int) -> None:
    assert isinstance(read(moment_ms, **ASKED), Request)


def test_what_is_usual_for_a_model_is_not_written_down_and_old_planners_can_read_it() -> None:
    asked = read(**ASKED, max_tokens=256, temperature=0.5)
    assert isinstance(asked, Request)
    assert not {"model", "max_tokens", "temperature"} & {*json.loads(asked.wire())}
    said = read(**ASKED, model="lab", max_tokens=4096, temperature=0)
    assert isinstance(said, Request)
    assert b'"model":"lab","max_tokens":4096,"temperature":0.0' in said.wire()


def test_a_reply_is_told_from_a_request_by_what_it_is_about() -> None:
    reply = read(request="req-0123456789ab", answers={"port": "80"})
    assert isinstance(reply, RequestReply)
    assert isinstance(read(request="req-0123456789ab", **ASKED), Refusal), "one of the two"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({**ASKED, "yes": True}, "yes"),
        ({**ASKED, "text": " \n"}, "says nothing"),
        ({**ASKED, "text": "a\x00b"}, "control character"),
        ({**ASKED, "hosts": "web01"}, "hosts"),
        ({**ASKED, "hosts": ["h"] * 51}, "hosts"),
        ({**ASKED, "id": "req-1"}, "id"),
        ({**ASKED, "ts": "soon"}, "ts"),
        ({**ASKED, "schema_version": 2}, "schema_version"),
        ({**ASKED, "max_tokens": 63}, "max_tokens"),
        ({**ASKED, "max_tokens": 4097}, "max_tokens"),
        ({**ASKED, "temperature": 1.1}, "temperature"),
        ({**ASKED, "model": "-x"}, "model"),
        ({**ASKED, "extra_vars": {"a": {"b": 1}}}, "extra_vars"),
        ({**ASKED, "extra_vars": {"a": "{{ x }}"}}, "holds a template"),
        ({**ASKED, "extra_vars": {"a": ["{% x %}"]}}, "holds a template"),
        ({"request": "req-0123456789ab", "answers": {"Port": "80"}}, "answers"),
        ({"request": "req-0123456789ab", "answers": {"port": ""}}, "answers"),
        ({"request": "../x"}, "request"),
        ({}, "text"),
    ],
)
def test_what_does_not_fit_is_named(value: dict[str, Any], told: str) -> None:
    refused = read(**value)
    assert isinstance(refused, Refusal)
    assert told in refused.reason
