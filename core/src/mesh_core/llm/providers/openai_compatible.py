"""A provider over any OpenAI-compatible server (llama.cpp, vLLM, LM Studio, LiteLLM). One request, never a retry.

The schema goes as `response_format`; such servers often do not enforce number bounds, so the reader judges again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from mesh_core.llm.bounded import bounded
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.router import ApiError, Completion, ModelRefusal, NetworkError, Price, Prompt
from mesh_core.llm.settings import ChainSettings

UNNAMED_MODEL = "default"


class OpenAICompatibleProvider:
    """`url` with or without `/v1`. Without `model`, the server's first one is taken when it is first asked."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        model: str | None = None,
        timeout_seconds: float = 8.0,
        price: Price = Price(),  # noqa: B008 - frozen
        api_key: str | None = None,
        vendor: str | None = None,
    ):
        base = url.rstrip("/")
        self._base = base if base.endswith("/v1") else base + "/v1"
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._secret = api_key or ""
        self._known = model is not None
        self.name = name
        self.vendor = vendor or name
        self.model = model or UNNAMED_MODEL
        self.timeout_seconds = timeout_seconds
        self.at_once = 2
        self.price = price
        # The fallback chain's wall clock bounds the attempt; a client time-out is per read and would only confuse.
        # A proxy from the environment is for https: a model on the local network is reached directly.
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113
            trust_env=base.startswith("https:"),
            event_hooks=bounded(httpx.ByteStream),
        )

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One chat completion, as the fallback chain wants it."""
        if not self._known:
            await self._learn_model()
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "max_tokens": prompt.max_tokens,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            },
        }
        return _completion(await self._call("POST", "/chat/completions", body))

    async def close(self) -> None:
        await self._http.aclose()

    async def _learn_model(self) -> None:
        """Ask once; a server that lists nothing usable is asked by the name that such servers ignore."""
        try:
            listed = (await self._call("GET", "/models", None)).get("data")
            if isinstance(listed, list) and listed and isinstance(listed[0], dict):
                first = listed[0].get("id")
                # llama.cpp names a model by its file: the folder is nobody's business
                self.model = first.rsplit("/", 1)[-1][:120] if isinstance(first, str) and first else UNNAMED_MODEL
        except ApiError as error:
            if error.status is not None and error.status >= 500:
                raise  # still loading: ask again next time
        self._known = True

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, object]:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        try:
            reply = await self._http.request(method, self._base + path, content=content, headers=headers)
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from None
        if reply.status_code != 200:
            raise ApiError(reply.status_code, self._excerpt(reply.content))
        try:
            value = json.loads(reply.content)
        except (ValueError, RecursionError):
            raise ApiError(200, f"the body is not JSON: {self._excerpt(reply.content)}") from None
        if not isinstance(value, dict):
            raise ApiError(200, "the body is not a JSON object")
        return value

    def _excerpt(self, raw: bytes) -> str:
        text = raw[:400].decode("utf-8", "replace")
        shown = text.replace(self._secret, "***") if self._secret else text
        return "".join(c if c.isprintable() else " " for c in shown)[:200]


def _completion(body: dict[str, object]) -> Completion:
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        raise ApiError(200, "the body has no choices[0].message")
    stop = str(first.get("finish_reason") or "")
    if isinstance(declined := message.get("refusal"), str) and declined:
        raise ModelRefusal(declined)
    if stop == "content_filter":
        raise ModelRefusal("the server's content filter stopped the answer")
    content = message.get("content")
    usage = body.get("usage")
    return Completion(
        text=content if isinstance(content, str) else "",
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        stop_reason=stop,
    )


def _count(usage: object, key: str) -> int:
    value = usage.get(key) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _llamacpp(settings: ChainSettings) -> ProviderRequest | None:
    if not settings.llamacpp_url:
        return None
    key = settings.llamacpp_api_key
    return ProviderRequest(
        name="llamacpp",
        url=settings.llamacpp_url,
        model=settings.llamacpp_model,
        api_key=key.get_secret_value() if key else None,
        vendor="llamacpp",
    )


def _build(request: ProviderRequest, settings: ChainSettings) -> OpenAICompatibleProvider:
    if not request.url:
        raise missing(request, KIND.name, "url")
    return OpenAICompatibleProvider(
        name=request.name,
        url=request.url,
        model=request.model,
        timeout_seconds=request.timeout_seconds or settings.llm_local_timeout_seconds,
        price=request.price,
        api_key=request.api_key,
        vendor=request.vendor or KIND.name,
    )


KIND = ProviderKind("openai", _build, {"llamacpp": _llamacpp})
