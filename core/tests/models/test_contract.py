"""docs/contract.md and the records: what outsiders were promised is what travels, word by word."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

import pytest

from mesh_core.incidents.event_types import BENIGN
from mesh_core.models.attempts import AttemptOutcome, ModelAttempt
from mesh_core.models.events import MAX_EVENT_BYTES, HealthEvent, Severity, WorldUpdate
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, ActionUpdate, Folder
from mesh_core.models.records import Record
from mesh_core.models.requests import MAX_REQUEST_BYTES, Request, RequestState, RequestUpdate
from mesh_core.silences.silence import Silence, SilenceKind

CONTRACT = (Path(__file__).parents[3] / "docs" / "contract.md").read_text()
SET_AT_THE_DOOR = {"trust", "sighting"}  # of an event; never believed from a message


def between(start: str, end: str) -> str:
    """What stands there behind `start`, up to the next `end`."""
    return CONTRACT.split(start, 1)[1].split(end, 1)[0]


def words(text: str) -> set[str]:
    """Those between backticks, one by one."""
    return {word for told in re.findall(r"`([^`]+)`", text) for word in told.split()}


def on_the_wire(kind: type[Record]) -> set[str]:
    return {field.alias or name for name, field in kind.model_fields.items()}


def test_every_channel_stands_in_the_contract_and_no_other() -> None:
    table = between("| channel | written by | meaning |", "\n\n")
    told = words(" ".join(row.split("|")[1] for row in table.splitlines()[2:]))
    of_records = {
        kind.channel for kind in (HealthEvent, WorldUpdate, ModelAttempt, ActionUpdate, Request, RequestUpdate)
    }
    assert told == of_records | {"executor_output", Request.stream, "mesh:dead_letters"}


@pytest.mark.parametrize(
    ("heading", "kind", "not_told"),
    [("**Health event**", HealthEvent, SET_AT_THE_DOOR), ("**Request**", Request, set())],
)
def test_every_field_that_may_be_said_stands_in_the_table(heading: str, kind: type[Record], not_told: set[str]) -> None:
    table = CONTRACT.split(heading, 1)[1].split("|---|", 1)[1].split("\n\n")[0]
    told = words(" ".join(row.split("|")[1] for row in table.splitlines()[1:]))
    assert told == on_the_wire(kind) - not_told


@pytest.mark.parametrize(
    ("heading", "end", "kind"),
    [
        ("**Model attempt** (`event_id` is a request's id where a model writes for one):", ";", ModelAttempt),
        ("**Action update**:", ";", ActionUpdate),
        ("**Request update**:", ";", RequestUpdate),
    ],
)
def test_every_field_of_what_is_told_stands_in_its_sentence(heading: str, end: str, kind: type[Record]) -> None:
    assert words(between(heading, end)) >= on_the_wire(kind)


@pytest.mark.parametrize(
    ("start", "end", "fixed"),
    [
        ("`outcome` is one of\n", ".", AttemptOutcome),
        ("`state` is `filed", ",", RequestState),
        ("| `severity` |", "\n", Severity),
    ],
)
def test_every_word_of_a_fixed_list_is_named(start: str, end: str, fixed: type[StrEnum]) -> None:
    told = set(re.findall(r"[a-z_]+", start.rpartition("`")[2] + " " + between(start, end)))
    assert told >= set(map(str, fixed))


def test_every_folder_and_every_kind_of_silence_is_named() -> None:
    files = between("## Files under RUNTIME_PATH", "## ")
    assert [folder for folder in Folder if f"{folder}/" not in files] == []
    told = set(re.findall(r'"(\w+)"', between("**Silence**: `{", "}`")))
    assert told - {"schema_version"} == on_the_wire(Silence) - {"schema_version"}
    assert [kind for kind in SilenceKind if kind not in files] == []


def test_what_no_model_is_asked_about_is_named() -> None:
    assert words(between("Never sent to a model:", ".\n")) == set(map(str, BENIGN))


def test_the_sizes_are_those_that_are_held() -> None:
    assert f"a JSON object of at most {MAX_EVENT_BYTES // 1024} KiB" in between("**Health event**", "\n")
    assert f"a JSON object of at most {MAX_REQUEST_BYTES // 1024} KiB" in between("**Request**", "\n")
    assert f"all within the proposal's {MAX_PROPOSAL_BYTES // 1024} KiB" in CONTRACT
