"""Model servers as people have them, over real HTTP: what one does not take is asked for in another way."""

from __future__ import annotations

from typing import Any

import pytest
from parts.scripted import Asked, Canned
from server_rig import GOOD, SCHEMA, ReactingServer, ask, formats, refusing, streamed

from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.models.attempts import AttemptOutcome


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
