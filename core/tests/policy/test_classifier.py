"""What was learnt from labelled events: what is seen of one, what its weights come to, and how far they reach."""

from __future__ import annotations

import math
import re
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from mesh_core.models.events import HealthEvent, Trust
from mesh_core.policy.classifier.classifier import HARMS, Chance, Classifier, Learnt, shipped_classifiers
from mesh_core.policy.classifier.features import features_of
from mesh_core.policy.classifier.value_words import by_text, values_of
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


EVEN = (0.0, 0.0, 0.0, 0.0)
MENDS = Classifier(ACTIONS, (9.0, 9.0, 0.0, 0.0), {})  # whatever its words are, half chose each of the two
HARMLESS = Classifier(HARMS, (9.0, 0.0, 0.0, 0.0), {})


def choosing(
    weights: tuple[float, ...], name: str = "odd", choices: Classifier = MENDS, harms: Classifier = HARMLESS
) -> Learnt:
    """By the fields of each event with that word in its name."""
    return Learnt(Classifier(ACTIONS, EVEN, {f"name {name}": weights}), choices, harms)


def policy(
    restart: float = 9.0,
    redeploy: float = 0.0,
    ignore: float = 0.0,
    choices: Classifier = MENDS,
    harms: Classifier = HARMLESS,
) -> Policy:
    """Whose only rule tells a person; of each event it is as likely that people chose what these say."""
    weights = (restart, redeploy, 0.0, ignore)
    return Policy(read_policy(f"{NOBODY_KNOWS}}}]", "policy"), learnt=choosing(weights, choices=choices, harms=harms))


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
    shipped = shipped_classifiers()
    for learnt, expected in ((shipped.by_fields, ACTIONS), (shipped.choices, ACTIONS), (shipped.harms, HARMS)):
        assert learnt.outcomes == expected
        assert len(learnt.bias) == len(expected)
        assert len(learnt.weights) > 1000
        assert all(len(row) == len(expected) for row in learnt.weights.values())


def test_where_no_rule_knows_anything_what_people_chose_is_offered_and_preferred() -> None:
    allowed = policy().allows(event())
    assert (allowed.preferred, allowed.rule, allowed.order) == ("restart", "classifier", ("restart", "notify"))
    assert allowed.reason == "nobody knows; for events with such fields and words people chose restart (50 %)"
    assert [entry.name for entry in allowed.trace] == ["r", "classifier"]


def test_of_trouble_that_nobody_has_seen_the_like_of_a_person_is_told() -> None:
    rules = read_policy(f"{NOBODY_KNOWS}}}]", "policy")
    for usual in ("program shop", "severity error", "has service", "known backed", "runtime=docker", "key runtime"):
        always = Policy(rules, learnt=Learnt(Classifier(ACTIONS, EVEN, {usual: (9.0, 0.0, 0.0, 0.0)}), MENDS, HARMLESS))
        assert always.allows(event(runtime="docker")).order == ("notify",), usual
    assert Policy.load(None).allows(event("zzz", unit="shop.service")).preferred == "notify"


@pytest.mark.parametrize(("weight", "chance", "preferred"), [(1.65, 0.19, "notify"), (1.83, 0.22, "restart")])
def test_a_restart_is_preferred_where_enough_chose_it(weight: float, chance: float, preferred: str) -> None:
    assert round(math.exp(weight - 2) / (math.exp(weight - 2) + 3), 2) == chance, "against three ones"
    seldom = Classifier(ACTIONS, (-2.0, 0.0, 0.0, 0.0), {"name odd": (weight, 0.0, 0.0, 0.0)})
    rules = read_policy(f"{NOBODY_KNOWS}}}]", "policy")
    allowed = Policy(rules, learnt=Learnt(seldom, MENDS, HARMLESS)).allows(event())
    assert (allowed.preferred, "restart" in allowed.actions) == (preferred, preferred == "restart")


def test_what_most_made_anew_needs_no_project_that_the_event_names() -> None:
    """Whoever made it anew had a declaration; where it lies the inventory has to say (approvals/obstacles)."""
    anew = policy(restart=0.0, redeploy=4.0)
    assert anew.allows(event()).preferred == "redeploy"
    agents_own = event("service_down", runtime="docker", container="shop").model_copy(update={"trust": Trust.NODE})
    assert anew.allows(agents_own).preferred != "redeploy", "an agent names the project of what has one"


@pytest.mark.parametrize(
    "runs_it",
    [
        *({"runtime": runtime} for runtime in ("systemd", "qemu", "pm2")),
        *({key: "shop"} for key in ("unit", "pod", "vm_name", "Process", "addon")),
        {"labels": {"pod": "shop-0"}},
    ],
)
def test_what_is_no_container_has_no_declaration_to_be_made_anew_from(runs_it: dict[str, Any]) -> None:
    anew = policy(restart=0.0, redeploy=9.0)
    assert anew.allows(event(runtime="docker", container="shop")).preferred == "redeploy"
    assert "redeploy" not in anew.allows(event(**runs_it)).actions
    assert "redeploy" not in anew.allows(event().model_copy(update={"service": "shop.service"})).actions


@pytest.mark.parametrize(
    "known",
    [
        {"restart_count": 9, "status": "restarting"},
        {"migration": "running"},
        {"status": "up", "expected": "down"},
        {"maintenance": True},
    ],
)
def test_what_is_known_to_mend_itself_or_to_break_is_left_to_its_rule(known: dict[str, Any]) -> None:
    always = Policy.load(None)
    always.learnt = choosing((9.0, 0.0, 0.0, 0.0))
    assert always.allows(event()).preferred == "restart"
    assert always.allows(event(**known)).preferred != "restart", known


LINES = {"log": [f"word{n} of a long story" for n in range(20)]}


def speaking_against(word: str, weight: float = 4.0) -> Classifier:
    """Of events with that word people told somebody; of `calm` they restarted it."""
    return Classifier(ACTIONS, (1.0, 0.0, 0.0, 0.0), {word: (0.0, 0.0, weight, 0.0), "calm": (4.0, 0.0, 0.0, 0.0)})


def alarming(word: str, weight: float = 9.0) -> Classifier:
    """Of events with that word people called a restart harm; of `calm` they did not."""
    return Classifier(HARMS, (5.0, 0.0, 0.0, 0.0), {word: (0.0, 0.0, 0.0, weight), "calm": (9.0, 0.0, 0.0, 0.0)})


def test_where_words_speak_against_a_restart_or_call_it_harm_it_is_not_learnt() -> None:
    seldom, harmful = r"few people chose it \(\d %\)", r"it was called harm \(\d\d %\)"
    for told, why in (
        (policy(choices=speaking_against("word7")), seldom),
        (policy(harms=alarming("word7")), harmful),
        (policy(choices=speaking_against("word7"), harms=alarming("word7")), f"{seldom} and {harmful}"),
    ):
        allowed = told.allows(event(**LINES))
        assert (allowed.rule, allowed.order) == ("r", ("notify",))
        assert re.fullmatch(rf"nobody knows; its fields speak for a restart, its words do not: {why}", allowed.reason)
    for told in (policy(choices=speaking_against("elsewhere")), policy(harms=alarming("elsewhere"))):
        assert told.allows(event(**LINES)).preferred == "restart"


def test_a_line_that_somebody_adds_speaks_for_nothing_and_calms_nobody() -> None:
    for told in (policy(choices=speaking_against("word7")), policy(harms=alarming("word7"))):
        for line in ("calm", "calm calm", "all is calm, restart it"):
            assert told.allows(event(log=[*LINES["log"], line])).preferred == "notify", line
    assert policy().allows(event(log=[*LINES["log"], "calm"])).order == policy().allows(event(**LINES)).order


GEARS = [f"{one}gear" for one in "abcdefghijklmnopqrst"]
SAID = {f"note {at}": " ".join(GEARS[at : at + 4]) for at in range(0, 16, 4)}
PREFERS = "rules: [{name: r, allow: [restart, notify], prefer: restart, reason: it hangs"


def preferring(more: str = "", written: frozenset[str] = frozenset(), rule: str = PREFERS) -> Policy:
    """Whose only rule prefers a restart, which people called harm where many gears are told of, unless all is calm."""
    known = dict.fromkeys(GEARS, EVEN)  # known words, that weigh nothing for a choice
    gears = dict.fromkeys(GEARS, (0.0, 0.0, 0.0, 1.0)) | {"calm": (9.5, 0.0, 0.0, 0.0)}
    harms = Classifier(HARMS, (8.0, 0.0, 0.0, 0.0), gears)
    learnt = Learnt(Classifier(ACTIONS, (0.0, -9.0, 0.0, 0.0), {}), Classifier(ACTIONS, EVEN, known), harms)
    return Policy(read_policy(f"{rule}{more}}}]", "policy"), written=written, learnt=learnt)


def test_what_a_rule_prefers_is_taken_away_where_people_called_it_harm() -> None:
    allowed = preferring().allows(event(**SAID))
    assert (allowed.preferred, allowed.rule, allowed.order) == ("notify", "doubt", ("notify",))
    assert (
        "it hangs; for events with such fields and words people said that harm is done by a restart (98 %)"
        in allowed.reason
    )
    assert [entry.name for entry in allowed.trace] == ["r", "doubt"]
    assert preferring().allows(event(note=GEARS[0])).order == ("restart", "notify")


def test_what_a_rule_only_offers_is_taken_away_where_it_may_be_harm() -> None:
    """Of a log, too, and of few words: nobody prefers it."""
    offers = preferring(rule="rules: [{name: r, allow: [restart, notify], prefer: notify, reason: Ann looks")
    assert offers.allows(event(logs=[*SAID.values()])).order == ("notify",)
    assert offers.allows(event(note=" ".join(GEARS[:4]))).order == ("notify", "restart")


@pytest.mark.parametrize(
    "told",
    [
        event(),
        event(**{"note 1": "agear bgear cgear", "note 2": "dgear egear fgear"}),  # that is few
        event(note=" ".join(SAID.values())),  # one wrote all of it
        event(**dict.fromkeys(("note", "text", "summary"), " ".join(SAID.values()))),  # and so he did
        event(logs=[*SAID.values()], stdout="\n".join(SAID.values()), request=SAID),
        event(**SAID).model_copy(update={"trust": Trust.NODE}),
    ],
    ids=["no word", "few words", "one value", "one text", "what a program printed", "its agent's own"],
)
def test_a_rule_stands_where_few_or_one_speak_against_it_or_a_program_or_where_an_agent_saw_it(
    told: HealthEvent,
) -> None:
    assert preferring().allows(told).order == ("restart", "notify")


def test_nobody_doubts_a_persons_rule_or_one_that_hears_nobody() -> None:
    for more, written in ((", classifier: false", frozenset[str]()), ("", frozenset({"r"}))):
        assert preferring(more, written).allows(event(**SAID)).order == ("restart", "notify")


def test_one_more_value_takes_nothing_away_whatever_it_says() -> None:
    assert preferring().allows(event(**SAID)).preferred == "notify"
    assert preferring().allows(event(**SAID, mood="calm")).preferred == "restart"
    for worse in ("qgear rgear", "qgear. rgear. sgear. tgear\nagear"):
        assert preferring().allows(event(**SAID, mood="calm", more=worse)).preferred == "restart", worse


def test_words_are_those_of_keys_and_of_every_value_and_no_number_is_one() -> None:
    alert = {"SumUp": "Half open. It waits\nsince 12 h", "seen": ["half open"], "say": "Open, half"}
    told = event(alert=alert, on=True, empty=[], none={}, parts=[{"a": 1}, "b"])
    assert [[*map(sorted, value)] for value in by_text(values_of(told))] == [
        [
            ["alert", "half", "open", "sum", "up"],
            ["alert", "it", "sum", "up", "waits"],
            ["alert", "h", "since", "sum", "up"],
        ],
        [["alert", "half", "open", "seen"], ["alert", "half", "open", "say"]],  # one wrote it under two keys
        *([["on"]], [["empty"]], [["none"]], [["a", "parts"]], [["b", "parts"]]),
    ]


def test_a_chance_is_at_its_lowest_and_its_highest_without_one_of_the_parts() -> None:
    learnt = Classifier(("a", "b"), (0.0, 0.0), {"x": (2.0, 0.0), "y": (0.0, 1.0)})
    both = [frozenset("x"), frozenset("y")]

    def of(sums: float) -> float:
        return 1 / (1 + math.exp(-sums))

    assert learnt.chance_without_one(both, ["a"]) == pytest.approx(Chance(of(-1.0), of(2.0)))
    assert learnt.chance_without_one([frozenset("y")], ["a"], always="x") == pytest.approx(Chance(of(1.0), of(2.0)))
    said_twice = learnt.chance_without_one([frozenset("x"), *both], ["a"])
    assert said_twice == pytest.approx(Chance(of(1.0), of(2.0)))
    assert learnt.chance_without_one([], ["a", "b"]) == pytest.approx(Chance(1.0, 1.0))


def test_fences_hold_whatever_people_chose() -> None:
    allowed = policy().allows(event(labels={"mendmesh.restart": "false"}))
    assert (allowed.preferred, allowed.rule, allowed.order) == ("notify", "label", ("notify",))


def test_a_data_store_is_for_a_person_and_what_a_rule_keeps_quiet_stays_so() -> None:
    shipped = Policy.load(None)
    restart = choosing((9.0, 0.0, 0.0, 0.0))
    rules = read_policy(resources.files("mesh_core.policy").joinpath("default_policy.yml").read_text("utf-8"), "policy")
    always = Policy(rules, learnt=restart)
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
  - {name: r, allow: [notify], prefer: notify, reason: nobody knows}
"""
    always = Policy(read_policy(rules, "policy"), written={"tells"}, learnt=choosing((9.0, 0.0, 0.0, 0.0), "tide"))
    assert always.allows(event("tide_high")).preferred == "restart"
    for log in ("calm", "boats are racing"):
        assert always.allows(event("tide_low", logs=[log])).order == ("notify",), log


def test_nothing_is_kept_quiet_by_what_was_learnt() -> None:
    assert policy(restart=0.0, ignore=9.0).allows(event()).order == ("notify",)
    assert policy(restart=0.0, ignore=4000.0).allows(event()).order == ("notify",), "not even where all did"


def test_a_persons_own_rule_means_what_it_says_and_their_file_may_do_without(tmp_path: Path) -> None:
    told = event("sync_hung", container="shop", state="running", last_sync="3 h ago")
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
