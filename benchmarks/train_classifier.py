"""Learns the weights of the policy's classifier from the labelled sets, and writes them.

    .venv/bin/pip install scikit-learn==1.9.1
    .venv/bin/python benchmarks/train_classifier.py [--sets NAME ...] [--out FILE]

Only sets that may be read are learnt from. The same sets and the same features give the same file, and a test says when
the sets are others than those that the file was made of. Facts are features, so learn anew after new facts, too.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from judgement import ALL, ONLY_SCORED, SETS

from mend.evaluation.labels import event_of, read_labelled
from mend.evaluation.scoring import ACTIONS
from mesh_core.policy.policy import Policy

WEIGHTS = Path(__file__).parent.parent / "core/src/mesh_core/policy/classifier/weights.json"
AT_LEAST = 2  # events that have a feature: what one alone has was seen by chance
STRENGTH = 0.1  # of the regularisation, inverse; of 0.05 to 1 all are alike
DIGITS = 3
SMALLEST = 0.02  # what weighs less in each action changes nothing


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
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the file to write")
    options = parser.parse_args()
    if find_spec("sklearn") is None:
        parser.error("scikit-learn is not installed; the head of this file says how")
    files = [SETS / f"{name}.jsonl" for name in options.sets]
    rows = [row for file in files for row in read_labelled(file)]
    policy = Policy.load(None)
    told = learnt([policy.features_of(event_of(row)) for row in rows], [row["preferred"] for row in rows])
    told = {"sets": [file.stem for file in files], "sha256": digest(files), "events": len(rows), **told}
    text = _one_line_each(told)
    options.out.write_text(text, encoding="utf-8")
    print(f"{len(rows)} events of {len(files)} sets: {text.count(chr(10))} lines, {len(text) // 1024} KiB")


def learnt(events: Sequence[frozenset[str]], preferred: Sequence[str]) -> dict[str, object]:
    """`actions`, `bias` and `weights`, as the file has them."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counted = CountVectorizer(analyzer=sorted, min_df=AT_LEAST, binary=True)
    matrix = counted.fit_transform(events)
    model = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced").fit(matrix, preferred)
    order = [list(model.classes_).index(action) for action in ACTIONS]
    names = counted.get_feature_names_out()
    rows = {str(name): [round(float(model.coef_[at][i]), DIGITS) for at in order] for i, name in enumerate(names)}
    return {
        "actions": list(ACTIONS),
        "bias": [round(float(model.intercept_[at]), DIGITS) for at in order],
        "weights": {name: row for name, row in rows.items() if max(map(abs, row)) >= SMALLEST},
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
