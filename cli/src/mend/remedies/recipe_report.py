"""A recipe, for people: in which words it is asked for, what it wants to know, what it runs for example values."""

from __future__ import annotations

from mend.context import CliContext
from mend.output.text import plain
from mesh_core.actions.remedies.recipe_file import Phrases, Recipe
from mesh_core.actions.remedies.recipe_tasks import example_playbooks

NODE = "example"


def say_recipe(cli: CliContext, recipe: Recipe) -> None:
    """Everything but its name."""
    for label, text in (("does", recipe.title), ("offered", f"to {recipe.explain}"), ("risk", recipe.risk.value)):
        cli.say_beside(f"  {label:<11} ", plain(text))
    if recipe.ask.example:
        cli.say_beside("  such as     ", plain(f'mend request "{recipe.ask.example}" --host HOST'))
    for way in recipe.ask.ways:
        cli.say_beside("  asked by    ", plain(_words(way.words)))
    for name, slot in recipe.ask.slots.items():
        needed = "" if slot.must_be_said else ", or left out"
        cli.say_beside(
            f"  {'wants':<11} ",
            plain(
                f"{name}: {' or '.join(slot.values) or slot.type.value}{needed}; {slot.question.get('en', '')}".rstrip(
                    "; "
                )
            ),
        )
    for number, text in enumerate(dict.fromkeys(example_playbooks(recipe, NODE)), start=1):
        cli.say()
        cli.say(f"Approval runs one like this ({number})", "bold")
        cli.say("\n".join(f"    {line}" for line in text.rstrip().splitlines()))


def _words(words: Phrases) -> str:
    return "; ".join(", ".join(said) for said in words.values())
