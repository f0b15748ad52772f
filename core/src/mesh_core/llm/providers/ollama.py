"""A provider over an Ollama server, through its own client library. One request, never a retry.

The schema goes as `format`; `num_predict` is always set, because a model without a bound can talk for a minute.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
from pydantic import ValidationError

from mesh_core.llm.bounded import bounded
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.router import ApiError, Completion, NetworkError, Price, Prompt
from mesh_core.llm.settings import ChainSettings


class OllamaProvider:
    """`host` as Ollama itself takes it: `http://127.0.0.1:11434`, `127.0.0.1`, `nas:11434`.

    Without `model`, the first one that the server has pulled is taken when it is first asked.
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
    ):
        import ollama  # only where a provider is configured: a chain without Ollama does not pay for it

        self._errors = ollama.ResponseError
        self.name = name
        self.vendor = vendor
        self.model = model or "default"
        self._known = model is not None
        self._think: bool | None = False
        self.timeout_seconds = timeout_seconds
        self.at_once = 2
        self.price = price
        headers = {"authorization": f"Bearer {api_key}"} if api_key else None
        # The library's own limit is per read; the fallback chain's wall clock is the one that counts.
        self._client = ollama.AsyncClient(
            host=host,
            timeout=None,
            trust_env=host.startswith("https:"),
            headers=headers,
            follow_redirects=False,
            event_hooks=bounded(httpx.ByteStream),
        )

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One chat, as the fallback chain wants it."""
        try:
            if not self._known:
                await self._learn_model()
            reply = await self._chat(prompt, schema)
        except self._errors as error:
            raise ApiError(error.status_code if error.status_code > 0 else None, str(error.error)[:200]) from None
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from None
        except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, TypeError, RecursionError) as error:
            # a proxy's HTML page, or a JSON body that is no chat: the library lets each of these through
            raise ApiError(200, f"the body is not an Ollama answer: {type(error).__name__}") from None
        return _completion(reply)

    async def _chat(self, prompt: Prompt, schema: dict[str, object]) -> Any:
        """A model that thinks aloud would spend all its tokens before the answer: it is asked not to.

        Some servers of 2025 answer 400 to `think: false` where the model cannot think (ollama#12555): then without.
        """
        try:
            return await self._client.chat(
                model=self.model,
                messages=[
                    {"role": "system", "content": prompt.system},
                    {"role": "user", "content": prompt.user},
                ],
                format=dict(schema),
                options={"temperature": 0, "num_predict": prompt.max_tokens},
                think=self._think,
            )
        except self._errors as error:
            if self._think is None or error.status_code != 400 or "think" not in str(error.error):
                raise
            self._think = None
        return await self._chat(prompt, schema)

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def _learn_model(self) -> None:
        models = (await self._client.list()).models
        if not models or not models[0].model:
            raise ApiError(404, "this Ollama has no model yet; pull one or set OLLAMA_MODEL")
        self.model, self._known = models[0].model, True


def _completion(reply: Any) -> Completion:
    """From the library's ChatResponse; counts are absent when the answer came out of its cache."""
    return Completion(
        text=reply.message.content or "",
        prompt_tokens=reply.prompt_eval_count or 0,
        completion_tokens=reply.eval_count or 0,
        stop_reason=reply.done_reason or "",
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
    )


KIND = ProviderKind("ollama", _build, {"ollama": _ollama})
