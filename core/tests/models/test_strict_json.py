"""Bytes to a value or a reason: every trap of the standard decoder is a refusal, and nothing ever raises."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.models.strict_json import MAX_DEPTH, Refusal, parse_object

LIMIT = 64 * 1024


def why(raw: bytes, **more: int) -> str:
    value = parse_object(raw, max_bytes=more.pop("max_bytes", LIMIT), **more)
    assert isinstance(value, Refusal), value
    return value.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"a":1}x', "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b'{"a":01}', "not JSON"),
        (b'{"a":"\n"}', "not JSON"),
        (b'{"a":"\x00"}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON: it begins with a byte order mark"),
        (b"\xff{}", "not UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "not UTF-8"),
        (b"[]", "not an object: the message is a list"),
        (b'"a"', "not an object: the message is a string"),
        (b"1", "not an object: the message is a number"),
        (b"true", "not an object: the message is true or false"),
        (b"null", "not an object: the message is null"),
        (b'{"a":NaN}', "NaN is not a JSON number"),
        (b'{"a":Infinity}', "Infinity is not a JSON number"),
        (b'{"a":-Infinity}', "-Infinity is not a JSON number"),
        (b'{"a":1e999}', "out of range"),
        (b'{"a":-1e999}', "out of range"),
        (b'{"a":1,"a":1}', "duplicate key 'a'"),
        (b'{"b":[{"a":1,"a":2}]}', "duplicate key 'a'"),
        (b'{"a":1,"\\u0061":2}', "duplicate key 'a'"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":[{"b":"\\ud83dx"}]}', "surrogate"),
        (b'{"a":' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000, "too large"),
        (b'{"a":' + b"[" * 60_000 + b"]" * 3_000, "nested too deeply"),
    ],
)
def test_it_is_refused_and_the_reason_says_why(raw: bytes, reason: str) -> None:
    assert reason in why(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' \t\r\n{"a" : 1} \n', {"a": 1}),
        (b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a":"\xc3\xa9\xe2\x80\xa8"}', {"a": "é\u2028"}),
        (b'{"a":1e308,"b":-0.0,"c":1E-9}', {"a": 1e308, "b": -0.0, "c": 1e-9}),
        (b'{"a":123456789012345678901234567890}', {"a": 123456789012345678901234567890}),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        (b'{"a":"{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{[{["}', {"a": "{[" * 18}),
    ],
)
def test_what_is_well_formed_is_read_exactly(raw: bytes, value: object) -> None:
    assert parse_object(raw, max_bytes=LIMIT) == value


def test_the_limits_are_where_they_say() -> None:
    fits = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    assert len(fits) == LIMIT
    assert parse_object(fits, max_bytes=LIMIT) == {"a": "x" * (LIMIT - 8)}
    assert why(fits + b" ") == f"too large: {LIMIT + 1} bytes, the limit is {LIMIT}"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_counts_every_level_including_the_outermost(opening: str) -> None:
    def nested(levels: int) -> bytes:
        inner = opening * (levels - 1) + "1" + ("]" if opening == "[" else "}") * (levels - 1)
        return ('{"a":' + inner + "}").encode()

    assert isinstance(parse_object(nested(MAX_DEPTH), max_bytes=LIMIT), dict)
    assert why(nested(MAX_DEPTH + 1)) == f"nested too deeply: more than {MAX_DEPTH} levels"
    assert why(nested(4), max_depth=3)


def test_a_long_key_does_not_make_a_long_reason() -> None:
    key = b"k" * 10_000
    assert len(why(b'{"' + key + b'":1,"' + key + b'":2}')) < 200


def test_hostile_input_costs_no_more_than_its_size() -> None:
    start = time.process_time()
    for raw in (b"[" * LIMIT, b'{"a":' * 13_000, b'{"a":[' + b"[]," * 21_000 + b"[]]}", b"9" * LIMIT):
        parse_object(raw, max_bytes=LIMIT)
    assert time.process_time() - start < 5


@settings(max_examples=3 * settings.default.max_examples)
@given(st.binary(max_size=300))
def test_no_bytes_ever_raise(raw: bytes) -> None:
    assert isinstance(parse_object(raw, max_bytes=LIMIT), dict | Refusal)


PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b":",
        b",",
        b"1",
        b"-",
        b".",
        b"e",
        b"\\",
        b"u",
        b"d800",
        b"null",
        b"NaN",
        b"\xff",
        b" ",
    ]
)


@settings(max_examples=3 * settings.default.max_examples)
@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_no_json_like_bytes_ever_raise(raw: bytes) -> None:
    value = parse_object(raw, max_bytes=LIMIT)
    if isinstance(value, dict):
        assert value == json.loads(raw)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=2 * settings.default.max_examples)
@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), st.booleans())
def test_every_object_that_json_can_say_is_accepted_as_it_is(value: dict[str, object], ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse_object(raw, max_bytes=1_000_000) == value
