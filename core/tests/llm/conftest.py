"""A server that answers as a test says, and a provider before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from server_rig import ReactingServer

from mesh_core.llm.providers.ollama import OllamaProvider
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider


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
