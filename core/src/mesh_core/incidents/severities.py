"""How bad is worse? Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mesh_core.models.events import Severity

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def rank(severity: Severity) -> int:
    """0 for information, higher is worse."""
    return _RANK[severity]


def worst(severities: Iterable[Severity]) -> Severity:
    """The worst of them; INFO for none."""
    return max(severities, key=rank, default=Severity.INFO)
