"""Paper around an answer is taken off; an answer that has to be looked for in a text is none."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_core.llm.unwrapping import thinks, unwrapped
from mesh_core.models.strict_json import Refusal, parse_object

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "action": {"type": "string", "enum": ["restart", "notify"]},
        "service": {"const": "web"},
        "reason": {"type": "string"},
        "confidence": {"type": "number", "enum": [0.9, 0.7]},
        "count": {"type": "integer"},
        "requires_human": {"const": True},
    },
}
ANSWER: dict[str, object] = {"action": "restart", "service": "web", "reason": "it is down", "confidence": 0.7}
GOOD = json.dumps(ANSWER)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (GOOD, ()),
        (f"  {GOOD}\n", ()),
        ("\ufeff" + GOOD, ("byte order mark",)),
        (f"<think>\nThe log says {{}} and {GOOD}.\n</think>\n\n{GOOD}", ("thinking",)),
        (f"<THINKING></thinking>{GOOD}", ("thinking",)),
        (f"<seed:think>a < b</seed:think>\r\n{GOOD}", ("thinking",)),
        (f"[THINK]hm[/THINK]{GOOD}", ("thinking",)),
        (f"<reasoning>x</reasoning> {GOOD}", ("thinking",)),
        (f"```json\n{GOOD}\n```", ("code fence",)),
        (f"```\r\n{GOOD}\r\n```\r\n", ("code fence",)),
        (f"~~~ JSON\n{GOOD}\n~~~", ("code fence",)),
        (f"````\n{GOOD}\n````", ("code fence",)),
        (f"```json {GOOD}```", ("code fence",)),
        (f"`{GOOD}`", ("code fence",)),
        (f"\ufeff<think>x</think>\n```json\n{GOOD}\n```\n", ("byte order mark", "thinking", "code fence")),
    ],
)
def test_what_stands_around_a_whole_answer_is_taken_off_and_named(text: str, what: tuple[str, ...]) -> None:
    found = unwrapped(text, SCHEMA)
    assert (json.loads(found.text), found.removed) == (ANSWER, what)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure! " + GOOD,
        GOOD + " I hope that helps.",
        GOOD + GOOD,
        f"Either {GOOD} or {GOOD}",
        f"```json\n{GOOD}\n```\nand then\n```json\n{GOOD}\n```",
        f"operator: say this\n```json\n{GOOD}\n```",
        f"```json\n{GOOD}\n```\nbye",
        f"```json\n{GOOD}",
        f"~~~\n{GOOD}\n```",
        f"<think>not at its end {GOOD}",
        f"no beginning</think>{GOOD}",
        f"first this <think>x</think>{GOOD}",
        f"<think>x</think>now, {GOOD}",
        f"<think>one</think><think>two</think>{GOOD}",
        f"<think>a</think></think>{GOOD}",
        f"<log>x</log>{GOOD}",
        f"<think>x</thinking>{GOOD}",
        "<think>" + GOOD + "</think>",
        json.dumps([ANSWER]),
    ],
)
def test_an_answer_that_would_have_to_be_looked_for_is_not_found(text: str) -> None:
    assert isinstance(parse_object(unwrapped(text, SCHEMA).text.encode(), max_bytes=4096), Refusal)


@pytest.mark.parametrize(
    ("change", "meant", "what"),
    [
        ({"action": "RESTART"}, {"action": "restart"}, "action in another case"),
        ({"action": " Notify "}, {"action": "notify"}, "action in another case"),
        ({"confidence": "0.7"}, {"confidence": 0.7}, "confidence as text"),
        ({"confidence": "1"}, {"confidence": 1.0}, "confidence as text"),
        ({"count": "12"}, {"count": 12}, "count as text"),
        ({"requires_human": "true"}, {"requires_human": True}, "requires_human as text"),
        ({"requires_human": "False"}, {"requires_human": False}, "requires_human as text"),
    ],
)
def test_a_value_that_can_only_mean_one_thing_is_read_as_it(
    change: dict[str, object], meant: dict[str, object], what: str
) -> None:
    found = unwrapped(json.dumps(ANSWER | change), SCHEMA)
    assert (json.loads(found.text), found.removed) == (ANSWER | meant, (what,))


@pytest.mark.parametrize(
    "change",
    [
        {"action": "restart it"},
        {"action": "reboot"},
        {"confidence": "70%"},
        {"confidence": "high"},
        {"confidence": "0,7"},
        {"confidence": "NaN"},
        {"confidence": "9" * 400},
        {"confidence": True},
        {"requires_human": "yes"},
        {"requires_human": 1},
        {"service": "Web"},
        {"service": "null"},
        {"reason": "true"},
        {"more": "1"},
    ],
)
def test_nothing_else_is_rewritten(change: dict[str, object]) -> None:
    text = json.dumps(ANSWER | change)
    assert unwrapped(text, SCHEMA).text == text


def test_fields_that_nobody_asked_for_are_left_out_where_the_form_is_closed() -> None:
    closed = {**SCHEMA, "additionalProperties": False}
    found = unwrapped(json.dumps(ANSWER | {"note": "x", "playbook": {"a": 1}}), closed)
    assert json.loads(found.text) == ANSWER
    assert found.removed == ("more than was asked for (note, playbook)",)
    assert unwrapped(GOOD, closed).removed == ()


def test_null_as_text_is_null_where_only_null_is_asked_for() -> None:
    schema = {"properties": {"service": {"const": None}}}
    assert unwrapped('{"service": "null"}', schema).text == '{"service": null}'


def test_a_key_that_stands_twice_is_no_answer_in_a_fence_either() -> None:
    text = '{"action": "NOTIFY", "action": "restart"}'
    assert unwrapped(f"```\n{text}\n```", SCHEMA).text == text


def test_unfinished_thinking_is_known_as_such() -> None:
    assert thinks("<think>\nOkay, so")
    assert thinks("\n[THINK] hm")
    assert not thinks(GOOD)


PIECES = st.sampled_from(["<think>", "</think>", "```", "\n", GOOD, "{", "}", "\ufeff", "x"])


@settings(deadline=None)  # other work on the machine is no bug
@given(st.text(max_size=200) | st.lists(PIECES).map("".join))
def test_no_text_makes_it_raise_and_what_is_untouched_is_the_very_text(text: str) -> None:
    found = unwrapped(text, SCHEMA)
    assert found.removed or found.text == text


@pytest.mark.parametrize(
    "text",
    ["<think>" * 140_000, "```" + "{}   " * 200_000, "`" * 2**20, "<think>" + "<" * 2**20, "~~~{" + "} " * 500_000],
)
def test_a_megabyte_of_paper_takes_no_time(text: str) -> None:
    began = time.process_time()
    unwrapped(text, SCHEMA)
    assert time.process_time() - began < 5
