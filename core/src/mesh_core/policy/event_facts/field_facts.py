"""What one field of an event says, by its folded name and its value. Pure; whole events are judged in `facts`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.truth import truth_in
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.alert_state import is_over, is_silenced, may_pass
from mesh_core.policy.event_facts.declared import does_not_exist, is_its_compose_entry, names_compose_file
from mesh_core.policy.event_facts.its_answer import is_in_maintenance
from mesh_core.policy.event_facts.needs_met import is_met
from mesh_core.policy.event_facts.not_running import is_not_running, is_unhealthy
from mesh_core.policy.event_facts.orchestrators import is_of_hypervisor, is_of_kubernetes, is_of_swarm
from mesh_core.policy.event_facts.other_cause import (
    ALL_NEEDED,
    has_no_room,
    has_what_it_needs,
    is_certificate_over,
    is_hardware_away,
    lacks_its_data,
    lacks_what_it_needs,
)
from mesh_core.policy.event_facts.payload_fields import word_in
from mesh_core.policy.event_facts.probe_evidence import answered_with, listens_on_nothing
from mesh_core.policy.event_facts.purpose import by_whom, is_in_use, is_not_meant, is_one_shot, is_seen_to_work
from mesh_core.policy.event_facts.there_now import came_later
from mesh_core.policy.event_facts.unanswered import says_no_answer
from mesh_core.policy.event_facts.work_in_progress import (
    is_being_changed,
    is_busy,
    is_left_undone,
    says_under_way,
)
from mesh_core.policy.words.plugin_output import CHECK_KEYS, OUTPUT_KEYS, facts_in_output, says_no_check

LOOP_COUNT = 5  # restarts that something else already made without success

# No words of guests (shut off, powered off): nothing here starts one, and a container of its name is another thing.
_DOWN_STATES = frozenset({"exited", "stopped", "fatal", "dead", "crashed", "errored"})
# `docker ps`; not ended by 0 or by a signal of a stop, which may be somebody's will.
_EXITED = re.compile(r"exited \((?!(?:0|137|143)\))\d{1,3}\)")
DOWN_UNITS = frozenset({"failed", "inactive", "dead"})  # in systemd's own words only: jobs and disks fail as well
_CHANGED_TO = frozenset(
    {"to", "newstate", "newstatus", "currentstate", "currentstatus"}
)  # {"from": "running", "to": ...}
_STATE_KEYS = frozenset({"status", "state", "containerstate", "activestate", "substate", "statename"}) | _CHANGED_TO
_CONTAINER_STATES = frozenset({"status", "state", "containerstate"})  # systemd's "dead" is a unit that rests
_ABSENT = frozenset({"absent", "missing", "not found", "no such container"})
_NO_MORE = _ABSENT | {"dead"}  # Docker's "dead": half removed, cannot be started
_NO_CONTAINER = frozenset({"unit", "unitstate", "systemdunit", "activestate", "substate", "process", "program"})
_HEALTH_KEYS = frozenset({"health", "healthstatus"}) | _CHANGED_TO
_RESTART_COUNTS = frozenset({"restartcount", "nrestarts", "restarts", "oomcount1h", "crashcount1h"})
_ENDS_OF_AN_HOUR = re.compile(r"(?:restart|crash|exit|oom(?:kill)?)s?(?:count)?(?:in(?:the)?)?(?:1h|lasthour|perhour)")
_COMPOSE_KEYS = frozenset(
    {
        *("composeproject", "comdockercomposeproject", "declaredincompose", "declaredservices", "composefile"),
        *("declared", "declaredimage", "definition"),
    }
)
_TESTS = frozenset({"test", "drill", "exercise", "simulation", "simulated", "dryrun"})
_DEPENDENCY_DOWN = (
    *("exited", "missing", "dead", "created", "unhealthy", "restarting", "paused", "failed", "inactive"),
    *("down", "stopped", "unreachable", "not running", "unavailable"),
)
_CAUSES = frozenset({"cause", "rootcause", "probablecause", "changed", "changes", "recentchanges", "packageschanged"})
_PACKAGE_MANAGERS = frozenset({"dpkg", "apt", "aptget", "dnf", "yum", "zypper", "pacman", "apk", "packagemanager"})

# A container that its own end takes away.
_HOW_IT_WAS_MADE = ("spawner", "startedby", "createdby", "runcommand", "command", "cmd", "runoptions", "options")
_ENDS_WITH_IT = re.compile(r"\brun\b.*(?:^| )--rm\b|\b(?:auto_?)?remove ?= ?(?:true|yes)\b")


def facts_of_field(path: tuple[str, ...], value: Any, beside: frozenset[str]) -> Iterator[Fact]:
    """What one field says; `beside` are the payload's own folded keys, which show what kind of sender speaks."""
    key, parent = path[-1], path[-2] if len(path) > 1 else ""
    word = word_in(value)
    yes = isinstance(value, bool | str) and truth_in(value) is True
    if key in _STATE_KEYS and "laststate" not in path and not _monitoring(path):
        if word in (DOWN_UNITS if key in ("activestate", "substate") else _DOWN_STATES) or _EXITED.match(word):
            yield Fact.DOWN
        if word in _NO_MORE and key in _CONTAINER_STATES and (word in _ABSENT or beside.isdisjoint(_NO_CONTAINER)):
            yield Fact.GONE
        if word == "running" or (word == "active" and key == "activestate"):
            yield Fact.RUNNING
    if (path == ("container",) and word in _ABSENT) or does_not_exist(path, value):
        yield Fact.GONE
    if (key == "autoremove" and yes) or (key.endswith(_HOW_IT_WAS_MADE) and _ENDS_WITH_IT.search(word)):
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
    yield from _of_its_place(path, value, word, beside)
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
    counts = key in _RESTART_COUNTS or _ENDS_OF_AN_HOUR.fullmatch(key) is not None
    if counts and number is not None and number >= LOOP_COUNT:
        yield Fact.LOOPING
    yield from by_whom(key, word)
    if key == "removedbyoperator" and yes:
        yield Fact.OPERATOR
    if len(path) == 1 and key in _CAUSES and isinstance(value, str | list) and value and not says_no_answer(value):
        yield Fact.EXPLAINED_BY
    if (
        len(path) == 1
        and key in _PACKAGE_MANAGERS
        and (yes or word.startswith(("running", "locked", "active", "busy")) or says_under_way(value))
    ):
        yield Fact.RESTARTING  # it starts anew what it installs
    if word and is_of_swarm(path, word):
        yield Fact.SWARM
    if word and is_of_kubernetes(path):
        yield Fact.KUBERNETES
    if path in (("compose", "project"), ("compose", "file")) and word:
        yield Fact.COMPOSE
    if key in _COMPOSE_KEYS and value not in (None, False, "", [], {}):
        yield Fact.COMPOSE
    if names_compose_file(path, value) or is_its_compose_entry(path, value):
        yield Fact.COMPOSE


def _of_its_place(path: tuple[str, ...], value: Any, word: str, beside: frozenset[str]) -> Iterator[Fact]:
    """What it is there for, what goes on with it, and what lies beside it."""
    of_a_state = path[-1] in _STATE_KEYS and not _monitoring(path)
    said = {
        Fact.RESTARTING: is_being_changed(path, value, word, of_a_state=of_a_state) or is_in_maintenance(path, value),
        Fact.LEFT_UNDONE: is_left_undone(path, value, word),
        Fact.IN_USE: is_busy(path, value, word) or is_in_use(path, value),
        Fact.WELL: is_seen_to_work(path, value),
        Fact.GUEST: is_of_hypervisor(path, word) and value not in (None, False, ""),
        Fact.NOT_MEANT: is_not_meant(path, value, word),
        Fact.ONE_SHOT: is_one_shot(path, value, word),
        Fact.NO_ROOM: has_no_room(path, value),
        Fact.HARDWARE_AWAY: is_hardware_away(path, value),
        Fact.EXPIRED: is_certificate_over(path, value),
        Fact.DOWN: is_not_running(path, value, word, beside),
        Fact.UNHEALTHY: is_unhealthy(path, value, word, beside),
        Fact.DATA_AWAY: lacks_its_data(path, word),
        Fact.NEEDS_MET: has_what_it_needs(path, value),
        Fact.NEED_TESTED: is_met(path, value),
        Fact.UNANSWERED: listens_on_nothing(path, value),
        Fact.CAME_LATER: came_later(path, value),
        Fact.DEPENDENCY_DOWN: lacks_what_it_needs(path, value, word, of_a_state=of_a_state),
    }
    yield from (fact for fact, holds in said.items() if holds)


def _of_docker(path: tuple[str, ...], value: Any, word: str) -> Iterator[Fact]:
    key = path[-1]
    state, _, health = word.partition(":")
    if health and key in _STATE_KEYS and not _monitoring(path):  # as panels join the two: `running:unhealthy`
        if state in _DOWN_STATES:
            yield Fact.DOWN
        elif state == "running" and health in ("healthy", "unhealthy"):
            yield from (Fact.RUNNING, Fact.WELL if health == "healthy" else Fact.UNHEALTHY)
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
    if is_silenced(path, value, word, beside, yes=yes):
        yield Fact.MAINTENANCE
    if path == ("heartbeat", "status"):
        yield from {
            0: (Fact.UNHEALTHY,),
            1: (Fact.RESOLVED,),
            2: (Fact.RESTARTING, Fact.TRANSIENT),
            3: (Fact.MAINTENANCE,),
        }.get(-1 if number is None else number, ())
    if may_pass(path, value, word, number):
        yield Fact.TRANSIENT
    if len(path) == 1 and yes and key.removeprefix("is") in _TESTS:
        yield Fact.TEST
    if key == "nodeuptimeseconds" and number is not None and 0 <= number < 600:  # a bare uptime may be a process's
        yield Fact.JUST_BOOTED
