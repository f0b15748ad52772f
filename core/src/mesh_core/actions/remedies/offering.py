"""Is a remedy offered for an event? Pure: data in, '' or the sentence that says what is missing."""

from __future__ import annotations

from fnmatch import fnmatchcase

from mesh_core.actions.remedies.event_values import found_in
from mesh_core.actions.remedies.remedy_file import Need, Remedy
from mesh_core.actions.remedies.wording import in_words
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.whole_numbers import whole_in

NOBODY_LOOKED = "no node agent looked into it"


def unmet_need(remedy: Remedy, event: HealthEvent) -> str:
    """Why the remedy is not offered for this event; '' where it is."""
    if event.trust is not Trust.NODE:
        return NOBODY_LOOKED
    if not any(fnmatchcase(event.type, pattern) for pattern in remedy.when.types):
        return f"it is for {', '.join(remedy.when.types)}"
    for path, need in remedy.when.needs.items():
        if said := _unmet(event, path, need):
            return need.otherwise or said
    wrong = next((name for name, param in remedy.params.items() if param.value_in(event) is None), None)
    return f"what was found gives no {remedy.params[wrong].type} for {wrong}" if wrong else ""


def _unmet(event: HealthEvent, path: str, need: Need) -> str:
    found = found_in(event, path)
    if found is None:
        return f"the agent found no {path}"
    if need.is_ is not None and found != need.is_:
        return f"{path} is {in_words(path, found)}"
    if need.same_as and found != (other := found_in(event, need.same_as)):
        return f"{path} is {in_words(path, found)}, not {in_words(path, other)}"
    least, most = need.at_least, need.at_most
    if need.percent_of:
        if (whole := whole_in(found_in(event, need.percent_of))) is None:
            return f"the agent found no {need.percent_of}"
        least, most = (bound if bound is None else whole * bound // 100 for bound in (least, most))
    if least is None and most is None:
        return ""
    number = found if isinstance(found, float) else whole_in(found)
    if number is None:
        return f"{path} is no number"
    said = path
    if need.plus:
        number += whole_in(found_in(event, need.plus)) or 0
        said += f" with {need.plus}"
    if least is not None and number < least:
        return f"{said} is only {in_words(path, number)}"
    return f"{said} is {in_words(path, number)}" if most is not None and number > most else ""
