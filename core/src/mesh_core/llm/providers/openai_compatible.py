"""A provider over any OpenAI-compatible server (llama.cpp, vLLM, LM Studio, LiteLLM). Never the same request twice.

The schema goes as `response_format`; such servers often do not enforce number bounds, so the reader judges again.
They take different parts of that API: what one refuses is asked without, once (`RequestForm`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from mesh_core.llm.bounded import bounded
from mesh_core.llm.complaints import complaint_in, is_filtered, stopped_by_filter
from mesh_core.llm.learned_model import LearnedModel
from mesh_core.llm.model_choice import ListedModel
from mesh_core.llm.model_list import models_in
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.request_form import FormPart, RequestForm
from mesh_core.llm.router import ApiError, Completion, ModelRefusal, NetworkError, Price, Prompt
from mesh_core.llm.settings import ChainSettings
from mesh_core.llm.streamed import PIECES, joined_chunks
from mesh_core.llm.trust import trusted
from mesh_core.llm.unwrapping import THINKING_TOKENS, thinks

_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
FORM = (
    FormPart(
        "response_format",
        ("json_schema", "json_object", None),
        "response[_ ]format|json[_ ](?:object|mode)|(?:json[_ ])?schema|structured[_ ]outputs?|guided[a-z_ ]*|grammar",
    ),
    FormPart("max_tokens", ("max_tokens", "max_completion_tokens"), "max_tokens"),
    FormPart("temperature", ("said", None), "temperature"),
    FormPart(
        "system",
        ("a message of its own", "before the question"),
        r"(?:system|developer)\W{1,3}(?:roles?|messages?|prompts?|instructions?)|role\W{1,3}system|messages\W{1,3}0\W{1,3}role"
        r"|roles? must alternate|(?:user|assistant)\W{1,3}(?:and|or)\W{1,3}(?:user|assistant)\b[^.]{0,30}",
    ),
    FormPart("stream", (False, True), "(?:non-?)?stream(?:ed|ing)?"),  # `streamed` puts it together
)


class OpenAICompatibleProvider:
    """`url` with or without `/v1`. Without `model`, the server's first one that can chat is taken when first asked."""

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
        self._model = LearnedModel(model)
        self._form = RequestForm(FORM, suspect="response_format")
        self._thinking_tokens = 0
        self.name = name
        self.vendor = vendor or name
        self.timeout_seconds = timeout_seconds
        self.at_once = 2
        self.price = price
        # The fallback chain's wall clock bounds the attempt; a client time-out is per read and would only confuse.
        # A proxy from the environment is for https: a model on the local network is reached directly.
        outside = base.startswith("https:")
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113
            trust_env=outside,
            verify=trusted(httpx.create_ssl_context, from_environment=outside),
            event_hooks=bounded(httpx.ByteStream),
        )

    @property
    def model(self) -> str:
        return self._model.shown

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        """One chat completion, as the fallback chain wants it."""
        chat = partial(self._chat, prompt, schema)
        return self._completion(await self._model.ask(self.name, self._listed, chat))

    async def _chat(self, prompt: Prompt, schema: dict[str, object], model: str) -> dict[str, Any]:
        async def send(form: Mapping[str, Any]) -> dict[str, Any]:
            own = form["system"] == "a message of its own"
            messages = [{"role": "system", "content": prompt.system}] if own else []
            question = prompt.user if own else f"{prompt.system}\n\n{prompt.user}"
            body: dict[str, object] = {
                "model": model,
                "messages": [*messages, {"role": "user", "content": question}],
                form["max_tokens"]: prompt.max_tokens + self._thinking_tokens,
                "stream": form["stream"],
            }
            if form["temperature"] is not None:
                body["temperature"] = prompt.temperature or 0
            if form["response_format"] == "json_schema":
                asked = {"name": "answer", "strict": True, "schema": schema}
                body["response_format"] = {"type": "json_schema", "json_schema": asked}
            elif form["response_format"] is not None:
                body["response_format"] = {"type": form["response_format"]}
            reply = await self._call("POST", "/chat/completions", body)
            if not isinstance(reply, dict):
                raise ApiError(200, "the body is not a JSON object")
            return reply

        return await self._form.ask(self.name, send)

    async def close(self) -> None:
        await self._http.aclose()

    async def _listed(self) -> Sequence[ListedModel]:
        """The models that the server lists; none where it keeps no list."""
        try:
            return models_in(await self._call("GET", "/models", None))
        except ApiError as error:
            if error.status is not None and error.status >= 500:
                raise  # still loading: ask again next time
            return ()

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        try:
            reply = await self._http.request(method, self._base + path, content=content, headers=headers)
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from None
        if reply.status_code != 200:
            complaint = complaint_in(reply.content)
            if is_filtered(complaint):
                raise ModelRefusal(self._excerpt(complaint))
            raise ApiError(reply.status_code, self._excerpt(complaint))
        try:
            value = joined_chunks(reply.content) or json.loads(reply.content)
        except (ValueError, RecursionError):
            raise ApiError(200, f"the body is not JSON: {self._excerpt(complaint_in(reply.content))}") from None
        if isinstance(value, dict) and (said := value.get("error")):
            raise _error_of(said)
        return value

    def _excerpt(self, text: str) -> str:
        shown = text.replace(self._secret, "***") if self._secret else text
        return "".join(c if c.isprintable() else " " for c in shown[:200])

    def _completion(self, body: dict[str, Any]) -> Completion:
        choices = body.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        message = _message_in(first) if isinstance(first, dict) else None
        if not isinstance(first, dict) or message is None:
            raise ApiError(200, "the body has no choices[0].message")
        stop = str(first.get("finish_reason") or "")
        if isinstance(declined := message.get("refusal"), str) and declined:
            raise ModelRefusal(declined)
        if stopped_by_filter(stop):
            raise ModelRefusal(f"the server kept the answer back: {stop[:60]}")
        text, place = _answer_in(message)
        if stop == "length" and (place in _THOUGHTS or thinks(text)):
            self._thinking_tokens = THINKING_TOKENS
        usage = body.get("usage")
        return Completion(
            text=text,
            prompt_tokens=_count(usage, "prompt_tokens"),
            completion_tokens=_count(usage, "completion_tokens"),
            stop_reason=stop,
            unwrapped=(*([PIECES] if PIECES in body else ()), *([place] if place else ())),
            note=self._model.told_once(),
        )


def _message_in(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What the model said: as a message, as the one piece of a stream, or as the bare text of an older API."""
    for name in ("message", "delta"):
        if isinstance(said := choice.get(name), dict):
            return said
    return {"content": said} if isinstance(said := choice.get("text"), str) else None


def _answer_in(message: Mapping[str, Any]) -> tuple[str, str]:
    """The answer's text, and where it was if it is not the whole of `content`: in parts, a tool's, a thought."""
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        return content, ""
    if text := _text_of(content):
        return text, "content in parts"
    if text := _tool_arguments(message):
        return text, "tool call"
    # Some servers take a whole answer for a thought, and leave no content beside it.
    return next(((text, key) for key in _THOUGHTS if (text := _text_of(message.get(key)))), ("", ""))


def _tool_arguments(message: Mapping[str, Any]) -> str:
    """Of the one tool that is called: a gateway's way to ask a model for a form. Of several nobody knows which."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and len(calls) == 1 else {"function": message.get("function_call")}
    function = call.get("function") if isinstance(call, dict) else None
    said = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(said, ensure_ascii=False) if isinstance(said, dict) else said if isinstance(said, str) else ""


def _text_of(said: object) -> str:
    """Text, as it is or in parts; other parts than text (thoughts, pictures) are no part of an answer."""
    if isinstance(said, str):
        return said if said.strip() else ""
    parts = said if isinstance(said, list) else [said]
    return "".join(map(_part_text, parts))


def _part_text(part: object) -> str:
    if isinstance(part, dict):
        text = part.get("text", part.get("content")) if str(part.get("type", "text")).endswith("text") else None
        part = text.get("value") if isinstance(text, dict) else text
    return part if isinstance(part, str) else ""


def _error_of(error: object) -> ApiError:
    """What some gateways say in the body of a 200 instead of an answer, under the status that they mean."""
    said, code = (error.get("message"), error.get("code")) if isinstance(error, dict) else (error, None)
    status = code if isinstance(code, int) and 400 <= code < 600 else 400
    return ApiError(status, f"the body of a 200 says: {str(said)[:200]}")


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
