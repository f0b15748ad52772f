"""Model lists: what a server's `/models` holds, in whatever shape servers give it. Pure; chooses nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.llm.model_choice import ListedModel

_LISTS = ("data", "models", "results")
_NAMES = ("id", "name", "model", "key")
# Where a row says what its model is made for.
_SAYS = (
    *("type", "task", "tasks", "mode", "kind", "category", "pipeline_tag", "model_type", "capabilities"),
    *("endpoints", "supported_endpoints", "supported_endpoint_types", "supportedGenerationMethods"),
)


def models_in(reply: Any) -> list[ListedModel]:
    """The models that it lists, in its order, without those that it calls inactive; none where it is no list."""
    rows = reply
    if isinstance(reply, dict):
        rows = next((reply[name] for name in _LISTS if isinstance(reply.get(name), list)), None)
    found = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, str) and row:
            found.append(ListedModel(row))
        elif isinstance(row, dict) and row.get("active") is not False:
            name = next((said for key in _NAMES if isinstance(said := row.get(key), str) and said), None)
            if name:
                found.append(ListedModel(name, tuple(_says(row))))
    return found


def _says(row: Mapping[str, Any]) -> Iterator[str]:
    architecture = row.get("architecture")
    about = architecture if isinstance(architecture, dict) else row
    for value in (*(row.get(key) for key in _SAYS), about.get("modality")):
        if isinstance(value, str):
            yield value
        elif isinstance(value, list | dict):  # of a dict, the capabilities that are true
            yield from (str(item) for item in value if not isinstance(value, dict) or value[item])
    if isinstance(makes := about.get("output_modalities"), list) and makes:
        yield "->" + "+".join(map(str, makes))
