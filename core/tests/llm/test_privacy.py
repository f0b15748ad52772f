"""LLM_PRIVACY=local: what counts as this house, and that nobody else is ever connected to."""

from __future__ import annotations

from pathlib import Path

import pytest
from parts.scripted import Canned
from server_rig import GOOD, ReactingServer, ask

from mesh_core.llm.chain import chain_for, leaving
from mesh_core.llm.locality import why_outside
from mesh_core.llm.model_choice import ListedModel, choose
from mesh_core.llm.settings import ChainSettings
from mesh_core.runtime.chain_note import chain_note, note_chain, read_chain
from mesh_core.runtime.settings import BadSettings, read_settings


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1:8080/v1",
            "http://[::1]:1",
            "http://localhost",
            "http://10.0.0.7",
            "http://192.168.1.2:11434",
        ),
        *(
            "http://172.20.0.3",
            "http://100.64.0.9:8080",
            "http://[fd00::7]",
            "http://[fe80::1%25eth0]",
            "http://nas:8080",
            "http://GPU.lan",
        ),
        *("https://models.home.arpa", "http://ai.internal.", "http://box.local", "http://[::ffff:10.0.0.7]"),
    ],
)
def test_these_addresses_are_in_the_house(url: str) -> None:
    assert why_outside(url, "qwen3") == ""


@pytest.mark.parametrize(
    "url",
    [
        *("https://api.openai.com/v1", "http://8.8.8.8", "http://[2001:4860:4860::8888]", "http://134744072"),
        *(
            "http://0x8.8.8.8",
            "http://010.8.8.8",
            "http://0.0.0.0:1",
            "http://127.0.0.1.example.org",
            "http://x.lan.com",
        ),
        *(
            "http://127.0.0.1@api.example.org/",
            "http://172.32.0.1",
            "http://100.128.0.1",
            "http://[::ffff:8.8.8.8]",
            "http://",
            "http://[x",
        ),
    ],
)
def test_these_are_not(url: str) -> None:
    assert why_outside(url, None)


def test_a_vendors_own_api_and_what_ollama_passes_on_are_outside() -> None:
    assert why_outside(None, "any") == "it is its vendor's own API"
    assert "passes" in why_outside("http://127.0.0.1:11434", "gpt-oss:120b-cloud")
    assert choose([ListedModel("gpt-oss:120b-cloud", ("completion",)), ListedModel("qwen3:8b")]).name == "qwen3:8b"


async def test_a_cloud_is_not_even_connected_to_whatever_the_chain_says(tmp_path: Path) -> None:
    chain_file = tmp_path / "chain.yml"
    with ReactingServer() as cloud:
        cloud.behaviour = lambda asked: Canned.openai(GOOD)
        # an address that is not of this house, and leads to the listener all the same
        chain_file.write_text(
            f"- {{name: cloud, kind: openai, url: 'http://0.0.0.0:{cloud.port}', model: m, writes: true}}\n"
        )
        for privacy, connections in (("local", 0), ("any", 1)):
            settings = read_settings(ChainSettings, {"LLM_PRIVACY": privacy, "LLM_CHAIN": "cloud"})
            for provider in chain_for(settings, chain_file):
                await ask(provider)
                await provider.close()
            assert len(cloud.asked) == connections
        cloud.close()


async def test_who_is_refused_is_said_by_name_with_the_reason(tmp_path: Path) -> None:
    environ = {"LLM_PRIVACY": "local", "ANTHROPIC_API_KEY": "x", "LLAMACPP_URL": "http://nas:1"}
    settings = read_settings(ChainSettings, environ)
    own = "it is its vendor's own API"
    assert leaving(settings, None) == {"haiku": own, "sonnet": own}
    providers = chain_for(settings, None)
    assert [provider.name for provider in providers] == ["llamacpp"]
    for provider in providers:
        await provider.close()
    at_home = read_settings(ChainSettings, environ | {"ANTHROPIC_BASE_URL": "http://gateway.lan"})
    assert leaving(at_home, None) == {}
    with pytest.raises(BadSettings, match="LLM_PRIVACY"):
        read_settings(ChainSettings, {"LLM_PRIVACY": "mine"})


def test_the_chain_of_a_running_planner_is_noted_for_others(tmp_path: Path) -> None:
    assert read_chain(tmp_path) is None
    assert note_chain(tmp_path, ["llamacpp"], {"haiku": "why"}) is None
    noted = read_chain(tmp_path)
    assert noted is not None
    assert (noted.asked, noted.refused) == (("llamacpp",), {"haiku": "why"})
    chain_note(tmp_path).write_text("[]")
    assert read_chain(tmp_path) is None
