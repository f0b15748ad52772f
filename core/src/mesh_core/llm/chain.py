"""From settings and config/chain.yml to the providers, in order. Connects to nothing; a provider does when it is asked.

config/chain.yml is optional: a list of providers, added to or in place of the four that have variables of their own.
docs/settings.md shows one with all that it may say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field, StrictBool, ValidationError, field_validator

from mesh_core.llm.budget import Budget
from mesh_core.llm.locality import why_outside
from mesh_core.llm.provider_kind import BadChain, ProviderKind, ProviderRequest
from mesh_core.llm.provider_table import KINDS
from mesh_core.llm.router import Price, Provider
from mesh_core.llm.rules_fallback import RULES_FALLBACK
from mesh_core.llm.settings import ChainSettings, Privacy
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.config_file import FilePart, first_error, spelled
from mesh_core.runtime.secret_files import BadSecret, read_secret

BUILT_IN = {name: kind for kind in KINDS.values() for name in kind.built_in}

log = structlog.get_logger()


class _PriceEntry(FilePart):
    input: float = Field(0.0, ge=0)
    output: float = Field(0.0, ge=0)


class _ChainEntry(FilePart):
    """One entry of config/chain.yml."""

    name: Annotated[str, spelled(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name: letters A-Z, digits, . _ -, at most 64")]
    kind: str
    url: Annotated[str, spelled(r"https?://\S+", "an address that begins with http:// or https://")] | None = None
    model: str | None = None
    timeout_seconds: float | None = Field(None, gt=0, le=600)
    price: _PriceEntry = _PriceEntry()
    api_key_env: Annotated[str, spelled(r"[A-Za-z_]\w*", "the name of a variable, such as MY_API_KEY")] | None = None
    writes: StrictBool = False
    budget: Budget = Budget()

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"there is no kind {kind!r}; write one of {', '.join(KINDS)}")
        return kind


def chain_for(
    settings: ChainSettings, config_path: Path | None, *, environ: Mapping[str, str] | None = None
) -> list[Provider]:
    """The providers in LLM_CHAIN's order, then those that only config/chain.yml names; nothing at or after `floor`.

    With LLM_PRIVACY=local none of those that `leaving` names. `environ` is where `api_key_env` of chain.yml is looked
    up. Raises BadChain; an absent file is no error.
    """
    providers: list[Provider] = []
    for name, kind, request in _requests(settings, config_path, environ or {}):
        if request and settings.llm_privacy is Privacy.LOCAL and (why := _why_outside(kind, request, settings)):
            log.info("chain.provider_refused", provider=name, reason=why)
            continue
        provider = kind.build(request, settings) if request is not None else None
        if provider is None:
            log.info("chain.provider_skipped", provider=name, reason="not configured")
        else:
            providers.append(provider)
    log.info("chain.built", providers=[provider.name for provider in providers])
    return providers


def leaving(
    settings: ChainSettings, config_path: Path | None, *, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The providers of that chain whose questions leave the house, by name, each with why. Raises BadChain."""
    requests = [(name, kind, one) for name, kind, one in _requests(settings, config_path, environ or {}) if one]
    return {name: why for name, kind, one in requests if (why := _why_outside(kind, one, settings))}


def _why_outside(kind: ProviderKind, request: ProviderRequest, settings: ChainSettings) -> str:
    return why_outside(request.url or kind.address(settings), request.model)


def marked_to_write(config_path: Path) -> frozenset[str]:
    """The names of the providers that may write tasks, as that file says. Raises BadChain."""
    return frozenset(name for name, entry in _read(config_path).items() if entry.writes)


def budgets_in(config_path: Path) -> dict[str, Budget]:
    """By the providers' names, as that file says. Raises BadChain."""
    return {name: entry.budget for name, entry in _read(config_path).items()}


def model_urls(
    settings: ChainSettings, config_path: Path | None, *, environ: Mapping[str, str] | None = None
) -> list[str]:
    """Where the models of that chain are asked; a vendor's own API, which nobody here runs, is left out. BadChain."""
    requests = [request for _, _, request in _requests(settings, config_path, environ or {}) if request is not None]
    return [url for url in (*(request.url for request in requests), settings.anthropic_base_url) if url]


def _requests(
    settings: ChainSettings, config_path: Path | None, environ: Mapping[str, str]
) -> list[tuple[str, ProviderKind, ProviderRequest | None]]:
    """Each provider that may be asked, in order, with what was asked for; None where it is not configured."""
    entries = _read(config_path) if config_path is not None else {}
    names = [name.strip() for name in settings.llm_chain.split(",") if name.strip()]
    if len(set(names)) != len(names):
        raise BadChain(f"LLM_CHAIN={settings.llm_chain!r} names a provider twice")
    if unknown := [name for name in names if name not in {*BUILT_IN, RULES_FALLBACK, *entries}]:
        raise BadChain(
            f"LLM_CHAIN names {unknown[0]!r}, which is neither one of {', '.join(sorted({*BUILT_IN, RULES_FALLBACK}))} "
            "nor a provider of config/chain.yml"
        )
    found = []
    for name in [*names, *(name for name in entries if name not in names)]:
        if name == RULES_FALLBACK:
            break  # the rules always answer: nothing behind them would ever be asked
        found.append((name, *_requested(name, entries, settings, environ)))
    return found


def _requested(
    name: str, entries: Mapping[str, _ChainEntry], settings: ChainSettings, environ: Mapping[str, str]
) -> tuple[ProviderKind, ProviderRequest | None]:
    """What chain.yml says of that name, else what the settings say; None where its key or its server is not set."""
    entry = entries.get(name)
    if entry is None:
        return BUILT_IN[name], BUILT_IN[name].built_in[name](settings)
    key = None
    if entry.api_key_env:
        try:
            found = read_secret(environ, entry.api_key_env)
        except BadSecret as error:
            raise BadChain(str(error)) from None
        if not found or not found.value:
            return KINDS[entry.kind], None
        key = found.value
    price = Price(entry.price.input, entry.price.output)
    return KINDS[entry.kind], ProviderRequest(
        name=name, url=entry.url, model=entry.model, timeout_seconds=entry.timeout_seconds, price=price, api_key=key
    )


def _read(path: Path) -> dict[str, _ChainEntry]:
    """The file's providers by name, in its order; {} if there is no such file."""
    file = ConfigDocument.at(path, BadChain)
    if not isinstance(file.said, list | None):
        raise file.refused((), "must be a list of providers, each with `name` and `kind`")
    entries: dict[str, _ChainEntry] = {}
    for number, item in enumerate(file.said or ()):
        try:
            entry = _ChainEntry.model_validate(item)
        except ValidationError as error:
            raise file.misfit(first_error(error), (number,), f"provider {number + 1}: ") from None
        if entry.name in entries or entry.name == RULES_FALLBACK:
            taken = f"provider {number + 1}: name: {entry.name!r} is taken; choose another name"
            raise file.refused((number, "name"), taken)
        entries[entry.name] = entry
    return entries
