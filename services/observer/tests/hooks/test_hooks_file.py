"""config/hooks.yml: what cannot be used is a sentence that names the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from observer.hooks.mapping import Mapped
from observer.hooks.rules import BadHooks, read_hooks


def hooks_file(folder: Path, text: str) -> Path:
    path = folder / "hooks.yml"
    path.write_text(text)
    return path


def read(path: Path) -> object:
    return read_hooks(path, token=None, secret=None, loopback=True, per_minute=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("generic: {pve: {type: 'a b ['}}", "no JMESPath expression"),
        ("generic: {'../x': {type: a}}", "generic"),
        ("mapping: {nodes: [x]}", "mapping.nodes"),
        ("mapping: {types: {X: 'Not A Type'}}", "mapping.types.X"),
        ("keys: {nobody: {token_file: /x}}", "there is no such hook"),
        ("keys: {grafana: {token_file: /nowhere/token}}", "keys.grafana"),
        ("keys: {grafana: {}}", "give token_file"),
        ("keys: [", "not YAML"),
        ("mapping: {node_default: a}\ngeneric: {}\nmapping: {}", "hooks.yml:3: mapping stands there twice"),
        ("mapping: {node_labels: host}", "mapping.node_labels: write it as a list"),
        ("[]", "hooks.yml"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_that_names_the_key(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadHooks, match=r"hooks\.yml") as refused:
        read(hooks_file(tmp_path, text))
    assert words in str(refused.value)


def test_the_example_file_is_one_that_can_be_used(tmp_path: Path) -> None:
    example = (Path(__file__).parents[2] / "hooks.example.yml").read_text()
    token = tmp_path / "token"
    token.write_text("t0ken")
    token.chmod(0o400)
    rules = read(hooks_file(tmp_path, example.replace("/run/secrets/grafana_hook", str(token))))
    assert json.dumps(sorted(rules.generic)) != "[]"  # type: ignore[attr-defined]
    for name in ("node_labels", "service_labels"):  # what holds without it, as it says
        assert getattr(rules.mapped, name) == getattr(Mapped(), name)  # type: ignore[attr-defined]
