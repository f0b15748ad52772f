"""Request forms: how a server wants to be asked, learnt from what it refuses. Knows no vendor and sends nothing itself.

Servers that speak one API take different parts of it. A provider lists for each part what may stand there, best first;
what a server refuses is tried once more with the next, and what it took is remembered for the life of the process.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from mesh_core.llm.model_choice import cannot_chat, is_gone
from mesh_core.llm.router import ApiError

T = TypeVar("T")
# A refusal of the request as it stands. Others say so with a status that can mean anything else as well: these count
# only if the sentence names a part that was sent, or speaks of parts.
_REFUSED = frozenset({400, 422})
_PERHAPS = frozenset({404, 405, 406, 415, 500, 501})
_OF_SOME_PART = re.compile(
    r"(?:requested|unsupported|unknown|unrecognized|unexpected|extra|invalid|additional)\W{1,3}(?:\w{1,20}\W{1,3})?"
    r"(?:param|argument|input|field|key|propert|option)\w*|param\w* (?:is|are) not"
)

log = structlog.get_logger()


@dataclass(frozen=True)
class FormPart:
    """One part of a request. `named`: a pattern for how a refusal speaks of it, in lower case."""

    name: str
    choices: tuple[Any, ...]
    named: str

    def place_in(self, sentence: str) -> int:
        """Where the sentence first speaks of it; -1 if it does not."""
        found = re.search(rf"(?<![a-z0-9_])(?:{self.named})(?![a-z0-9_])", sentence)
        return found.start() if found else -1


class RequestForm:
    """The form in which one server is asked. `suspect`: the part that is given up when a refusal names none."""

    def __init__(self, parts: Sequence[FormPart], *, suspect: str | None = None):
        self._parts = {part.name: part for part in parts}
        self._suspect = suspect
        self._taken = dict.fromkeys(self._parts, 0)

    async def ask(self, provider: str, send: Callable[[Mapping[str, Any]], Awaitable[T]]) -> T:
        """What `send` answers, given for each part the choice to use; at most one request more for each choice.

        Raises what `send` does; the first refusal, where no other form was taken either.
        """
        form = dict(self._taken)
        first: ApiError | None = None
        while True:
            try:
                answer = await send({name: self._parts[name].choices[at] for name, at in form.items()})
            except ApiError as error:
                first = first or error
                given_up = self._to_give_up(form, error)
                if given_up is None:
                    raise (first if error.status in _REFUSED else error) from None
                form[given_up] += 1
                continue
            if form != self._taken:
                self._taken = form
                log.info("provider.asked_otherwise", provider=provider, since=str(first), form=self._told(form))
            return answer

    def _to_give_up(self, form: Mapping[str, int], error: ApiError) -> str | None:
        if error.status not in _REFUSED | _PERHAPS:
            return None
        sentence = str(error).lower()
        named = sorted((place, name) for name, part in self._parts.items() if (place := part.place_in(sentence)) >= 0)
        names = [name for _, name in named]
        of_the_form = error.status in _REFUSED or _OF_SOME_PART.search(sentence) is not None
        about_the_model = cannot_chat(sentence) or is_gone(error.status, sentence)
        if of_the_form and self._suspect is not None and not about_the_model:
            names.append(self._suspect)
        return next((name for name in names if form[name] + 1 < len(self._parts[name].choices)), None)

    def _told(self, form: Mapping[str, int]) -> str:
        return ", ".join(f"{name}={self._parts[name].choices[at] or 'none'}" for name, at in form.items() if at)
