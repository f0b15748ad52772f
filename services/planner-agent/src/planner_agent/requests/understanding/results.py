"""What comes of reading a request: tasks, questions, or one sentence saying why not. Frozen; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.models.proposals import Risk


@dataclass(frozen=True)
class Draft:
    """Tasks with literal values only, in the order of the sentence. `recipes`: by which they were made, once each.

    `hosts`: what the sentence itself names after "on"; empty where it names none, or all of them.
    """

    tasks: tuple[Mapping[str, Any], ...]
    risk: Risk
    recipes: tuple[str, ...]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One thing that is missing. `slot` is its name in `answers`; `choices` may be empty: then any value that fits."""

    slot: str
    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """What has to be answered before there is a draft; never empty."""

    open: tuple[Question, ...]


@dataclass(frozen=True)
class NotUnderstood:
    """One sentence that names the words that nobody knows, or what to write instead."""

    reason: str
