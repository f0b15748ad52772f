"""Model servers as people have them, over real HTTP: which of their models is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from parts.scripted import Asked, Canned
from server_rig import GOOD, Behaviour, ReactingServer, ask

from mesh_core.llm.chain import chain_for
from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.llm.settings import ChainSettings
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.runtime.settings import BadSettings, read_settings


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
    for unfit in ("for ever", "\u0663\u0660m"):  # digits, but none that Ollama reads
        with pytest.raises(BadSettings, match="OLLAMA_KEEP_ALIVE"):
            read_settings(ChainSettings, {"OLLAMA_KEEP_ALIVE": unfit})


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
