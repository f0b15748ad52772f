"""Of a server's list, the first model that can chat: by what is said of it, by its name, by what it answers."""

from __future__ import annotations

import pytest

from mesh_core.llm.model_choice import ListedModel, cannot_chat, choose, is_gone, why_not


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mxbai-embed-large:latest", "embeddings"),
        ("text-embedding-3-small", "embeddings"),
        ("BAAI/bge-m3", "embeddings"),
        ("gte-large-en-v1.5", "embeddings"),
        ("multilingual-e5-base", "embeddings"),
        ("all-minilm:33m", "embeddings"),
        ("ModernBERT-base", "embeddings"),
        ("bge-reranker-v2-m3", "reranks"),
        ("cross-encoder/ms-marco", "reranks"),
        ("openai/clip-vit-large", "only sees"),
        ("siglip2-so400m", "only sees"),
        ("whisper-large-v3", "sound"),
        ("stable-diffusion-xl", "pictures"),
        ("omni-moderation-latest", "judges"),
        ("some-guardian-2b", "judges"),
        ("xtts-v2", "sound"),
        ("musicmaker-small", "sound"),
        ("gpt-image-1", "pictures"),
        ("lab-video-13b", "pictures"),
    ],
)
def test_a_name_tells_what_a_model_is_made_for(name: str, reason: str) -> None:
    assert reason in why_not(ListedModel(name))


@pytest.mark.parametrize(
    "name",
    ["qwen3:4b", "smollm2:135m", "deepseek-v3", "gemma3n:e4b", "gpt-4o-mini", "mistral-small", "phi-4-mini-instruct"],
)
def test_an_ordinary_name_is_a_model_that_chats(name: str) -> None:
    assert why_not(ListedModel(name)) == ""


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (("embedding",), "embeddings"),
        (("embeddings",), "embeddings"),
        (("rerank",), "reranks"),
        (("vision",), "only sees"),
        (("text->image",), "pictures"),
        (("nomic-bert",), "embeddings"),
        (("completion", "vision"), ""),
        (("completion", "tools"), ""),
        (("vlm",), ""),
        (("text+image->text",), ""),
        (("completion_chat",), ""),
    ],
)
def test_what_the_server_says_counts(says: tuple[str, ...], reason: str) -> None:
    found = why_not(ListedModel("some-model", says))
    assert reason in found if reason else found == ""


def test_it_counts_before_the_name() -> None:
    assert why_not(ListedModel("embed-and-chat", ("completion",))) == ""
    assert why_not(ListedModel("qwen3-4b", ("embedding",)))


def test_the_first_that_can_chat_is_taken_and_the_others_are_named_with_their_reason() -> None:
    choice = choose([ListedModel("bge-m3"), ListedModel("llava:7b"), ListedModel("qwen3:4b"), ListedModel("llama3.2")])
    assert choice.name == "qwen3:4b", "one that is made for pictures comes after those that are not"
    assert (
        choice.reason == "the first of 4 on the server's list that can chat; passed over: bge-m3 (it makes embeddings)"
    )
    assert choose([ListedModel("llava:7b")]).name == "llava:7b"
    assert choose([ListedModel("qwen3:4b")]).reason == "the only one that the server lists"


def test_where_none_can_chat_the_reason_names_them() -> None:
    choice = choose([ListedModel(f"embed-{n}") for n in range(9)])
    assert choice.name is None
    assert choice.reason.startswith("none of its 9 models can chat: embed-0 (it makes embeddings), embed-1")
    assert choice.reason.endswith("and 6 more")


def test_one_that_said_no_is_passed_over() -> None:
    choice = choose([ListedModel("odd"), ListedModel("even")], {"odd": "it said that it cannot chat"})
    assert (choice.name, "odd (it said that it cannot chat)" in choice.reason) == ("even", True)


@pytest.mark.parametrize(
    ("sentence", "no_chat", "gone"),
    [
        ('400: "odd:latest" does not support chat', True, False),
        ("400: Model odd does not support chat completions", True, False),
        ("501: This server does not support completions. Start it without `--embeddings`", True, False),
        ("400: Embedding models cannot be used for chat", True, False),
        ("400: this is not a chat model and thus not supported in this endpoint", True, False),
        ('404: model "odd" not found, try pulling it first', False, True),
        ("404: The model `odd` does not exist or you do not have access to it", False, True),
        ("400: This response_format type is unavailable now", False, False),
        ('400: "odd" does not support thinking', False, False),
        ("400: Your credit balance is too low", False, False),
    ],
)
def test_what_a_refusal_says_of_the_model(sentence: str, no_chat: bool, gone: bool) -> None:
    assert (cannot_chat(sentence), is_gone(int(sentence[:3]), sentence)) == (no_chat, gone)
