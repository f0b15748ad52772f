"""What was learnt from labelled events: what is seen of one, what its weights come to, and how far they reach."""

from __future__ import annotations

import math
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import Classifier, shipped_classifier
from mesh_core.policy.classifier.features import features_of
from mesh_core.policy.policy import Policy
from mesh_core.policy.policy_file import read_policy
from mesh_core.runbooks.clues import clues_in

ACTIONS = ("restart", "redeploy", "notify", "ignore")
NOBODY_KNOWS = "rules: [{name: r, allow: [notify], prefer: notify, reason: nobody knows"


def event(type_: str = "odd", severity: str = "error", **payload: Any) -> HealthEvent:
    return HealthEvent.model_validate(
        {"type": type_, "node": "n1", "service": "shop", "severity": severity, "payload": payload}
    )


def seen_of(told: HealthEvent) -> frozenset[str]:
    return features_of(told, (), clues_in(told))


def choosing(weights: tuple[float, ...], name: str = "odd") -> Classifier:
    """Of each event with that word in its name."""
    return Classifier(ACTIONS, (0.0, 0.0, 0.0, 0.0), {f"name {name}": weights})


def policy(more: str = "", restart: float = 9.0, document: str = NOBODY_KNOWS, ignore: float = 0.0) -> Policy:
    """Whose only rule tells a person; of each event that chose a restart by `restart` against three zeros."""
    rules = read_policy(f"{document}{more}}}]", "policy")
    return Policy(rules, classifier=choosing((restart, 0.0, 0.0, ignore)))


def test_names_keys_and_short_values_are_seen_and_no_sentence() -> None:
    seen = seen_of(event("pump_health_bad", pump_state="Half open", code=137, on=False, load=900, left=None))
    assert {"name pump", "severity error", "has service", "program shop", "key pumpstate"} <= seen
    assert {"pumpstate=half open", "code=137", "on=False", "left=None", "key load"} <= seen
    assert not any(feature.startswith("load=") for feature in seen), "what is measured differs each time"
    told = event(message="restart it", log=["restart it"], why="it said that it wants to be restarted", labels={})
    assert not {one for one in seen_of(told) - seen_of(event()) if one != "key why"}


OTHERS = {"gears": "worn out", "turns": 3}


@pytest.mark.parametrize(
    "told",
    [
        event(extra=OTHERS),
        event(context={"visitor": OTHERS}),
        event(rows=[OTHERS]),
        event(a={"b": {"alert": OTHERS}}),
        event(alert={"event": {"data": {"labels": OTHERS}}}),
        event("word_" * 9 + "gears"),
        event(problem="of the gears that somebody wrote down as they liked"),
        event().model_copy(update={"service": "gears-" * 9}),
    ],
)
def test_what_may_tell_of_something_else_or_tells_a_story_is_not_seen(told: HealthEvent) -> None:
    assert not [feature for feature in seen_of(told) if "gears" in feature or "turns" in feature]


def test_labels_of_an_alert_are_seen_and_those_that_an_image_brings_are_not() -> None:
    for told in (event(labels=OTHERS), event(actor={"attributes": OTHERS})):
        assert {"gears=worn out", "turns=3"} <= seen_of(told)
        assert features_of(told, {"backed"}, clues_in(told)) == seen_of(event()) | {"known backed"}


@pytest.mark.parametrize("key", ["container", "unit", "conteneur", "容器"])
def test_that_something_is_named_is_left_to_the_fact_that_says_so(key: str) -> None:
    assert seen_of(event(**{key: "some-long-name-of-it"})) == seen_of(event())


def test_chances_are_those_of_a_logistic_regression() -> None:
    learnt = Classifier(("a", "b"), (0.5, 0.0), {"x": (1.0, -1.0), "y": (0.25, 0.0)})
    chances = learnt.chances({"x", "y", "unknown"})
    assert math.isclose(chances["a"], 1 / (1 + math.exp(-1.0 - 1.75)))
    assert math.isclose(sum(chances.values()), 1.0)
    assert Classifier(("a", "b"), (0.0, 4000.0), {}).chances(())["b"] == 1.0, "no number is too great"


def test_each_feature_is_told_with_how_much_it_speaks_for_a_choice() -> None:
    learnt = Classifier(("a", "b"), (0.5, 0.0), {"x": (1.0, -1.0), "y": (0.25, 0.0), "z": (-4.0, 0.0)})
    assert [*learnt.speaking({"x", "y", "z", "unknown"}, "a", "b").items()] == [("z", -4.0), ("x", 2.0), ("y", 0.25)]


def test_the_shipped_weights_are_whole() -> None:
    learnt = shipped_classifier()
    assert set(learnt.actions) == set(ACTIONS)
    assert len(learnt.bias) == len(ACTIONS)
    assert len(learnt.weights) > 1000
    assert all(len(row) == len(ACTIONS) for row in learnt.weights.values())


def test_where_no_rule_knows_anything_what_people_chose_is_offered_and_preferred() -> None:
    allowed = policy(", classifier_adds: true").allows(event())
    assert (allowed.preferred, allowed.rule, allowed.order) == ("restart", "classifier", ("restart", "notify"))
    assert allowed.reason == "nobody knows; for events with such fields people chose restart (100 %)"
    assert [entry.name for entry in allowed.trace] == ["r", "classifier", "classifier"]


def test_of_trouble_that_nobody_has_seen_the_like_of_a_person_is_told() -> None:
    rules = read_policy(f"{NOBODY_KNOWS}, classifier_adds: true}}]", "policy")
    for usual in ("program shop", "severity error", "has service", "known backed", "runtime=docker", "key runtime"):
        always = Policy(rules, classifier=Classifier(ACTIONS, (0.0, 0.0, 0.0, 0.0), {usual: (9.0, 0.0, 0.0, 0.0)}))
        assert always.allows(event(runtime="docker")).order == ("notify",), usual
    assert Policy.load(None).allows(event("zzz", unit="shop.service")).preferred == "notify"


def test_a_rule_that_does_not_ask_for_it_offers_no_more_than_it_says() -> None:
    allowed = policy().allows(event())
    assert (allowed.preferred, allowed.rule, allowed.order) == ("notify", "r", ("notify",))


@pytest.mark.parametrize(("weight", "chance", "preferred"), [(1.4, 0.57, "notify"), (1.6, 0.62, "restart")])
def test_what_a_rule_offers_is_preferred_where_most_chose_it(weight: float, chance: float, preferred: str) -> None:
    closer = "rules: [{name: r, allow: [notify, restart], prefer: notify, reason: a cable is loose"
    assert round(math.exp(weight) / (math.exp(weight) + 3), 2) == chance, "against three ones"
    assert policy(restart=weight, document=closer).allows(event()).preferred == preferred


def test_fences_hold_whatever_people_chose() -> None:
    allowed = policy(", classifier_adds: true").allows(event(labels={"mendmesh.restart": "false"}))
    assert (allowed.preferred, allowed.rule, allowed.order) == ("notify", "label", ("notify",))


def test_a_data_store_is_for_a_person_and_what_a_rule_keeps_quiet_stays_so() -> None:
    shipped = Policy.load(None)
    restart = choosing((9.0, 0.0, 0.0, 0.0))
    rules = read_policy(resources.files("mesh_core.policy").joinpath("default_policy.yml").read_text("utf-8"), "policy")
    always = Policy(rules, classifier=restart)
    for service in ("mysql", "mariadbd", "hdfs-namenode.service", "search-qdrant-2", "Minio"):
        store = event().model_copy(update={"service": service})
        assert always.allows(store).order == shipped.allows(store).order == ("notify",), service
    assert always.allows(event("odd", "info")).preferred == "ignore"
    assert always.allows(event("odd", "error")).preferred == "restart"


def test_words_that_take_a_rule_away_let_nothing_be_added_in_its_place() -> None:
    """Whoever writes the log could else have a restart offered where a rule only tells a person."""
    rules = """
cues: {regatta: [boats are racing]}
rules:
  - {name: tells, when: {types: [tide_low], none: [regatta]}, allow: [notify], prefer: notify, reason: Ann looks}
  - {name: r, allow: [notify], prefer: notify, reason: nobody knows, classifier_adds: true}
"""
    always = Policy(read_policy(rules, "policy"), classifier=choosing((9.0, 0.0, 0.0, 0.0), "tide"))
    assert always.allows(event("tide_high")).preferred == "restart"
    for log in ("calm", "boats are racing"):
        assert always.allows(event("tide_low", logs=[log])).order == ("notify",), log


def test_nothing_is_kept_quiet_by_what_was_learnt() -> None:
    assert policy(", classifier_adds: true", restart=0.0, ignore=9.0).allows(event()).order == ("notify",)


def test_a_persons_own_rule_means_what_it_says_and_their_file_may_do_without(tmp_path: Path) -> None:
    told = event("odd_stale", unit="shop.service")
    assert Policy.load(None).allows(told).rule == "classifier"
    assert Policy.load(None, learnt=False).allows(told).rule != "classifier"
    file = tmp_path / "policy.yml"
    for own in (
        "classifier: false",
        "rules: [{name: mine, allow: [notify, restart], prefer: notify, reason: Ann looks}]",
    ):
        file.write_text(own)
        allowed = Policy.load(file).allows(told)
        assert (allowed.preferred, allowed.rule != "classifier") == ("notify", True)
