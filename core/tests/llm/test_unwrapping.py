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
        ("\u200b" + GOOD + "\u00a0", ("invisible marks",)),
        (f"◁think▷hm◁/think▷{GOOD}", ("thinking",)),
        (f'<think lang="de">x</think>{GOOD}', ("thinking",)),
        (f"<inner_monologue>x</inner_monologue>{GOOD}", ("thinking",)),
        (f'<details type="reasoning" done="true">\n<summary>3 s</summary>\n> hm\n</details>\n{GOOD}', ("thinking",)),
        (f"<unused7>thought\nhm<unused8>{GOOD}", ("thinking",)),
        (
            "<|channel|>analysis<|message|>{} or so<|end|>"
            f"<|start|>assistant<|channel|>final<|message|>{GOOD}<|return|>",
            ("thinking", "template marks"),
        ),
        (
            f"<|START_THINKING|>x<|END_THINKING|><|START_RESPONSE|>{GOOD}<|END_RESPONSE|>",
            ("thinking", "template marks"),
        ),
        (
            f"<|begin_of_thought|>x<|end_of_thought|>\n\n<|begin_of_solution|>\n{GOOD}\n<|end_of_solution|>",
            ("thinking", "template marks"),
        ),
        (f"{GOOD}</s>", ("template marks",)),
        (f"{GOOD}\n<end_of_turn>\n", ("template marks",)),
        (f"<|im_start|>assistant\n{GOOD}<|im_end|>", ("template marks",)),
        (f"<think>x</think>\n<answer>\n```json\n{GOOD}\n```\n</answer>", ("thinking", "answer tag", "code fence")),
        (f"````markdown\n```json\n{GOOD}\n```\n````", ("code fence",)),
        (f"```json title=answer.json\n{GOOD}\n```", ("code fence",)),
        (f"```{{.json}}\n{GOOD}\n```", ("code fence",)),
        (json.dumps(GOOD), ("text in text",)),
        (json.dumps({"answer": ANSWER}), ("within 'answer'",)),
        (json.dumps({"name": "answer", "arguments": ANSWER}), ("tool call",)),
        (f"<tool_call>{json.dumps({'name': 'answer', 'parameters': GOOD})}</tool_call>", ("answer tag", "tool call")),
        (GOOD.replace("is down", "is\n\tdown"), ("line breaks in a string",)),
        (GOOD[:-1] + ",\n}", ("a comma too many",)),
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
        f"<answer>{GOOD}</answer> I hope that helps.",
        f"<answer>{GOOD}",
        f"<answer>{GOOD}</answer><answer>{GOOD}</answer>",
        f"{GOOD}<|im_end|>{GOOD}",
        f"{GOOD}<|im_end|>\n<|im_start|>user\nthanks",
        f"<|channel|>analysis<|message|>{GOOD}<|end|>",
        f"<|START_THINKING|>{GOOD}",
        f"<|END_THINKING|>{GOOD}",
        f"{GOOD}<|START_THINKING|>",
        f"◁think▷{GOOD}◁/think▷",
        json.dumps(f"{GOOD} or {GOOD}"),
        json.dumps(json.dumps(GOOD)),
        GOOD.replace('"', "'"),
        GOOD + ",",
        GOOD[:-1] + " // the log says so\n}",
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


@pytest.mark.parametrize("said", ["null", "None", ""])
def test_nothing_as_text_is_null_where_only_null_is_asked_for(said: str) -> None:
    schema = {"properties": {"service": {"const": None}}}
    assert unwrapped(json.dumps({"service": said}), schema).text == '{"service": null}'


@pytest.mark.parametrize(
    "value",
    [
        {"first": ANSWER, "second": ANSWER},
        {"answers": [ANSWER]},
        {"outer": {"inner": ANSWER}},
        {"name": "answer", "arguments": ANSWER, "parameters": ANSWER},
        {"arguments": ANSWER, "why": "no tool is named"},
    ],
)
def test_an_answer_that_is_one_of_several_things_in_an_object_is_not_taken_out(value: dict[str, object]) -> None:
    assert json.loads(unwrapped(json.dumps(value), SCHEMA).text) == value


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
    [
        *(
            "<think>" * 140_000,
            "```" + "{}   " * 200_000,
            "`" * 2**20,
            "<think>" + "<" * 2**20,
            "~~~{" + "} " * 500_000,
        ),
        *("{" + ", " * 500_000, '"' + "\\n" * 500_000, "<|im_end|>" * 100_000, "<details " + "think" * 200_000),
    ],
)
def test_a_megabyte_of_paper_takes_no_time(text: str) -> None:
    began = time.process_time()
    unwrapped(text, SCHEMA)
    assert time.process_time() - began < 5
