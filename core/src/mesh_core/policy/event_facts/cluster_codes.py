"""What a resource agent answered its cluster manager, by the codes of OCF, as Pacemaker gives them to its alert agents.
Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.whole_numbers import whole_in

_NOT_RUNNING, _SOFT = 7, 1  # the second: it may be another time, so that the cluster itself starts it anew
_HARD = range(2, 7)  # arguments, what the agent cannot, rights, not installed, settings


def found_by_its_cluster(told: Mapping[str, Any]) -> Fact | None:
    """What a monitor found; why another task failed a person looks at. `told`: a payload by its folded keys."""
    code, meant = whole_in(told.get("crmalertrc")), whole_in(told.get("crmalerttargetrc"))
    if told.get("crmalertkind") != "resource" or code is None or code == meant:
        return None
    if code in _HARD:
        return Fact.UNFIT
    if told.get("crmalerttask") != "monitor":
        return None
    return {_NOT_RUNNING: Fact.DOWN, _SOFT: Fact.UNHEALTHY}.get(code)
