"""Did a thing end as it was meant to? By its exit code, and by what its manager does with what ends by itself. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.event_types import DOES_NOT_RUN
from mesh_core.incidents.fact import Fact
from mesh_core.models.events import HealthEvent, Severity
from mesh_core.models.owner_labels import engine_attributes
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.payload_fields import word_in
from mesh_core.policy.event_facts.purpose import by_whom

# It ran until the engine or the host ended; the first as our node agent says it.
_WITH_ITS_ENGINE = ("with its engine", "with the engine", "with its host", "with the host")
_NOT_ITS_OWN = frozenset({Fact.RUNNING, Fact.LOOPING, Fact.OOM_KILLED, Fact.START_ERROR})

_ENDS = r"(?:stop|pause|suspend|drain|cordon|remov|delet|disabl|shut ?down|halt|mask|terminat)"
_TYPE_OF_AN_END = re.compile(rf"(?:.*_)?{_ENDS}[a-z]*")
_ORDER_TO_END = re.compile(rf"\b{_ENDS}|\bdown$")
_EXITS = ("exitcode", "exit", "exitstatus", "execmainstatus", "returncode", "rc", "salida", "uscita", "sortie")
# What prepares a thing, and ends.
_ONCE = re.compile(
    r"(?:^|[-_.@])(?:migrat(?:e|or|er|ion|ions)|db-?migrate|seed(?:er|s)?|init(?:ializer|db)?|setup|bootstrap|installer"
    r"|provision(?:er)?|createdb|fixtures|loaddata|permissions|chown)(?:[-_.@]?\d+)?(?:\.service)?$"
)
# A schedule that ends it: `0 20 * * 5 app stop`, `down at night`.
_SCHEDULE = re.compile(
    r"(?:cron|crontab|schedules?|timetable|zeitplan|planning|horaire|horario|orario|harmonogram|расписание)"
)
_STOPS_IT = re.compile(rf"\b{_ENDS}[\w-]*|\b(?:down|off|poweroff)\b")


def by_its_ender(event: HealthEvent, told: Mapping[str, Any], found: set[Fact]) -> Iterator[Fact]:
    """`{"by": "admin"}` of what has ended, or is no more than an information; of a failed deployment or login it says
    who made that, and nothing of what fails. `told`: the payload by its folded keys."""
    ended = event.type in DOES_NOT_RUN or found & {Fact.DOWN, Fact.GONE} or _TYPE_OF_AN_END.fullmatch(event.type)
    for key, value in told.items():
        word = word_in(value)
        if ended and word and _SCHEDULE.fullmatch(key) and _STOPS_IT.search(word):
            yield Fact.NOT_MEANT
        if word and (ended or event.severity is Severity.INFO or _ORDER_TO_END.search(word)):
            yield from by_whom(key, word, of_an_end=True)


def is_still_ill(found: set[Fact]) -> bool:
    """Its check says no, and nobody says that it was stopped (Docker calls each stopped container unhealthy)."""
    return Fact.UNHEALTHY in found and Fact.DOWN not in found


def of_its_end(event: HealthEvent, told: Mapping[str, Any], found: set[Fact]) -> Iterator[Fact]:
    """Was its end meant? Its exit code says so only of one that has ended, and not of one that could not start.
    `told`: the payload by its folded keys."""
    payload = event.payload
    if is_still_ill(found) or found & _NOT_ITS_OWN or str(payload.get("ended")).startswith(_WITH_ITS_ENGINE):
        return  # the engine keeps the 0 of an earlier life
    exit_code = whole_in(payload.get("exit_code", (engine_attributes(payload) or {}).get("exitCode")))
    policy = payload.get("restart_policy")
    let_rest = payload.get("active_state") == "inactive" and payload.get("result") == "success"
    if exit_code == 0:
        yield Fact.ENDED_WITH_0
    if let_rest or (exit_code == 0 and policy in ("always", "unless-stopped")):
        yield Fact.ENDED_WELL  # the engine starts again what ends by itself
    if exit_code == 143 and policy in ("always", "unless-stopped"):
        yield Fact.FINISHED  # ended politely, and the engine does not start it again: somebody stopped it, or a program
    ended = Fact.DOWN in found or event.type in DOES_NOT_RUN
    if ended and _ONCE.search((event.service or "").lower()) and _exit_of(told, exit_code) == 0:
        yield Fact.FINISHED
    if Fact.ONE_SHOT in found and word_in(told.get("result")) == "success":
        yield Fact.FINISHED
    if exit_code == 0 and policy == "no" and payload.get("declared_state") != "running":
        yield Fact.FINISHED


def _exit_of(told: Mapping[str, Any], known: int | None) -> int | None:
    codes = (whole_in(told.get(key)) for key in _EXITS)
    return known if known is not None else next((code for code in codes if code is not None), None)
