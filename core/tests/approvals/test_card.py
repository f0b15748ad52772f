"""One card says whether, each thing once; what nobody knows is not on it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mesh_core.approvals.card import Card, CardContext, NotChosen, card_for
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import (
    A_PERSON,
    Considered,
    Evidence,
    ModelRef,
    Proposal,
    RuleCited,
    Undoes,
    proposal_id,
)
from mesh_core.models.records import rfc3339
from mesh_core.models.sightings import SeenState, Sighting
from mesh_core.policy.track_record import PastRun
from mesh_core.runtime.places_note import SickPlace

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)
SHOP = "web01/shop"


def ago(hours: float) -> str:
    return rfc3339(NOW - timedelta(hours=hours))


def proposal(type_: str = "container_restart", action: str = "restart", **changes: Any) -> Proposal:
    event = {"id": "web01/1-0", "type": "container_died", "node": "web01", "service": "shop", "trust": Trust.NODE}
    payload = {"runtime": "docker", "container": "shop", "dependents": ["worker", "proxy", "-H root@evil"]}
    happened = {"timestamp": ago(1), "payload": payload, **changes.pop("event", {})}
    return Proposal(
        **{"id": proposal_id("web01/1-0", "web01", "shop"), "type": type_, "action": action, "risk_level": "low"},
        **{"node": "web01", "service": "shop", "reason": "the container does not run", "confidence": 0.5},
        **{"created_at": ago(0.9), "expires_at": ago(-23), "event": HealthEvent(**{**event, **happened})},
        **{"model": A_PERSON, **changes},
    )


def card(of: Proposal, **around: Any) -> Card:
    return card_for(of, CardContext(**around), NOW)


def run(type_: str, verdict: str, hours: float, seconds: float | None = None) -> PastRun:
    return PastRun("plan-x", type_, verdict, ago(hours), SHOP, seconds)


def test_it_says_what_is_wrong_since_when_what_a_yes_does_and_what_waiting_costs() -> None:
    told = card(proposal(), occurrences=14)
    assert (told.title, told.since) == ("shop on web01 does not run: container died", ago(1))
    assert (told.does, told.interrupts) == ("restarts 1 container on web01: shop", "shop is away meanwhile")
    assert told.waiting == "worker, proxy need it and go without; announced 14 times so far"


def test_of_nodes_that_fell_silent_together_it_says_who_is_not_back() -> None:
    nodes = [f"n{number}" for number in range(10)]
    payload = {"in_common": "silent", "nodes": nodes[:3], "subjects": 3}
    storm = proposal("notify", "notify", event={"type": "trouble_storm", "node": "all-nodes", "payload": payload})
    later = [(node, None) for node in nodes[1:]] + [("n1", "shop")]
    assert card(storm, explained=later, silent=["n9", "elsewhere"]).waiting == "1 of 10 nodes still silent: n9"
    told = card(storm, explained=later, silent=nodes).waiting
    assert told == "10 of 10 nodes still silent: n0, n1, n2, n3, n4, n5, n6, n7 and 2 more"
    assert card(storm, explained=later).waiting == "", "where nobody knows it says nothing"
    alike = {**payload, "in_common": "does not run"}
    others = proposal("notify", "notify", event={"type": "trouble_storm", "node": "all-nodes", "payload": alike})
    assert card(others, silent=nodes).waiting == ""


def test_of_what_nobody_knows_it_says_nothing() -> None:
    told = card(proposal(event={"payload": {}}))
    rest = (told.found, told.rule, told.runbook, told.before, told.suggestion, told.waiting)
    assert rest == ("", "", "", "", "", "")
    assert (told.instead, told.timeline, told.others) == ((), (), ())
    assert card(proposal("playbook", "playbook", event={"type": "playbook_requested"})).interrupts == ""


def test_what_interrupts_nothing_says_so_and_a_message_sends() -> None:
    assert card(proposal("journal_vacuum", "journal_vacuum")).interrupts == "interrupts nothing"
    told = card(proposal("notify", "notify"))
    assert (told.does.startswith("sends a notification"), told.interrupts) == (True, "")


def test_what_helped_before_is_on_it_with_how_long_the_service_was_away() -> None:
    told = card(proposal(), runs=(run("container_restart", "proven", 30, 12.0), run("redeploy", "not_helped", 40)))
    assert told.interrupts == "shop is away meanwhile, the last time 12 s at most"
    assert told.before == (
        "container restart helped (1 of 1 run, the last 30 h ago, proven after 12 s); "
        "redeploy did not help (1 run, the last 40 h ago)"
    )
    assert told.timeline == ()


def test_what_changed_what_was_done_and_that_it_got_worse_are_one_timeline() -> None:
    found = {"image": {"changed_seconds_ago": 3600}}
    worse = Evidence(source="told before", text="It was told before and got worse.")
    of = proposal(event={"payload": {"investigation": found}}, evidence=(worse,))
    told = card(of, runs=(run("container_restart", "not_helped", 1.5),))
    assert [(moment.at, moment.what) for moment in told.timeline] == [
        (ago(2), "its image changed"),
        (ago(1.5), "container restart: not helped"),
        (ago(0.9), "It was told before and got worse."),
    ]


def test_other_trouble_of_the_node_is_listed_but_not_what_this_explains() -> None:
    places = [SickPlace(node, service, "unit_failed", ago(2)) for node, service in OTHERS]
    told = card(proposal(), sick=places, explained=[("web01", "worker")])
    assert [place.service for place in told.others] == ["mail", None]


OTHERS = (("web01", "shop"), ("web01", "worker"), ("web01", "mail"), ("web01", None), ("db01", "shop"))


def test_a_models_words_are_never_ours() -> None:
    model = ModelRef(name="tiny", provider="llamacpp", position=1, latency_ms=5)
    rule = RuleCited(name="died", says="its container does not run")
    ours = card(proposal(rule=rule))
    assert (ours.because, ours.rule) == ("its container does not run", "died")
    models = card(proposal(rule=rule, model=model))
    assert (models.because, models.rule) == ("", "died: its container does not run")
    assert card(proposal()).because == "the container does not run"


def test_what_an_alert_says_of_itself_is_quoted() -> None:
    evidence = (Evidence(source="payload.summary", text="lag is\n340 s"),)
    assert card(proposal(event={"trust": Trust.FOREIGN}, evidence=evidence)).found == 'it says: "lag is 340 s"'
    assert card(proposal(evidence=evidence)).found == ""
    beside = {"annotations": {"summary": "  ", "description": "lag of\nreplica 2"}, "heartbeat": {"msg": "timeout"}}
    assert card(proposal(event={"trust": Trust.FOREIGN, "payload": beside})).found == 'it says: "lag of replica 2"'
    odd = {"annotations": "none", "heartbeat": {"msg": 5}}
    assert card(proposal(event={"trust": Trust.FOREIGN, "payload": odd})).found == ""


def test_of_what_a_program_printed_the_last_line_is_quoted_and_its_check_before_its_log() -> None:
    logs = Evidence(source="payload.logs", text="ready\nno such key: listn\n")
    assert card(proposal(evidence=(logs,))).found == 'its log ends with: "no such key: listn"'
    check = Evidence(source="payload.health_output", text="500")
    assert card(proposal(evidence=(logs, check))).found == 'its check says: "500"'


def test_what_it_depends_on_and_is_not_well_is_named() -> None:
    needs = {"db": "exited with 137", "cache": "running", "migrate": "finished", "mail": "unhealthy"}
    event = {"payload": {"depends_on": needs}}
    assert card(proposal(event=event)).found == "it depends on db (exited with 137), mail (unhealthy)"
    assert card(proposal(event={**event, "trust": Trust.FOREIGN})).found == "", "who says so is a stranger"
    assert card(proposal(event={"payload": {"depends_on": ["db"]}})).found == ""
    lost = card(proposal(event={"payload": {"network_container_there": False, "depends_on": needs}})).found
    assert lost == "the container in whose network it lives is gone, so it has none until it is made anew"


def test_where_a_yes_repairs_nothing_it_says_where_to_look() -> None:
    text = "disk-space: A disk is full (found by its name)\nmeans: Nothing fits.\nlook at: What grew last."
    told = (Evidence(source="runbook", text=text),)
    assert card(proposal("notify", "notify", evidence=told)).look == "What grew last."
    assert card(proposal(evidence=told)).look == ""
    guess = (Evidence(source="runbook", text=text.replace("(found", "(perhaps, found")),)
    assert card(proposal("notify", "notify", evidence=guess)).look == ""


def test_a_certificate_says_when_it_runs_out() -> None:
    payload = {"left_seconds": 7200}
    event = {"type": "certificate_expiring", "payload": payload}
    assert card(proposal(event=event)).waiting == "it runs out in 60 min"
    assert card(proposal(event={**event, "timestamp": ago(3)})).waiting == "it has run out"
    assert card(proposal(event={**event, "trust": Trust.FOREIGN})).waiting == ""


def test_numbers_that_no_calendar_holds_do_not_cost_the_card() -> None:
    rows = [{"kind": "package", "name": "zlib", "seconds_ago": seconds} for seconds in (60, 10**13)]
    payload = {"left_seconds": 10**13, "investigation": {"changed": {"rows": rows}}}
    event = {"type": "certificate_expiring", "payload": payload, "timestamp": "0001-01-01T00:00:00Z"}
    told = card(proposal(event=event))
    assert told.waiting.startswith("it runs out in ")
    assert [moment.what for moment in told.timeline] == ["package zlib changed"]


def test_choices_that_lack_the_same_are_told_together() -> None:
    considered = [
        Considered(choice=word, why_not=why) for word, why in (("a", "it risks more"), ("b", "no"), ("c", "no"))
    ]
    told = card(proposal(considered=tuple(considered))).instead
    assert told == (NotChosen(("a",), "it risks more"), NotChosen(("b", "c"), "no"))


def test_an_undo_is_about_the_run_and_not_about_the_old_trouble() -> None:
    told = card(proposal(undoes=Undoes(action_id="plan-x")))
    assert (told.title, told.since) == ("shop on web01: an earlier run is to be taken back", ago(0.9))


def test_of_a_host_that_is_said_to_be_away_it_says_that_its_agent_speaks() -> None:
    away = {"type": "node_unreachable", "service": None, "payload": {"agent_speaks": True}}
    told = card(proposal("notify", "notify", event={**away, "trust": Trust.FOREIGN})).found
    assert told == "the agent on web01 spoke within 2 minutes: perhaps it is who measures, or the way to it"
    assert card(proposal("notify", "notify", event=away)).found == ""


def test_what_joined_an_alert_with_its_service_is_said_in_words_of_ours() -> None:
    event = {"trust": Trust.FOREIGN, "payload": {"matched_by": "port"}}
    told = card(proposal("notify", "notify", event=event)).found
    assert told == "taken to be about shop, which the alert does not name: it publishes the port that was asked"
    for said in ("all is well", None, ["port"]):
        assert card(proposal("notify", "notify", event={**event, "payload": {"matched_by": said}})).found == ""
    assert card(proposal(event={"payload": {"matched_by": "port"}})).found == "", "an agent names what it watches"


def test_what_the_nodes_agent_sees_of_somebody_elses_alert_is_said_once() -> None:
    seen = Sighting(service="shop", state=SeenState.RUNNING, since=ago(5), runtime="docker")
    event = {"trust": Trust.FOREIGN, "sighting": seen}
    word = "the agent on web01 sees shop running for 4 h or longer"
    model = ModelRef(name="tiny", provider="llamacpp", position=1, latency_ms=5)
    assert card(proposal("notify", "notify", event=event, model=model)).found == word
    rule = RuleCited(name="sighting", says=f"it does not run; {word}")
    told = card(proposal("notify", "notify", event=event, rule=rule))
    assert (told.found, told.because) == ("", f"it does not run; {word}")
