"""The model that a provider asks: the one that was named, or one of the server's own, learnt when it is first asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from mesh_core.llm.model_choice import ListedModel, cannot_chat, choose, is_gone
from mesh_core.llm.router import ApiError

UNNAMED_MODEL = "default"
T = TypeVar("T")
Listed = Callable[[], Awaitable[Sequence[ListedModel]]]

log = structlog.get_logger()


class LearnedModel:
    """`name` is what the server is asked for; `shown` what records call it (a file without its folder)."""

    def __init__(self, named: str | None):
        self.name = named or UNNAMED_MODEL
        self._named = named is not None
        self._known = self._named
        self._unfit: set[str] = set()
        self._told = ""

    @property
    def shown(self) -> str:
        is_file = self.name.startswith(("/", "./", "\\")) or self.name.lower().endswith(".gguf")
        return (self.name.replace("\\", "/").rsplit("/", 1)[-1] if is_file else self.name)[:120]

    async def ask(self, provider: str, listed: Listed, send: Callable[[str], Awaitable[T]]) -> T:
        """What `send` answers, given the model's name; one that turns out to be none for chatting is passed over.

        `listed` asks the server what it has. Raises ApiError where none of it can chat, and what both raise.
        """
        while True:
            await self._learn(provider, listed)
            asked = self.name
            try:
                return await send(asked)
            except ApiError as error:
                if not self._pass_over(asked, error):
                    raise

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

    def _pass_over(self, asked: str, error: ApiError) -> bool:
        """After a refusal of `asked`: learn another? Never where a person named the model, or nothing is listed."""
        said = str(error)
        if self._named or asked == UNNAMED_MODEL or not (cannot_chat(said) or is_gone(error.status, said)):
            return False
        self._unfit.add(asked)
        self._known = self._known and self.name != asked
        return True

    def told_once(self) -> str:
        """Which model was chosen and why: for the first attempt that is answered, '' afterwards."""
        told, self._told = self._told, ""
        return told
