"""A provider over the Anthropic API, through its own client library. Never the same request twice.

Structured output first; an endpoint that answers 400 to it is asked with a forced tool, from then on directly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mesh_core.llm.bounded import bounded
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.request_form import FormPart, RequestForm
from mesh_core.llm.router import ApiError, Completion, ModelRefusal, NetworkError, Price, Prompt, ProviderError
from mesh_core.llm.settings import ChainSettings
from mesh_core.llm.trust import trusted
from mesh_core.runtime.hidden_modules import hidden

MAX_MESSAGE_BYTES = 128 * 1024  # its client makes objects of every part: a mebibyte of tiny ones took 4 s of one core
_TOOL = "answer"
# No part is suspected when a refusal names none: a 400 about anything else (credit, size) would come again.
FORM = (
    FormPart(
        "format",
        ("structured output", "forced tool"),
        r"output_config|output_format|json_schema|structured\W{1,3}outputs?",
    ),
    FormPart("temperature", ("said", None), "temperature"),  # some of its models take none
)
# Structured output takes no bounds on strings, numbers and lists (400); the reader checks them anyway.
_UNSUPPORTED = frozenset(
    {"minLength", "maxLength", "minimum", "maximum", "multipleOf", "pattern", "minItems", "maxItems", "$schema"}
)

HAIKU_PRICE = Price(1.0, 5.0)
SONNET_PRICE = Price(3.0, 15.0)


class AnthropicProvider:
    """`base_url` None means Anthropic itself."""

    def __init__(
        self,
        *,
        name: str,
        model: str,
        api_key: str,
        base_url: str | None = None,
        timeout_seconds: float = 30.0,
        price: Price = Price(),  # noqa: B008 - frozen
        vendor: str = "anthropic",
    ):
        with hidden("click"):  # as in __init__.py
            import anthropic  # 76 MB: only where a provider is configured
            import httpx2  # its HTTP client

        self._errors = anthropic
        self.name = name
        self.vendor = vendor
        self.model = model
        self.timeout_seconds = timeout_seconds
        self.at_once = 8
        self.price = price
        self._form = RequestForm(FORM)
        # Retries of the client would outlive the fallback chain's wall clock: 3 requests in 10.5 s with timeout=3.
        self._client = anthropic.AsyncAnthropic(
            api_key=api_key,
            base_url=base_url or "https://api.anthropic.com",
            max_retries=0,
            timeout=timeout_seconds,
            http_client=anthropic.DefaultAsyncHttpxClient(
                verify=trusted(httpx2.create_ssl_context),
                event_hooks=bounded(httpx2.ByteStream, MAX_MESSAGE_BYTES),
            ),
        )

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One message, as the fallback chain wants it."""

        async def send(form: Mapping[str, Any]) -> object:
            said = form["temperature"] is not None and prompt.temperature is not None
            # Its library names it no more, because newer models of its refuse it.
            more = {"extra_body": {"temperature": prompt.temperature}} if said else {}
            if form["format"] == "structured output":
                return await self._send(prompt, output_config=_output_config(schema), **more)
            tool = {"name": _TOOL, "description": "Give the answer.", "input_schema": dict(schema)}
            return await self._send(prompt, tools=[tool], tool_choice={"type": "tool", "name": _TOOL}, **more)

        return _completion(await self._form.ask(self.name, send))

    async def close(self) -> None:
        await self._client.close()

    async def _send(self, prompt: Prompt, **how: object) -> object:
        extra: Any = how
        try:
            return await self._client.messages.create(
                model=self.model,
                max_tokens=prompt.max_tokens,
                system=prompt.system,
                messages=[{"role": "user", "content": prompt.user}],
                **extra,
            )
        except self._errors.APITimeoutError:
            raise TimeoutError from None
        except self._errors.APIConnectionError as error:
            if isinstance(error.__cause__, ProviderError):
                raise error.__cause__ from None
            raise NetworkError(f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}") from None
        except self._errors.APIStatusError as error:
            raise ApiError(error.status_code, str(error.message)[:200]) from None
        except self._errors.AnthropicError as error:
            raise ApiError(None, f"{type(error).__name__}: {error}"[:200]) from None
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ApiError(200, f"the body is not JSON: {type(error).__name__}") from None


def _output_config(schema: dict[str, object]) -> dict[str, object]:
    return {"format": {"type": "json_schema", "schema": _without_bounds(schema)}}


def _without_bounds(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_bounds(v) for k, v in value.items() if k not in _UNSUPPORTED}
    return [_without_bounds(v) for v in value] if isinstance(value, list) else value


def _completion(message: object) -> Completion:
    """A 200 with text/html comes back from the library as a plain str: not an answer."""
    content = getattr(message, "content", None)
    if not isinstance(content, list):
        raise ApiError(200, "the body is not a message")
    stop = str(getattr(message, "stop_reason", None) or "")
    if stop == "refusal":
        raise ModelRefusal("the API says that the model declined")
    text = ""
    for block in content:
        if getattr(block, "type", None) == "tool_use":
            text = json.dumps(getattr(block, "input", None), ensure_ascii=False)
            break
        if getattr(block, "type", None) == "text":
            text += str(getattr(block, "text", ""))
    usage = getattr(message, "usage", None)
    return Completion(text, _count(usage, "input_tokens"), _count(usage, "output_tokens"), stop)


def _count(usage: object, key: str) -> int:
    value = getattr(usage, key, None)
    return value if isinstance(value, int) and value >= 0 else 0


def _haiku(settings: ChainSettings) -> ProviderRequest:
    return ProviderRequest(name="haiku", model=settings.haiku_model, price=HAIKU_PRICE)


def _sonnet(settings: ChainSettings) -> ProviderRequest:
    return ProviderRequest(name="sonnet", model=settings.sonnet_model, price=SONNET_PRICE)


def _build(request: ProviderRequest, settings: ChainSettings) -> AnthropicProvider | None:
    own = settings.anthropic_api_key
    key = request.api_key or (own.get_secret_value() if own else "")
    if not request.model:
        raise missing(request, KIND.name, "model")
    if not key:
        return None
    return AnthropicProvider(
        name=request.name,
        model=request.model,
        api_key=key,
        base_url=request.url or settings.anthropic_base_url,
        timeout_seconds=request.timeout_seconds or settings.llm_cloud_timeout_seconds,
        price=request.price,
    )


KIND = ProviderKind(
    "anthropic", _build, {"haiku": _haiku, "sonnet": _sonnet}, lambda settings: settings.anthropic_base_url
)
