"""What the names of an event say: of its type, its alert, its rule, trigger or check. Pure.

Whoever wrote the rule chose them, as he chose the labels; what a program prints never stands there. So, other than a
cue, a word of a name may lead to an action.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mesh_core.models.events import HealthEvent
from mesh_core.policy.names.known_names import UNIT_SUFFIXES
from mesh_core.runbooks.clues import clues_in
from mesh_core.runbooks.folding import words_of

SAYS, ABOUT, PROGRAM, PROXIES = "says_", "about_", "program", "proxies"
ELSEWHERE = frozenset({"about_kubernetes", "about_guest"})  # heard in the whole name, whatever program of theirs it is
STORE = "about_store"  # what the service is, whatever the alert is called
_DEVICE = "about_device"  # what the service is, by its last word or what stands before a dot
_DOWN, _ONLY_DOWN = "says_down", "says_only_down"  # the latter lists what may stand beside the former
_SILENT = "says_silent"  # heard only where nothing stands beside it but that
_BEHIND = "about_behind"  # what stands behind such a service
_OF_A_STORE = {"server", "service", "container", "instance", "unit"}
# What a service may be called after.
_BODIES = frozenset({"about_host", "about_guest", "about_network", "about_storage", "about_hardware"})


@dataclass(frozen=True)
class NameWords:
    """Words of names, by what they say; several that stand together are one entry, as `words_of` parts them.

    `says_...`: how it is, anywhere in a name. `about_...`: what is ill instead of a program. Those do not count before
    a word of `program` (`NodeExporterDown` is about an exporter), nor where the service itself is called so.
    """

    listed: Mapping[str, tuple[str, ...]]

    def said_in(self, event: HealthEvent, names: Sequence[str]) -> set[str]:
        """`names`: the event's own, as `clues_in` gives them."""
        called = words_of(event.service or "")
        bodies = self._bodies(called)
        own = set() if bodies or (event.service or "").lower() == event.node.lower() else {*called, *map(_stem, called)}
        found = {*bodies, *({STORE} if self._is_store(called) else ())}
        if self._is_device(event.service or ""):
            found.add(_DEVICE)
        asked = _asked(event)
        unit = {*called} if event.runtime or (event.service or "").endswith(UNIT_SUFFIXES) else set()
        whole = {*called, *self.listed.get(STORE, ())}
        for name in names:
            words = _with_own(words_of(name), whole)
            others = [word for word in words if word not in unit]  # a kubelet that is a unit is no pod
            heard = self._heard(words)
            found |= heard & self._said
            found |= self._heard(others) & ELSEWHERE
            if _DOWN in heard and self._says_only(_DOWN, words, own):
                found.add(_ONLY_DOWN)
            if _SILENT in heard and self._says_only(_SILENT, words, own):
                found.add(_SILENT)
            if name and asked.endswith(name):
                continue
            if PROXIES in self._heard(called) and _BEHIND in self._heard([word for word in words if word not in own]):
                found.add(_BEHIND)
            found |= self._heard(self._behind_program(words, own)) & self._about
        return found

    def words_saying(self, kind: str, event: HealthEvent) -> tuple[str, ...]:
        """The listed words of one kind by which it is heard in an event."""
        clues = clues_in(event)
        words = [word for name in (*clues.names, event.service or "") for word in ("/", *words_of(name))]
        text = f" {' '.join(words)} {' '.join(word.rstrip('0123456789') for word in words)} "
        near = (word for word in self.listed.get(kind, ()) if f" {word} " in text)
        return tuple(word for word in near if kind in self._with_only(kind, word).said_in(event, clues.names))

    def _with_only(self, kind: str, word: str) -> NameWords:
        return NameWords({**self.listed, kind: (word,)})

    @cached_property
    def _said(self) -> frozenset[str]:
        return frozenset(kind for kind in self.listed if kind.startswith(SAYS)) - {_ONLY_DOWN, _SILENT}

    @cached_property
    def _about(self) -> frozenset[str]:
        return frozenset(kind for kind in self.listed if kind.startswith(ABOUT)) - {STORE, _BEHIND, _DEVICE}

    def _says_only(self, kind: str, words: Sequence[str], own: set[str]) -> bool:
        """Of the thing itself, as `MariadbInstanceDown`; not of what is in it (`offline log directory`)."""
        text = f" {' '.join(words)} "
        for said in self.listed[kind]:
            if " " in said:
                text = text.replace(f" {said} ", " ")
        beside = (own, *(self.listed.get(other, ()) for other in (kind, _ONLY_DOWN, PROGRAM, STORE, "about_host")))
        return {*text.split()} <= set().union(*beside)

    def _is_device(self, service: str) -> bool:
        """`kitchen-light`, `sensor.attic`; not what serves one (`printer-server`), nor a unit (`ups.service`)."""
        domain, dot, _ = service.partition(".")
        last = [word.rstrip("0123456789") for word in words_of(service)][-1:]
        return _DEVICE in self._heard(words_of(domain) if dot else last)

    def _is_store(self, called: Sequence[str]) -> bool:
        """Is it called after a data store, and not what stands beside one (`postgres-exporter`)?"""
        beside = {*self.listed.get(PROGRAM, ())} - _OF_A_STORE
        return STORE in self._heard(called) and called[-1] not in beside

    def _heard(self, words: Sequence[str]) -> set[str]:
        """The kinds of which it holds a word, or several that stand together."""
        text = f" {' '.join(words)} "
        near = (entry for word in {*words} for entry in self._by_first_word.get(word, ()))
        return {kind for said, kind in near if said in text}

    @cached_property
    def _by_first_word(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """(an entry between blanks, its kind)."""
        found: dict[str, list[tuple[str, str]]] = {}
        for kind, said in self.listed.items():
            for words in said:
                found.setdefault(words.partition(" ")[0], []).append((f" {words} ", kind))
        return found

    def _behind_program(self, words: Sequence[str], own: set[str]) -> list[str]:
        """What is said behind the last word for a program, or all of it; without the service's own words.

        The node or server of something is a program, too (`RabbitmqNodeDown` of rabbitmq).
        """
        programs = {*self.listed.get(PROGRAM, ())}
        before = ("", *words)
        ends = (
            number
            for number, word in enumerate(words, 1)
            if word in programs or (before[number - 1] in own and "about_host" in self._heard([word]))
        )
        return [word for word in words[max(ends, default=0) :] if word not in own]

    def _bodies(self, called: Sequence[str]) -> set[str]:
        """What a service is instead of a program, where each word of its name is one for that (`eth0`, `host`)."""
        bare = [word.rstrip("0123456789") for word in called]
        kinds = [self._heard([word]) & _BODIES for word in bare if word]
        return set().union(*kinds) if kinds and all(kinds) else set()


def _with_own(words: Sequence[str], called: Collection[str]) -> list[str]:
    """With the service's own name as the service writes it: a hump parts `MinIO`, and `minio` it is."""
    found, at = list[str](), 0
    while at < len(words):
        size = next((n for n in (3, 2) if "".join(words[at : at + n]) in called), 1)
        found.append("".join(words[at : at + size]))
        at += size
    return found


def _stem(word: str) -> str:
    """`gps` of a daemon `gpsd`, `dhcp` of `dhcp4`."""
    return word.rstrip("0123456789").removesuffix("d") or word


def _asked(event: HealthEvent) -> str:
    """What the check of a thing asks that a manager runs: the `ping` in it is no network."""
    check = event.payload.get("check") if event.runtime else None
    return check if isinstance(check, str) else ""
