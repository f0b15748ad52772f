"""One clause in the eyes of one way of one recipe: its values, each with what stands before and behind it. Pure.

Every word has to be accounted for: a word of the way, of its recipe or of the language, or a value. What is left over
is named, and then this way is not what was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mesh_core.actions.remedies.recipe_file import SlotRole
from planner_agent.requests.understanding.clauses import Clause
from planner_agent.requests.understanding.hosts import HostPart
from planner_agent.requests.understanding.language import Language, Roles
from planner_agent.requests.understanding.lexicon import Hit, Owner, PhraseKind
from planner_agent.requests.understanding.tokens import TextToken, TokenKind

OBJECT: Roles = frozenset({SlotRole.OBJECT})
INFINITIVE = "to"  # a preposition that may stand before a verb


@dataclass
class Chunk:
    """A value, or several with "and" between them. `label`: the slot that a word beside it announces. `article`,
    `noun`, `called`: what else stands beside it and says how much of a name it is."""

    tokens: list[TextToken]
    roles: Roles = OBJECT
    label: str = ""
    article: bool = False
    noun: bool = False
    called: bool = False
    behind: bool = False  # the noun stands directly before it
    plural: bool = False  # that noun is for several: "multiple packages" names none


@dataclass
class Parsed:
    """`left` are words that nobody accounts for; `weight` how many are of the recipe itself."""

    chunks: list[Chunk] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    weight: int = 0
    verbs: int = 0
    nouns: int = 0
    pronoun: bool = False
    told: bool = False  # "nginx is stopped" tells what is; "stop nginx" says what should be


def parse(clause: Clause, language: Language, wanted: frozenset[Owner], takes_values: bool) -> Parsed:
    """`wanted` are the owners of the recipe's own phrases that count here."""
    return _Parser(clause, language, wanted, takes_values).run()


class _Parser:
    def __init__(self, clause: Clause, language: Language, wanted: frozenset[Owner], takes_values: bool):
        self.clause, self.language, self.takes_values = clause, language, takes_values
        self.hits = _chosen(clause.hits, wanted, len(clause.tokens))
        self.made = Parsed()
        self._clear()
        self.last: Chunk | None = None  # the value that stands directly before this place
        self.listed = ""  # the word that joins two values
        self.preposition = ""  # one that waits for what it belongs to

    def _clear(self) -> None:
        self.roles, self.label = OBJECT, ""
        self.article = self.noun = self.called = self.plural = False

    def run(self) -> Parsed:
        place, tokens = 0, self.clause.tokens
        while place < len(tokens):
            hit = self.hits.get(place)
            if hit is None or (self.label and self._is_second_verb(hit)):
                self._value(tokens[place])
                place += 1
            else:
                self._phrase(hit)
                place = hit.end
        self.made.left += [word for word in (self.preposition, self.listed) if word]
        return self.made

    def _value(self, token: TextToken) -> None:
        if isinstance(token, HostPart) and not (token.bare and self.takes_values):
            return
        if token.kind is TokenKind.SIGN:
            self.made.left.append(token.text)
            return
        marked = bool(self.preposition or self.label or token.ending or self.roles is not OBJECT)
        if self.listed and self.made.chunks and not self.label:
            self.made.chunks[-1].tokens.append(token)
        elif (
            self.last
            and not marked
            and token.kind is TokenKind.WORD
            and self.last.tokens[-1].kind is TokenKind.WORD
            and not self.last.tokens[-1].ending
        ):
            self.made.left.append(f"{self.last.tokens[-1].text} {token.text}")
        else:
            chunk = Chunk([token], self.roles, self.label, self.article, self.noun, self.called, self.noun, self.plural)
            self.made.chunks.append(chunk)
        self.last = self.made.chunks[-1] if self.made.chunks else None
        if token.ending and self.last:
            self.last.roles = self.language.particles[token.ending]
        self.listed = self.preposition = ""
        self._clear()

    def _phrase(self, hit: Hit) -> None:
        what, last = hit.owner.what, self.last
        self.last = None
        if what in (PhraseKind.VERB, PhraseKind.LABEL, PhraseKind.NOUN, PhraseKind.NAME):
            self.made.weight += hit.words
        if hit.particle and last and not last.tokens[-1].ending and what is not PhraseKind.VERB:
            last.roles = self.language.particles.get(hit.particle, last.roles)
        if what is PhraseKind.VERB:
            self._verb(hit)
        elif what is PhraseKind.LABEL:
            self._label(hit, last)
        elif what in (PhraseKind.NOUN, PhraseKind.NAME):
            self.made.nouns += what is PhraseKind.NOUN
            self.noun = True
            self.preposition = ""
            if last:
                last.noun = True
                last.plural = self._is_plural(hit)
            self.plural = self._is_plural(hit)
        elif what is PhraseKind.CALLED:
            self.called = True
        elif what is PhraseKind.PREPOSITION:
            self.made.left += [self.preposition] if self.preposition else []
            self.roles, self.preposition = hit.owner.roles, self.clause.tokens[hit.start].text
            self.listed = ""
        elif what is PhraseKind.PRONOUN:
            self.made.pronoun = True
            self.preposition = ""
        elif what is PhraseKind.ARTICLE:
            self.article, self.last = True, None
        elif what in (PhraseKind.SEPARATOR, PhraseKind.THEN):
            if last or (self.made.chunks and self.noun):
                self.listed = self.clause.tokens[hit.start].text
        elif what is PhraseKind.BLOCK:
            self.made.left.append(" ".join(token.text for token in self.clause.tokens[hit.start : hit.end]))

    def _is_plural(self, hit: Hit) -> bool:
        ends = self.language.plural_ends
        return bool(ends) and self.clause.tokens[hit.end - 1].word.endswith(ends)

    def _verb(self, hit: Hit) -> None:
        words = [token.word for token in self.clause.tokens[: hit.end]]
        named = any(chunk.tokens[0].kind is TokenKind.WORD for chunk in self.made.chunks)
        if named and not self.made.verbs and self.language.inflects and _orders(words, hit):
            self.made.left.append(" ".join(words[hit.start :]))  # "npm install": what stands before it is no object
        self.made.told |= not self.made.verbs and self._tells(hit)
        self.made.verbs += 1
        if self.preposition and self.preposition.lower() != INFINITIVE:
            self.made.left.append(self.preposition)
        self.preposition = self.listed = ""
        self._clear()

    def _tells(self, hit: Hit) -> bool:
        """By a word such as "is" anywhere, by how the verb ends, or by what stands before one that begins an order."""
        if any(one.owner.what is PhraseKind.STATE for one in self.clause.hits):
            return True
        last = hit.particle or self.clause.tokens[hit.end - 1].word
        if self._has_subject():
            return not last.endswith(self.language.wish_ends)
        after_something = bool(self.made.chunks or self.made.nouns)
        return last.endswith(self.language.told_ends) or (self.language.orders_begin and after_something)

    def _has_subject(self) -> bool:
        ends = {token.ending for token in self.clause.tokens} | {one.particle for one in self.clause.hits}
        return not ends.isdisjoint(self.language.subject_particles)

    def _label(self, hit: Hit, last: Chunk | None) -> None:
        """It announces the value behind it; the one before it where there is none, or where a particle closes it."""
        slot = str(hit.owner.detail)
        self.made.nouns += 1
        following = self._next_value(hit.end)
        if last and not last.label and (not following or hit.particle):
            last.label, last.noun = slot, True
            return
        if last and not last.noun and not last.label and last.tokens[-1].kind is TokenKind.WORD:
            said = f"{last.tokens[-1].text} {self.clause.tokens[hit.start].text}"  # "su group sugroup": whose group?
            self.made.left += [] if last.tokens[-1].ending else [said]
        if self.listed and self.made.chunks and not self.made.chunks[-1].label:
            self.made.left.append(f"{self.listed} {self.clause.tokens[hit.start].text}")  # "user anna and group docker"
        self.label, self.noun, self.preposition, self.listed = slot, True, "", ""

    def _is_second_verb(self, hit: Hit) -> bool:
        """Behind a label it is a name: "add the key for user deploy"."""
        return hit.owner.what is PhraseKind.VERB and self.made.verbs > 0 and hit.words == 1

    def _next_value(self, place: int) -> bool:
        """Does a value follow, with nothing but what belongs to it before it?"""
        tokens = self.clause.tokens
        while place < len(tokens):
            hit = self.hits.get(place)
            if hit is None or self._is_second_verb(hit):
                return tokens[place].kind is not TokenKind.SIGN
            if hit.owner.what not in _WITHOUT_VALUE and tokens[place].text not in ("=", ":"):
                return False
            place = hit.end
        return False


def _orders(words: Sequence[str], hit: Hit) -> bool:
    """Is this English verb an order, which has its object behind it? "nginx installed" and "is up to date" are none."""
    return hit.words == 1 and not words[-1].endswith(("ed", "ing", "s")) and not _STATES.intersection(words)


_STATES = frozenset({"is", "are", "be", "being"})
_WITHOUT_VALUE = (PhraseKind.ARTICLE, PhraseKind.CALLED, PhraseKind.STATE, PhraseKind.WISH, PhraseKind.POLITE)


def _chosen(hits: Sequence[Hit], wanted: frozenset[Owner], length: int) -> dict[int, Hit]:
    """By their start: of those that overlap the one that begins first, of these the longest. A word that is a verb and
    a noun is the noun where a verb stands before it: "create it from the template"."""
    chosen: dict[int, Hit] = {}
    taken = [False] * length
    counting = [hit for hit in hits if not hit.owner.recipe or hit.owner in wanted]  # sorted so
    nouns = {(hit.start, hit.end): hit for hit in counting if hit.owner.what is PhraseKind.NOUN}
    verbs = 0
    for hit in counting:
        places = [*range(hit.start, hit.end), *(range(*hit.later) if hit.later else ())]
        if any(taken[place] for place in places):
            continue
        for place in places:
            taken[place] = True
        is_verb = hit.owner.what is PhraseKind.VERB
        chosen[hit.start] = nouns.get((hit.start, hit.end), hit) if is_verb and verbs else hit
        verbs += is_verb
        if hit.later:
            chosen[hit.later[0]] = Hit(*hit.later, Owner(PhraseKind.POLITE))
    return chosen
