"""What an event's payload says in fields: down, unhealthy, resolved, in maintenance, gone... Pure; reads no prose.

A fact comes from a field with a known name and a known value, whoever sent it: our node agent, the Docker engine,
Alertmanager, Uptime Kuma, systemd, supervisor. Sentences (logs, messages) never make a fact: they may be planted.
"""

from __future__ import annotations

from mesh_core.incidents.fact import Fact as Fact
from mesh_core.incidents.investigation import fact_in, set_aside
from mesh_core.models.events import HealthEvent
from mesh_core.models.owner_labels import bare_key, restart_forbidden
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.alert_state import is_firing
from mesh_core.policy.event_facts.backed import names_what_runs_it
from mesh_core.policy.event_facts.field_facts import DOWN_UNITS, facts_of_field
from mesh_core.policy.event_facts.its_end import by_its_ender, is_still_ill, of_its_end
from mesh_core.policy.event_facts.long_ago import is_long_ago
from mesh_core.policy.event_facts.ordered import is_back
from mesh_core.policy.event_facts.other_cause import DEVICES, is_of_another
from mesh_core.policy.event_facts.own_row import with_own_row
from mesh_core.policy.event_facts.payload_fields import fields_of, is_of_itself, time_in, word_in
from mesh_core.policy.event_facts.purpose import is_in_use
from mesh_core.policy.event_facts.shown_state import with_shown_state
from mesh_core.policy.event_facts.startable import NOT_TO_BE_STARTED, is_meant_to_run
from mesh_core.policy.event_facts.whole_facts import facts_of_whole

MAX_DEPTH = 16
MAX_LEAD_SECONDS = 24 * 3600.0  # how much newer than the event its evidence may say it is
MAX_LAG_SECONDS = 24 * 3600.0  # how much older a look may be; a day covers a zone that is not said, too
JUST_SECONDS = 600
_TIMES = frozenset({"time", "timestamp", "startsat", "finishedat", "startedat"})
_LOOKED_AT = frozenset(
    {"lastcheck", "lastcheckat", "lastchecked", "checkedat", "measuredat", "observedat", "sampledat"}
)
_LAST_LOOK = 3  # an attempt that is no first look any more, whatever the sender still waits for


# What may make an alarm silent: somebody whose word counts says so in a field. "Nobody knows better" is none of them.
REASONS_FOR_SILENCE = frozenset(
    {
        *(Fact.RESOLVED, Fact.TEST, Fact.MAINTENANCE, Fact.OPERATOR, Fact.FINISHED, Fact.HOST_AWAY),
        Fact.HELD,
        *(Fact.TRANSIENT, Fact.JUST_BOOTED),  # not yet: whoever says so will say it again if it lasts
    }
)
# What leads to an action or to silence is said of the thing itself. What takes one away counts wherever it stands.
_OF_ITSELF = REASONS_FOR_SILENCE | {
    *(Fact.DOWN, Fact.GONE, Fact.UNHEALTHY, Fact.UNANSWERED, Fact.OOM_KILLED, Fact.OVERDUE),
}
_HOLDS_IT = frozenset({Fact.NOT_MEANT, Fact.RESTARTING, Fact.IN_USE})
# What crashes again and again is in one of these states most of the time, and nobody is at work on it.
_TRIES_AGAIN = frozenset({"restarting", "auto-restart", "backoff", "starting", "activating"})
_BY_WHOM = ("by", "lsof", "fuser", "holder", "owner")  # a kernel or a watchdog, too
_OF_IT_ALONE = _OF_ITSELF | {Fact.WELL, Fact.RUNNING}  # another thing's health denies no trouble of this one


def facts_for(event: HealthEvent) -> frozenset[Fact]:
    """Every fact of one event. Never raises; a payload of any shape and depth is read up to MAX_FIELDS fields."""
    enabled = fact_in(event, "unit.enabled") is True
    changed = whole_in(fact_in(event, "image.changed_seconds_ago"))
    itself = with_own_row(set_aside(event))
    event = with_shown_state(itself)
    by_key = {bare_key(key): value for key, value in event.payload.items()}
    own = bare_key(event.service or "")
    beside, fields = frozenset(by_key), tuple(fields_of(event.payload))
    backed = event is not itself or names_what_runs_it(itself)
    found = facts_of_whole(event, by_key, fields, backed=backed)
    if is_back(itself):  # as whoever looked wrote it
        found.add(Fact.IS_BACK)
    if changed is not None and 0 <= changed <= JUST_SECONDS:
        found.add(Fact.JUST_REPLACED)
    if found & _HOLDS_IT:
        found.add(Fact.HELD)
    happened = time_in(event.timestamp)
    for path, value, depth in fields:
        said = set(facts_of_field(path, value, beside))
        if said & _HOLDS_IT and is_of_itself(path) and _is_held_so(path, value):
            found.add(Fact.HELD)
        away = _OF_IT_ALONE if is_of_another(path, own) else _OF_ITSELF
        found.update(said if is_of_itself(path) else said - away)
        if isinstance(value, dict) and restart_forbidden(value):
            found.add(Fact.OPTED_OUT)
        if is_of_itself(path) and is_long_ago(path[-1], value, happened):
            found.add(Fact.OVERDUE)
        if depth > MAX_DEPTH:
            found.add(Fact.UNREADABLE)
        told = time_in(value) if path[-1] in _TIMES else None
        if told is not None and happened is not None and told - happened > MAX_LEAD_SECONDS:
            found.add(Fact.CONFLICT)  # replayed, or one of two clocks is wrong
        looked = time_in(value) if path[-1] in _LOOKED_AT else None
        if looked is not None and happened is not None and happened - looked > MAX_LAG_SECONDS:
            found.add(Fact.CONFLICT)  # nobody looked since
    found.update(by_its_ender(event, by_key, found))
    if event.runtime is None and not beside.isdisjoint(DEVICES):
        found.discard(Fact.DOWN)  # a state beside a device's name is the device's
        found.add(Fact.OF_A_DEVICE)
    if Fact.WELL in found and found & {Fact.DOWN, Fact.UNHEALTHY}:
        found.add(Fact.CONFLICT)
    if is_still_ill(found) and found & {Fact.RESOLVED, Fact.OPERATOR}:
        found = (found - {Fact.OPERATOR}) | {Fact.CONFLICT}
    if is_firing(event.payload):
        found = (found - {Fact.RESOLVED}) | {Fact.FIRING}
    sub_state = word_in(event.payload.get("sub_state"))
    if sub_state == "exited":
        found.discard(Fact.RUNNING)  # "active (exited)": systemd keeps it for active, and no process is left
    elif sub_state in DOWN_UNITS and event.payload.get("active_state") == "active":
        found.add(Fact.CONFLICT)
    if (whole_in(event.payload.get("attempt", event.payload.get("check_attempt"))) or 0) >= _LAST_LOOK:
        found.discard(Fact.TRANSIENT)
    found |= set(of_its_end(event, by_key, found))
    if Fact.DOWN in found and not found & NOT_TO_BE_STARTED and is_meant_to_run(event, enabled=enabled):
        found.add(Fact.STARTABLE)
    return frozenset(found)


def _is_held_so(path: tuple[str, ...], value: object) -> bool:
    """As whoever holds it says; not by the name of who stopped it or has its lock, by what its manager retries, nor by
    whom it serves, who may be what the warning is about."""
    return not path[-1].endswith(_BY_WHOM) and word_in(value) not in _TRIES_AGAIN and not is_in_use(path, value)
