"""Model servers as people have them, over real HTTP: what one wraps, sends in pieces or says instead of an answer."""

from __future__ import annotations

import json

import pytest
from parts.scripted import Canned
from server_rig import GOOD, PROMPT, SCHEMA, Behaviour, ReactingServer, ask, formats, read, streamed

from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.anthropic import AnthropicProvider
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Provider, complete
from mesh_core.models.attempts import AttemptOutcome


def said(content: object, **more: object) -> Behaviour:
    message = {"role": "assistant", "content": content, **more}
    return lambda asked: Canned({"choices": [{"message": message, "finish_reason": "stop"}], "usage": {}})


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (said(f"<think>\nI see.\n</think>\n\n{GOOD}"), "1 unwrapped: thinking"),
        (said(f"```json\n{GOOD}\n```"), "1 unwrapped: code fence"),
        (said("\ufeff" + GOOD), "1 unwrapped: byte order mark"),
        (said([{"type": "text", "text": GOOD}]), "1 unwrapped: content in parts"),
        (
            said([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text", "text": GOOD}]),
            "content in parts",
        ),
        (said(["", GOOD]), "content in parts"),
        (said(None, reasoning_content=GOOD), "1 unwrapped: reasoning_content"),
        (said("", reasoning=GOOD), "1 unwrapped: reasoning"),
        (said([], reasoning_content=f"```\n{GOOD}\n```"), "2 unwrapped: reasoning_content, code fence"),
        (said(None, tool_calls=[{"function": {"name": "answer", "arguments": GOOD}}]), "1 unwrapped: tool call"),
        (said("", tool_calls=[{"function": {"arguments": {"word": "yes"}}}]), "1 unwrapped: tool call"),
        (said(None, function_call={"name": "answer", "arguments": GOOD}), "1 unwrapped: tool call"),
        (said([{"type": "text", "text": {"value": GOOD}}]), "1 unwrapped: content in parts"),
        (said([{"type": "reasoning", "content": "hm"}, {"type": "text", "content": GOOD}]), "content in parts"),
        (said(None, reasoning_details=[{"type": "reasoning.text", "text": GOOD}]), "1 unwrapped: reasoning_details"),
        (said(None, reasoning={"content": GOOD}), "1 unwrapped: reasoning"),
        (lambda asked: Canned({"choices": [{"text": GOOD}]}), ""),
        (lambda asked: Canned({"choices": [{"delta": {"content": GOOD}, "finish_reason": "stop"}]}), ""),
        (said('{"word": "YES"}'), "1 unwrapped: word in another case"),
        (said('{"word": "yes", "sure": "0.7"}'), "1 unwrapped: sure as text"),
    ],
)
async def test_a_wrapped_answer_is_unwrapped_and_counted_in_the_attempts_detail(
    server: ReactingServer, openai: OpenAICompatibleProvider, behaviour: Behaviour, words: str
) -> None:
    server.behaviour = behaviour
    attempt = await ask(openai)
    assert attempt.outcome is AttemptOutcome.OK, attempt
    assert words in attempt.detail
    server.behaviour = said(GOOD, reasoning_content="thought of, and not needed")
    assert (await ask(openai)).detail == ""


@pytest.mark.parametrize(
    "behaviour",
    [
        said(f"Either {GOOD} or {GOOD}"),
        said(f"As the log asks:\n```json\n{GOOD}\n```"),
        said([{"type": "text", "text": GOOD}, {"type": "text", "text": GOOD}]),
        said([{"type": "image_url", "image_url": GOOD}]),
        said(None, reasoning_content=f"I would say {GOOD}"),
        said(None),
        said({"word": "yes"}),
        said(None, tool_calls=[{"function": {"arguments": GOOD}}, {"function": {"arguments": GOOD}}]),
        said(None, tool_calls=[{"function": None}]),
        said(None, tool_calls={"arguments": GOOD}, function_call=GOOD),
    ],
)
async def test_an_answer_that_would_have_to_be_looked_for_stays_refused(
    server: ReactingServer, openai: OpenAICompatibleProvider, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    assert (await ask(openai)).outcome is AttemptOutcome.INVALID_JSON


@pytest.mark.parametrize(
    "behaviour",
    [
        *(
            lambda asked, word=word: Canned({"choices": [{"message": {"content": None}, "finish_reason": word}]})
            for word in ("content_filter", "SAFETY", "refusal", "PROHIBITED_CONTENT")
        ),
        lambda asked: Canned.error(400, "The response was filtered: see our content management policy"),
        lambda asked: Canned({"error": {"message": "no", "innererror": {}, "code": "content_filter"}}, status=400),
    ],
)
async def test_what_a_vendors_filter_keeps_back_is_a_refusal_and_not_asked_for_again(
    server: ReactingServer, openai: OpenAICompatibleProvider, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    assert (await ask(openai)).outcome is AttemptOutcome.REFUSAL
    assert len(server.chats) == 1


async def test_a_model_that_is_cut_off_while_it_thinks_gets_more_room_the_next_time(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    cut = {"choices": [{"message": {"content": "<think>\nOkay, so"}, "finish_reason": "length"}], "usage": {}}
    server.behaviour = lambda asked: Canned(cut if asked.body["max_tokens"] == 64 else Canned.openai(GOOD).body)
    assert (await ask(openai)).outcome is AttemptOutcome.INVALID_JSON
    assert (await ask(openai)).outcome is AttemptOutcome.OK


@pytest.mark.parametrize("vendor", ["openai", "ollama", "anthropic"])
@pytest.mark.parametrize(("encoding", "charset"), [("utf-8-sig", ""), ("utf-16", ""), ("latin-1", "; charset=latin1")])
async def test_a_body_in_another_encoding_is_read(
    server: ReactingServer, vendor: str, encoding: str, charset: str
) -> None:
    body = getattr(Canned, vendor)('{"word": "yes", "why": "für"}').body
    raw = json.dumps(body, ensure_ascii=False).encode(encoding)
    server.behaviour = lambda asked: Canned(raw, headers={"Content-Type": f"application/json{charset}"})
    provider: Provider
    match vendor:
        case "openai":
            provider = OpenAICompatibleProvider(name="lab", url=server.url, model="m", timeout_seconds=60)
        case "ollama":
            provider = OllamaProvider(name="lab", host=server.url, model="m", timeout_seconds=60)
        case _:
            provider = AnthropicProvider(name="lab", base_url=server.url, model="m", api_key="k", timeout_seconds=60)
    result = await complete([provider], PROMPT, SCHEMA, read, breakers=Breakers())
    assert result.answer == {"word": "yes", "why": "für"}, result.attempts
    await provider.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        streamed({"role": "assistant", "content": ""}, *({"content": letter} for letter in GOOD)),
        streamed({"content": GOOD}, end="\r\n\r\n", last=": the end\r\n"),
        streamed({"reasoning_content": GOOD[:3]}, {"reasoning_content": GOOD[3:], "content": None}),
    ],
)
async def test_an_answer_in_pieces_is_put_together(
    server: ReactingServer, openai: OpenAICompatibleProvider, behaviour: Behaviour
) -> None:
    server.behaviour = behaviour
    attempt = await ask(openai)
    assert (attempt.outcome, attempt.prompt_tokens) == (AttemptOutcome.OK, 7), attempt
    assert "unwrapped: pieces" in attempt.detail
    assert server.chats[0]["stream"] is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('data: {"error": {"message": "the model fell over", "code": 500}}\n\n', "fell over"),
        ("data: soon\n\n", "not JSON"),
        ("data: [1]\n\n", "not JSON"),
        (": ping\n\ndata: [DONE]\n\n", "empty"),
    ],
)
async def test_pieces_that_make_no_answer_are_told(
    server: ReactingServer, openai: OpenAICompatibleProvider, text: str, words: str
) -> None:
    server.behaviour = lambda asked: Canned(text.encode())
    attempt = await ask(openai)
    assert attempt.outcome in (AttemptOutcome.API_ERROR, AttemptOutcome.INVALID_JSON)
    assert words in attempt.detail or words == "empty"


async def test_a_gateways_error_in_a_200_is_told(server: ReactingServer, openai: OpenAICompatibleProvider) -> None:
    server.behaviour = lambda asked: Canned({"error": {"message": "no provider is up", "code": 502}})
    attempt = await ask(openai)
    assert (attempt.outcome, "no provider is up" in attempt.detail) == (AttemptOutcome.API_ERROR, True)


@pytest.mark.parametrize(
    "error", [{"message": "bad request", "code": 400}, {"message": "response_format?"}, "json_schema"]
)
async def test_a_refusal_of_the_form_in_a_200_is_one(
    server: ReactingServer, openai: OpenAICompatibleProvider, error: object
) -> None:
    server.behaviour = lambda asked: (
        Canned({"error": error}) if asked.body.get("response_format") else Canned.openai(GOOD)
    )
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert formats(server) == ["json_schema", "json_object", None]
