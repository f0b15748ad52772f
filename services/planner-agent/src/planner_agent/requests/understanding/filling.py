"""The values of a clause into the slots of a way, each where its type and its place in the sentence let it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mesh_core.actions.remedies.recipe_file import Slot
from mesh_core.actions.remedies.slot_values import SlotType, value_of
from mesh_core.models.proposals import Attachment
from planner_agent.requests.understanding.chunks import OBJECT, Chunk
from planner_agent.requests.understanding.hosts import HostPart
from planner_agent.requests.understanding.language import hardly_names
from planner_agent.requests.understanding.lexicon import Lexicon, fold
from planner_agent.requests.understanding.schedules import UNKNOWN
from planner_agent.requests.understanding.tokens import TextToken, TokenKind

_NAMES = (SlotType.PACKAGE, SlotType.UNIT, SlotType.USER, SlotType.NAME)
_IN_SMALL = (SlotType.PACKAGE, SlotType.UNIT)  # of which people write the first letter large
LONG = 6  # letters of a word in which another one may end by chance
_LIKE_A_HOST = re.compile(r"(?:node|host|server|srv|web|db|vm|pi|nas)-?[0-9]{1,3}")
_A_FILE = re.compile(r"\.(?:html?|txt|conf|cfg|j2|ya?ml|json|sh|ini|css|js|zip|gz|tar|pub)$")
_NO_WORDS = {SlotType.TEXT, SlotType.PATH, SlotType.URL, SlotType.PUBLIC_KEY, SlotType.SCHEDULE}
KINDS: Mapping[TokenKind, frozenset[SlotType]] = {
    TokenKind.WORD: frozenset(SlotType) - _NO_WORDS,
    TokenKind.TEXT: frozenset({SlotType.TEXT, SlotType.SCHEDULE, SlotType.PUBLIC_KEY, *_NAMES}),
    TokenKind.URL: frozenset({SlotType.URL, SlotType.REPOSITORY}),
    TokenKind.PATH: frozenset({SlotType.PATH}),
    TokenKind.KEY: frozenset({SlotType.PUBLIC_KEY}),
    TokenKind.TIMES: frozenset({SlotType.SCHEDULE}),
}


@dataclass
class Filled:
    """`values` by slot; `unsure`: slots whose value may be no name at all, with what was said; `hosts`: likewise those
    whose value is also the name of a host; `absent`: slots for which a file was named that nobody attached."""

    values: dict[str, Any] = field(default_factory=dict)
    unsure: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)


class Filler:
    """For one request: its attachments, and the words that are no names."""

    def __init__(self, lexicon: Lexicon, attachments: Sequence[Attachment]):
        self.lexicon = lexicon
        self.attachments = {one.name: one for one in attachments}

    def fill(self, chunks: Sequence[Chunk], slots: Mapping[str, Slot]) -> Filled | None:
        """None where a value fits nowhere, or where the values could stand in two ways."""
        found = list(self._ways(tuple(chunks), slots, ()))
        return found[0] if len(found) == 1 else None

    def only_file_for(self, slot: Slot) -> Any:
        """What stands for the one attachment that there is, where that fits; None elsewhere."""
        takes_files = slot.type is SlotType.ATTACHMENT or slot.endings
        fitting = [attached(one, slot) for one in self.attachments.values()] if takes_files else []
        return fitting[0] if len(fitting) == 1 else None

    def _ways(
        self, chunks: tuple[Chunk, ...], slots: Mapping[str, Slot], chosen: tuple[tuple[str, Chunk], ...]
    ) -> Iterator[Filled]:
        if not chunks:
            yield self._made(chosen, slots)
            return
        chunk, *rest = chunks
        for name, slot in slots.items():
            if name not in (taken for taken, _ in chosen) and self._fits(chunk, name, slot):
                yield from self._ways(tuple(rest), slots, (*chosen, (name, chunk)))

    def _fits(self, chunk: Chunk, name: str, slot: Slot) -> bool:
        if (chunk.label and chunk.label != name) or (slot.needs_label and not chunk.label):
            return False
        if not chunk.roles & {*slot.roles} and not (chunk.label and chunk.roles is OBJECT):
            return False
        if len(chunk.tokens) > 1 and not slot.many:
            return False
        return all(self._value(token, slot) is not None for token in chunk.tokens)

    def _made(self, chosen: Sequence[tuple[str, Chunk]], slots: Mapping[str, Slot]) -> Filled:
        made = Filled()
        for name, chunk in chosen:
            slot = slots[name]
            values = [self._value(token, slot) for token in chunk.tokens]
            if UNKNOWN in values:
                continue
            if any(isinstance(value, _Absent) for value in values):
                made.absent.add(name)
                continue
            if any(self._is_unsure(token, chunk, slot) for token in chunk.tokens):
                made.unsure[name] = ", ".join(map(str, values))
            if not chunk.noun and any(isinstance(token, HostPart) for token in chunk.tokens):
                made.hosts[name] = ", ".join(map(str, values))
            made.values[name] = values if slot.many else values[0]
        return made

    def _value(self, token: TextToken, slot: Slot) -> Any:
        if token.kind is TokenKind.WORD and (slot.endings or slot.type is SlotType.ATTACHMENT):
            return self._attachment(token.text, slot)
        if slot.type not in KINDS.get(token.kind, ()):
            return None
        if token.text == UNKNOWN:
            return UNKNOWN
        if slot.type in _NAMES and not _may_be_name(token.text):
            return None
        return slot.value_in(spelt(token.text, slot))

    def _attachment(self, name: str, slot: Slot) -> Any:
        if slot.endings and not name.endswith(slot.endings):
            return None
        if one := self.attachments.get(name):
            return attached(one, slot)
        return _Absent() if "." in name.strip(".") else None

    def _is_unsure(self, token: TextToken, chunk: Chunk, slot: Slot) -> bool:
        """Could this word be anything but the name of something?"""
        if slot.type not in _NAMES or token.kind is not TokenKind.WORD or spelt(token.text, slot) in slot.usual:
            return False
        word, known = fold(token.word), self.lexicon
        if chunk.called:
            return False
        if chunk.behind and word in known.language.names_behind_nouns:
            return False
        if word in known.nouns or word in known.language.ordinary or word in _hardly_names():  # "delete the user files"
            return True
        if slot.type is SlotType.USER and self._ends_like_a_thing(word):
            return True
        if (chunk.plural and len(chunk.tokens) == 1) or _LIKE_A_HOST.fullmatch(word):
            return True
        if word.endswith(known.language.adverb_ends):  # "restart the service gracefully"
            return True
        return not chunk.noun and (chunk.article or word in known.verbs)

    def _ends_like_a_thing(self, word: str) -> bool:
        """ "remove user kubeconfig" speaks of a file that is the user's."""
        return any(len(one) >= LONG and word.endswith(one) for one in self.lexicon.language.ordinary)


@cache
def _hardly_names() -> frozenset[str]:
    """As words are compared. Read when the first request comes."""
    return frozenset(map(fold, hardly_names()))


def _may_be_name(text: str) -> bool:
    """No version, no file, no parameter of the kernel."""
    known = _A_FILE.search(text) or value_of(SlotType.SYSCTL_KEY, text) is not None
    return not known and any(sign.isalpha() for sign in text)


class _Absent:
    """What was named as a file and did not come with the request."""


def attached(one: Attachment, slot: Slot) -> Any:
    """What stands for it in a task: its name in the proposal, or its text; None where that does not fit."""
    if slot.endings and not one.name.endswith(slot.endings):
        return None
    return f"files/{one.sha256}" if slot.type is SlotType.ATTACHMENT else slot.value_in(one.text.strip())


def spelt(text: str, slot: Slot) -> str:
    """People write `Nginx` and `MySQL`; packages and units are in small letters, but for the few that are usual."""
    if slot.type not in _IN_SMALL:
        return text
    return next((name for name in slot.usual if name.lower() == text.lower()), text.lower())
