"""What no recipe has words for, and a model may be shown: a plain order with values in it. Pure; asks no model.

A sentence that takes away, negates, is bound to a condition, wants a secret, holds a shell's signs or leaves open which
thing is meant is shown to none, whatever it would answer; nor is one in which a recipe's verb has a value of its kind
beside it, because what is left over there changes what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from mesh_core.actions.remedies.recipe_file import Recipe, Slot, Way
from mesh_core.actions.remedies.slot_values import SlotType
from mesh_core.policy.playbook_lint.table import table
from mesh_core.security.redaction import clean
from mesh_core.security.secret_names import is_secret_name
from mesh_core.security.secrets_in_text import without_secrets
from planner_agent.requests.understanding.clauses import Clause
from planner_agent.requests.understanding.filling import KINDS, spelt
from planner_agent.requests.understanding.hosts import HostPart
from planner_agent.requests.understanding.language import LANGUAGES, language
from planner_agent.requests.understanding.lexicon import PhraseKind, fold
from planner_agent.requests.understanding.results import Beyond
from planner_agent.requests.understanding.tokens import TextToken, TokenKind

_VALUES = (TokenKind.WORD, TokenKind.TEXT, TokenKind.URL, TokenKind.PATH, TokenKind.KEY)
_MAY_NAME = (PhraseKind.NOUN, PhraseKind.NAME, PhraseKind.LABEL, PhraseKind.BLOCK)
_PUNCTUATION = frozenset(",.:!\"'")
_SHELL = re.compile(r"[;|&$<>`]|\{[{%#]")
# Beside the keys of the house: devices, what the kernel shows, all of a host.
_NO_PLACE = re.compile(
    r"/|/(dev|proc|sys|boot|root)(/.*)?|/etc/(passwd|shadow|group|gshadow|sudoers|ssh|pam\.d|security)\b.*"
    r"|.*/(\.ssh|\.gnupg|\.env)(/.*)?|.*\.\..*|.*[*?].*"
)


def beyond(text: str, clauses: Sequence[Clause], recipes: Mapping[str, Recipe]) -> Beyond | None:
    """None where no model may be asked. `clauses`: all of the text's."""
    if without_secrets(clean(text)) != text:
        return None
    hosts = {part.names for clause in clauses for part in clause.host_parts if part.names}
    if len(hosts) > 1:
        return None
    tokens = [token for clause in clauses for token in clause.tokens if not isinstance(token, HostPart)]
    if any(map(_is_out_of_bounds, tokens)) or any(_is_blocked(token.word) for token in tokens):
        return None
    if any(_is_a_recipes(clause, recipes) for clause in clauses):
        return None
    values = [token for clause in clauses for token in _values_of(clause)]
    needed = [token.text for token in values if _is_exact(token)]
    if not needed:
        return None  # nothing in it is a value beyond doubt: "fix the network"
    return Beyond(
        tuple(dict.fromkeys(token.text for token in values)), tuple(dict.fromkeys(needed)), next(iter(hosts), ())
    )


def takes_away(way: Way) -> bool:
    """Is it one of a recipe's ways that no model may choose, nor have at hand?"""
    # Not any False: a restart says so that it leaves no state behind, and takes nothing away.
    return way.sets.get("enabled") is False or bool(table().not_for_models.values & {*map(str, way.sets.values())})


def _values_of(clause: Clause) -> list[TextToken]:
    """Without the words of the language that carry none."""
    bare = {place for hit in clause.hits if hit.owner.what not in _MAY_NAME for place in range(hit.start, hit.end)}
    here = [one for one in enumerate(clause.tokens) if not isinstance(one[1], HostPart) and one[1].kind in _VALUES]
    return [token for place, token in here if _is_exact(token) or place not in bare]


def _is_out_of_bounds(token: TextToken) -> bool:
    """A shell's sign, an address, a time, a secret's name; a place that only a person names."""
    if token.kind is TokenKind.SIGN:
        return token.text not in _PUNCTUATION
    if token.kind is TokenKind.PATH:
        return _NO_PLACE.fullmatch(token.text) is not None
    if token.kind is TokenKind.TEXT:
        return _SHELL.search(token.text) is not None
    return token.kind not in _VALUES or is_secret_name(token.word)


def _is_blocked(word: str) -> bool:
    flat = fold(word)
    return flat in _blocking().whole or flat.startswith(_blocking().begun)


def _is_exact(token: TextToken) -> bool:
    return token.kind is not TokenKind.WORD or not token.text.isalpha()


def _is_a_recipes(clause: Clause, recipes: Mapping[str, Recipe]) -> bool:
    """Does it speak of what a recipe is about? By a verb with a value that this recipe takes, or that takes away; by a
    noun with a value under a verb that nobody knows, for that may mean anything."""
    verbs = {hit.owner for hit in clause.hits if hit.owner.what is PhraseKind.VERB}
    nouns = {
        hit.owner.recipe
        for hit in clause.hits
        if hit.owner.what in (PhraseKind.NOUN, PhraseKind.NAME, PhraseKind.LABEL)
    }
    ways = [(recipes[owner.recipe], recipes[owner.recipe].ask.ways[int(owner.detail)]) for owner in verbs]
    # A verb that counts only beside the recipe's own word says nothing without it.
    ways = [(recipe, way) for recipe, way in ways if not way.named or any(recipe is recipes[name] for name in nouns)]
    if any(takes_away(way) for _, way in ways):
        return True
    known = {
        place for hit in clause.hits if hit.owner.what is not PhraseKind.NAME for place in range(hit.start, hit.end)
    }
    free = [token for place, token in enumerate(clause.tokens) if place not in known and token.kind in _VALUES]
    if verbs and all(map(_is_exact, free)):
        return True  # no word says what it is about
    if any(owner.recipe in nouns for owner in verbs) or any(_takes_one_of(free, *way) for way in ways):
        return True
    return not verbs and any(_takes_one_of(free, recipes[name], None) for name in nouns)


def _takes_one_of(tokens: Sequence[TextToken], recipe: Recipe, way: Way | None) -> bool:
    """A word without a digit or sign may be the name of anything: under no verb that decides nothing."""
    slots = (recipe.slots_of(way) if way else recipe.ask.slots).values()
    said = [token for token in tokens if way or _is_exact(token)]
    return not slots or any(_takes(slot, token) for slot in slots for token in said)


def _takes(slot: Slot, token: TextToken) -> bool:
    if slot.type is SlotType.ATTACHMENT or slot.endings:
        return token.kind is TokenKind.WORD and "." in token.text
    if slot.needs_label or slot.type not in KINDS.get(token.kind, ()):
        return False
    return slot.value_in(spelt(token.text, slot)) is not None


class _Blocking(NamedTuple):
    whole: frozenset[str]
    begun: tuple[str, ...]


@cache
def _blocking() -> _Blocking:
    """Of all languages: a negation of another one may stand in a sentence that is taken for English."""
    whole, begun = set[str](), list[str]()
    for code in LANGUAGES:
        said = language(code)
        carried = {
            *said.prepositions,
            *said.separators,
            *said.articles,
            *said.all_words,
            *said.polite,
            *said.states,
            *said.wishes,
        }
        whole |= {fold(word) for word in said.blocks if word not in carried}
        begun += [fold(word[:-1]) for word in said.not_for_models if word.endswith("*")]
        whole |= {fold(form) for word in said.not_for_models for form in said.forms(word)}
    return _Blocking(frozenset(whole), tuple(begun))
