"""What comes of reading a request: tasks, questions, or one sentence saying why not. Frozen; nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mesh_core.models.proposals import Risk
from mesh_core.models.requests import OpenQuestion


@dataclass(frozen=True)
class Draft:
    """Tasks with literal values only, in the order of the sentence. `recipes`: by which they were made, once each.

    `made_by`: of each task the recipe that made it; empty where none did.
    `hosts`: what the sentence itself names after "on"; empty where it names none, or all of them.
    """

    tasks: tuple[Mapping[str, Any], ...]
    risk: Risk
    recipes: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    made_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """What has to be answered before there is a draft; never empty."""

    open: tuple[OpenQuestion, ...]


@dataclass(frozen=True)
class Beyond:
    """An order that no recipe has words for, as far as a model may be shown it.

    `values` may enter a task, as they were written; each of `needed` must. `hosts`: those that it names.
    """

    values: tuple[str, ...]
    needed: tuple[str, ...]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class NotUnderstood:
    """One sentence that names the words that nobody knows, or what to write instead. `beyond`: a model may be asked."""

    reason: str
    beyond: Beyond | None = None
