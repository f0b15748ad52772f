"""What the classifiers read of an event, whoever wrote it: as much work as there is text, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from policy_rig import event

from mesh_core.policy.classifier import classifier as weights_room
from mesh_core.policy.classifier import value_words as room
from mesh_core.policy.classifier.classifier import Classifier, shipped_classifiers
from mesh_core.policy.classifier.event_chances import Liking
from mesh_core.policy.classifier.value_words import MOST_KEY_WORDS, EventWords, by_text, values_of
from mesh_core.policy.policy import Policy

LEARNT = Policy.load(None)


def nested(inner: Any, depth: int) -> Any:
    for at in range(depth):
        inner = {f"part {at}": inner} if at % 2 else [inner]
    return inner


def test_weights_are_read_when_they_are_first_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(name: str) -> Classifier:
        read.append(name)
        return Classifier((), (), {})

    monkeypatch.setattr(weights_room, "_read", counted)
    learnt = shipped_classifiers.__wrapped__()
    assert read == []
    for name in ("harms", "choices", "by_fields"):
        assert getattr(learnt, name) is getattr(learnt, name)
    assert read == ["harms.json", "choices.json", "fields.json"]


def test_each_key_and_each_line_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(text: str) -> list[str]:
        read.append(text)
        return text.split()

    monkeypatch.setattr(room, "words_of", counted)
    values_of(event("disk_slow", {"outer key": {"inner key": ["one", "two\nthree", 4]}}))
    assert sorted(read) == ["inner key", "one", "outer key", "three", "two"]


def test_keys_as_long_as_an_event_make_no_line_longer() -> None:
    keys = {" ".join(f"a{at}" for at in range(900)): {" ".join(f"b{at}" for at in range(900)): ["said"] * 500}}
    (lines,) = by_text(values_of(event("disk_slow", {"kept": keys})))
    assert len(lines) == 500
    assert all("said" in line and len(line) <= MOST_KEY_WORDS + 1 for line in lines)


@pytest.mark.parametrize(
    "odd",
    [
        *(float("nan"), float("-inf"), 10**400, "9" * 5000, "\ud800", "a \udfff b", "\x00", "", None, True),
        *([], [[]], [[1, [2, "x"]], None], {}, {"": {}}, {"": ""}, {"\ud800": "\ud800"}, {3: {None: [True]}}),
        nested("x", 60),
    ],
    ids=lambda odd: ascii(odd)[:20],
)
def test_whatever_lies_in_it_is_judged(odd: Any) -> None:
    words = " ".join(f"word{chr(97 + at)}" for at in range(20))  # enough for the words to speak
    told = event("disk_slow", {"state": odd, "logs": [odd, words], "": odd}, severity="error")
    assert LEARNT.allows(told).actions


@pytest.mark.parametrize("where", ["logs", "stdout", "message", "request"])
def test_lines_where_strangers_write_speak_against_a_restart_only(where: str) -> None:
    """However many: without them nothing would speak for it, either."""
    weights = {"leak": (0.0, 2.0), "calm": (3.0, 0.0), "again": (3.0, 0.0), "broken": (0.0, 1.0)}
    by_words = Classifier(("mend", "tell"), (0.0, 0.0), weights)

    def chance(**payload: Any) -> float:
        words = EventWords(event("disk_slow", {"found": "a leak", **payload}), by_words.weights)
        return words.whoever_wrote_a_part(by_words, (), ["mend"]).lowest

    for many in (["calm"] * 3, "calm\ncalm\ncalm", ["calm again", "again calm"], [{"a": "calm"}, {"b": "calm, again"}]):
        assert chance(**{where: many}) == pytest.approx(chance()), many
    assert chance(**{where: ["broken"]}) < chance()
    assert chance(**{where: "calm"}) == pytest.approx(chance()), "that is one line"
    assert chance(mood="calm", **{where: ["calm"] * 2}) == pytest.approx(chance(mood="calm")), "nor more often"
    assert chance(mood="calm", state="calm again") > chance(), "what is told of the thing itself may speak for it"
    assert chance(mood="calm. It is calm again") == pytest.approx(chance()), "however many lines one value has"


def test_a_redeploy_is_called_harm_more_often_before_it_is_not_preferred() -> None:
    assert Liking("redeploy", chosen=0.5, harm=0.5).against == ()
    assert Liking("restart", chosen=0.5, harm=0.5).against == ("it was called harm (50 %)",)
    assert Liking("redeploy", chosen=0.2, harm=0.7).against == (
        "few people chose it (20 %)",
        "it was called harm (70 %)",
    )
