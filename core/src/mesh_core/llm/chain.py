"""From settings and config/chain.yml to the rungs, in order. Connects to nothing; a rung does when it is asked.

config/chain.yml is optional: a list of rungs, added to or in place of the four that have variables of their own.

    - name: lab                       # the name that LLM_CHAIN uses; llamacpp, ollama, haiku and sonnet may be replaced
      kind: openai                    # openai (any compatible server), ollama or anthropic
      url: https://models.example/v1  # for anthropic: unset means its own API
      model: qwen3-8b                 # unset: the server's first one (not for anthropic)
      timeout_seconds: 20             # unset: LLM_LOCAL_TIMEOUT_SECONDS, or LLM_CLOUD_TIMEOUT_SECONDS for anthropic
      price: {input: 0.5, output: 2}  # US dollars per million tokens; unset: 0
      api_key_env: LAB_KEY            # the *name* of a variable (or LAB_KEY_FILE names a file that holds the key);
                                      # while that is unset the rung is skipped
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, field_validator

from mesh_core.llm.ladder import Price, Rung
from mesh_core.llm.rungs.anthropic import AnthropicRung
from mesh_core.llm.rungs.floor import FLOOR
from mesh_core.llm.rungs.ollama import OllamaRung
from mesh_core.llm.rungs.openai_compatible import OpenAICompatibleRung
from mesh_core.runtime.secret_files import BadSecret, read_secret
from mesh_core.runtime.settings import Settings

log = structlog.get_logger()

HAIKU_PRICE = Price(1.0, 5.0)
SONNET_PRICE = Price(3.0, 15.0)


class BadChain(ValueError):
    """The chain cannot be built; the text names the variable or the file and key, and what to write instead."""


class ChainSettings(Settings):
    """The ladder's variables."""

    llm_chain: str = Field(
        "llamacpp,ollama,haiku,sonnet",
        alias="LLM_CHAIN",
        pattern=r"^\s*[A-Za-z0-9._-]+(\s*,\s*[A-Za-z0-9._-]+)*\s*,?\s*$",
        description="order of the ladder; a rung that is not configured is skipped; `floor` alone uses no model",
    )
    llamacpp_url: str | None = Field(
        None,
        alias="LLAMACPP_URL",
        pattern=r"^https?://",
        description="any OpenAI-compatible server: llama.cpp, vLLM, LM Studio, LiteLLM; with or without /v1",
    )
    llamacpp_model: str | None = Field(
        None, alias="LLAMACPP_MODEL", description="its model's name; unset: the first one that it lists"
    )
    llamacpp_api_key: SecretStr | None = Field(
        None, alias="LLAMACPP_API_KEY", description="the key that this server wants, if it wants one"
    )
    ollama_host: str | None = Field(
        None, alias="OLLAMA_HOST", description="an Ollama server, such as http://127.0.0.1:11434"
    )
    ollama_model: str | None = Field(
        None, alias="OLLAMA_MODEL", description="its model's name; unset: the first one that it has"
    )
    anthropic_api_key: SecretStr | None = Field(
        None, alias="ANTHROPIC_API_KEY", description="without it, haiku and sonnet are skipped"
    )
    anthropic_base_url: str | None = Field(
        None, alias="ANTHROPIC_BASE_URL", pattern=r"^https?://", description="unset: Anthropic's own API"
    )
    haiku_model: str = Field("claude-haiku-4-5-20251001", alias="HAIKU_MODEL", description="model of the rung haiku")
    sonnet_model: str = Field("claude-sonnet-4-6", alias="SONNET_MODEL", description="model of the rung sonnet")
    llm_local_timeout_seconds: float = Field(
        8.0,
        alias="LLM_LOCAL_TIMEOUT_SECONDS",
        gt=0,
        le=600,
        description="wall clock of one attempt at llamacpp or ollama, connect included",
    )
    llm_cloud_timeout_seconds: float = Field(
        30.0,
        alias="LLM_CLOUD_TIMEOUT_SECONDS",
        gt=0,
        le=600,
        description="wall clock of one attempt at haiku or sonnet, connect included",
    )

    @field_validator("ollama_host")
    @classmethod
    def _reachable(cls, host: str | None) -> str | None:
        """Ollama's own setting for its server to listen everywhere is no address to connect to."""
        if host is None:
            return None
        return host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - replaced, not bound


class _RungPrice(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class _RungSpec(BaseModel):
    """One entry of config/chain.yml; what it leaves out comes from the settings if the rung is a built-in one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    kind: Literal["openai", "ollama", "anthropic"]
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | None = None
    model: str | None = None
    timeout_seconds: float | None = Field(None, gt=0, le=600)
    price: _RungPrice = _RungPrice()
    api_key_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None


def chain_for(
    settings: ChainSettings, config_path: Path | None, *, environ: Mapping[str, str] | None = None
) -> list[Rung]:
    """The rungs in LLM_CHAIN's order, then those that only config/chain.yml names; nothing at or after `floor`.

    `environ` is where `api_key_env` of chain.yml is looked up. Raises BadChain; an absent file is no error.
    """
    extra = _read(config_path) if config_path is not None else {}
    names = [name.strip() for name in settings.llm_chain.split(",") if name.strip()]
    if len(set(names)) != len(names):
        raise BadChain(f"LLM_CHAIN={settings.llm_chain!r} names a rung twice")
    known = {*_BUILT_IN, FLOOR, *extra}
    if unknown := [name for name in names if name not in known]:
        raise BadChain(
            f"LLM_CHAIN names {unknown[0]!r}, which is neither one of {', '.join(sorted({*_BUILT_IN, FLOOR}))} "
            "nor a rung of config/chain.yml"
        )
    order = [*names, *(name for name in extra if name not in names)]
    rungs: list[Rung] = []
    for name in order:
        if name == FLOOR:
            break  # the floor always answers: nothing behind it would ever be asked
        spec = extra.get(name)
        rung = _from_spec(spec, settings, environ or {}) if spec else _built_in(name, settings)
        if rung is None:
            log.info("chain.rung_skipped", rung=name, why="not configured")
        else:
            rungs.append(rung)
    log.info("chain.built", rungs=[rung.name for rung in rungs])
    return rungs


_BUILT_IN = ("llamacpp", "ollama", "haiku", "sonnet")


def _built_in(name: str, settings: ChainSettings) -> Rung | None:
    local, cloud = settings.llm_local_timeout_seconds, settings.llm_cloud_timeout_seconds
    if name == "llamacpp" and settings.llamacpp_url:
        own_key = settings.llamacpp_api_key
        return OpenAICompatibleRung(
            name=name,
            url=settings.llamacpp_url,
            model=settings.llamacpp_model,
            timeout_seconds=local,
            api_key=own_key.get_secret_value() if own_key else None,
        )
    if name == "ollama" and settings.ollama_host:
        return OllamaRung(name=name, host=settings.ollama_host, model=settings.ollama_model, timeout_seconds=local)
    key = settings.anthropic_api_key
    if name in ("haiku", "sonnet") and key is not None and key.get_secret_value():
        haiku = name == "haiku"
        return AnthropicRung(
            name=name,
            model=settings.haiku_model if haiku else settings.sonnet_model,
            api_key=key.get_secret_value(),
            base_url=settings.anthropic_base_url,
            timeout_seconds=cloud,
            price=HAIKU_PRICE if haiku else SONNET_PRICE,
        )
    return None


def _from_spec(spec: _RungSpec, settings: ChainSettings, environ: Mapping[str, str]) -> Rung | None:
    key = ""
    if spec.api_key_env:
        try:
            found = read_secret(environ, spec.api_key_env)
        except BadSecret as error:
            raise BadChain(str(error)) from None
        key = found.value if found else ""
    if spec.api_key_env and not key:
        log.info("chain.rung_skipped", rung=spec.name, why=f"{spec.api_key_env} is not set")
        return None
    price = Price(spec.price.input, spec.price.output)
    if spec.kind == "openai":
        if not spec.url:
            raise BadChain(f"config/chain.yml: rung {spec.name!r} of kind openai needs `url`")
        return OpenAICompatibleRung(
            name=spec.name,
            url=spec.url,
            model=spec.model,
            timeout_seconds=spec.timeout_seconds or settings.llm_local_timeout_seconds,
            price=price,
            api_key=key or None,
            provider="openai",
        )
    if spec.kind == "ollama":
        host = spec.url or settings.ollama_host
        if not host:
            raise BadChain(f"config/chain.yml: rung {spec.name!r} of kind ollama needs `url` (or OLLAMA_HOST)")
        return OllamaRung(
            name=spec.name,
            host=host,
            model=spec.model,
            timeout_seconds=spec.timeout_seconds or settings.llm_local_timeout_seconds,
            price=price,
            api_key=key or None,
        )
    own = settings.anthropic_api_key
    if not key and own is not None:
        key = own.get_secret_value()
    if not spec.model:
        raise BadChain(f"config/chain.yml: rung {spec.name!r} of kind anthropic needs `model`")
    if not key:
        return None
    return AnthropicRung(
        name=spec.name,
        model=spec.model,
        api_key=key,
        base_url=spec.url or settings.anthropic_base_url,
        timeout_seconds=spec.timeout_seconds or settings.llm_cloud_timeout_seconds,
        price=price,
    )


def _read(path: Path) -> dict[str, _RungSpec]:
    """The file's rungs by name, in its order; {} if there is no such file."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise BadChain(f"{path}: cannot be read: {' '.join(str(error).split())[:300]}") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, list):
        raise BadChain(f"{path}: must be a list of rungs, each with `name` and `kind`")
    specs: dict[str, _RungSpec] = {}
    for number, entry in enumerate(loaded):
        try:
            spec = _RungSpec.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the entry"
            raise BadChain(f"{path}: rung {number + 1}: {where}: {first['msg']}") from None
        if spec.name in specs or spec.name == FLOOR:
            raise BadChain(f"{path}: rung {number + 1}: name: {spec.name!r} is taken; choose another name")
        specs[spec.name] = spec
    return specs
