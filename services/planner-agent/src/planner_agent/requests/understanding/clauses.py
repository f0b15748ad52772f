"""A request's tokens to its clauses: one for each verb, in order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner_agent.requests.understanding.hosts import HostPart
from planner_agent.requests.understanding.lexicon import Hit, Lexicon, PhraseKind
from planner_agent.requests.understanding.tokens import TextToken, TokenKind

_STAND_FOR_VALUES = (PhraseKind.NOUN, PhraseKind.NAME, PhraseKind.LABEL, PhraseKind.PRONOUN)
_SEPARATOR = TextToken(TokenKind.SIGN, ",")


@dataclass(frozen=True)
class Clause:
    """What one verb is about, with every phrase that stands in it."""

    tokens: tuple[TextToken, ...]
    hits: tuple[Hit, ...]

    @property
    def host_parts(self) -> tuple[HostPart, ...]:
        return tuple(token for token in self.tokens if isinstance(token, HostPart))

    @property
    def says_nothing_but_verbs(self) -> bool:
        """Has it no word that could be a value, or stand for one?"""
        known = {place for hit in self.hits for place in range(hit.start, hit.end)}
        if any(hit.owner.what in _STAND_FOR_VALUES for hit in self.hits):
            return False
        return all(place in known or isinstance(token, HostPart) for place, token in enumerate(self.tokens))


def clauses_of(tokens: Sequence[TextToken], lexicon: Lexicon) -> tuple[Clause, ...]:
    """Split where "and" or a comma stands before another verb; elsewhere it joins two values of one list."""
    segments: list[list[TextToken]] = [[]]
    hits = lexicon.hits(tokens)
    ends = {hit.start: hit.end for hit in reversed(hits) if hit.owner.what in (PhraseKind.SEPARATOR, PhraseKind.THEN)}
    joining = lexicon.language.joining
    after = (
        {hit.end for hit in hits if hit.owner.what is PhraseKind.VERB and hit.particle.endswith(joining)}
        if joining
        else {}
    )
    place = 0
    while place < len(tokens):
        if (place in ends or place in after) and segments[-1]:
            segments.append([])
        if place in ends:
            place = ends[place]
            continue
        segments[-1].append(tokens[place])
        place += 1
    if not segments[-1] and len(segments) > 1 and (said := _said_after(tokens, hits)):
        segments[-1] = said  # "and", and nothing comes: somebody forgot the rest
    made: list[list[TextToken]] = []
    waiting: list[TextToken] = []  # has no verb yet
    for segment in segments:
        if not segment:
            continue
        if _has_verb(segment, lexicon):
            made.append([*waiting, _SEPARATOR, *segment] if waiting else segment)
            waiting = []
        elif made and not lexicon.language.verb_last:
            made[-1] += [_SEPARATOR, *segment]
        else:
            waiting += [_SEPARATOR, *segment] if waiting else segment
    if waiting and made:
        made[-1] += [_SEPARATOR, *waiting]
    elif waiting:
        made.append(waiting)
    return tuple(Clause(tuple(one), lexicon.hits(one)) for one in made)


def _said_after(tokens: Sequence[TextToken], hits: Sequence[Hit]) -> list[TextToken]:
    """The words for "then" and "and" with which it ends; a full stop is none."""
    joins = (PhraseKind.THEN, PhraseKind.SEPARATOR)
    last = next((hit for hit in hits if hit.end == len(tokens) and hit.owner.what in joins), None)
    return [one for one in tokens[last.start :] if one.kind is TokenKind.WORD] if last else []


def _has_verb(tokens: Sequence[TextToken], lexicon: Lexicon) -> bool:
    return any(hit.owner.what is PhraseKind.VERB for hit in lexicon.hits(tokens))
