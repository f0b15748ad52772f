"""Remedies: offered only on what a node agent found, rendered to what the lint passes, told by their numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from action_rig import EVIL, NOW
from remedy_events import DISK, EVENTS, GIB, REGISTER, REMEDIES, SHIPPED, event_for, proposal_for
from remedy_rig import GOOD_WITH_UNDO

from mesh_core.actions.register import action_type, playbook_for, what_it_touches
from mesh_core.actions.remedies import action
from mesh_core.actions.remedies.loader import read_remedy
from mesh_core.actions.remedies.rendering import rendered
from mesh_core.approvals.undoing import undo_of
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.outcomes import Outcome, OutcomeVerdict
from mesh_core.models.proposals import Proposal, Risk, Undoes
from mesh_core.policy.event_facts.facts import Fact
from mesh_core.policy.lifeline import Lifeline
from mesh_core.policy.playbook_lint import OURS, lint_text
from mesh_core.policy.playbook_lint.table import table
from mesh_core.policy.policy import Policy

POLICY = Policy.load(None, learnt=False)


def undo_for(name: str) -> Proposal:
    """What takes back a run of it whose first look saw nothing but sevens."""
    ran = proposal_for(name)
    before = {**dict.fromkeys(REMEDIES[name].look.numbers, 7), "exists": True, "words": EVIL}
    outcome = Outcome(
        action_id=ran.id,
        digest="0" * 16,
        result="failed",
        verdict=OutcomeVerdict.NOT_HELPED,
        reason=f"it did not help {EVIL}",
        node=ran.node,
        service=ran.service,
        type=name,
        started_at=NOW,
        finished_at=NOW,
        before=before,
    )
    return undo_of(ran, outcome, datetime.now(UTC))


def with_found(name: str, room: str, **facts: Any) -> HealthEvent:
    """The same event, where the agent found something else."""
    event = event_for(name)
    found = event.payload["investigation"]
    return event.model_copy(
        update={"payload": {**event.payload, "investigation": {**found, room: {**found.get(room, {}), **facts}}}}
    )


def test_every_shipped_file_is_a_remedy_with_an_event_that_it_is_for() -> None:
    assert {path.name for path in SHIPPED.iterdir()} == {f"{name}.yml" for name in (*REMEDIES, *REGISTER.recipes)}
    assert set(EVENTS) == set(REMEDIES)
    facts = {fact.value for fact in Fact}
    for name, remedy in REMEDIES.items():
        assert set(remedy.never) <= facts, name


@pytest.mark.parametrize("name", REMEDIES)
def test_what_it_renders_passes_the_lint_and_minds_no_sentence_of_the_event(name: str) -> None:
    plays = playbook_for(proposal := proposal_for(name))
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
    assert playbook_for(proposal) == plays  # the same proposal is always the same bytes
    evil = proposal.event.model_copy(update={"payload": {**proposal.event.payload, "logs": [EVIL], "summary": EVIL}})
    assert playbook_for(proposal.model_copy(update={"event": evil})) == plays


UNDOABLE = [name for name, remedy in REMEDIES.items() if remedy.undo]


@pytest.mark.parametrize("name", UNDOABLE)
def test_what_takes_it_back_passes_the_lint_and_knows_the_numbers_of_before(name: str) -> None:
    back = action_type(f"undo_{name}")
    assert (action_type(name).undone_by, back.choice, back.takes_back) == (back.name, None, True)
    assert back.risk is not Risk.LOW
    proposal = undo_for(name)
    assert (proposal.type, proposal.action, proposal.risk_level) == (back.name, back.name, back.risk)
    assert proposal.id == proposal.id_by_its_parts != proposal_for(name).id
    plays = playbook_for(proposal)
    for text in (plays.apply, plays.look, plays.converge):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
        assert f"before_{next(iter(REMEDIES[name].look.numbers))}: 7" in text
    assert "lookup" not in plays.apply + plays.look + plays.converge
    assert f"takes back on n1 what {proposal.undoes.action_id} did" in what_it_touches(proposal)  # type: ignore[union-attr]
    unmeasured = proposal.model_copy(update={"undoes": Undoes(action_id=proposal_for(name).id)})
    with pytest.raises(ValueError, match="nobody knows any more what was there before"):
        playbook_for(unmeasured)


def test_what_takes_it_back_by_itself_is_part_of_what_is_approved() -> None:
    remedy = read_remedy(GOOD_WITH_UNDO.encode(), "good.yml")
    made, _ = action.actions_of("good", remedy)
    assert made.undoes_by_itself
    assert made.choice is not None
    assert made.choice.interrupts, "what is taken back may leave the service away"
    plays = made.playbooks(proposal_for("journal_vacuum"))
    for text in (plays.undo, plays.undone):
        assert lint_text(text, "n1", widened=OURS, keywords=table().our_keywords).problems == (), text
        assert "before_used_percent: '{{ mend_before.used_percent }}'" in text
    assert "used_percent == before_used_percent | int" in plays.undone
    assert "lookup" not in plays.undo
    later, _ = action.actions_of("good", read_remedy(GOOD_WITH_UNDO.replace("true", "false").encode(), "good.yml"))
    assert (later.playbooks(proposal_for("journal_vacuum")).undo, later.undoes_by_itself) == ("", False)


def test_in_check_mode_what_looks_looks_and_nobody_waits_for_what_was_not_done() -> None:
    (mounting,) = yaml.safe_load(playbook_for(proposal_for("mount_again")).apply.replace("!unsafe ", ""))
    assert [task.get("check_mode") for task in mounting["tasks"]] == [False, False, None, None, None]
    (waiting,) = yaml.safe_load(playbook_for(proposal_for("time_sync")).apply.replace("!unsafe ", ""))
    waits = [task for task in waiting["tasks"] if "until" in task]
    assert len(waits) == 2
    assert all("check_mode" not in task and " is skipped or " in task["until"] for task in waits)


@pytest.mark.parametrize("name", REMEDIES)
def test_it_is_offered_for_what_a_node_agent_found_and_for_nothing_that_a_stranger_says(name: str) -> None:
    offered = POLICY.allows(event_for(name))
    assert name in offered.actions, offered
    for trust in (Trust.FOREIGN, Trust.OBSERVER, Trust.MESH):
        told = POLICY.allows(event_for(name, trust=trust))
        assert not told.actions & {*REMEDIES}
    assert name not in POLICY.allows(event_for(name, payload={})).actions
    if REMEDIES[name].when.types != ("*",):
        assert name not in POLICY.allows(event_for(name, type="clock_skew")).actions


def holders(**first: Any) -> HealthEvent:
    """Hardly any memory, and who holds most of it."""
    row = EVENTS["memory_hog_restart"]["payload"]["investigation"]["memory"]["holders"][0]
    return with_found("memory_hog_restart", "memory", holders=[{**row, **first}])


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"percent": 29}, "memory.holders.0.percent is only 29 %"),
        ({"alone": False}, "memory.holders.0.alone is no"),
        ({"unit_or_container": None}, "gives no unit_or_container for holder"),
        ({"unit_or_container": "-H root@x"}, "gives no unit_or_container for holder"),
        ({"kind": "login"}, "gives no enum for kind"),
        ({"image": "host:5000/x/redis:7"}, "would touch image host:5000/x/redis:7, which is on the never list"),
        ({"kind": "unit", "unit_or_container": "sshd.service"}, "would touch unit or container sshd.service, which is"),
        ({"program": "ollama"}, "would touch program ollama, which is on the never list"),
        ({"labels": {"autoheal": "false"}}, "would touch shop-web-1, whose owner's label forbids automatic restarts"),
        ({"compose": {"project": "mendmesh", "service": "x"}}, "would touch compose project mendmesh, which is"),
    ],
)
def test_what_the_evidence_names_is_fenced_as_if_the_event_were_about_it(first: dict[str, Any], said: str) -> None:
    assert POLICY.allows(holders()).preferred == "memory_hog_restart"
    told = POLICY.allows(holders(**first))
    assert told.preferred == "notify"
    assert "memory_hog_restart" not in told.actions
    assert said in told.reason, told.reason


def test_a_remedy_that_interrupts_looks_at_what_it_would_touch_so_that_the_lifeline_holds_on_the_host_too() -> None:
    read = action_type("memory_hog_restart").read_look
    assert read is not None
    container = {"Name": "/web", "Config": {"Image": "valkey:8", "Labels": {"mendmesh.restart": "no"}}}
    answer = {
        "numbers": {"used_percent": 96, "available_kib": 1, "is_running": 1, "restarts": 0},
        "proven": False,
        "touched": [{"unit": "Id=web.service\nExecStart={ path=/usr/sbin/sshd ; x }"}, {"container": container}],
    }
    seen = read(proposal_for("memory_hog_restart"), {"msg": answer})
    assert POLICY.protected_in_look(seen.facts) == "image valkey:8"
    assert seen.facts["containers"][0]["restart_forbidden"] is True
    nothing = {**answer, "touched": [answer["touched"][0], {"container": {"Name": ""}}]}
    seen = read(proposal_for("memory_hog_restart"), {"msg": nothing})
    assert POLICY.protected_in_look(seen.facts) == "program sshd"
    assert "touched" in playbook_for(proposal_for("container_limit_raise")).look
    assert "touched" not in playbook_for(proposal_for("unit_start")).look, "what does not run is not interrupted"


def test_what_interrupts_looks_at_the_units_and_containers_among_its_params_and_at_nothing_else() -> None:
    of_all = "".join(f"  a_{kind}: {{type: {kind}, from: event.service}}\n" for kind in ("name", "unit", "container"))
    text = GOOD_WITH_UNDO.replace(
        "params:\n", f"params:\n  at: {{type: path, under: [/srv], from: payload.at}}\n{of_all}"
    )
    remedy = read_remedy(text.encode(), "good.yml")
    assert {*remedy.targets} == {"a_unit", "a_container"}
    look = rendered(remedy, "n1", {name: param.example for name, param in remedy.params.items()}).look
    assert (look.count("See what a_unit is"), look.count("See what a_container is"), look.count("See what ")) == (
        1,
        1,
        2,
    )


def test_a_limit_is_raised_by_half_and_by_no_more_than_the_host_can_give() -> None:
    assert "instead of 1.0 GiB" in what_it_touches(proposal_for("container_limit_raise"))
    assert "web may take 1.5 GiB" in what_it_touches(proposal_for("container_limit_raise"))
    for found, said in (
        ({"limit_bytes": None}, "the agent found no memory.limit_bytes"),
        ({"limit_bytes": 2 * GIB}, "memory.limit_bytes is 2.0 GiB"),
        ({"available_bytes": 2 * GIB}, "memory.limit_bytes is 1.0 GiB"),
        ({"available_bytes": 10**13, "limit_bytes": 10**12}, "gives no integer for raised_bytes"),
    ):
        choice = action_type("container_limit_raise").choice
        assert choice is not None
        assert said in choice.unmet(with_found("container_limit_raise", "memory", **found))


def test_policy_prefers_what_the_agent_found_and_says_what_is_missing_where_nothing_was() -> None:
    allowed = POLICY.allows(event_for("journal_vacuum"))
    assert (allowed.preferred, allowed.rule) == ("journal_vacuum", "disk-space")
    for event, why in (
        (event_for("journal_vacuum", trust=Trust.FOREIGN), "no node agent looked into it"),
        (with_found("journal_vacuum", "journal", bytes=None), "the agent found no journal.bytes"),
        (with_found("journal_vacuum", "journal", bytes=5 * 1024**2), "journal.bytes is only 5.0 MiB"),
        (with_found("journal_vacuum", "journal", bytes="a lot"), "journal.bytes is no number"),
        (with_found("journal_vacuum", "journal", mount="/"), "journal.mount is /, not /var"),
    ):
        told = POLICY.allows(event)
        assert (told.preferred, told.rule) == ("notify", "needs")
        assert told.actions & {"journal_vacuum", "notify"} == {"notify"}
        assert re.search(rf"journal_vacuum[a-z_, ]* \({re.escape(why)}\)", told.reason), told.reason


def test_what_each_one_needs_is_said_in_one_sentence_and_the_first_that_is_offered_is_preferred() -> None:
    told = POLICY.allows(event_for("journal_vacuum", payload=DISK))
    assert told.reason == (
        "a disk is nearly full; not offered: container_log_empty (the agent found no docker.logs.0.bytes); "
        "docker_reclaim_space (the agent found no docker.build_cache_bytes); journal_vacuum (the agent found no "
        "journal.bytes); logs_rotate (the agent found no logs.bytes); package_cache_clean (the agent found no "
        "packages.cache_bytes); tmp_clean (the agent found no tmp.old_bytes)"
    )
    names = ("docker_reclaim_space", "package_cache_clean")
    both = {room: facts for name in names for room, facts in EVENTS[name]["payload"]["investigation"].items()}
    offered = POLICY.allows(event_for("journal_vacuum", payload={**DISK, "investigation": both}))
    assert (offered.preferred, offered.reason) == ("package_cache_clean", "a disk is nearly full")
    assert offered.actions == {"package_cache_clean", "docker_reclaim_space", "notify"}


@pytest.mark.parametrize(
    ("more", "preferred", "offered"),
    [
        ({"type": "unit_failed", "active_state": "failed"}, "mount_again", {"mount_again", "restart", "notify"}),
        ({"type": "unit_failed", "source_gone": True}, "notify", {"mount_again", "restart", "notify"}),
        (
            {"type": "unit_failed", "logs": ["mount.nfs: No route to host"]},
            "mount_again",
            {"mount_again", "restart", "notify"},
        ),
        ({"type": "mount_missing"}, "mount_again", {"mount_again", "notify"}),
        ({"type": "mount_stale", "errno": "EIO"}, "mount_again", {"mount_again", "notify"}),
        ({"type": "mount_missing", "logs": ["csum failed root 5 ino 257"]}, "notify", {"notify"}),
        ({"type": "mount_missing", "stopped_by_person": True}, "ignore", {"ignore", "notify"}),
        ({"type": "unit_failed", "unit": "web.service", "active_state": "failed"}, "restart", {"restart", "notify"}),
    ],
)
def test_a_mount_is_mounted_again_where_that_may_help_and_nobody_took_it_down(
    more: dict[str, Any], preferred: str, offered: set[str]
) -> None:
    type_ = more.pop("type")
    event = event_for("mount_again", type=type_)
    found = POLICY.allows(event.model_copy(update={"payload": {**event.payload, **more}}))
    assert (found.preferred, found.actions) == (preferred, offered), found


def test_a_whole_host_is_restarted_only_where_nothing_that_the_mesh_needs_is_on_it() -> None:
    event = event_for("node_reboot")
    assert POLICY.allows(event).preferred == "node_reboot"
    assert POLICY.allows(event_for("node_reboot", type="mount_stale")).actions == {"node_reboot", "notify"}
    tired = event.model_copy(update={"payload": {**event.payload, "logs": ["nvme0: I/O error, dev nvme0n1"]}})
    assert POLICY.allows(tired).actions == {"notify"}, "a disk that dies may not come back"
    for urls, asked_on in ((["redis://127.0.0.1:6379"], event.node), ([f"http://{event.node}:8080/v1"], "elsewhere")):
        offered = Policy.load(None, Lifeline.at(urls, asked_on)).allows(event)
        assert offered.actions == {"notify"}
        assert f", which is on {event.node}" in offered.reason
    assert Policy.load(None, Lifeline.at(["redis://127.0.0.1:6379"], "elsewhere")).permits("node_reboot", event)


@pytest.mark.parametrize(
    ("name", "room", "facts", "why"),
    [
        (
            "docker_reclaim_space",
            "docker",
            {"build_cache_bytes": 5 * 1024**2},
            "with docker.build_cache_bytes is only 5.0 MiB",
        ),
        ("container_log_empty", "docker", {"logs": []}, "the agent found no docker.logs.0.bytes"),
        ("container_log_empty", "docker", {"logs": "many"}, "the agent found no docker.logs.0.bytes"),
        ("container_log_empty", "docker", {"logs": [7]}, "the agent found no docker.logs.0.bytes"),
        ("container_log_empty", "docker", {"logs": [{"container": EVIL, "bytes": GIB}]}, "gives no container for cont"),
        ("package_cache_clean", "packages", {"manager": "pacman"}, "gives no enum for manager"),
        ("logs_rotate", "logs", {"rule": "../passwd"}, "gives no name for rule"),
        ("certificate_renew", "certificate", {"manager": None}, "nothing on this host is known to renew it"),
        ("certificate_renew", "certificate", {"manager": "lego"}, "gives no enum for manager"),
        ("certificate_renew", "certificate", {"can_reload": False}, "the unit that shows it cannot reload"),
        ("certificate_renew", "certificate", {"lineage": EVIL}, "gives no name for lineage"),
        ("certificate_reload", "certificate", {"newer_on_disk": False}, "no newer one was seen on the disk"),
        ("config_reload", "config", {"behind_seconds": 0}, "config.behind_seconds is only 0 s"),
        ("config_reload", "config", {"program": "sshd"}, "gives no enum for program"),
        ("mount_again", "mount", {"declared_in": None}, "neither fstab nor a unit says how it is mounted"),
        ("mount_again", "mount", {"declared_in": "a script"}, "gives no enum for declared"),
        ("mount_again", "mount", {"point": "/srv/other"}, "mount.point is /srv/other, not /srv/data"),
        ("dns_cache_flush", "network", {"name_resolves": True}, "network.name_resolves is yes"),
        ("dns_cache_flush", "network", {"host": EVIL}, "gives no name for host"),
        ("dns_cache_flush", "network", {"name_cache": None}, "no program that remembers names for this host was found"),
        ("node_reboot", "hung", {"processes": 3}, "no program hangs in its kernel"),
        ("node_reboot", "hung", {"failed_units": None}, "its systemd does not answer"),
        ("node_reboot", "hung", {"carries_mesh": True}, "the mesh itself runs on this host"),
        ("node_reboot", "hung", {"carries_mesh": None}, "the mesh itself runs on this host"),
        ("unit_start", "unit", {"enabled": False}, "unit.enabled is no"),
        ("unit_start", "unit", {"enabled": "yes"}, "unit.enabled is yes"),
    ],
)
def test_what_does_not_hold_for_a_remedy_is_named(name: str, room: str, facts: dict[str, Any], why: str) -> None:
    choice = action_type(name).choice
    assert choice is not None
    assert choice.unmet(event_for(name)) == ""
    assert why in choice.unmet(with_found(name, room, **facts))


@pytest.mark.parametrize(
    "mount", ["", "var", "/var/../etc", "/var\n", "-o", EVIL, "/" + "x" * 300, 7, ["/var"], "/a//b;c"]
)
def test_what_is_no_mount_gives_no_value_and_no_playbook(mount: object) -> None:
    payload = event_for("journal_vacuum").payload
    event = event_for("journal_vacuum", payload={**payload, "mount": mount})
    assert "journal_vacuum" not in POLICY.allows(event).actions
    with pytest.raises(ValueError, match="gives no mount for mount"):
        playbook_for(proposal_for("journal_vacuum", payload={**payload, "mount": mount}))
    assert "deletes archived journal files on n1" in what_it_touches(
        proposal_for("journal_vacuum", payload={**payload, "mount": mount})
    )


def test_a_certificate_near_its_end_never_leads_to_a_restart_and_is_loaded_where_it_was_renewed() -> None:
    for name, preferred in (("certificate_reload", "certificate_reload"), ("certificate_renew", "certificate_renew")):
        allowed = POLICY.allows(event_for(name))
        assert (allowed.preferred, allowed.actions) == (preferred, {preferred, "notify"})
        assert allowed.reason == "a certificate is near its end"
    told = POLICY.allows(with_found("certificate_renew", "certificate", manager=None))
    assert told.preferred == "notify"
    assert told.reason == (
        "a certificate is near its end; not offered: certificate_reload (no newer one was seen on the disk); "
        "certificate_renew (nothing on this host is known to renew it: neither certbot nor acme.sh nor a cert-renewer "
        "of step)"
    )


def test_a_changed_configuration_is_loaded_by_no_event_that_calls_it_bad() -> None:
    event = event_for("config_reload")
    offered = POLICY.allows(event)
    assert (offered.preferred, offered.actions) == ("config_reload", {"config_reload", "restart", "notify"})
    without = POLICY.allows(with_found("config_reload", "config", behind_seconds=0))
    assert (without.preferred, without.rule, without.reason) == ("restart", "own-probe", offered.reason)
    protected = POLICY.allows(
        with_found("config_reload", "config", behind_seconds=0).model_copy(update={"service": "sshd"})
    )
    assert (protected.preferred, protected.rule) == ("notify", "never")
    assert "config_reload" not in protected.reason
    for said in ("nginx: [emerg] unknown directive", "configuration file test failed", "reload failed"):
        told = event.model_copy(update={"payload": {**event.payload, "logs": [said]}})
        assert "config_reload" not in POLICY.allows(told).actions, said


def test_a_parameter_out_of_bounds_is_no_value() -> None:
    payload = event_for("journal_vacuum").payload
    for limit, fits in ((90, True), (100, True), (101, False), (0, False), ("97", True), (EVIL, False), (True, False)):
        event = event_for("journal_vacuum", payload={**payload, "limit_percent": limit})
        assert ("journal_vacuum" in POLICY.allows(event).actions) is fits, limit
