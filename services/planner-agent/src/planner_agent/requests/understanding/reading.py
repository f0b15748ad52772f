"""A sentence to a draft, to questions, or to why not. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.recipe_tasks import tasks_of
from mesh_core.models.proposals import Attachment
from planner_agent.requests.understanding.results import Draft, NotUnderstood, Question, Questions

_INSTALL = re.compile(r"(?i)install(?: ([a-z0-9][a-z0-9.+_-]*))?(?: on ([a-z]+[0-9]+))?")


def understand(
    text: str,
    recipes: Mapping[str, Recipe],
    *,
    answers: Mapping[str, str] | None = None,
    attachments: Sequence[Attachment] = (),
) -> Draft | Questions | NotUnderstood:
    """What the request means by these recipes (by name, `register.current().asked_for`). `answers`: by a question's
    slot. Never raises, whatever the text is."""
    found = _INSTALL.fullmatch(text.strip())
    recipe = recipes.get("package")
    if not found or recipe is None:
        return NotUnderstood("only `install NAME` is understood so far")
    name = found[1] or (answers or {}).get("names")
    if not name:
        return Questions((Question("names", recipe.ask.slots["names"].question["en"]),))
    way = recipe.ask.ways[0]
    hosts = (found[2],) if found[2] else ()
    return Draft(tasks_of(recipe, way, {"names": [name.lower()]}), way.risk or recipe.risk, ("package",), hosts)
