"""Checks of the fallback chain: each configured model is asked one small question and must answer in the schema.

A cloud model is really asked, once, with at most 60 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mend.doctor.finding import Finding, broken, ok, warning
from mend.output.text import plain
from mesh_core.llm.chain import chain_for, leaving, marked_to_write
from mesh_core.llm.circuit_breaker import Breakers
from mesh_core.llm.provider_kind import BadChain
from mesh_core.llm.router import Prompt, Provider, Rejection, complete
from mesh_core.llm.settings import ChainSettings, Privacy
from mesh_core.models.attempts import AttemptOutcome
from mesh_core.models.strict_json import Refusal, parse_object
from mesh_core.runtime.settings import BadSettings, read_settings

QUESTION = Prompt(
    system="Answer with one JSON object and nothing else.",
    user='Answer with {"action": "notify", "sure": true}',
    max_tokens=60,
)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"action": {"type": "string", "enum": ["restart", "notify"]}, "sure": {"type": "boolean"}},
    "required": ["action", "sure"],
    "additionalProperties": False,
}


async def check_models(environ: Mapping[str, str], chain_file: Path) -> list[Finding]:
    """One finding per provider; broken when there are providers and none of them answers."""
    try:
        settings = read_settings(ChainSettings, environ)
        providers = chain_for(settings, chain_file, environ=environ)
        marked = marked_to_write(chain_file)
        outside = leaving(settings, chain_file, environ=environ)
    except (BadSettings, BadChain) as error:
        return [broken("model", plain(error, 400), "correct it: the planner does not start with it")]
    refused = _refused(outside) if settings.llm_privacy is Privacy.LOCAL else []
    if not providers and refused:
        return [
            *refused,
            warning("model", "none is left: the policy's own choices are proposed", "name one in this house"),
        ]
    if not providers:
        if "floor" in settings.llm_chain:
            return [ok("model", "none, as LLM_CHAIN says: the policy's own choices are proposed")]
        fix = (
            "set LLAMACPP_URL, OLLAMA_HOST or ANTHROPIC_API_KEY; `mend up` starts the bundled model where there is one"
        )
        return [warning("model", "none is configured: the policy's own choices are proposed", fix)]
    writing = [_may_write(provider) for provider in providers if provider.name in marked]
    attempts = [await _ask(provider) for provider in providers]
    if any(good for good, _ in attempts):
        fix = "the next model of the fallback chain answers instead"
        found_each = [ok("model", found) if good else warning("model", found, fix) for good, found in attempts]
        return [*found_each, *refused, *writing]
    fix = "no model answers: proposals will carry the policy's own choice; look at its address, its name and its key"
    return [*(broken("model", found, fix) for _, found in attempts), *refused]


def _refused(outside: Mapping[str, str]) -> list[Finding]:
    """Those of the chain that LLM_PRIVACY=local forbids; none of them was asked."""
    return [
        ok("model", f"{plain(name, 40)} is never asked (LLM_PRIVACY=local): {plain(why, 200)}")
        for name, why in outside.items()
    ]


def _may_write(provider: Provider) -> Finding:
    name = plain(provider.name, 40)
    return ok("writing model", f"{name} may write tasks for requests; mend doctor --model {name} grades it")


async def _ask(provider: Provider) -> tuple[bool, str]:
    try:
        result = await complete([provider], QUESTION, SCHEMA, _read, breakers=Breakers())
    finally:
        await provider.close()
    attempt = result.attempts[0]
    name = f"{plain(attempt.name, 40)} ({plain(attempt.model, 60)})"
    if attempt.outcome is AttemptOutcome.OK:
        how = f"; {plain(attempt.detail, 300)}" if attempt.detail else ""
        return True, f"{name} answers in the schema after {attempt.latency_ms / 1000:.1f} s{how}"
    return False, f"{name}: {attempt.outcome}: {plain(attempt.detail, 200)}"


def _read(text: str) -> bool | Rejection:
    value = parse_object(text.encode(), max_bytes=4096)
    if isinstance(value, Refusal):
        return Rejection(AttemptOutcome.INVALID_JSON, value.reason)
    if (
        set(value) != {"action", "sure"}
        or value["action"] not in ("restart", "notify")
        or type(value["sure"]) is not bool
    ):
        return Rejection(AttemptOutcome.SCHEMA_VIOLATION, "not the fields that were asked for")
    return True
