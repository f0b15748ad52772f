"""GET /remedies: what the mesh can propose, whose each one is, and what it did here so far, out of the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from mesh_core.actions.action_type import ActionType, Choice
from mesh_core.actions.register import Register
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.models.languages import languages_in
from observer.index.healing_series import read_by_type, read_undone
from observer.index.results import SuccessRow
from observer.web.dependencies import Context, Viewer
from observer.web.errors import HttpProblem
from observer.web.index_query import query_index

router = APIRouter(tags=["remedies"])


class CatalogueEntry(BaseModel):
    """One type of action."""

    name: str = Field(description="the proposal's `type`")
    whose: Literal["built_in", "shipped", "own"] = Field(description="own: a file of config/remedies")
    does: str = Field(description="what it does, in few words; in the reader's language where its file has it")
    risk: str = Field(description="low, guarded, high")
    interrupts: bool = Field(description="the service is away meanwhile")
    types: list[str] = Field(description="of events that it is for; empty: what the policy says")
    needs: list[str] = Field(description="facts that an agent must have found, or it is not offered")
    proof: str | None = Field(description="over the numbers of its look; null: a look of its own")
    replaced_by: str | None = Field(description="the own one because of which it is not offered any more")
    runs: int | None = Field(description="how often it ran; null while the index cannot say")
    proven: int | None = Field(description="of these, proven")
    undone: int | None = Field(description="how often what it did was taken back, by itself or by a person")


class RecipeEntry(BaseModel):
    """What people may ask for in words."""

    name: str
    whose: Literal["shipped", "own"]
    does: str = Field(description="what it does, in few words")
    risk: str = Field(description="at least: low, guarded, high; its tasks may say more")
    example: str | None = Field(description="a sentence that asks for it")


class Catalogue(BaseModel):
    """In the order in which a model reads them."""

    items: list[CatalogueEntry] = Field(description="what there is")
    recipes: list[RecipeEntry] = Field(description="what people may ask for")
    problems: list[str] = Field(description="files of config/remedies that cannot be used, or may not run, and why")


@dataclass(frozen=True)
class Counted:
    """By type: what ran, and what was taken back by itself."""

    ran: Mapping[str, SuccessRow]
    undone: Mapping[str, int]


@router.get("/remedies")
def remedies(context: Context, user: Viewer, accept_language: Annotated[str, Header()] = "") -> Catalogue:
    """What the mesh can propose, and what each did here so far."""
    languages = languages_in(accept_language)
    register = context.config.remedies.use()
    try:
        counted = query_index(context, lambda c, complete: _counted(c))
    except HttpProblem:
        counted = None
    offered = ((action, action.choice) for action in register.types if action.choice)
    return Catalogue(
        items=[_entry(register, action, choice, counted, languages) for action, choice in offered],
        recipes=[_recipe(register, name, recipe) for name, recipe in register.asked_for.items()],
        problems=context.config.unusable_remedies(),
    )


def _recipe(register: Register, name: str, recipe: Recipe) -> RecipeEntry:
    return RecipeEntry(
        name=name,
        whose="own" if name in register.own else "shipped",
        does=recipe.title,
        risk=recipe.risk.value,
        example=recipe.ask.example,
    )


def _counted(connection: Connection) -> Counted:
    return Counted({row.type: row for row in read_by_type(connection)}, read_undone(connection))


def _entry(
    register: Register, action: ActionType, choice: Choice, counted: Counted | None, languages: Sequence[str]
) -> CatalogueEntry:
    name, remedy = action.name, register.remedies.get(action.name)
    ran = counted.ran.get(name) if counted else None
    taken_back = counted.ran.get(action.undone_by) if counted else None
    return CatalogueEntry(
        name=name,
        whose="own" if name in register.own else "shipped" if remedy else "built_in",
        does=remedy.told_in(languages).title if remedy else choice.meaning,
        risk=action.risk.value,
        interrupts=choice.interrupts,
        types=[*remedy.when.types] if remedy else [],
        needs=[*remedy.when.needs] if remedy else [],
        proof=remedy.proof if remedy else None,
        replaced_by=register.replaced.get(name),
        runs=(ran.runs if ran else 0) if counted else None,
        proven=(ran.proven if ran else 0) if counted else None,
        undone=counted.undone.get(name, 0) + (taken_back.proven if taken_back else 0) if counted else None,
    )
