"""What an event's payload says in fields: down, unhealthy, resolved, in maintenance, gone... Pure; reads no prose.

A fact comes from a field with a known name and a known value, whoever sent it: our node agent, the Docker engine,
Alertmanager, Uptime Kuma, systemd, supervisor. Sentences (logs, messages) never make a fact: they may be planted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mesh_core.incidents.fact import Fact as Fact
from mesh_core.incidents.investigation import fact_in, set_aside
from mesh_core.models.events import HealthEvent, Runtime, Trust
from mesh_core.models.owner_labels import bare_key, engine_attributes, restart_forbidden
from mesh_core.models.records import is_name, is_service_name, parse_time
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.alert_state import (
    is_firing,
    is_host_away,
    is_of_an_attack,
    is_over,
    is_silenced,
    may_pass,
)
from mesh_core.policy.event_facts.backed import is_backed
from mesh_core.policy.event_facts.cluster_codes import found_by_its_cluster
from mesh_core.policy.event_facts.drift import (
    is_in_a_lost_network,
    is_misdeclared,
    is_not_as_declared,
    names_compose_file,
    says_drifted,
)
from mesh_core.policy.event_facts.its_end import is_still_ill, of_its_end
from mesh_core.policy.event_facts.memory_limit import is_over_its_limit
from mesh_core.policy.event_facts.not_running import is_not_running, is_unhealthy
from mesh_core.policy.event_facts.orchestrators import is_of_hypervisor, is_of_kubernetes, is_of_swarm
from mesh_core.policy.event_facts.other_cause import (
    ALL_NEEDED,
    DEVICES,
    has_no_room,
    has_what_it_needs,
    is_certificate_over,
    is_hardware_away,
    lacks_what_it_needs,
)
from mesh_core.policy.event_facts.payload_fields import fields_of
from mesh_core.policy.event_facts.probe_evidence import answered_with, is_unevidenced
from mesh_core.policy.event_facts.purpose import (
    by_whom,
    is_at_rest,
    is_in_use,
    is_not_meant,
    is_one_shot,
    is_seen_to_work,
)
from mesh_core.policy.event_facts.shown_state import with_shown_state
from mesh_core.policy.event_facts.start_error import cannot_work, could_not_start
from mesh_core.policy.event_facts.startable import NOT_TO_BE_STARTED, is_meant_to_run
from mesh_core.policy.event_facts.throughput import is_long_ago, of_its_throughput
from mesh_core.policy.event_facts.work_in_progress import is_being_changed, is_busy
from mesh_core.policy.names.known_names import is_address
from mesh_core.policy.words.plugin_output import (
    CHECK_KEYS,
    OUTPUT_KEYS,
    facts_in_output,
    is_down_by_its_check,
    says_no_check,
)

MAX_DEPTH = 16
MAX_LEAD_SECONDS = 24 * 3600.0  # how much newer than the event its evidence may say it is
MAX_LAG_SECONDS = 24 * 3600.0  # how much older a look may be
JUST_SECONDS = 600
AT_ONCE_MS = 1000  # too short to have done anything: it failed on what it was given
YOUNG_SECONDS = 300  # a start may take that long: what systemd and most health checks of images grant
LOOP_COUNT = 5  # restarts that something else already made without success

# What may make an alarm silent: somebody whose word counts says so in a field. "Nobody knows better" is none of them.
REASONS_FOR_SILENCE = frozenset(
    {
        *(Fact.RESOLVED, Fact.TEST, Fact.MAINTENANCE, Fact.OPERATOR, Fact.FINISHED, Fact.HOST_AWAY),
        *(Fact.TRANSIENT, Fact.JUST_BOOTED),  # not yet: whoever says so will say it again if it lasts
    }
)


def facts_for(event: HealthEvent) -> frozenset[Fact]:
    """Every fact of one event. Never raises; a payload of any shape and depth is read up to MAX_FIELDS fields."""
    enabled = fact_in(event, "unit.enabled") is True
    changed = whole_in(fact_in(event, "image.changed_seconds_ago"))
    event = with_shown_state(set_aside(event))
    by_key = {bare_key(key): value for key, value in event.payload.items()}
    beside = frozenset(by_key)
    found = _of_the_whole(event, by_key)
    if changed is not None and 0 <= changed <= JUST_SECONDS:
        found.add(Fact.JUST_REPLACED)
    happened = _seconds(event.timestamp)
    for path, value, depth in fields_of(event.payload):
        found.update(_facts_of(path, value, beside))
        if isinstance(value, dict) and restart_forbidden(value):
            found.add(Fact.OPTED_OUT)
        if depth > MAX_DEPTH:
            found.add(Fact.UNREADABLE)
        told = _seconds(value) if path[-1] in _TIMES else None
        if told is not None and happened is not None and told - happened > MAX_LEAD_SECONDS:
            found.add(Fact.CONFLICT)  # replayed, or one of two clocks is wrong
        looked = _seconds(value) if path[-1] in _LOOKED_AT else None
        if looked is not None and happened is not None and happened - looked > MAX_LAG_SECONDS:
            found.add(Fact.CONFLICT)  # nobody looked since
    if event.runtime is None and not beside.isdisjoint(DEVICES):
        found.discard(Fact.DOWN)  # a state beside a device's name is the device's
        found.add(Fact.OF_A_DEVICE)
    if Fact.WELL in found and found & {Fact.DOWN, Fact.UNHEALTHY}:
        found.add(Fact.CONFLICT)
    if is_still_ill(found) and found & {Fact.RESOLVED, Fact.OPERATOR}:
        found = (found - {Fact.OPERATOR}) | {Fact.CONFLICT}
    if is_firing(event.payload):
        found = (found - {Fact.RESOLVED}) | {Fact.FIRING}
    sub_state = event.payload.get("sub_state")
    if sub_state == "exited":
        found.discard(Fact.RUNNING)  # "active (exited)": systemd keeps it for active, and no process is left
    elif sub_state in _DOWN_UNITS and event.payload.get("active_state") == "active":
        found.add(Fact.CONFLICT)
    if (whole_in(event.payload.get("attempt", event.payload.get("check_attempt"))) or 0) >= _LAST_LOOK:
        found.discard(Fact.TRANSIENT)
    found |= set(of_its_end(event.payload, found))
    if Fact.DOWN in found and not found & NOT_TO_BE_STARTED and is_meant_to_run(event, enabled=enabled):
        found.add(Fact.STARTABLE)
    return frozenset(found)


# No words of guests (shut off, powered off): nothing here starts one, and a container of its name is another thing.
_DOWN_STATES = frozenset({"exited", "stopped", "fatal", "dead", "crashed", "errored"})
# `docker ps`; not ended by 0 or by a signal of a stop, which may be somebody's will.
_EXITED = re.compile(r"exited \((?!(?:0|137|143)\))\d{1,3}\)")
_DOWN_UNITS = frozenset({"failed", "inactive", "dead"})  # in systemd's own words only: jobs and disks fail as well
_CHANGED_TO = frozenset(
    {"to", "newstate", "newstatus", "currentstate", "currentstatus"}
)  # {"from": "running", "to": ...}
_STATE_KEYS = frozenset({"status", "state", "containerstate", "activestate", "substate", "statename"}) | _CHANGED_TO
_CONTAINER_STATES = frozenset({"status", "state", "containerstate"})  # systemd's "dead" is a unit that rests
_ABSENT = frozenset({"absent", "missing", "not found", "no such container"})
_NO_MORE = _ABSENT | {"dead"}  # Docker's "dead": half removed, cannot be started
_HEALTH_KEYS = frozenset({"health", "healthstatus"}) | _CHANGED_TO
_RESTART_COUNTS = frozenset({"restartcount", "nrestarts", "restarts", "oomcount1h", "crashcount1h"})
_COMPOSE_KEYS = frozenset(
    {
        *("composeproject", "comdockercomposeproject", "declaredincompose", "declaredservices", "composefile"),
        *("declared", "declaredimage", "definition"),
    }
)
_TESTS = frozenset({"test", "drill"})
_DEPENDENCY_DOWN = (
    *("exited", "missing", "dead", "created", "unhealthy", "restarting", "paused", "failed", "inactive"),
    *("down", "stopped", "unreachable", "not running", "unavailable"),
)
_AGES = ("uptime_seconds", "up_seconds", "started_seconds_ago", "age_seconds", "running_seconds")
_TIMES = frozenset({"time", "timestamp", "startsat", "finishedat", "startedat"})
_LOOKED_AT = frozenset(
    {"lastcheck", "lastcheckat", "lastchecked", "checkedat", "measuredat", "observedat", "sampledat"}
)
_CAUSES = frozenset({"cause", "rootcause", "probablecause", "changed", "changes", "recentchanges", "packageschanged"})
_PACKAGE_MANAGERS = frozenset({"dpkg", "apt", "aptget", "dnf", "yum", "zypper", "pacman", "apk", "packagemanager"})
_NO_NAME = re.compile(r"[$`;|&<>(){}\n]")  # shell, not an escape of systemd's
_LAST_LOOK = 3  # an attempt that is no first look any more, whatever the sender still waits for


def _facts_of(path: tuple[str, ...], value: Any, beside: frozenset[str]) -> Iterator[Fact]:
    """What one field says; `beside` are the payload's own folded keys, which show what kind of sender speaks."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    word = value.strip().lower()[:60] if isinstance(value, str) else ""
    yes = isinstance(value, bool | str) and truth_in(value) is True
    if key in _STATE_KEYS and "laststate" not in path and not _monitoring(path):
        if word in (_DOWN_UNITS if key in ("activestate", "substate") else _DOWN_STATES) or _EXITED.match(word):
            yield Fact.DOWN
        if word in _NO_MORE and key in _CONTAINER_STATES:
            yield Fact.GONE
        if word == "running" or (word == "active" and key == "activestate"):
            yield Fact.RUNNING
    if path == ("container",) and word in _ABSENT:
        yield Fact.GONE
    if path[-2:] == ("state", "running") and yes:
        yield Fact.RUNNING
    if (path[-2:] == ("state", "running") or path == ("mounted",)) and truth_in(value) is False:
        yield Fact.DOWN
    if path == ("status",) and (word == "up" or word.startswith("up ")):
        yield Fact.RUNNING  # `docker ps`: "Up 3 hours (unhealthy)"
        if word.endswith("(unhealthy)"):
            yield Fact.UNHEALTHY
    if (key == "oomkilled" and yes) or (key == "reason" and word == "oomkilled"):
        yield Fact.OOM_KILLED
    if key == "error" and parent == "state" and word:
        yield Fact.START_ERROR
    if key in _HEALTH_KEYS or (key == "status" and parent == "health"):
        if word == "unhealthy":
            yield Fact.UNHEALTHY
        if word == "healthy":
            yield Fact.WELL
    yield from _of_docker(path, value, word)
    yield from _of_its_place(path, value, word)
    yield from _of_monitoring(path, value, word, beside, yes=yes)
    if key in OUTPUT_KEYS and isinstance(value, str):
        yield from facts_in_output(value)
    if key in CHECK_KEYS and isinstance(value, str | list) and says_no_check(str(value)):
        yield Fact.NO_CHECK
    number = whole_in(value)
    yield from answered_with(path, value)
    if parent in ALL_NEEDED and word.startswith(_DEPENDENCY_DOWN):
        yield Fact.DEPENDENCY_DOWN
    if key == "ready" and yes:
        yield Fact.WELL
    if key == "restarting" and yes:
        yield Fact.RESTARTING
    if key == "reason" and word == "crashloopbackoff":
        yield Fact.LOOPING
    if path == ("result",) and word == "start-limit-hit":  # systemd's: it tried again until it gave up
        yield Fact.LOOPING
    if key in _RESTART_COUNTS and number is not None and number >= LOOP_COUNT:
        yield Fact.LOOPING
    yield from by_whom(key, word)
    if key == "removedbyoperator" and yes:
        yield Fact.OPERATOR
    if len(path) == 1 and key in _CAUSES and isinstance(value, str | list) and value:
        yield Fact.EXPLAINED_BY
    if (
        len(path) == 1
        and key in _PACKAGE_MANAGERS
        and (yes or word.startswith(("running", "locked", "active", "busy")))
    ):
        yield Fact.RESTARTING  # it starts anew what it installs
    if word and is_of_swarm(path, word):
        yield Fact.SWARM
    if word and is_of_kubernetes(path):
        yield Fact.KUBERNETES
    if path in (("compose", "project"), ("compose", "file")) and word:
        yield Fact.COMPOSE
    if (key in _COMPOSE_KEYS and value not in (None, False, "", [], {})) or names_compose_file(key, value):
        yield Fact.COMPOSE


def _of_its_place(path: tuple[str, ...], value: Any, word: str) -> Iterator[Fact]:
    """What it is there for, what goes on with it, and what lies beside it."""
    of_a_state = path[-1] in _STATE_KEYS and not _monitoring(path)
    said = {
        Fact.RESTARTING: is_being_changed(path, value, word, of_a_state=of_a_state),
        Fact.IN_USE: is_busy(path, value, word) or is_in_use(path, value),
        Fact.WELL: is_seen_to_work(path, value),
        Fact.GUEST: is_of_hypervisor(path, word) and value not in (None, False, ""),
        Fact.NOT_MEANT: is_not_meant(path, value, word),
        Fact.ONE_SHOT: is_one_shot(path, value, word),
        Fact.NO_ROOM: has_no_room(path, value),
        Fact.HARDWARE_AWAY: is_hardware_away(path, value),
        Fact.EXPIRED: is_certificate_over(path, value),
        Fact.DOWN: is_not_running(path, value, word),
        Fact.UNHEALTHY: is_unhealthy(path, value),
        Fact.NEEDS_MET: has_what_it_needs(path, value),
        Fact.OVERDUE: is_long_ago(path[-1], value),
        Fact.DEPENDENCY_DOWN: lacks_what_it_needs(path, value, word, of_a_state=of_a_state),
    }
    yield from (fact for fact, holds in said.items() if holds)


def _of_docker(path: tuple[str, ...], value: Any, word: str) -> Iterator[Fact]:
    key = path[-1]
    if key == "action" and len(path) == 1:  # the engine's own event
        if word == "die":
            yield Fact.DOWN
        if word == "destroy":
            yield Fact.GONE
        if word == "stop":
            yield Fact.ENDED_WELL  # somebody asked it to
        if word == "health_status: unhealthy":
            yield Fact.UNHEALTHY
        if word == "health_status: healthy":
            yield Fact.RESOLVED


def _monitoring(path: tuple[str, ...]) -> bool:
    """Alertmanager's and Uptime Kuma's `status` speak of an alert, not of a process."""
    return "alerts" in path or "heartbeat" in path


def _of_monitoring(
    path: tuple[str, ...], value: Any, word: str, beside: frozenset[str], *, yes: bool
) -> Iterator[Fact]:
    key, number = path[-1], whole_in(value)
    if is_over(path, word, beside, yes=yes):
        yield Fact.RESOLVED
    if is_silenced(path, word, number, yes=yes):
        yield Fact.MAINTENANCE
    if path == ("heartbeat", "status"):
        yield from {
            0: (Fact.UNHEALTHY,),
            1: (Fact.RESOLVED,),
            2: (Fact.RESTARTING, Fact.TRANSIENT),
            3: (Fact.MAINTENANCE,),
        }.get(-1 if number is None else number, ())
    if may_pass(path, word, number):
        yield Fact.TRANSIENT
    if len(path) == 1 and yes and key.removeprefix("is") in _TESTS:
        yield Fact.TEST
    if key == "nodeuptimeseconds" and number is not None and 0 <= number < 600:  # a bare uptime may be a process's
        yield Fact.JUST_BOOTED


def _seconds(value: object) -> float | None:
    """Seconds since 1970 of a time as text; without a zone it counts as UTC (a day's slack covers that)."""
    if not isinstance(value, str) or not 19 <= len(value) <= 40:
        return None
    try:
        return parse_time(value if value[-1] in "Zz" or value[-6] in "+-" else value + "Z").timestamp()
    except (ValueError, OverflowError):
        return None


def _of_the_whole(event: HealthEvent, told: Mapping[str, Any]) -> set[Fact]:
    """Facts that need more than one field. `told`: the payload by its folded keys."""
    payload, found = event.payload, set[Fact]()
    if event.service is None:
        found.add(Fact.WHOLE_NODE)
    elif not is_service_name(event.service):
        found.add(Fact.BAD_NAME)
    elif event.runtime is None and is_address(event.service):
        found.add(Fact.ADDRESS)
    called = (payload.get(key) for key in ("unit", "container", "program"))
    if any(isinstance(name, str) and _NO_NAME.search(name) for name in called):
        found.add(Fact.BAD_NAME)
    if event.trust is Trust.NODE and payload.get("stopped_by_person") is True:
        found.add(Fact.OPERATOR)  # our agent's own word; in a stranger's mouth it is a field like any other
    lived = whole_in(payload.get("lived_ms")) if event.trust is Trust.NODE else None
    if lived is not None and lived < AT_ONCE_MS and payload.get("first_start") is True and payload.get("exit_code"):
        found.add(Fact.FAILED_AT_ONCE)
    if backed := is_backed(event):
        found.add(Fact.BACKED)
    if is_down_by_its_check(event, backed=backed):
        found.add(Fact.DOWN)
    if event.trust is Trust.NODE:
        found.add(Fact.OWN)
    said_of_all = {
        Fact.ATTACK: is_of_an_attack(payload),
        Fact.OVER_LIMIT: is_over_its_limit(told),
        Fact.HOST_AWAY: is_host_away(told),
        Fact.NETWORK_GONE: is_in_a_lost_network(payload),
        Fact.MISDECLARED: is_misdeclared(payload),
        Fact.NOT_MEANT: is_at_rest(told),
    }
    found.update(fact for fact, holds in said_of_all.items() if holds)
    if "exporter" in (event.service or ""):
        found.add(Fact.EXPORTER)
    found.update(of_its_throughput(told))
    if (answered := found_by_its_cluster(told)) is not None:
        found.add(answered)
    if is_unevidenced(event, told.keys()):
        found.add(Fact.UNEVIDENCED)
    ages = (whole_in(payload.get(key)) for key in _AGES)
    if isinstance(health := payload.get("health"), str) and health.strip().lower() == "starting":
        found.add(Fact.YOUNG)  # its start period is not over
    if event.runtime and any(age is not None and 0 <= age < YOUNG_SECONDS for age in ages):
        found.add(Fact.YOUNG)
    if event.runtime is Runtime.SUPERVISOR and payload.get("state") == "STOPPED":
        found.add(Fact.OPERATOR)  # supervisord's word for a stop that was asked for
    attempt, most = (whole_in(payload.get(key)) for key in ("check_attempt", "max_check_attempts"))
    if attempt is not None and most is not None and 0 < attempt < most:
        found.add(Fact.TRANSIENT)
    if event.runtime is Runtime.SYSTEMD and str(payload.get("unit", "")).endswith(".mount"):
        found.add(Fact.MOUNT)
    if str(payload.get("timer") or "").endswith(".timer"):
        found.add(Fact.TIMER_JOB)
    if payload.get("name_resolves") is False:
        found.add(Fact.UNRESOLVED)
    said = payload.get("host") or payload.get("node")
    if isinstance(said, str) and is_name(said) and said.lower() != event.node.lower():
        found.add(Fact.CONFLICT)
    if restart_forbidden(payload):
        found.add(Fact.OPTED_OUT)
    if "State" in payload and payload["State"] is None:
        found.add(Fact.GONE)
    if isinstance(payload.get("missing"), list) and event.service in payload["missing"]:
        found.add(Fact.GONE)
    if could_not_start(event):
        found.add(Fact.START_ERROR)
    elif cannot_work(event):
        found.add(Fact.UNFIT)
    if is_not_as_declared(payload):
        found |= {Fact.DRIFTED, Fact.COMPOSE}  # and there is a declaration to make it from
    elif says_drifted(payload):
        found.add(Fact.DRIFTED)
    if payload.get("Action") in ("start", "unpause") and engine_attributes(payload) is not None:
        found.add(Fact.RESOLVED)  # of any other sender it is a job that began
    if any(word.startswith("oom") for word in event.type.lower().split("_")):
        found.add(Fact.OOM_KILLED)
    return found
