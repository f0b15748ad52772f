"""What an explanation tells of what was learnt: by what was chosen, and why it was not."""

from __future__ import annotations

from mend.policies.explanation import Explanation, explain
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import HARMS, Classifier, Learnt
from mesh_core.policy.policy import Policy
from mesh_core.policy.policy_file import read_policy

ACTIONS = ("restart", "redeploy", "notify", "ignore")
RULE = "rules: [{name: r, allow: [notify, restart], prefer: notify, reason: nobody knows}]"
NAME = {"name pump": (1.0, 9.0, 0.0, 0.0)}


def explained(choices: Classifier) -> Explanation:
    """Where fields speak for a redeploy and people called a restart harm."""
    harms = Classifier(HARMS, (0.0, 9.0, 0.0, 0.0), {"name pump": (0.0, 1.0, 0.0, 0.0)})
    by_fields = Classifier(ACTIONS, (0.0, 0.0, 0.0, 0.0), NAME)
    told = {"type": "pump_odd", "node": "n1", "service": "pump", "severity": "error", "payload": {}}
    policy = Policy(read_policy(RULE, "policy"), learnt=Learnt(by_fields, choices, harms))
    return explain(HealthEvent.model_validate(told), policy)


def test_of_what_was_chosen_the_weights_are_told_also_where_something_else_was_called_harm() -> None:
    said = explained(Classifier(ACTIONS, (0.0, 0.0, 0.0, 0.0), NAME))
    assert [entry.name for entry in said.allowed.trace] == ["r", "classifier", "doubt"]
    assert (said.allowed.preferred, said.weighed) == ("redeploy", {"name pump": 9.0})


def test_what_words_did_not_let_be_chosen_is_told_and_only_once_where_it_is_taken_away_as_well() -> None:
    said = explained(Classifier(ACTIONS, (0.0, 0.0, 9.0, 0.0), {}))
    why = "its fields speak for a redeploy, its words do not: few people chose it (0 %)"
    (classifier,) = (entry for entry in said.allowed.trace if entry.name == "classifier")
    assert (classifier.sentence, classifier.added, classifier.removed) == (why, (), ())
    assert [(one.choice, one.by) for one in said.held_back] == [("restart", "doubt")]
    assert said.weighed == {"name pump": 1.0}, "what called the restart harm"
