"""All words that are known: of a language and of the recipes, and whose each is. Pure; made once for some recipes."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from mesh_core.actions.remedies.recipe_file import Ask, Phrases, Recipe
from planner_agent.requests.understanding.language import HANGUL, LANGUAGES, Language, Roles, language
from planner_agent.requests.understanding.tokens import TextToken, TokenKind


class PhraseKind(StrEnum):
    """What a phrase is for. In this order the first of equally long ones counts."""

    VERB = "verb"
    LABEL = "label"
    NOUN = "noun"
    NAME = "name"
    CALLED = "called"
    PREPOSITION = "preposition"
    PRONOUN = "pronoun"
    ARTICLE = "article"
    STATE = "state"
    WISH = "wish"
    POLITE = "polite"
    SEPARATOR = "separator"
    THEN = "then"
    BLOCK = "block"


_RANK = {what: number for number, what in enumerate(PhraseKind)}
GAP = "..."  # of a phrase in two parts: "starte ... neu"


class Owner(NamedTuple):
    """Of a recipe (its name, and which way or slot) or of the language ('')."""

    what: PhraseKind
    recipe: str = ""
    detail: str | int = ""
    roles: Roles = frozenset()


class Hit(NamedTuple):
    """A phrase at tokens[start:end]; `later`: its second part. `particle`: what stands behind it in Korean."""

    start: int
    end: int
    owner: Owner
    particle: str = ""
    later: tuple[int, int] | None = None

    @property
    def words(self) -> int:
        return self.end - self.start + (self.later[1] - self.later[0] if self.later else 0)


class _Phrase(NamedTuple):
    """`flat` are the same parts without marks, for whoever writes none."""

    parts: tuple[tuple[str, ...], ...]
    flat: tuple[tuple[str, ...], ...]
    owner: Owner


@dataclass(frozen=True)
class Lexicon:
    """Of one language and these recipes. `verbs` and `nouns` of any recipe, which hardly are the name of a thing."""

    language: Language
    whole: Mapping[str, tuple[_Phrase, ...]]  # by their first word
    begun: Mapping[str, tuple[_Phrase, ...]]  # by how it begins, where it may go on
    verbs: frozenset[str]
    nouns: frozenset[str]

    def hits(self, tokens: Sequence[TextToken]) -> tuple[Hit, ...]:
        """Every phrase at every place; they overlap. Sorted by where they begin, the longest first."""
        words = [(token.word, fold(token.word)) for token in tokens]
        found: list[Hit] = []
        for start, (word, flat) in enumerate(words):
            for phrase in (*self.whole.get(flat, ()), *self.begun.get(_start_of(flat), ())) if word else ():
                found += self._at(phrase, words, tokens, start)
        return tuple(sorted(found, key=lambda hit: (hit.start, -hit.words, _RANK[hit.owner.what])))

    def _at(self, phrase: _Phrase, words: _Words, tokens: Sequence[TextToken], start: int) -> Iterator[Hit]:
        rest = self._fits(phrase, 0, words, start)
        if rest is None:
            return
        end = start + len(phrase.parts[0])
        particle = rest or tokens[end - 1].ending
        if len(phrase.parts) == 1:
            yield Hit(start, end, phrase.owner, particle)
            return
        for place in range(end, len(words)):
            if self._fits(phrase, 1, words, place) is not None:
                yield Hit(start, end, phrase.owner, particle, (place, place + len(phrase.parts[1])))
                return

    def _fits(self, phrase: _Phrase, part: int, words: _Words, start: int) -> str | None:
        """What the last word goes on with ('' for nothing), None where it is another one."""
        rest = ""
        if start + len(phrase.parts[part]) > len(words):
            return None
        for wanted, bare, (word, flat) in zip(phrase.parts[part], phrase.flat[part], words[start:], strict=False):
            # Who writes marks means them: "że" is not "ze".
            wanted = bare if word == flat else wanted
            stem = wanted.removesuffix("*")
            more = word[len(stem) :] if word.startswith(stem) else None
            if more == "" or (more and stem != wanted and more.isalpha()):
                rest = ""
            elif more and HANGUL.match(wanted) and self.language.ends(more):
                rest = more
            else:
                return None
        return rest


_Words = Sequence[tuple[str, str]]  # as they were written, and without marks


@cache
def fold(word: str) -> str:
    """In small letters, without marks above and below: many people write without them."""
    flat = word.lower().replace("ł", "l").replace("’", "'")
    if flat.isascii() or HANGUL.search(flat):
        return flat
    return "".join(sign for sign in unicodedata.normalize("NFD", flat) if not unicodedata.combining(sign))


def lexicons(recipes: Mapping[str, Recipe]) -> Mapping[str, Lexicon]:
    """By language. Made anew only where the recipes are other ones."""
    key = tuple((name, id(recipe)) for name, recipe in recipes.items())
    if _made.get("key") != key:
        _made.update(key=key, recipes=dict(recipes), lexicons={code: _lexicon(code, recipes) for code in LANGUAGES})
    made: Mapping[str, Lexicon] = _made["lexicons"]  # type: ignore[assignment]
    return made


_made: dict[str, object] = {}  # of the recipes that were asked for last, which it keeps alive: so their ids stay theirs


def _lexicon(code: str, recipes: Mapping[str, Recipe]) -> Lexicon:
    book = _PhraseBook(language(code))
    book.add_language()
    for name, recipe in recipes.items():
        book.add_recipe(name, recipe.ask)
    return book.lexicon()


class _PhraseBook:
    """What a lexicon is made of, phrase by phrase."""

    def __init__(self, spoken: Language):
        self._language = spoken
        self._phrases: list[_Phrase] = []
        self._single: dict[PhraseKind, set[str]] = defaultdict(set)  # phrases of one word

    def add_language(self) -> None:
        said = self._language
        for what, words in (
            (PhraseKind.CALLED, said.called),
            (PhraseKind.PRONOUN, said.pronouns),
            (PhraseKind.ARTICLE, said.articles),
            (PhraseKind.STATE, said.states),
            (PhraseKind.WISH, said.wishes),
            (PhraseKind.POLITE, said.polite),
            (PhraseKind.SEPARATOR, (*said.separators, ",")),
            (PhraseKind.THEN, (*said.then, ";", ".", "!")),
            (PhraseKind.BLOCK, (*said.blocks, *said.all_words)),
        ):
            self._add(words, Owner(what))
        for word, roles in said.prepositions.items():
            self._add([word], Owner(PhraseKind.PREPOSITION, roles=roles))

    def add_recipe(self, name: str, ask: Ask) -> None:
        named: list[tuple[Phrases, Owner]] = [(ask.words, Owner(PhraseKind.NOUN, name))]
        named += [(way.words, Owner(PhraseKind.VERB, name, number)) for number, way in enumerate(ask.ways)]
        named += [(slot.labels, Owner(PhraseKind.LABEL, name, slot_name)) for slot_name, slot in ask.slots.items()]
        code = self._language.code
        for words_by_language, owner in named:
            # Koreans use English words among their own.
            for used in (code, "en") if code == "ko" else (code,):
                words = words_by_language.get(used, ())  # type: ignore[call-overload]
                self._add(words, owner, language(used))
                if used == code:
                    self._note_single(words, owner.what)
        self._add(ask.names, Owner(PhraseKind.NAME, name))

    def _note_single(self, words: Iterable[str], what: PhraseKind) -> None:
        alone = [fold(text) for text in words if " " not in text]
        self._single[what].update(alone)
        changed = {form for word in alone for form in self._language.forms(word)}
        self._single[PhraseKind.NOUN] |= changed.difference(alone)  # "services", "stopped": hardly a name as well

    def _add(self, words: Iterable[str], owner: Owner, changes: Language | None = None) -> None:
        for text in words:
            parts = tuple(tuple(part.lower().split()) for part in text.split(GAP))
            made = [parts]
            if changes and len(parts) == 1:
                is_noun = owner.what is PhraseKind.NOUN
                made = [((*parts[0][:-1], form),) for form in changes.forms(parts[0][-1], noun=is_noun)]
                more = changes.forms(parts[0][0], noun=is_noun) if len(parts[0]) > 1 else ()
                made += [((form, *parts[0][1:]),) for form in more]
            self._phrases.extend(_Phrase(one, _flat(one), owner) for one in dict.fromkeys(made))
            if len(parts) > 1:  # "neu" of "starte ... neu" is nobody's name
                self._phrases.append(_Phrase(parts[1:], _flat(parts[1:]), Owner(PhraseKind.BLOCK)))

    def lexicon(self) -> Lexicon:
        whole, begun = defaultdict[str, list[_Phrase]](list), defaultdict[str, list[_Phrase]](list)
        for phrase in self._phrases:
            first = phrase.flat[0][0]
            if first.endswith("*") or HANGUL.match(first):
                begun[_start_of(first.rstrip("*"))].append(phrase)
            else:
                whole[first].append(phrase)
        single = self._single
        verbs, nouns = frozenset(single[PhraseKind.VERB]), frozenset(single[PhraseKind.NOUN] | single[PhraseKind.LABEL])
        return Lexicon(self._language, _settled(whole), _settled(begun), verbs, nouns)


def _settled(phrases: Mapping[str, list[_Phrase]]) -> Mapping[str, tuple[_Phrase, ...]]:
    return {key: tuple(dict.fromkeys(each)) for key, each in phrases.items()}


def _flat(parts: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(map(fold, part)) for part in parts)


def _start_of(word: str) -> str:
    """By which phrases are found: one Korean syllable may be a whole word."""
    return word[:1] if HANGUL.match(word) else word[:2]


def language_of(text: str, known: Mapping[str, Lexicon]) -> Language:
    """In which language most of its words are; of two the first of LANGUAGES. One Korean letter decides."""
    if HANGUL.search(text):
        return known["ko"].language
    tokens = [TextToken(TokenKind.WORD, word) for word in _WORD.findall(text)[:MAX_WORDS]]
    weights = {code: _weight(known[code].hits(tokens)) for code in LANGUAGES if code != "ko"}
    return known[max(weights, key=lambda code: weights[code])].language


def _weight(hits: Iterable[Hit]) -> int:
    best: dict[int, int] = {}
    for hit in hits:
        said = 0 if hit.owner.what is PhraseKind.NAME else 3 if hit.owner.what is PhraseKind.VERB else 1
        best[hit.start] = max(best.get(hit.start, 0), said)
    return sum(best.values())


MAX_WORDS = 60  # that are looked at for it
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
