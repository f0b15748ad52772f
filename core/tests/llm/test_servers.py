"""Model servers as people have them, over real HTTP: what one does not take, what another wraps, which model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from parts.scripted import Asked, Canned, ScriptedHttp

from mesh_core.llm.chain import chain_for
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.providers.anthropic import AnthropicProvider
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.router import Attempt, Prompt, Provider, Rejection, complete
from mesh_core.llm.settings import ChainSettings
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.runtime.settings import BadSettings, read_settings

PROMPT = Prompt("You answer in JSON.", "Say yes.", 64)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"word": {"type": "string", "enum": ["yes", "no"]}, "sure": {"type": "number"}},
    "required": ["word"],
}
GOOD = '{"word": "yes"}'
Behaviour = Callable[[Asked], Canned]


def read(text: str) -> dict[str, Any] | Rejection:
    try:
        value: dict[str, Any] = json.loads(text)
    except ValueError:
        return Rejection(AttemptOutcome.INVALID_JSON, "not JSON")
    fits = value.get("word") in ("yes", "no") and not isinstance(value.get("sure"), str)
    return value if fits else Rejection(AttemptOutcome.SCHEMA_VIOLATION, "not the form")


class ReactingServer(ScriptedHttp):
    """Answers each request as `behaviour` says."""

    behaviour: Behaviour

    def next_answer(self, asked: Asked) -> Canned:
        self.asked.append(asked)
        return self.behaviour(asked)

    @property
    def chats(self) -> list[Any]:
        return [asked.body for asked in self.asked if asked.path in ("/v1/chat/completions", "/api/chat")]


@pytest.fixture
def server() -> Iterator[ReactingServer]:
    with ReactingServer() as made:
        yield made
        made.close()


@pytest.fixture
async def openai(server: ReactingServer) -> AsyncIterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider(name="lab", url=server.url, model="m", timeout_seconds=60)
    yield made
    await made.close()


@pytest.fixture
async def choosing(server: ReactingServer) -> AsyncIterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider(name="lab", url=server.url, timeout_seconds=60)
    yield made
    await made.close()


@pytest.fixture
async def ollama(server: ReactingServer) -> AsyncIterator[OllamaProvider]:
    made = OllamaProvider(name="ollama", host=server.url, timeout_seconds=60)
    yield made
    await made.close()


async def ask(provider: Provider) -> Attempt:
    return (await complete([provider], PROMPT, SCHEMA, read, breakers=Breakers())).attempts[0]


def refusing(field: str, status: int = 400, words: str | None = None, *, kind: str | None = None) -> Behaviour:
    """Takes everything but `field` (or that with `type` kind)."""

    def answer(asked: Asked) -> Canned:
        there = asked.body.get(field)
        if there is not None and (kind is None or there["type"] == kind):
            return Canned.error(status, f"Unsupported parameter: {field}" if words is None else words)
        return Canned.openai(GOOD)

    return answer


def formats(server: ReactingServer) -> list[str | None]:
    return [(body.get("response_format") or {}).get("type") for body in server.chats]


# What a server does not take


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("words", ["response_format: bad type", "Bad Request", "dieses Format wird nicht angeboten"])
async def test_a_server_without_schemas_is_asked_for_json_then_plainly_and_that_is_remembered(
    server: ReactingServer, openai: OpenAICompatibleProvider, status: int, words: str
) -> None:
    server.behaviour = refusing("response_format", status, words)
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert formats(server) == ["json_schema", "json_object", None, None]


async def test_a_server_that_takes_any_json_is_asked_for_that(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    server.behaviour = refusing("response_format", kind="json_schema")
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    await ask(openai)
    assert formats(server) == ["json_schema", "json_object", "json_object"]


@pytest.mark.parametrize("status", [404, 500, 501])
async def test_another_status_counts_where_the_sentence_names_what_was_sent(
    server: ReactingServer, openai: OpenAICompatibleProvider, status: int
) -> None:
    server.behaviour = refusing("response_format", status, "no endpoint that takes response_format")
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    server.behaviour = refusing("messages", status, "out of order")
    assert (await ask(openai)).outcome is AttemptOutcome.API_ERROR
    assert len(server.chats) == 4


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "No endpoints found that can handle the requested parameters."),
        (500, "TypeError: create() got an unexpected keyword argument"),
        (400, '{"detail":[{"type":"extra_forbidden","loc":["body","x"],"msg":"Extra inputs are not permitted"}]}'),
        (501, "unsupported option in the request"),
    ],
)
async def test_a_refusal_of_some_part_that_it_does_not_name_is_one_of_the_format(
    server: ReactingServer, openai: OpenAICompatibleProvider, status: int, words: str
) -> None:
    server.behaviour = refusing("response_format", status, words)
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert formats(server) == ["json_schema", "json_object", None]


async def test_the_other_name_for_the_bound_on_tokens_and_no_temperature(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    def answer(asked: Asked) -> Canned:
        if "max_tokens" in asked.body:
            return Canned.error(400, "'max_tokens' is not supported; use 'max_completion_tokens' and no temperature")
        if "temperature" in asked.body:
            return Canned.error(400, "'temperature' does not support 0 with this model")
        return Canned.openai(GOOD)

    server.behaviour = answer
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    await ask(openai)
    last = server.chats[-1]
    assert (last["max_completion_tokens"], "temperature" in last, "max_tokens" in last) == (64, False, False)
    assert last["response_format"]["type"] == "json_schema", "what was not refused stays"
    assert len(server.chats) == 4


async def test_a_model_without_a_system_message_gets_its_words_before_the_question(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    def answer(asked: Asked) -> Canned:
        if asked.body["messages"][0]["role"] == "system":
            return Canned.error(400, "System role not supported")
        return Canned.openai(GOOD)

    server.behaviour = answer
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert server.chats[-1]["messages"] == [{"role": "user", "content": "You answer in JSON.\n\nSay yes."}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "x" * 150 + " and no more room", "type": "t", "code": "400"}}, "400: xxx"),
        ({"error": "the server is busy"}, "400: the server is busy"),
        ({"detail": "Not here"}, "400: Not here"),
        ({"message": "unhappy", "param": "seed"}, "400: unhappy (seed)"),
        ({"object": "error", "code": 3}, '400: {"object": "error"'),
        ([1], "400: [1]"),
    ],
)
async def test_a_complaint_is_told_without_the_json_around_it(
    server: ReactingServer, openai: OpenAICompatibleProvider, body: object, words: str
) -> None:
    server.behaviour = lambda asked: Canned(body, status=400)
    assert (await ask(openai)).detail.startswith(words)


async def test_a_model_that_is_not_there_is_asked_for_once(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    server.behaviour = lambda asked: Canned.error(400, "Invalid model name passed in model=m. Call `/v1/models`")
    assert "Invalid model name" in (await ask(openai)).detail
    assert len(server.chats) == 1


async def test_a_refusal_of_everything_ends_with_the_first_sentence_and_nothing_is_remembered(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    server.behaviour = lambda asked: Canned.error(400, f"no {(asked.body.get('response_format') or {}).get('type')}")
    attempt = await ask(openai)
    assert (attempt.outcome, "no json_schema" in attempt.detail) == (AttemptOutcome.API_ERROR, True)
    server.behaviour = lambda asked: Canned.openai(GOOD)
    await ask(openai)
    assert formats(server)[-1] == "json_schema"


@pytest.mark.parametrize("status", [401, 403, 413, 429, 503])
async def test_a_refusal_of_who_asks_or_how_often_is_not_asked_again(
    server: ReactingServer, openai: OpenAICompatibleProvider, status: int
) -> None:
    server.behaviour = lambda asked: Canned.error(status, "response_format, temperature and max_tokens are fine")
    assert (await ask(openai)).outcome is AttemptOutcome.API_ERROR
    assert len(server.chats) == 1


async def test_an_ollama_that_knows_no_schemas_is_asked_for_json(
    server: ReactingServer, ollama: OllamaProvider
) -> None:
    def answer(asked: Asked) -> Canned:
        if asked.path == "/api/tags":
            return Canned({"models": [{"model": "tiny:latest"}]})
        if asked.path == "/api/show":
            return Canned({"error": "not here"}, status=404)
        if isinstance(asked.body.get("format"), dict):
            return Canned({"error": "json: cannot unmarshal object into field format of type string"}, status=400)
        return Canned.ollama(GOOD)

    server.behaviour = answer
    assert (await ask(ollama)).outcome is AttemptOutcome.OK
    await ask(ollama)
    assert [body["format"] for body in server.chats] == [SCHEMA, "json", "json"]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}}),
        (500, {"error": "Only user and assistant roles are supported!"}),
        (400, {"error": {"message": "Unsupported value", "param": "messages[0].role"}}),
        (422, {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}]}),
        (400, {"status": "x" * 300, "errors": [{"title": "developer messages are not taken"}]}),
    ],
)
async def test_a_model_without_a_role_for_instructions_gets_them_before_the_question(
    server: ReactingServer, openai: OpenAICompatibleProvider, status: int, body: dict[str, Any]
) -> None:
    server.behaviour = lambda asked: (
        Canned(body, status=status) if asked.body["messages"][0]["role"] == "system" else Canned.openai(GOOD)
    )
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert formats(server)[-1] == "json_schema", "what was not refused stays"


async def test_a_server_that_only_streams_is_asked_for_pieces(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    server.behaviour = lambda asked: (
        streamed({"content": GOOD})(asked)
        if asked.body["stream"]
        else Canned.error(400, "This model supports stream mode only: enable the stream parameter")
    )
    assert (await ask(openai)).outcome is AttemptOutcome.OK
    assert [body["stream"] for body in server.chats] == [False, True]


@pytest.mark.parametrize("option", ["num_ctx", "keep_alive"])
async def test_an_option_that_a_server_of_ollamas_api_does_not_know_is_left_out(
    server: ReactingServer, option: str
) -> None:
    provider = OllamaProvider(name="lab", host=server.url, model="m", timeout_seconds=60)
    server.behaviour = lambda asked: (
        Canned({"error": f"unknown option: {option}"}, status=400)
        if option in asked.body | asked.body["options"]
        else Canned.ollama(GOOD)
    )
    assert (await ask(provider)).outcome is AttemptOutcome.OK
    await provider.close()
    assert server.chats[-1]["format"] == SCHEMA


# What a server wraps


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


def streamed(*deltas: dict[str, Any], end: str = "\n\n", last: str = "data: [DONE]\n\n") -> Behaviour:
    pieces = [{"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    pieces.append({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}})
    text = "".join(f"data: {json.dumps(piece)}{end}" for piece in pieces) + last
    return lambda asked: Canned(text.encode(), headers={"Content-Type": "text/event-stream"})


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


# Which model


def listing(*rows: dict[str, Any], chat: Behaviour | None = None) -> Behaviour:
    def answer(asked: Asked) -> Canned:
        if asked.path == "/v1/models":
            return Canned({"object": "list", "data": list(rows)})
        return chat(asked) if chat else Canned.openai(GOOD)

    return answer


async def test_the_first_model_is_the_first_that_can_chat_and_the_attempt_says_which_and_why_once(
    server: ReactingServer, choosing: OpenAICompatibleProvider
) -> None:
    server.behaviour = listing({"id": "text-embedding-one"}, {"id": "judge", "type": "reranker"}, {"id": "qwen/qwen3"})
    first, second = await ask(choosing), await ask(choosing)
    assert (first.outcome, server.chats[0]["model"], first.model) == (AttemptOutcome.OK, "qwen/qwen3", "qwen/qwen3")
    assert "model qwen/qwen3 is the first of 3 on the server's list that can chat; passed over:" in first.detail
    assert second.detail == ""


async def test_a_model_that_says_that_it_cannot_chat_is_passed_over_at_once(
    server: ReactingServer, choosing: OpenAICompatibleProvider
) -> None:
    def chat(asked: Asked) -> Canned:
        if asked.body["model"] == "odd":
            return Canned.error(400, "Model odd does not support chat completions")
        return Canned.openai(GOOD)

    server.behaviour = listing({"id": "odd"}, {"id": "even"}, chat=chat)
    assert (await ask(choosing)).outcome is AttemptOutcome.OK
    assert [body["model"] for body in server.chats] == ["odd", "even"]


@pytest.mark.parametrize("status", [400, 404, 422, 500, 501])
async def test_a_model_that_never_answered_is_passed_over_whatever_its_server_says_of_it(
    server: ReactingServer, choosing: OpenAICompatibleProvider, status: int
) -> None:
    def chat(asked: Asked) -> Canned:
        return Canned.openai(GOOD) if asked.body["model"] == "second" else Canned.error(status, "rpc: oh dear")

    server.behaviour = listing({"id": "oddity"}, {"id": "second"}, chat=chat)
    attempt = await ask(choosing)
    assert (attempt.outcome, attempt.model) == (AttemptOutcome.OK, "second")
    assert f"oddity (it answered {status})" in attempt.detail
    server.asked.clear()
    server.behaviour = listing({"id": "oddity"}, {"id": "second"}, chat=lambda asked: Canned.error(status, "not now"))
    assert (await ask(choosing)).outcome is AttemptOutcome.API_ERROR
    assert {body["model"] for body in server.chats} == {"second"}, "one that answered once is no oddity"


async def test_where_none_answers_the_first_error_is_told_and_the_first_model_is_asked_again_the_next_time(
    server: ReactingServer, choosing: OpenAICompatibleProvider
) -> None:
    models = [{"id": f"m{number}"} for number in range(9)]
    server.behaviour = listing(*models, chat=lambda asked: Canned.error(500, f"{asked.body['model']} fell over"))
    attempt = await ask(choosing)
    assert (attempt.outcome, "m0 fell over" in attempt.detail) == (AttemptOutcome.API_ERROR, True)
    assert [body["model"] for body in server.chats] == ["m0", "m1", "m2", "m3"]
    server.behaviour = listing(*models, chat=lambda asked: Canned.openai(GOOD))
    assert (await ask(choosing)).model == "m0"


async def test_a_model_that_was_taken_away_is_replaced_by_one_that_is_there(
    server: ReactingServer, choosing: OpenAICompatibleProvider
) -> None:
    server.behaviour = listing({"id": "old"})
    await ask(choosing)

    def chat(asked: Asked) -> Canned:
        return Canned.openai(GOOD) if asked.body["model"] == "new" else Canned.error(404, "model 'old' not found")

    server.behaviour = listing({"id": "new"}, chat=chat)
    attempt = await ask(choosing)
    assert (attempt.outcome, attempt.model) == (AttemptOutcome.OK, "new")


async def test_where_no_model_can_chat_the_attempt_says_so_and_asks_nothing(
    server: ReactingServer, choosing: OpenAICompatibleProvider
) -> None:
    server.behaviour = listing({"id": "some-embeddings"}, {"id": "some-reranker"})
    attempt = await ask(choosing)
    assert attempt.outcome is AttemptOutcome.API_ERROR
    assert "none of its 2 models can chat: some-embeddings (it makes embeddings)" in attempt.detail
    assert server.chats == []


async def test_a_model_that_a_person_named_is_asked_whatever_its_name(
    server: ReactingServer, openai: OpenAICompatibleProvider
) -> None:
    server.behaviour = lambda asked: Canned.error(400, "Model m does not support chat completions")
    assert (await ask(openai)).outcome is AttemptOutcome.API_ERROR
    assert [asked.path for asked in server.asked] == ["/v1/chat/completions"]


@pytest.mark.parametrize(
    "listed",
    [
        [{"id": "numbers", "type": "embedding"}, {"id": "talk", "type": "chat"}],
        {"models": [{"name": "bge-m3"}, {"model": "talk"}]},
        {"data": ["bge-m3", "talk"]},
        {"data": [{"id": "old", "active": False}, {"id": "talk", "active": True}]},
        {"data": [{"id": "draws", "architecture": {"output_modalities": ["image"]}}, {"id": "talk"}]},
        {"data": [{"id": "numbers", "output_modalities": ["embeddings"]}, {"id": "talk"}]},
        {"data": [{"id": "reads", "category": "tts"}, {"id": "draws", "kind": "image"}, {"id": "talk"}]},
        {"data": [{"id": "numbers", "supported_endpoints": ["/v1/embeddings"]}, {"id": "talk"}]},
        {"data": [{"id": "numbers", "supportedGenerationMethods": ["embedContent"]}, {"id": "talk"}]},
    ],
)
async def test_a_list_of_models_is_read_in_each_shape_that_servers_give_it(
    server: ReactingServer, choosing: OpenAICompatibleProvider, listed: Any
) -> None:
    server.behaviour = lambda asked: Canned(listed) if asked.path == "/v1/models" else Canned.openai(GOOD)
    assert (await ask(choosing)).model == "talk"


def pulled(models: dict[str, list[str] | None], *, families: dict[str, str] | None = None) -> Behaviour:
    """An Ollama with these models, each with its capabilities (None: a version that says none)."""

    def answer(asked: Asked) -> Canned:
        if asked.path == "/api/tags":
            rows = [{"model": name, "details": {"family": (families or {}).get(name, "llama")}} for name in models]
            return Canned({"models": rows})
        if asked.path == "/api/show":
            says = models[asked.body["model"]]
            about: dict[str, Any] = {"details": {}, "model_info": {}}
            return Canned(about | ({"capabilities": says} if says is not None else {}))
        return Canned.ollama(GOOD)

    return answer


@pytest.mark.parametrize(
    ("models", "families", "chosen"),
    [
        ({"vectors": ["embedding"], "eyes": ["vision"], "words": ["completion", "tools"]}, {}, "words"),
        ({"vectors": None, "words": None}, {"vectors": "nomic-bert"}, "words"),
        ({"all-embeddings:latest": None, "words": None}, {}, "words"),
        ({"llava:7b": ["completion", "vision"], "words": ["completion"]}, {}, "words"),
        ({"llava:7b": ["completion", "vision"]}, {}, "llava:7b"),
    ],
)
async def test_of_an_ollamas_models_one_that_can_chat_is_taken(
    server: ReactingServer,
    ollama: OllamaProvider,
    models: dict[str, list[str] | None],
    families: dict[str, str],
    chosen: str,
) -> None:
    server.behaviour = pulled(models, families=families)
    attempt = await ask(ollama)
    assert (attempt.outcome, attempt.model) == (AttemptOutcome.OK, chosen)
    assert f"model {chosen} is the " in attempt.detail


async def test_an_ollama_keeps_the_model_loaded_and_gives_the_prompt_room(server: ReactingServer) -> None:
    server.behaviour = pulled({"words": None})
    for environ, keep_alive, num_ctx in (
        ({}, "30m", 4096),
        ({"OLLAMA_KEEP_ALIVE": "-1", "OLLAMA_NUM_CTX": "8192"}, -1, 8192),
        ({"OLLAMA_KEEP_ALIVE": "1h30m"}, "1h30m", 4096),
    ):
        (provider,) = chain_for(read_settings(ChainSettings, {"OLLAMA_HOST": server.url} | environ), None)
        assert (await ask(provider)).outcome is AttemptOutcome.OK
        await provider.close()
        assert (server.chats[-1]["keep_alive"], server.chats[-1]["options"]["num_ctx"]) == (keep_alive, num_ctx)
    with pytest.raises(BadSettings, match="OLLAMA_KEEP_ALIVE"):
        read_settings(ChainSettings, {"OLLAMA_KEEP_ALIVE": "for ever"})


async def test_an_ollama_that_leaves_the_answer_in_its_thoughts_is_read(
    server: ReactingServer, ollama: OllamaProvider
) -> None:
    answer = Canned.ollama("").body
    assert isinstance(answer, dict)
    message = {"role": "assistant", "content": "", "thinking": GOOD}
    server.behaviour = lambda asked: (
        Canned(answer | {"message": message}) if asked.path == "/api/chat" else pulled({"words": None})(asked)
    )
    attempt = await ask(ollama)
    assert (attempt.outcome, "1 unwrapped: thinking" in attempt.detail) == (AttemptOutcome.OK, True)
    message = {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": json.loads(GOOD)}}]}
    assert "1 unwrapped: tool call" in (await ask(ollama)).detail
