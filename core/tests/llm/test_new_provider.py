"""A new kind of provider is a file with a KIND and a line: chain.yml may name it, and the router asks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh_core.llm.chain import chain_for
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.provider_kind import BadChain, ProviderKind, ProviderRequest, missing
from mesh_core.llm.provider_table import KINDS
from mesh_core.llm.router import Completion, Price, Prompt, complete
from mesh_core.llm.settings import ChainSettings


class EchoProvider:
    """As somebody would write it in providers/echo.py."""

    vendor = "echo"
    at_once = 1

    def __init__(self, request: ProviderRequest, settings: ChainSettings):
        self.name = request.name
        self.model = request.model or "echo-1"
        self.timeout_seconds = request.timeout_seconds or settings.llm_local_timeout_seconds
        self.price: Price = request.price

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        return Completion(prompt.user, prompt_tokens=1_000_000)

    async def close(self) -> None:
        """Holds no connection."""


def _build(request: ProviderRequest, settings: ChainSettings) -> EchoProvider:
    if not request.url:
        raise missing(request, "echo", "url")
    return EchoProvider(request, settings)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "echo", ProviderKind("echo", _build, {}))  # the line in the table


def chain_file(folder: Path, text: str) -> Path:
    path = folder / "chain.yml"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("echo")
async def test_chain_yml_may_name_it_and_its_answer_is_an_attempt_like_any_other(tmp_path: Path) -> None:
    path = chain_file(tmp_path, "- {name: lab, kind: echo, url: http://lab, price: {input: 2}}\n")
    providers = chain_for(ChainSettings(LLM_CHAIN="lab"), path)
    result = await complete(providers, Prompt("", "hello", 5), {}, lambda text: text, breakers=Breakers())
    (attempt,) = result.attempts
    assert (result.answer, attempt.name, attempt.provider, attempt.model, attempt.cost_usd) == (
        ("hello", "lab", "echo", "echo-1", 2.0)
    )


@pytest.mark.usefixtures("echo")
async def test_what_it_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadChain, match="'lab' of kind echo needs `url`"):
        chain_for(ChainSettings(LLM_CHAIN="lab"), chain_file(tmp_path, "- {name: lab, kind: echo}\n"))


async def test_a_kind_that_is_in_no_table_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(BadChain, match="there is no kind 'echo'; write one of openai, ollama, anthropic"):
        chain_for(ChainSettings(LLM_CHAIN="lab"), chain_file(tmp_path, "- {name: lab, kind: echo, url: http://x}\n"))
