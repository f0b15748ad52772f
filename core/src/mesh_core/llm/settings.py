"""The fallback chain's variables."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from mesh_core.models.config_file import spelled
from mesh_core.runtime.settings import Settings


class Privacy(StrEnum):
    """Which models may be asked: any, or only those in this house (`mesh_core.llm.locality`)."""

    ANY = "any"
    LOCAL = "local"


WebAddress = Annotated[str, spelled(r"https?://.*", "an address that begins with http:// or https://")]
OLLAMA_PORT = 11434  # where its server listens, for an address that names none


class ChainSettings(Settings):
    """The fallback chain's variables."""

    llm_chain: Annotated[
        str,
        spelled(r"\s*[A-Za-z0-9._-]+(\s*,\s*[A-Za-z0-9._-]+)*\s*,?\s*", "names with commas, such as llamacpp,haiku"),
    ] = Field(
        "llamacpp,ollama,haiku,sonnet",
        alias="LLM_CHAIN",
        description="the fallback chain, in order; what is not configured is skipped; `floor` alone uses no model",
    )
    llm_privacy: Privacy = Field(
        Privacy.ANY,
        alias="LLM_PRIVACY",
        description="`local`: no model outside this house is ever asked, whatever LLM_CHAIN and chain.yml say",
    )
    llamacpp_url: WebAddress | None = Field(
        None,
        alias="LLAMACPP_URL",
        description="any OpenAI-compatible server: llama.cpp, vLLM, LM Studio, LiteLLM; with or without /v1",
    )
    llamacpp_model: str | None = Field(
        None, alias="LLAMACPP_MODEL", description="its model's name; unset: the first one it lists that can chat"
    )
    llamacpp_api_key: SecretStr | None = Field(
        None, alias="LLAMACPP_API_KEY", description="the key that this server wants, if it wants one"
    )
    ollama_host: str | None = Field(
        None, alias="OLLAMA_HOST", description="an Ollama server, such as http://127.0.0.1:11434"
    )
    ollama_model: str | None = Field(
        None, alias="OLLAMA_MODEL", description="its model's name; unset: the first one it has that can chat"
    )
    ollama_keep_alive: Annotated[
        str, spelled(r"-1|\d+|(\d+(s|m|h))+", "seconds, a span such as 30m or 1h30m, or -1 for ever")
    ] = Field(
        "30m",
        alias="OLLAMA_KEEP_ALIVE",
        description="how long it keeps the model loaded after an answer; -1: for ever",
    )
    ollama_num_ctx: int = Field(
        4096,
        alias="OLLAMA_NUM_CTX",
        ge=2048,
        le=1_048_576,
        description="tokens of context; as other programs ask for, or it loads the model anew each time",
    )
    anthropic_api_key: SecretStr | None = Field(
        None, alias="ANTHROPIC_API_KEY", description="without it, haiku and sonnet are skipped"
    )
    anthropic_base_url: WebAddress | None = Field(
        None, alias="ANTHROPIC_BASE_URL", description="unset: Anthropic's own API"
    )
    haiku_model: str = Field(
        "claude-haiku-4-5-20251001", alias="HAIKU_MODEL", description="the model called haiku in LLM_CHAIN"
    )
    sonnet_model: str = Field(
        "claude-sonnet-4-6", alias="SONNET_MODEL", description="the model called sonnet in LLM_CHAIN"
    )
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
        """As a URL, whatever Ollama takes; its own setting for its server to listen everywhere is no address."""
        if not host:
            return None
        host = host.replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - replaced, not bound
        if "://" in host:
            return host
        port = "" if host.rpartition("]")[2].count(":") == 1 else f":{OLLAMA_PORT}"
        return f"http://{host}{port}"
