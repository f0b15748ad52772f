"""Learns the weights of the policy's classifiers from the labelled sets, and writes them: fields.json, choices.json,
harms.json.

    .venv/bin/pip install scikit-learn==1.9.1
    .venv/bin/python benchmarks/train_classifier.py [--sets NAME ...] [--out FOLDER]

Only sets that may be read are learnt from. The same sets and the same features give the same file, and a test says when
the sets are others than those that the file was made of. Facts are features, so learn anew after new facts, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from judgement import ALL, ONLY_SCORED, SETS, event_of_hook, hook_rules, names_of

from mend.evaluation.labels import event_of, read_labelled
from mend.evaluation.scoring import ACTIONS, Row
from mesh_core.models.events import HealthEvent
from mesh_core.policy.classifier.classifier import BOTH, HARMS, NO_HARM
from mesh_core.policy.classifier.value_words import every_word
from mesh_core.policy.policy import Policy

Example = tuple[Row, HealthEvent]

WEIGHTS = Path(__file__).parent.parent / "core/src/mesh_core/policy/classifier"
AT_LEAST_FIELDS, AT_LEAST_WORDS = 2, 3  # events that have a feature: what one alone has was seen by chance
STRENGTH = 0.1  # of the regularisation, inverse; of 0.05 to 1 all are alike
DIGITS = 2
SMALLEST = 0.05  # what weighs less in each action changes nothing


def sources() -> list[Path]:
    """The sets that may be read."""
    return [file for file in ALL if file not in ONLY_SCORED]


def digest(files: Sequence[Path]) -> str:
    """Of what is in them, in their order."""
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [file.stem for file in sources()]
    parser.add_argument("--sets", nargs="+", choices=names, default=names, metavar="NAME", help="all, if none is named")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="where to write the files")
    options = parser.parse_args()
    if find_spec("sklearn") is None:
        parser.error("scikit-learn is not installed; the head of this file says how")
    files = [SETS / f"{name}.jsonl" for name in options.sets]
    told = [one for file in files for one in examples(read_labelled(file))]
    head = {"sets": [file.stem for file in files], "sha256": digest(files)}
    for name, weights in all_weights(told).items():
        text = _one_line_each(head | weights)
        (options.out / f"{name}.json").write_text(text, encoding="utf-8")
        print(f"{name}: {weights['events']} events of {len(files)} sets, {len(text) // 1024} KiB")


def examples(rows: Sequence[Row]) -> list[Example]:
    """Each row as it is labelled, and what the hooks read of its raw body where it has one: the same trouble in the
    form in which it arrives. Nobody learns from what was planted."""
    rows = [row for row in rows if "attack" not in row]
    rules = hook_rules()
    names = names_of(rows, rules)
    bodies = [(row, event_of_hook(row, rules, names)) for row in rows if "hook" in row]
    read = [(row, event) for row, event in bodies if isinstance(event, HealthEvent)]
    return [*((row, event_of(row)) for row in rows), *read]


def all_weights(told: Sequence[Example]) -> dict[str, dict[str, object]]:
    """Of each classifier, by the name of its file without its ending."""
    policy = Policy.load(None, learnt=False)
    fields = _often_enough([policy.features_of(event) for _, event in told], AT_LEAST_FIELDS)
    words = _often_enough([every_word(event) for _, event in told], AT_LEAST_WORDS)
    both = [one | other for one, other in zip(fields, words, strict=True)]
    chosen, harm = [row["preferred"] for row, _ in told], [_harm(row) for row, _ in told]
    return {
        "fields": learnt(fields, chosen, ACTIONS, balanced=True),
        "choices": learnt(both, chosen, ACTIONS, balanced=True),
        "harms": learnt(both, harm, HARMS, balanced=False),  # as seldom as it is
    }


def _harm(row: Row) -> str:
    """Which of the two that touch a host its label forbids."""
    forbidden = [word for word in HARMS if word in row["unacceptable"]]
    return BOTH if len(forbidden) > 1 else forbidden[0] if forbidden else NO_HARM


def _often_enough(events: Sequence[frozenset[str]], at_least: int) -> list[frozenset[str]]:
    times = Counter(feature for event in events for feature in event)
    return [frozenset(feature for feature in event if times[feature] >= at_least) for event in events]


def learnt(
    events: Sequence[frozenset[str]], labels: Sequence[str], outcomes: Sequence[str], *, balanced: bool
) -> dict[str, object]:
    """`events`, `outcomes`, `bias` and `weights`, as the file has them. `balanced`: each outcome counts alike, however
    seldom it is."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counted = CountVectorizer(analyzer=sorted, binary=True)
    matrix = counted.fit_transform(events)
    weighed = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced" if balanced else None)
    model = weighed.fit(matrix, labels)
    order = [list(model.classes_).index(outcome) for outcome in outcomes]
    names = counted.get_feature_names_out()
    weights = {str(name): [round(float(model.coef_[at][i]), DIGITS) for at in order] for i, name in enumerate(names)}
    return {
        "events": len(events),
        "outcomes": list(outcomes),
        "bias": [round(float(model.intercept_[at]), DIGITS) for at in order],
        "weights": {name: row for name, row in weights.items() if max(map(abs, row)) >= SMALLEST},
    }


def _one_line_each(told: dict[str, object]) -> str:
    """So that a change of a weight is a line of a difference."""
    weights = told["weights"]
    assert isinstance(weights, dict)
    head = [f"{json.dumps(key)}: {json.dumps(value)}," for key, value in told.items() if key != "weights"]
    rows = [f"{json.dumps(name, ensure_ascii=False)}: {json.dumps(row)}" for name, row in weights.items()]
    return "\n".join(["{", *head, '"weights": {', ",\n".join(rows), "}}"]) + "\n"


if __name__ == "__main__":
    main()
