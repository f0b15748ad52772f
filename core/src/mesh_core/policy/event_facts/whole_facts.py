"""What an event says that needs more than one field of it, or whose it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mesh_core.incidents.fact import Fact
from mesh_core.models.events import HealthEvent, Runtime, Trust
from mesh_core.models.owner_labels import engine_attributes, restart_forbidden
from mesh_core.models.records import is_name, is_service_name
from mesh_core.models.whole_numbers import whole_in
from mesh_core.policy.event_facts.absent import is_said_absent
from mesh_core.policy.event_facts.alert_state import is_host_away, is_of_an_attack, is_silenced_until, says_well
from mesh_core.policy.event_facts.came_after import came_after_its_start
from mesh_core.policy.event_facts.cluster_codes import found_by_its_cluster
from mesh_core.policy.event_facts.counts import has_none_of_many
from mesh_core.policy.event_facts.declared import is_not_there
from mesh_core.policy.event_facts.drift import is_in_a_lost_network, is_misdeclared, is_not_as_declared, says_drifted
from mesh_core.policy.event_facts.its_answer import answers_with_maintenance
from mesh_core.policy.event_facts.lost_part import lost_what_works
from mesh_core.policy.event_facts.memory_limit import has_used_its_files, is_over_its_limit
from mesh_core.policy.event_facts.orchestrators import is_of_a_stack
from mesh_core.policy.event_facts.ordered import is_ended_by_order, is_planned
from mesh_core.policy.event_facts.partly_well import is_partly_well
from mesh_core.policy.event_facts.payload_fields import Field
from mesh_core.policy.event_facts.probe_evidence import is_about_a_check, is_answered_well, is_unevidenced
from mesh_core.policy.event_facts.purpose import is_at_rest
from mesh_core.policy.event_facts.renewed import is_newer_on_disk
from mesh_core.policy.event_facts.start_error import cannot_work, could_not_start
from mesh_core.policy.event_facts.stuck import is_stuck
from mesh_core.policy.event_facts.throughput import of_its_throughput
from mesh_core.policy.event_facts.tried import was_restarted_in_vain
from mesh_core.policy.event_facts.unanswered import got_no_answer
from mesh_core.policy.event_facts.wanted_state import is_not_as_wanted
from mesh_core.policy.names.known_names import is_address
from mesh_core.policy.words.plugin_output import is_down_by_its_check

AT_ONCE_MS = 1000  # too short to have done anything: it failed on what it was given
YOUNG_SECONDS = 300  # a start may take that long: what systemd and most health checks of images grant
_AGES = ("uptime_seconds", "up_seconds", "started_seconds_ago", "age_seconds", "running_seconds")
_NO_NAME = re.compile(r"[$`;|&<>(){}\n]")  # shell, not an escape of systemd's


def facts_of_whole(event: HealthEvent, told: Mapping[str, Any], fields: Sequence[Field], *, backed: bool) -> set[Fact]:
    """Facts that need more than one field. `told`: the payload by its folded keys; `fields`: all of it, walked once;
    `backed`: it says what runs it."""
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
    if backed:
        found.add(Fact.BACKED)
    if is_down_by_its_check(event, backed=backed) or has_none_of_many(told) or is_not_as_wanted(event, told):
        found.add(Fact.DOWN)
    if event.trust is Trust.NODE:
        found.add(Fact.OWN)
    said_of_all = {
        Fact.ATTACK: is_of_an_attack(payload),
        Fact.OVER_LIMIT: is_over_its_limit(told),
        Fact.FILES_USED_UP: has_used_its_files(told),
        Fact.CAME_LATER: came_after_its_start(told, event.service or ""),
        Fact.HANGS: lost_what_works(told),
        Fact.HOST_AWAY: is_host_away(told),
        Fact.MAINTENANCE: is_silenced_until(told, event.timestamp),
        Fact.NETWORK_GONE: is_in_a_lost_network(payload),
        Fact.MISDECLARED: is_misdeclared(payload),
        Fact.NO_CHECK: is_about_a_check(event, told) and is_answered_well(payload),
        Fact.SWARM: is_of_a_stack(told),
        Fact.RENEWED: is_newer_on_disk(fields),
        Fact.UNANSWERED: got_no_answer(fields),
        Fact.NOT_MEANT: is_at_rest(told) or is_ended_by_order(event) or is_planned(event),
        Fact.PARTLY_WELL: is_partly_well(payload),
        Fact.RESTARTING: answers_with_maintenance(payload),
        Fact.RESTARTED_IN_VAIN: was_restarted_in_vain(payload, fields, event.service or ""),
    }
    found.update(fact for fact, holds in said_of_all.items() if holds)
    if "exporter" in (event.service or ""):
        found.add(Fact.EXPORTER)
    found.update(of_its_throughput(told))
    found.update(is_stuck(fields))
    if (answered := found_by_its_cluster(told)) is not None:
        found.add(answered)
    if is_unevidenced(event, told.keys()):
        found.add(Fact.UNEVIDENCED)
    ages = (whole_in(payload.get(key)) for key in _AGES)
    if isinstance(health := payload.get("health"), str) and health.strip().lower() == "starting":
        found.add(Fact.YOUNG)  # its start period is not over
    if (event.runtime or backed) and any(age is not None and 0 <= age < YOUNG_SECONDS for age in ages):
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
    if isinstance(said, str) and is_name(said) and not _is_a_state(said) and said.lower() != event.node.lower():
        found.add(Fact.CONFLICT)
    if restart_forbidden(payload):
        found.add(Fact.OPTED_OUT)
    if "State" in payload and payload["State"] is None:
        found.add(Fact.GONE)
    if event.service and (is_not_there(payload, event.service) or is_said_absent(payload, event.service)):
        found.add(Fact.GONE)
    if isinstance(payload.get("missing"), list) and event.service in payload["missing"]:
        found.add(Fact.GONE)
    if could_not_start(event):
        found.add(Fact.START_ERROR)
    elif cannot_work(event):
        found.add(Fact.UNFIT)
    if is_not_as_declared(event):
        found |= {Fact.DRIFTED, Fact.COMPOSE}  # and there is a declaration to make it from
    elif says_drifted(payload):
        found.add(Fact.DRIFTED)
    if payload.get("Action") in ("start", "unpause") and engine_attributes(payload) is not None:
        found.add(Fact.RESOLVED)  # of any other sender it is a job that began
    if any(word.startswith("oom") for word in event.type.lower().split("_")):
        found.add(Fact.OOM_KILLED)
    return found


def _is_a_state(said: str) -> bool:
    """`{"host": "ok"}` says how it is, and names none."""
    return says_well(said) or said.lower() in (
        "ready",
        "notready",
        "down",
        "unreachable",
        "offline",
        "unknown",
        "pingable",
        "answers",
    )
