"""What owners say in labels: ours is the more exact word, and what is no answer says nothing."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.models.owner_labels import (
    MAX_STOP_SECONDS,
    StopTimeout,
    label_problems,
    labels_in,
    restart_forbidden,
    stop_timeout,
    yes_or_no,
)

OURS, THEIRS = "mendmesh.stop-timeout", "autoheal.stop.timeout"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("true", True),
        ("True ", True),
        ("1", True),
        (True, True),
        ("false", False),
        ("NO", False),
        *((word, True) for word in ("enabled", '"true"', "always", "ｙｅｓ")),
        *((word, False) for word in ("'false'", "disabled", "Never", "No.", "\ufefffalse", "false;")),
        *((word, None) for word in ("", "  ", "''", None, 7, "perhaps", "unless-stopped")),
    ],
)
def test_yes_and_no_as_people_write_them(word: object, meant: bool | None) -> None:
    assert yes_or_no(word) is meant


@pytest.mark.parametrize(
    ("labels", "forbidden"),
    [
        ({"mendmesh.restart": "false"}, True),
        ({"autoheal": "False"}, True),
        ({"autoheal": False}, True),
        ({"autoheal.restart.enable": "FALSE"}, True),
        ({"mendmesh.restart": "true", "autoheal": "false"}, False),
        ({"mendmesh.restart": "yes", "autoheal.restart.enable": "no"}, False),
        ({"mendmesh.restart": "false", "autoheal": "true"}, True),
        ({"mendmesh.restart": "perhaps", "autoheal": "false"}, True),
        ({"MENDMESH_RESTART": "0"}, True),
        ({"mendmesh.restart": "perhaps"}, True),
        ({"mendmesh.restart": "perhaps", "autoheal": "true"}, True),
        ({"mendmesh.restart": " ", "autoheal": "perhaps"}, False),
        ({"autoheal": ""}, False),
        ({"autoheal": ["false"], "mendmesh.watch": "false"}, False),
        ({}, False),
    ],
)
def test_who_forbids_a_restart(labels: dict[str, Any], forbidden: bool) -> None:
    assert restart_forbidden(labels) is forbidden


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({OURS: "90"}, StopTimeout(90, OURS, 90)),
        ({OURS: 90, THEIRS: "20"}, StopTimeout(90, OURS, 90)),
        ({THEIRS: " 20 "}, StopTimeout(20, THEIRS, 20)),
        ({OURS: "1m30s"}, StopTimeout(90, OURS, 90)),
        ({OURS: "soon", THEIRS: "20"}, StopTimeout(20, THEIRS, 20)),
        ({OURS: "0"}, StopTimeout(1, OURS, 0)),
        ({OURS: "86400"}, StopTimeout(MAX_STOP_SECONDS, OURS, 86400)),
        ({OURS: "-5"}, None),
        ({OURS: "1.5"}, None),
        ({OURS: True}, None),
        ({OURS: "٣"}, None),
        ({OURS: "9" * 400}, None),
        ({OURS: "{{ 90 }}"}, None),
        ({OURS: ["90"]}, None),
        ({}, None),
    ],
)
def test_how_long_it_may_take_to_stop(labels: dict[str, Any], found: StopTimeout | None) -> None:
    assert stop_timeout(labels) == found


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"mendmesh.restart": "true", "autoheal": "false"}, ["mendmesh.restart and autoheal contradict"]),
        ({"mendmesh.restart": "false", "autoheal": "true"}, ["mendmesh.restart and autoheal contradict"]),
        ({"mendmesh.watch": "false", "autoheal": "true"}, ["mendmesh.watch and autoheal contradict"]),
        ({"mendmesh.watch": "true", "autoheal": "false"}, []),
        ({"mendmesh.restart": "true", "autoheal": "true"}, []),
        ({OURS: "90", THEIRS: "20"}, [f"{OURS} and {THEIRS} contradict"]),
        ({OURS: "90", THEIRS: "1m30s"}, []),
        ({OURS: "soon"}, [f"{OURS} is no number of seconds"]),
        ({"mendmesh.restart": "unless-stopped"}, ["mendmesh.restart is neither yes nor no and counts as no"]),
        ({"mendmesh.watch": "x", "autoheal": "x"}, ["mendmesh.watch is neither", "autoheal is neither"]),
        ({"mendmesh.restart": "x", "autoheal": "true"}, ["counts as no", "mendmesh.restart and autoheal contradict"]),
    ],
)
def test_each_contradiction_is_a_sentence(labels: dict[str, Any], said: list[str]) -> None:
    found = label_problems(labels)
    assert len(found) == len(said)
    assert all(words in sentence for words, sentence in zip(said, found, strict=True))


def test_an_events_payload_has_them_in_two_places() -> None:
    labels = {"autoheal": "true"}
    assert list(labels_in({"labels": labels})) == [labels]
    assert list(labels_in({"Actor": {"Attributes": labels}, "labels": "x"})) == [labels]
    assert list(labels_in({"Actor": "x"})) == []
