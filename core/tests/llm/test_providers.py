"""The providers against real HTTP: scripted bad days of each vendor's API through each vendor's own client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from parts.scripted import Canned, ScriptedHttp

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.anthropic import AnthropicProvider
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import ApiError, ModelRefusal, Price, Prompt, Provider, Rejection, RouterResult, complete
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.testing import free_port, within

PROMPT = Prompt("You answer in JSON.", "Say yes.", 64)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["yes", "no"], "maxLength": 5}},
    "required": ["word"],
    "additionalProperties": False,
}
GOOD = '{"word": "yes"}'
VENDORS = ("openai", "ollama", "anthropic")
Make = Callable[..., Provider]


def read(text: str) -> str | Rejection:
    """Good is what is exactly GOOD."""
    return text if text == GOOD else Rejection(AttemptOutcome.INVALID_JSON, "not what was asked for")


def said(vendor: str, text: str, **more: Any) -> Canned:
    canned: Canned = getattr(Canned, vendor)(text, **more)
    return canned


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """`make(vendor, url, timeout_seconds=...)`; every provider is closed when the test ends."""
    made: list[Provider] = []

    def build(vendor: str, url: str, *, timeout_seconds: float = 60.0, **more: Any) -> Provider:
        provider: Provider
        if vendor == "openai":
            provider = OpenAICompatibleProvider(
                name="one", url=url, **({"model": "m"} | more), timeout_seconds=timeout_seconds, price=Price(1, 5)
            )
        elif vendor == "ollama":
            provider = OllamaProvider(
                name="one", host=url, **({"model": "m"} | more), timeout_seconds=timeout_seconds, price=Price(1, 5)
            )
        else:
            provider = AnthropicProvider(
                name="one",
                base_url=url,
                model="m",
                api_key="sk-ant-secret-0123456789",
                timeout_seconds=timeout_seconds,
                price=Price(1, 5),
            )
        made.append(provider)
        return provider

    yield build
    for provider in made:
        await provider.close()


async def ask(*providers: Provider) -> RouterResult[str]:
    return await complete(providers, PROMPT, SCHEMA, read, breakers=Breakers())


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_good_answer_comes_back_with_tokens_and_cost(
    vendor: str, make: Make, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(said(vendor, GOOD, prompt_tokens=1000, completion_tokens=100))
    result = await ask(make(vendor, scripted_http.url))
    assert result.answer == GOOD
    (only,) = result.attempts
    assert (only.outcome, only.prompt_tokens, only.completion_tokens) == (AttemptOutcome.OK, 1000, 100)
    assert only.cost_usd == pytest.approx(1000e-6 * 1 + 100e-6 * 5)


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_temperature_that_is_asked_for_travels(vendor: str, make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(said(vendor, GOOD))
    prompt = Prompt("system", "user", 64, temperature=0.5)
    await complete([make(vendor, scripted_http.url)], prompt, SCHEMA, read, breakers=Breakers())
    body = scripted_http.asked[-1].body
    assert (body["options"] if vendor == "ollama" else body)["temperature"] == 0.5


async def test_a_model_that_takes_no_temperature_is_asked_without(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.error(400, "temperature is not supported by this model"), said("anthropic", GOOD))
    prompt = Prompt("system", "user", 64, temperature=0.5)
    provider = make("anthropic", scripted_http.url)
    result = await complete([provider], prompt, SCHEMA, read, breakers=Breakers())
    assert result.answer == GOOD
    assert [asked.body.get("temperature") for asked in scripted_http.asked] == [0.5, None]


@pytest.mark.parametrize("vendor", VENDORS)
async def test_the_schema_and_a_bound_on_tokens_always_travel(
    vendor: str, make: Make, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(said(vendor, GOOD))
    await ask(make(vendor, scripted_http.url))
    body = scripted_http.asked[-1].body
    if vendor == "openai":
        assert body["max_tokens"] == 64
        assert body["temperature"] == 0
        assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    elif vendor == "ollama":
        assert body["options"]["num_predict"] == 64
        assert body["format"] == SCHEMA
        assert body["stream"] is False
    else:
        assert body["max_tokens"] == 64
        sent = body["output_config"]["format"]
        assert sent["type"] == "json_schema"
        assert sent["schema"]["properties"]["word"] == {"type": "string", "enum": ["yes", "no"]}, (
            "no bounds for this API"
        )


BAD_DAYS = [
    ("500", lambda v: Canned.error(500), AttemptOutcome.API_ERROR),
    ("429", lambda v: Canned.error(429), AttemptOutcome.API_ERROR),
    ("401", lambda v: Canned.error(401), AttemptOutcome.API_ERROR),
    ("html-200", lambda v: Canned("<html>hotel wifi</html>", headers={"Content-Type": "text/html"}), "api_error"),
    ("not-json-200", lambda v: Canned("soon back"), AttemptOutcome.API_ERROR),
    ("list-200", lambda v: Canned([1, 2]), AttemptOutcome.API_ERROR),
    ("empty-object-200", lambda v: Canned({}), AttemptOutcome.API_ERROR),
    ("deep-200", lambda v: Canned("[" * 100_000), AttemptOutcome.API_ERROR),
    ("bad-bytes-200", lambda v: Canned(b"\xff\xfe{}"), AttemptOutcome.API_ERROR),
    ("dropped", lambda v: Canned(drop=True), AttemptOutcome.NETWORK_ERROR),
    ("bad-gzip", lambda v: Canned(b"nope", headers={"Content-Encoding": "gzip"}), None),
    ("empty-answer", lambda v: said(v, ""), AttemptOutcome.INVALID_JSON),
    ("prose", lambda v: said(v, "Sure! " + GOOD), AttemptOutcome.INVALID_JSON),
    ("hang", lambda v: Canned(hang=True), AttemptOutcome.TIMEOUT),
    ("drip", lambda v: said(v, GOOD, drip_seconds=0.2), AttemptOutcome.TIMEOUT),
]


@pytest.mark.parametrize(("day", "outcome"), [(d, o) for _, d, o in BAD_DAYS], ids=[name for name, _, _ in BAD_DAYS])
@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_bad_day_costs_one_request_and_goes_to_the_next_rung(
    vendor: str,
    day: Callable[[str], Canned],
    outcome: AttemptOutcome | None,
    make: Make,
    scripted_http: ScriptedHttp,
) -> None:
    seconds = 1.0 if outcome is AttemptOutcome.TIMEOUT else 60.0  # a busy machine is another bad day
    with ScriptedHttp() as healthy:
        healthy.script(Canned.openai(GOOD))
        scripted_http.script(day(vendor))
        result = await ask(
            make(vendor, scripted_http.url, timeout_seconds=seconds), make("openai", healthy.url, timeout_seconds=60)
        )
    first, second = result.attempts
    if outcome is not None:
        assert first.outcome == outcome, first.detail
    assert first.outcome is not AttemptOutcome.OK
    assert (second.outcome, second.position, result.position) == (AttemptOutcome.OK, 2, 2)
    asked = len(scripted_http.asked)
    in_time = {0, 1} if first.outcome is AttemptOutcome.TIMEOUT else {1}  # a busy machine may not have begun
    assert asked in in_time, "the fallback chain asks once; clients must not retry"
    if first.outcome is AttemptOutcome.TIMEOUT:
        assert 950 <= first.latency_ms <= 60_000
    assert "sk-ant-secret" not in first.detail


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_refused_connection_is_a_network_error_at_once(vendor: str, make: Make) -> None:
    (only,) = (await ask(make(vendor, f"http://127.0.0.1:{free_port()}", timeout_seconds=600))).attempts
    assert only.outcome is AttemptOutcome.NETWORK_ERROR, only.detail  # at the wall clock it would be a timeout


async def test_a_server_that_accepts_and_never_speaks_ends_at_the_wall_clock(make: Make) -> None:
    """Connecting succeeds in the kernel's backlog; nobody ever takes the call."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, within(20, "the end of half a second"):
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        (only,) = (await ask(make("openai", url, timeout_seconds=0.5))).attempts
    assert only.outcome is AttemptOutcome.TIMEOUT


async def test_an_endless_body_is_cut_off(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned(b" " * (3 * 1024 * 1024)))
    (only,) = (await ask(make("openai", scripted_http.url))).attempts
    assert only.outcome is AttemptOutcome.API_ERROR
    assert "larger than" in only.detail


async def test_a_refusal_in_the_vendors_own_field_is_a_refusal(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.anthropic("", stop_reason="refusal"))
    with pytest.raises(ModelRefusal):
        await make("anthropic", scripted_http.url).ask(PROMPT, SCHEMA)
    refused = {"choices": [{"message": {"content": None, "refusal": "I will not"}, "finish_reason": "stop"}]}
    scripted_http.script(Canned(refused))
    (only,) = (await ask(make("openai", scripted_http.url))).attempts
    assert only.outcome is AttemptOutcome.REFUSAL
    scripted_http.script(Canned({"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}))
    (only,) = (await ask(make("openai", scripted_http.url))).attempts
    assert only.outcome is AttemptOutcome.REFUSAL


async def test_an_endpoint_without_structured_output_is_asked_with_a_forced_tool_from_then_on(
    make: Make, scripted_http: ScriptedHttp
) -> None:
    tool_use = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "tool_use", "id": "t", "name": "answer", "input": {"word": "yes"}}],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    provider = make("anthropic", scripted_http.url)
    scripted_http.script(Canned.error(400, "output_config: Extra inputs are not permitted"), Canned(tool_use))
    assert (await provider.ask(PROMPT, SCHEMA)).text == GOOD
    assert scripted_http.asked[-1].body["tool_choice"] == {"type": "tool", "name": "answer"}
    assert (await provider.ask(PROMPT, SCHEMA)).text == GOOD
    assert len(scripted_http.asked) == 3, "the second call does not try structured output again"


async def test_a_400_about_something_else_is_not_asked_twice(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.error(400, "Your credit balance is too low"))
    with pytest.raises(ApiError):
        await make("anthropic", scripted_http.url).ask(PROMPT, SCHEMA)
    assert len(scripted_http.asked) == 1


async def test_a_server_that_echoes_the_key_does_not_get_it_into_the_metrics(
    make: Make, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned.error(401, "bad key k-12345678"))
    (only,) = (await ask(make("openai", scripted_http.url, api_key="k-12345678"))).attempts
    assert scripted_http.asked[0].headers["authorization"] == "Bearer k-12345678"
    assert "k-12345678" not in only.detail


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_the_url_may_come_with_or_without_v1(suffix: str, make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.openai(GOOD))
    await ask(make("openai", scripted_http.url + suffix))
    assert scripted_http.asked[0].path == "/v1/chat/completions"


async def test_without_a_model_name_the_servers_first_one_is_learned_once(
    make: Make, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned({"data": [{"id": "/models/folder/tiny.gguf"}]}), Canned.openai(GOOD))
    provider = make("openai", scripted_http.url, model=None)
    await ask(provider)
    await ask(provider)
    assert [a.path for a in scripted_http.asked] == ["/v1/models", "/v1/chat/completions", "/v1/chat/completions"]
    assert provider.model == "tiny.gguf"


async def test_a_server_that_lists_no_models_is_asked_for_default(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned.error(404), Canned.openai(GOOD))
    result = await ask(make("openai", scripted_http.url, model=None))
    assert (result.answer, result.attempts[0].model) == (GOOD, "default")


async def test_a_server_that_is_still_loading_is_asked_for_its_model_again(
    make: Make, scripted_http: ScriptedHttp
) -> None:
    scripted_http.script(Canned.error(503), Canned({"data": [{"id": "m"}]}), Canned.openai(GOOD))
    provider = make("openai", scripted_http.url, model=None)
    assert (await ask(provider)).attempts[0].outcome is AttemptOutcome.API_ERROR
    assert (await ask(provider)).answer == GOOD


async def test_an_ollama_without_a_model_name_uses_its_first_one(make: Make, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(Canned({"models": [{"model": "tiny:latest"}]}), Canned.ollama(GOOD))
    result = await ask(make("ollama", scripted_http.url, model=None))
    assert (result.answer, result.attempts[0].model) == (GOOD, "tiny:latest")
    scripted_http.script(Canned({"models": []}))
    (only,) = (await ask(make("ollama", scripted_http.url, model=None))).attempts
    assert (only.outcome, "has no model" in only.detail) == (AttemptOutcome.API_ERROR, True)


async def test_an_ollama_model_is_asked_not_to_think_aloud_and_one_that_cannot_is_asked_without(
    make: Make, scripted_http: ScriptedHttp
) -> None:
    provider = make("ollama", scripted_http.url)
    scripted_http.script(Canned({"error": '"m" does not support thinking'}, status=400), Canned.ollama(GOOD))
    assert (await ask(provider)).answer == GOOD
    assert (await ask(provider)).answer == GOOD
    assert [asked.body.get("think") for asked in scripted_http.asked] == [False, None, None]
    scripted_http.script(Canned({"error": "bad format"}, status=400))
    assert (await ask(make("ollama", scripted_http.url))).attempts[0].outcome is AttemptOutcome.API_ERROR


@pytest.mark.parametrize("vendor", VENDORS)
async def test_connections_are_reused(vendor: str, make: Make) -> None:
    opened: list[asyncio.StreamWriter] = []
    body = json.dumps(said(vendor, GOOD).body).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    provider = make(vendor, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for _ in range(10):
        assert (await ask(provider)).answer == GOOD
    assert len(opened) == 1
    await provider.close()
    server.close()
    await opened[0].wait_closed()


@pytest.mark.model
async def test_a_real_llama_cpp_server_answers_in_the_schema(make: Make, llama_url: str) -> None:
    provider = make("openai", llama_url, model=None, timeout_seconds=120)
    done = await provider.ask(PROMPT, SCHEMA)
    assert done.text.replace(" ", "").replace("\n", "") in ('{"word":"yes"}', '{"word":"no"}')
    assert done.prompt_tokens > 10
    assert done.completion_tokens > 3
    assert provider.model != "default"


@pytest.mark.model
async def test_the_ollama_client_gets_a_real_models_answer(make: Make, ollama_url: str) -> None:
    provider = make("ollama", ollama_url, model=None, timeout_seconds=120)
    done = await provider.ask(PROMPT, SCHEMA)
    assert done.text.replace(" ", "").replace("\n", "") in ('{"word":"yes"}', '{"word":"no"}')
    assert done.completion_tokens > 3
    with pytest.raises(ApiError, match="not found"):
        await make("ollama", ollama_url, model="absent", timeout_seconds=120).ask(PROMPT, SCHEMA)


@pytest.mark.model
async def test_the_anthropic_client_gets_a_real_models_answer(make: Make, anthropic_url: str) -> None:
    """llama.cpp speaks /v1/messages; it ignores the schema, so only the way there and back is shown."""
    done = await make("anthropic", anthropic_url, timeout_seconds=120).ask(PROMPT, SCHEMA)
    assert done.text
    assert done.completion_tokens > 0
