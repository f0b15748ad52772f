"""schemas/ holds what the records say, as JSON Schemas, and the channels. `WRITE_SCHEMAS=1 pytest` writes them anew."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mesh_core.actions.register import SHIPPED
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.models import attempts, events, outcomes, previews, proposals, requests
from mesh_core.models.records import Record

FOLDER = Path(__file__).parents[3] / "schemas"
TRAVELLING = {
    name: cls
    for module in (attempts, events, outcomes, previews, proposals, requests)
    for name, cls in vars(module).items()
    if isinstance(cls, type) and issubclass(cls, Record) and cls is not Record
}


def text_of(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


# The words that the register knows: the records only give their form.
WORDS = {
    ("Proposal", "type"): SHIPPED.type_names,
    ("Proposal", "action"): SHIPPED.proposal_actions,
    ("Outcome", "type"): SHIPPED.type_names,
    ("ModelAnswer", "action"): SHIPPED.choice_words,
}


def schema_of(name: str, cls: type[Record]) -> dict[str, Any]:
    schema = cls.model_json_schema(by_alias=True)
    for (record, field), words in WORDS.items():
        if record == name:  # a person's own remedies are words, too
            said = schema["properties"][field]
            own = {"type": "string", "pattern": said.pop("pattern", r"^[a-z][a-z0-9_]{0,63}$")}
            said["anyOf"] = [{"enum": list(words)}, own]
    return schema


@cache
def expected() -> dict[str, str]:
    files = {f"{name}.json": text_of(schema_of(name, cls)) for name, cls in TRAVELLING.items()}
    channels = {
        name: {"channel": cls.channel, "stream": cls.stream}
        for name, cls in TRAVELLING.items()
        if cls.channel or cls.stream
    }
    files_of_people = TypeAdapter[Remedy | Recipe](Remedy | Recipe)  # for their editors
    remedy = text_of(files_of_people.json_schema(by_alias=True))
    return {**files, "channels.json": text_of(channels), "remedy.schema.json": remedy}


@pytest.mark.parametrize("name", sorted(expected()))
def test_the_published_schema_is_what_the_record_says(name: str) -> None:
    path = FOLDER / name
    if os.environ.get("WRITE_SCHEMAS"):
        path.write_text(expected()[name])
    assert path.is_file(), f"write it with: WRITE_SCHEMAS=1 python -m pytest {Path(__file__).name}"
    assert path.read_text() == expected()[name], "the record changed: write the schemas anew and say so in CHANGELOG.md"


def test_no_schema_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(expected())
