"""From settings and config/chain.yml to providers."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mesh_core.llm.budget import Budget
from mesh_core.llm.chain import _ChainEntry, budgets_in, chain_for, marked_to_write, model_urls
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.router import Price, Provider
from mesh_core.llm.settings import ChainSettings
from mesh_core.llm.trust import trusted
from mesh_core.runtime.settings import BadSettings, read_settings, table_rows

ALL = {
    "LLAMACPP_URL": "http://127.0.0.1:8080",
    "OLLAMA_HOST": "http://127.0.0.1:11434",
    "ANTHROPIC_API_KEY": "sk-ant-x",
}


async def chain(environ: Mapping[str, str], path: Path | None = None) -> list[tuple[str, str, str, float, Price]]:
    providers: list[Provider] = chain_for(read_settings(ChainSettings, environ), path, environ=environ)
    for provider in providers:
        await provider.close()
    return [(r.name, r.vendor, r.model, r.timeout_seconds, r.price) for r in providers]


async def names(environ: Mapping[str, str], path: Path | None = None) -> list[str]:
    return [name for name, *_ in await chain(environ, path)]


async def test_the_default_chain_has_the_contracts_order_models_limits_and_prices() -> None:
    assert await chain(ALL) == [
        ("llamacpp", "llamacpp", "default", 8.0, Price()),
        ("ollama", "ollama", "default", 8.0, Price()),
        ("haiku", "anthropic", "claude-haiku-4-5-20251001", 30.0, Price(1, 5)),
        ("sonnet", "anthropic", "claude-sonnet-4-6", 30.0, Price(3, 15)),
    ]


async def test_which_certificates_count_is_read_once_for_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted.cache_clear()
    read: list[ssl.SSLContext] = []
    load = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *places: Any, **more: Any) -> None:
        read.append(context)
        load(context, *places, **more)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    for _ in range(2):
        await chain(ALL)
    assert len(read) == 2  # for those of httpx, and for Anthropic's client, which asks the machine's own list


async def test_what_is_not_configured_is_skipped() -> None:
    assert await names({}) == []
    assert await names({"OLLAMA_HOST": "127.0.0.1:11434"}) == ["ollama"]
    assert await names({"ANTHROPIC_API_KEY": "  "}) == []


async def test_the_order_is_the_operators() -> None:
    assert await names(ALL | {"LLM_CHAIN": "sonnet, llamacpp"}) == ["sonnet", "llamacpp"]


async def test_nothing_lies_behind_the_floor() -> None:
    assert await names(ALL | {"LLM_CHAIN": "floor"}) == []
    assert await names(ALL | {"LLM_CHAIN": "ollama,floor,haiku"}) == ["ollama"]


async def test_limits_and_models_come_from_their_variables() -> None:
    given = ALL | {"LLM_LOCAL_TIMEOUT_SECONDS": "2.5", "LLM_CLOUD_TIMEOUT_SECONDS": "9", "HAIKU_MODEL": "h"}
    found = {name: (model, limit) for name, _, model, limit, _ in await chain(given)}
    assert found["llamacpp"][1] == 2.5
    assert found["haiku"] == ("h", 9.0)


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"LLM_LOCAL_TIMEOUT_SECONDS": "soon"}, "LLM_LOCAL_TIMEOUT_SECONDS"),
        ({"LLM_CLOUD_TIMEOUT_SECONDS": "0"}, "LLM_CLOUD_TIMEOUT_SECONDS"),
        ({"LLAMACPP_URL": "localhost"}, "LLAMACPP_URL"),
        ({"LLM_CHAIN": "a;b"}, "LLM_CHAIN"),
    ],
)
def test_a_bad_value_is_named(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(BadSettings, match=variable):
        read_settings(ChainSettings, environ)


async def test_an_unknown_or_doubled_rung_is_named() -> None:
    with pytest.raises(BadChain, match=r"LLM_CHAIN names 'gpt', which is neither"):
        await names({"LLM_CHAIN": "gpt"})
    with pytest.raises(BadChain, match="twice"):
        await names({"LLM_CHAIN": "ollama,ollama"})


def test_every_variable_is_described_and_no_secret_is_shown() -> None:
    assert all(description for _, _, description in table_rows(ChainSettings))
    assert "sk-ant-x" not in repr(read_settings(ChainSettings, ALL))


def test_a_chain_without_anthropic_or_ollama_does_not_pay_for_their_libraries() -> None:
    """76 MB and half a second, for nothing."""
    code = (
        "import sys; from mesh_core.llm.chain import chain_for; from mesh_core.llm.settings import ChainSettings;"
        "chain_for(ChainSettings(LLAMACPP_URL='http://127.0.0.1:1'), None);"
        "print(sorted({'anthropic', 'ollama'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


async def test_chain_yml_overrides_a_rung_and_adds_others(tmp_path: Path) -> None:
    file = tmp_path / "chain.yml"
    file.write_text(
        """
- {name: llamacpp, kind: openai, url: "http://gpu:8000/v1", model: qwen, timeout_seconds: 20}
- {name: lab, kind: openai, url: "https://models.example/v1", model: big, price: {input: 0.5, output: 2},
   api_key_env: LAB}
- {name: attic, kind: ollama, url: "http://attic:11434", model: tiny}
- {name: opus, kind: anthropic, model: o, timeout_seconds: 60}
""",
        encoding="utf-8",
    )
    assert await chain(ALL | {"LAB": "key", "LLM_CHAIN": "attic,llamacpp"}, file) == [
        ("attic", "ollama", "tiny", 8.0, Price()),
        ("llamacpp", "openai", "qwen", 20.0, Price()),
        ("lab", "openai", "big", 8.0, Price(0.5, 2)),
        ("opus", "anthropic", "o", 60.0, Price()),
    ]
    assert "lab" not in await names(ALL, file), "its key is not set"
    assert await names({"LLM_CHAIN": "floor"}, file) == []
    assert "opus" not in await names({}, file)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{a: 1}", "must be a list"),
        ("- [", r"chain\.yml:2: not YAML"),
        ("- {name: x}", r"provider 1: kind: is missing; write it"),
        ("- {name: x, kind: openai}", "'x' of kind openai needs `url`"),
        ("- {name: x, kind: ollama}", "'x' of kind ollama needs `url`"),
        ("- {name: x, kind: anthropic}", "'x' of kind anthropic needs `model`"),
        ("- {name: x, kind: openai, url: ftp://x}", "provider 1: url"),
        ("- {name: x, kind: openai, url: http://x, timeout: 3}", "provider 1: timeout: no such key"),
        ("- {name: x, kind: openai, url: http://x, price: {input: -1}}", "provider 1: price.input"),
        ("- {name: floor, kind: openai, url: http://x}", "'floor' is taken"),
        ("- {name: x, kind: openai, url: http://x}\n- {name: x, kind: openai, url: http://x}", "provider 2: name"),
        ("- just words", "provider 1: write it as a mapping"),
        ("- name: x\n  kind: openai\n  url: http://x\n  url: http://y", r"chain\.yml:4: url stands there twice"),
    ],
)
async def test_a_bad_file_is_named_with_its_key(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "chain.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadChain, match=complaint):
        await names({}, file)


def test_a_budget_is_read_and_a_bad_one_is_said_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "chain.yml"
    file.write_text("- {name: a, kind: openai, url: http://x, budget: {calls_per_hour: 3, usd_per_month: 0.5}}\n")
    assert budgets_in(file) == {"a": Budget(calls_per_hour=3, usd_per_month=0.5)}
    assert budgets_in(tmp_path / "none.yml") == {}
    file.write_text("- {name: a, kind: openai, url: http://x, budget: {calls_per_minute: 3}}\n")
    with pytest.raises(BadChain, match=r"provider 1: budget\.calls_per_minute: no such key"):
        budgets_in(file)


def test_who_may_write_says_that_file_and_nobody_does_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "chain.yml"
    assert marked_to_write(file) == frozenset()
    file.write_text(
        "- {name: a, kind: openai, url: http://x, writes: true}\n- {name: b, kind: openai, url: http://x}\n"
    )
    assert marked_to_write(file) == {"a"}
    file.write_text("- {name: a, kind: openai, url: http://x, writes: 'yes'}\n")
    with pytest.raises(BadChain, match="provider 1: writes: should be true or false"):
        marked_to_write(file)


async def test_an_absent_or_empty_file_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "chain.yml"
    assert await names({}, file) == []
    file.write_text("# nothing yet\n", encoding="utf-8")
    assert await names({}, file) == []
    with pytest.raises(BadChain, match="cannot be read"):
        await names({}, tmp_path)


def test_where_the_models_are_asked_is_known_as_urls_whatever_form_it_was_given_in(tmp_path: Path) -> None:
    def urls(environ: dict[str, str], text: str | None = None) -> list[str]:
        path = tmp_path / "chain.yml"
        path.write_text(text or "")
        return model_urls(read_settings(ChainSettings, environ), path, environ=environ)

    assert urls({}) == []
    assert urls({"OLLAMA_HOST": "127.0.0.1:11500"}) == ["http://127.0.0.1:11500"]
    assert urls({"OLLAMA_HOST": "models"}) == ["http://models:11434"]
    assert urls({"OLLAMA_HOST": "[::1]"}) == ["http://[::1]:11434"]
    assert urls({"OLLAMA_HOST": "[::1]:1"}) == ["http://[::1]:1"]
    assert urls({"OLLAMA_HOST": "https://models.example"}) == ["https://models.example"]
    assert urls({"LLAMACPP_URL": "http://nas:8080/v1", "OLLAMA_MODEL": "tiny:1"}) == ["http://nas:8080/v1"]
    lab = "- {name: lab, kind: openai, url: 'http://lab:9000/v1', model: x}\n"
    assert urls({"LLAMACPP_URL": "http://nas:8080"}, lab) == ["http://nas:8080", "http://lab:9000/v1"]
    assert urls({"LLAMACPP_URL": "http://nas:8080", "LLM_CHAIN": "floor"}, lab) == []


def test_the_page_of_settings_shows_each_key_of_the_file_and_what_it_shows_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
    shown = page.partition("```yaml\n")[2].partition("```")[0]
    file = tmp_path / "chain.yml"
    file.write_text(shown)
    (lab,) = chain_for(ChainSettings(LLM_CHAIN="lab"), file, environ={"LAB_KEY": "k"})
    assert (lab.name, marked_to_write(file)) == ("lab", {"lab"})
    assert budgets_in(file)["lab"].usd_per_month is not None
    assert {line.partition(":")[0].strip(" -") for line in shown.splitlines()} == set(_ChainEntry.model_fields)
