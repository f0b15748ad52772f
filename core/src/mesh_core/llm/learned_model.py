"""The model that a provider asks: the one that was named, or one of the server's own, learnt when it is first asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from mesh_core.llm.model_choice import ListedModel, cannot_chat, choose, is_gone
from mesh_core.llm.router import ApiError

UNNAMED_MODEL = "default"
MAX_TRIED = 3
# What a server may say of a model that is none for chatting, or that it cannot load. Not: who asks, how often.
_MAY_BE_THE_MODEL = frozenset({400, 404, 405, 415, 422, 500, 501})
T = TypeVar("T")
Listed = Callable[[], Awaitable[Sequence[ListedModel]]]

log = structlog.get_logger()


class LearnedModel:
    """`name` is what the server is asked for; `shown` what records call it (a file without its folder)."""

    def __init__(self, named: str | None):
        self.name = named or UNNAMED_MODEL
        self._named = named is not None
        self._known = self._named
        self._unfit: dict[str, str] = {}  # by name, why
        self._answered = False
        self._told = ""

    @property
    def shown(self) -> str:
        is_file = self.name.startswith(("/", "./", "\\")) or self.name.lower().endswith(".gguf")
        return (self.name.replace("\\", "/").rsplit("/", 1)[-1] if is_file else self.name)[:120]

    async def ask(self, provider: str, listed: Listed, send: Callable[[str], Awaitable[T]]) -> T:
        """What `send` answers, given the model's name; one that turns out to be none for chatting is passed over.

        So is one that never answered, for up to MAX_TRIED others: what it is may stand neither in its name nor in what
        its server says. `listed` asks the server what it has. Raises ApiError where none of it can chat, and what both
        raise; of several errors the first.
        """
        tried: list[str] = []
        try:
            answer = await self._ask(provider, listed, send, tried)
        except BaseException:  # a time limit too: then nobody knows whether it was the model
            self._forget(tried)
            raise
        self._answered = True
        return answer

    async def _ask(self, provider: str, listed: Listed, send: Callable[[str], Awaitable[T]], tried: list[str]) -> T:
        first: ApiError | None = None
        while True:
            asked = None  # another attempt may learn another name beside this one
            try:
                await self._learn(provider, listed)
                asked = self.name
                return await send(asked)
            except ApiError as error:
                first = first or error
                if asked is None or not self._pass_over(asked, error, tried):
                    raise first from None

    async def _learn(self, provider: str, listed: Listed) -> None:
        """Choose, unless a model is known. Nothing listed: the name that servers ignore."""
        if self._known:
            return
        models = await listed()
        if not models:
            self.name, self._known = UNNAMED_MODEL, True
            return
        choice = choose(models, self._unfit)
        if choice.name is None:
            self._unfit.clear()  # what it refused once may be mended when it is asked again
            raise ApiError(None, f"{choice.reason}; name a model in its settings")
        self.name, self._known = choice.name, True
        self._told = f"model {self.shown} is {choice.reason}"
        log.info("provider.model_chosen", provider=provider, model=self.shown, reason=choice.reason)

    def _pass_over(self, asked: str, error: ApiError, tried: list[str]) -> bool:
        """After an error of `asked`: learn another? Never where a person named the model, or nothing is listed."""
        said = str(error)
        if self._named or asked == UNNAMED_MODEL:
            return False
        if cannot_chat(said) or is_gone(error.status, said):
            self._unfit[asked] = "it said that it cannot chat"
        elif not self._answered and error.status in _MAY_BE_THE_MODEL and len(tried) < MAX_TRIED:
            self._unfit[asked] = f"it answered {error.status}"
            tried.append(asked)
        else:
            return False
        self._known = self._known and self.name != asked
        return True

    def _forget(self, tried: list[str]) -> None:
        """None of them answered: it was not the model. The next time begins with the first again."""
        for name in tried:
            self._unfit.pop(name, None)
        self._known = self._known and not tried

    def told_once(self) -> str:
        """Which model was chosen and why: for the first attempt that is answered, '' afterwards."""
        told, self._told = self._told, ""
        return told
