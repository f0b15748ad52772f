"""A provider over an Ollama server, through its own client library. Never the same request twice.

The schema goes as `format`; `num_predict` is always set, because a model without a bound can talk for a minute, and so
are `num_ctx` (the server's own may cut a prompt off, silently) and `keep_alive` (a model that has to be loaded again
is too late).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import httpx
from pydantic import ValidationError

from mesh_core.llm.bounded import bounded
from mesh_core.llm.learned_model import LearnedModel
from mesh_core.llm.model_choice import ListedModel, why_not
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.request_form import FormPart, RequestForm
from mesh_core.llm.router import ApiError, Completion, NetworkError, Price, Prompt
from mesh_core.llm.settings import ChainSettings
from mesh_core.llm.streamed import PIECES, joined_lines
from mesh_core.llm.trust import trusted
from mesh_core.llm.unwrapping import THINKING_TOKENS, thinks

# A model that thinks aloud would spend all its tokens before the answer: it is asked not to. Some servers of 2025
# answer 400 to `think: false` where the model cannot think (ollama#12555).
THINK = FormPart("think", (False, None), "think(?:ing)?")
FORMAT = FormPart("format", ("schema", "json", None), "format|json|schema|grammar")


class OllamaProvider:
    """`host` as Ollama itself takes it: `http://127.0.0.1:11434`, `127.0.0.1`, `nas:11434`.

    Without `model`, the first one that the server has pulled and that can chat is taken when it is first asked.
    """

    def __init__(
        self,
        *,
        name: str,
        host: str,
        model: str | None = None,
        timeout_seconds: float = 8.0,
        price: Price = Price(),  # noqa: B008 - frozen
        api_key: str | None = None,
        vendor: str = "ollama",
        keep_alive: str = "30m",
        num_ctx: int = 4096,
    ):
        import ollama  # only where a provider is configured: a chain without Ollama does not pay for it

        self._errors = ollama.ResponseError
        self.name = name
        self.vendor = vendor
        self._model = LearnedModel(model)
        # its API wants a unit in a text: bare seconds, and -1 for ever, are numbers
        kept = int(keep_alive) if keep_alive.lstrip("-").isdigit() else keep_alive
        # Others that speak its API do not know all of its options.
        options = (FormPart("num_ctx", (num_ctx, None), "num_ctx"), FormPart("keep_alive", (kept, None), "keep_?alive"))
        self._form = RequestForm((THINK, FORMAT, *options), suspect="format")
        self._thinking_tokens = 0
        self._joined = ""  # the text of the last answer that came in pieces
        self.timeout_seconds = timeout_seconds
        self.at_once = 2
        self.price = price
        outside = host.startswith("https:")
        self._client = ollama.AsyncClient(
            host=host,
            timeout=None,  # it would be per read; the fallback chain's wall clock is the one that counts
            trust_env=outside,
            verify=trusted(httpx.create_ssl_context, from_environment=outside),
            headers={"authorization": f"Bearer {api_key}"} if api_key else None,
            follow_redirects=False,
            event_hooks=bounded(self._whole),
        )

    @property
    def model(self) -> str:
        return self._model.shown

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One chat, as the fallback chain wants it."""
        chat = partial(self._chat, prompt, schema)
        return self._completion(await self._model.ask(self.name, self._listed, chat))

    async def _chat(self, prompt: Prompt, schema: dict[str, object], model: str) -> Any:
        async def send(form: Mapping[str, Any]) -> Any:
            room = {} if form["num_ctx"] is None else {"num_ctx": form["num_ctx"]}
            with self._typed_errors():
                return await self._client.chat(
                    model=model,
                    messages=[
                        {"role": "system", "content": prompt.system},
                        {"role": "user", "content": prompt.user},
                    ],
                    format=dict(schema) if form["format"] == "schema" else form["format"],
                    options={
                        "temperature": prompt.temperature or 0,
                        "num_predict": prompt.max_tokens + self._thinking_tokens,
                        **room,
                    },
                    think=form["think"],
                    keep_alive=form["keep_alive"],
                )

        return await self._form.ask(self.name, send)

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _listed(self) -> Sequence[ListedModel]:
        """What the server has pulled, with what it says of each until one is found that can chat."""
        with self._typed_errors():
            rows = [row for row in (await self._client.list()).models if row.model]
        if not rows:
            raise ApiError(404, "this Ollama has no model yet; pull one or set OLLAMA_MODEL")
        models = [ListedModel(str(row.model), (row.details.family or "",) if row.details else ()) for row in rows]
        for place, model in enumerate(models):
            if why_not(model):
                continue
            models[place] = described = ListedModel(model.name, await self._capabilities(model.name) or model.says)
            if not why_not(described):
                break
        return models

    async def _capabilities(self, model: str) -> tuple[str, ...]:
        """Older servers, and gateways that speak this API, say none."""
        try:
            with self._typed_errors():
                return tuple((await self._client.show(model)).capabilities or ())
        except ApiError:
            return ()

    def _whole(self, raw: bytes) -> httpx.ByteStream:
        """An answer that was streamed, although it was asked for whole, put together."""
        joined = joined_lines(raw)
        if joined is None:
            return httpx.ByteStream(raw)
        message = joined.get("message")
        self._joined = str(message.get("content")) if isinstance(message, dict) else ""
        return httpx.ByteStream(json.dumps(joined).encode())

    @contextlib.contextmanager
    def _typed_errors(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise ApiError(error.status_code if error.status_code > 0 else None, str(error.error)[:200]) from None
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from None
        except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, TypeError, RecursionError) as error:
            # a proxy's HTML page, or a JSON body that is no chat: the library lets each of these through
            raise ApiError(200, f"the body is not an Ollama answer: {type(error).__name__}") from None

    def _completion(self, reply: Any) -> Completion:
        """From the library's ChatResponse; counts are absent when the answer came out of its cache."""
        text, thought = reply.message.content or "", reply.message.thinking or ""
        pieces = (PIECES,) if text and text == self._joined else ()
        if reply.done_reason == "length" and (thought or thinks(text)):
            self._thinking_tokens = THINKING_TOKENS
        called = list(reply.message.tool_calls or ())
        place = ""
        if not text.strip() and len(called) == 1:  # of several nobody knows which
            text, place = json.dumps(dict(called[0].function.arguments), ensure_ascii=False), "tool call"
        elif not text.strip() and thought:
            text, place = thought, "thinking"
        return Completion(
            text=text,
            prompt_tokens=reply.prompt_eval_count or 0,
            completion_tokens=reply.eval_count or 0,
            stop_reason=reply.done_reason or "",
            unwrapped=(*pieces, *([place] if place else ())),
            note=self._model.told_once(),
        )


def _ollama(settings: ChainSettings) -> ProviderRequest | None:
    if not settings.ollama_host:
        return None
    return ProviderRequest(name="ollama", url=settings.ollama_host, model=settings.ollama_model)


def _build(request: ProviderRequest, settings: ChainSettings) -> OllamaProvider:
    host = request.url or settings.ollama_host
    if not host:
        raise missing(request, KIND.name, "url", " (or OLLAMA_HOST)")
    return OllamaProvider(
        name=request.name,
        host=host,
        model=request.model,
        timeout_seconds=request.timeout_seconds or settings.llm_local_timeout_seconds,
        price=request.price,
        api_key=request.api_key,
        keep_alive=settings.ollama_keep_alive,
        num_ctx=settings.ollama_num_ctx,
    )


KIND = ProviderKind("ollama", _build, {"ollama": _ollama}, lambda settings: settings.ollama_host)
