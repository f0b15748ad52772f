"""A provider over any OpenAI-compatible server (llama.cpp, vLLM, LM Studio, LiteLLM). Never the same request twice.

The schema goes as `response_format`; such servers often do not enforce number bounds, so the reader judges again.
They take different parts of that API: what one refuses is asked without, once (`RequestForm`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import httpx

from mesh_core.llm.bounded import bounded
from mesh_core.llm.learned_model import LearnedModel
from mesh_core.llm.model_choice import ListedModel
from mesh_core.llm.provider_kind import ProviderKind, ProviderRequest, missing
from mesh_core.llm.request_form import FormPart, RequestForm
from mesh_core.llm.router import ApiError, Completion, ModelRefusal, NetworkError, Price, Prompt
from mesh_core.llm.settings import ChainSettings
from mesh_core.llm.streamed import PIECES, put_together
from mesh_core.llm.unwrapping import THINKING_TOKENS, thinks

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
FORM = (
    FormPart(
        "response_format",
        ("json_schema", "json_object", None),
        "response[_ ]format|json[_ ](?:schema|object|mode)|structured[_ ]outputs?|guided[a-z_ ]*|grammar",
    ),
    FormPart("max_tokens", ("max_tokens", "max_completion_tokens"), "max_tokens"),
    FormPart("temperature", (0, None), "temperature"),
    FormPart(
        "system", ("a message of its own", "before the question"), "system (?:role|messages?|prompts?)|role .?system"
    ),
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
        self._http = httpx.AsyncClient(
            timeout=None,  # noqa: S113
            trust_env=base.startswith("https:"),
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
                "stream": False,
            }
            if form["temperature"] is not None:
                body["temperature"] = form["temperature"]
            if form["response_format"] == "json_schema":
                asked = {"name": "answer", "strict": True, "schema": schema}
                body["response_format"] = {"type": "json_schema", "json_schema": asked}
            elif form["response_format"] is not None:
                body["response_format"] = {"type": form["response_format"]}
            return await self._call("POST", "/chat/completions", body)

        return await self._form.ask(self.name, send)

    async def close(self) -> None:
        await self._http.aclose()

    async def _listed(self) -> Sequence[ListedModel]:
        """The models that the server lists; none where it keeps no list."""
        try:
            listed = (await self._call("GET", "/models", None)).get("data")
        except ApiError as error:
            if error.status is not None and error.status >= 500:
                raise  # still loading: ask again next time
            return ()
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        return [
            ListedModel(row["id"], tuple(_says(row))) for row in rows if isinstance(row.get("id"), str) and row["id"]
        ]

    async def _call(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = self._headers if body is None else {**self._headers, "content-type": "application/json"}
        try:
            reply = await self._http.request(method, self._base + path, content=content, headers=headers)
        except (httpx.TransportError, httpx.DecodingError, OSError) as error:
            raise NetworkError(f"{type(error).__name__}: {error}") from None
        if reply.status_code != 200:
            raise ApiError(reply.status_code, self._excerpt(_complaint_in(reply.content)))
        try:
            value = put_together(reply.content) or json.loads(reply.content)
        except (ValueError, RecursionError):
            raise ApiError(200, f"the body is not JSON: {self._excerpt(reply.content)}") from None
        if not isinstance(value, dict):
            raise ApiError(200, "the body is not a JSON object")
        if complaint := value.get("error"):
            raise _error_of(complaint)
        return value

    def _excerpt(self, raw: bytes) -> str:
        text = raw.decode("utf-8", "replace")
        shown = text.replace(self._secret, "***") if self._secret else text
        return "".join(c if c.isprintable() else " " for c in shown[:200])

    def _completion(self, body: dict[str, Any]) -> Completion:
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


def _answer_in(message: Mapping[str, Any]) -> tuple[str, str]:
    """The answer's text, and where it was if it is not the whole of `content`: in parts, a tool's, a thought."""
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        return content, ""
    if isinstance(content, dict | list):
        parts = content if isinstance(content, list) else [content]
        if text := "".join(_part_text(part) for part in parts):
            return text, "content in parts"
    if text := _tool_arguments(message):
        return text, "tool call"
    # Some servers take a whole answer for a thought, and leave no content beside it.
    return next(((said, key) for key in _THOUGHTS if isinstance(said := message.get(key), str) and said), ("", ""))


def _tool_arguments(message: Mapping[str, Any]) -> str:
    """Of the one tool that is called: a gateway's way to ask a model for a form. Of several nobody knows which."""
    calls = message.get("tool_calls")
    call = calls[0] if isinstance(calls, list) and len(calls) == 1 else {"function": message.get("function_call")}
    function = call.get("function") if isinstance(call, dict) else None
    said = function.get("arguments") if isinstance(function, dict) else None
    return json.dumps(said, ensure_ascii=False) if isinstance(said, dict) else said if isinstance(said, str) else ""


def _part_text(part: object) -> str:
    """A part that is text, as text; thoughts, pictures and the like are no part of an answer."""
    if isinstance(part, dict):
        part = part.get("text") if str(part.get("type", "text")).endswith("text") else None
    return part if isinstance(part, str) else ""


def _complaint_in(raw: bytes) -> bytes:
    """What an error's body says, without the JSON around it; the body itself where it is none, or says it otherwise."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    error = said.get("error", said) if isinstance(said, dict) else None
    if isinstance(error, dict):
        part = error.get("param")
        error = error.get("message", error.get("detail"))
        if isinstance(error, str) and isinstance(part, str) and part not in (*error.split(), "None"):
            error = f"{error} ({part})"
    return error.encode("utf-8", "replace") if isinstance(error, str) and error.strip() else raw


def _error_of(error: object) -> ApiError:
    """What some gateways say in the body of a 200 instead of an answer, under the status that they mean."""
    said, code = (error.get("message"), error.get("code")) if isinstance(error, dict) else (error, None)
    status = code if isinstance(code, int) and 400 <= code < 600 else 400
    return ApiError(status, f"the body of a 200 says: {str(said)[:200]}")


def _says(row: Mapping[str, Any]) -> Iterator[str]:
    """What a list says of one of its models, in the fields that gateways and servers have for it."""
    architecture = row.get("architecture")
    for value in (
        *(row.get(key) for key in ("type", "task", "mode", "pipeline_tag", "capabilities", "supported_endpoint_types")),
        architecture.get("modality") if isinstance(architecture, dict) else None,
    ):
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):  # of a dict, the capabilities that are true
            yield from (str(item) for item in value if not isinstance(value, dict) or value[item])


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
