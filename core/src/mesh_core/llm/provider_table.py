"""Which kinds of providers there are."""

from __future__ import annotations

from mesh_core.llm.providers import anthropic, ollama, openai_compatible

KINDS = {kind.name: kind for kind in (openai_compatible.KIND, ollama.KIND, anthropic.KIND)}
