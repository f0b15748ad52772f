"""A language: its words that carry no value (languages/*.yml), how its words change, which one a text is in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, get_args

import yaml

from mesh_core.actions.remedies.recipe_file import LanguageCode, SlotRole
from mesh_core.models.yaml_loader import BaseLoader

LANGUAGES: tuple[str, ...] = get_args(LanguageCode)
HANGUL = re.compile(r"[가-힣]")
Roles = frozenset[SlotRole]


@dataclass(frozen=True)
class Language:
    """Lists of phrases, as the file has them. `particles` and `list_particles` stand behind a word, without a blank."""

    code: str
    articles: tuple[str, ...]
    polite: tuple[str, ...]
    states: tuple[str, ...]  # with them one tells how something is
    wishes: tuple[str, ...]  # with them that becomes what should be: "make sure that nginx is stopped"
    told_ends: tuple[str, ...]  # of a verb that tells what is or was: "nginx stopped"
    requests: tuple[str, ...]
    questions: tuple[str, ...]
    called: tuple[str, ...]
    prepositions: Mapping[str, Roles]
    separators: tuple[str, ...]
    then: tuple[str, ...]
    host_prepositions: tuple[str, ...]
    host_words: tuple[str, ...]
    all_words: tuple[str, ...]
    everywhere: tuple[str, ...]
    pronouns: tuple[str, ...]
    blocks: frozenset[str]
    ordinary: frozenset[str]
    names_behind_nouns: frozenset[str] = frozenset()
    not_for_models: frozenset[str] = frozenset()
    inflects: bool = False
    orders_begin: bool = False  # an order has its verb before all else: "nginx para" tells that it stops
    particles: Mapping[str, Roles] = field(default_factory=dict)
    list_particles: frozenset[str] = frozenset()
    subject_particles: tuple[str, ...] = ()  # what has one does the thing itself: "nginx" that restarts is told of
    wish_ends: tuple[str, ...] = ()  # with one the verb says that it shall do so
    endings: frozenset[str] = frozenset()
    plural_ends: tuple[str, ...] = ()  # of nouns
    adverb_ends: tuple[str, ...] = ()  # of words that say how: hardly names
    joining: tuple[str, ...] = ()  # ends of a verb behind which another clause begins

    @property
    def verb_last(self) -> bool:
        return bool(self.particles)

    def forms(self, word: str, *, noun: bool = False) -> Iterator[str]:
        """The word, and as it changes at its end where that is regular. Of a noun only several: firewalld is none."""
        yield word
        if not self.inflects or len(word) < 3 or not word.isalpha():
            return
        if noun:
            yield from (f"{word}s", f"{word}es", f"{word[:-1]}ies" if word[-1] == "y" else word)
            return
        yield from (word + end for end in ("s", "es", "d", "ed", "ing", f"{word[-1]}ed", f"{word[-1]}ing"))
        if word[-1] in "ey":
            yield f"{word[:-1]}ing"
            yield from (f"{word[:-1]}ie{end}" for end in "sd")

    def ends(self, rest: str) -> bool:
        """May a word go on with this? It stands behind a stem: a particle, the end of a verb, both."""
        if not rest or rest in self.particles or rest in self.endings:
            return True
        return any(rest.startswith(one) and rest[len(one) :] in self.endings for one in self.particles)


@cache
def language(code: str) -> Language:
    """Of LANGUAGES."""
    text = resources.files(__package__).joinpath("languages", f"{code}.yml").read_bytes()
    said: dict[str, Any] = yaml.load(text, BaseLoader)  # noqa: S506  (texts only: "on" and "no" are words)
    made: dict[str, Any] = {flag: said.pop(flag, "") == "true" for flag in ("inflects", "orders_begin")}
    for word in _WITH_ROLES:
        made[word] = {key: frozenset(map(SlotRole, roles)) for key, roles in said.pop(word, {}).items()}
    for word in _SETS:
        made[word] = frozenset(said.pop(word, ()))
    made.update({word: tuple(each) for word, each in said.items()})
    return Language(code, **made)


@cache
def hardly_names() -> frozenset[str]:
    """Of any language, also of those that nobody here reads: words that take back what is said, and whole systems."""
    text = resources.files(__package__).joinpath("languages", "hardly_names.yml").read_bytes()
    said: dict[str, list[str]] = yaml.load(text, BaseLoader)  # noqa: S506
    return frozenset(word for words in said.values() for word in words)


_WITH_ROLES = ("prepositions", "particles")
_SETS = ("blocks", "ordinary", "names_behind_nouns", "not_for_models", "list_particles", "endings")
