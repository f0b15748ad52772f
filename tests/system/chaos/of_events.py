"""Promises about events: each has one fate, for a reason, counted once. Each yields what shows otherwise."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise

from system.chaos.case import Case, id_of, is_event, moment_of, subject_of
from system.chaos.leftovers import Row

RECOVERIES = {"service_healthy", "service_recovered"}
HEARD_SECONDS = 6.0  # so long after a PUBLISH its hearers must live for it to count as heard
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/\d+-\d+")
_PLAN = re.compile(r"plan-[A-Za-z0-9._-]+-[0-9a-f]{12}")


def no_event_is_lost(case: Case) -> Iterable[str]:
    """What a node's agent got rid of is in its stream, as it was sent."""
    there = {(entry.stream, entry.id): entry.raw for entry in case.left.events()}
    for row in case.left.sent:
        entry = row["id"].rpartition("/")[2]
        if row["acked"] and there.get((f"mesh:ev:{row['node']}", entry)) != row["raw"]:
            yield row["id"]


def every_event_has_one_fate(case: Case) -> Iterable[str]:
    for what, fates in case.fates.items():
        if len(fates - {"dead letter"} or fates) != 1:
            yield f"{what}: {', '.join(sorted(fates)) or 'none'}"


def no_event_is_a_dead_letter(case: Case) -> Iterable[str]:
    """A dead letter is what was refused, or what took planner after planner down; not what waited for its turn."""
    for event_id, entry in case.events.items():
        if letters := case.dead.get(f"{entry.stream} {entry.id}"):
            yield f"{event_id}: {letters[0].get('reason')}"


def what_is_refused_is_kept_once(case: Case) -> Iterable[str]:
    for entry in case.left.events():
        letters = case.dead.get(f"{entry.stream} {entry.id}", [])
        if not is_event(entry) and len(letters) != 1:
            yield f"{entry.stream} {entry.id}: {len(letters)} dead letters"


def each_decision_is_told_once(case: Case) -> Iterable[str]:
    """`silenced` alone may be said again by whoever takes over from a planner that died: nothing is counted by it."""
    for event_id, said in case.decisions.items():
        verdicts = [str(one.get("verdict")) for one in said]
        if len(said) > 1 and not (set(verdicts) == {"silenced"} and case.hit("planner1", "planner2", "redis")):
            yield f"{event_id}: {', '.join(verdicts)}"


def a_reason_is_given(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        if any(one.get("verdict") != "proposed" and not str(one.get("reason") or "").strip() for one in said):
            yield event_id


def what_is_expected_happens(case: Case) -> Iterable[str]:
    """The journal knows what must not be proposed, and what must not be silenced.

    Whose entry Redis forgot may be adopted from what was published beside it: the entry that comes again is counted.
    """
    wrong = {
        **{kind: {"suppressed", "benign"} for kind in ("trouble", "restart", "node")},
        "quiet": {"proposed", "counted", "benign"},
        "test": {"benign"} if case.forgetful else {"counted", "benign"},
        "benign": {"proposed", "counted", "suppressed"},
        "recovery": {"proposed", "counted", "suppressed"},
    }
    for row in case.left.sent:
        if bad := case.fates.get(row["id"], set()) & wrong.get(row["kind"], set()):
            yield f"{row['id']} ({row['kind']}): {', '.join(sorted(bad))}"


def nothing_is_proposed_twice(case: Case) -> Iterable[str]:
    """Within a cooldown one proposal for each subject, unless the trouble was over in between."""
    by_subject: dict[str, list[str]] = defaultdict(list)
    for said in case.decisions.values():
        for one in said:
            entry = case.events.get(str(one.get("event_id")))
            if one.get("verdict") == "proposed" and entry is not None:
                by_subject[subject_of(entry)].append(id_of(entry))
    for subject, event_ids in by_subject.items():
        well = sorted(
            moment_of(entry.id)
            for entry in case.events.values()
            if entry.value.get("type") in RECOVERIES and subject_of(entry) == subject
        )
        moments = sorted({event_id: moment_of(event_id.rpartition("/")[2]) for event_id in event_ids}.values())
        for earlier, later in pairwise(moments):
            if not any(earlier < moment for moment in well):
                yield f"{subject}: at {earlier} and at {later}"


def what_is_counted_stands_beside_a_proposal(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        for one in said:
            if one.get("verdict") in ("counted", "suppressed", "explained") and not _owner_known(case, one):
                yield f"{event_id}: {one.get('reason')}"


def occurrences_are_counted_once(case: Case) -> Iterable[str]:
    """`Seen N times` is one for the event of the proposal, and one for each that was counted there."""
    counted: dict[str, set[str]] = defaultdict(set)
    for event_id, said in case.decisions.items():
        for one in said:
            if one.get("verdict") in ("counted", "suppressed"):
                counted[_owner(case, one)].add(event_id)
    for owner in sorted({*counted, *case.left.occurrences}):
        times, wanted = case.left.occurrences.get(owner, 0), len(counted.get(owner, ()))
        if times != wanted:
            yield f"{owner}: {times} counted, {wanted} events"


def _owner(case: Case, decision: Row) -> str:
    """The event beside whose proposal this one was counted, as the reason names it."""
    reason = str(decision.get("reason"))
    if found := _ID.search(reason):
        return found[0]
    plan = _PLAN.search(reason)
    event = case.proposals.get(plan[0], {}).get("event") if plan else None
    return str((event or {}).get("id", ""))


def _owner_known(case: Case, decision: Row) -> bool:
    return bool(case.fates.get(_owner(case, decision), set()) & {"proposed", "suppressed"})


def what_is_said_by_hand_is_adopted_once(case: Case) -> Iterable[str]:
    adopted = Counter(str(e.value.get("service")) for e in case.left.records("mesh:ev:_foreign") if e.value.get("type"))
    for row in case.left.spoken:
        if row["kind"] == "event" and adopted[row["marker"]] > 1:
            yield f"{row['marker']}: {adopted[row['marker']]} times"
        if row["kind"] == "garbage" and len(case.dead.get(row["raw"], [])) > 1:
            yield f"{row['marker']}: {len(case.dead[row['raw']])} dead letters"


def what_was_heard_is_not_lost(case: Case) -> Iterable[str]:
    adopted = {e.value.get("service") for e in case.left.records("mesh:ev:_foreign")}
    for row in case.left.spoken:
        if _heard_in_peace(case, row):
            there = row["marker"] in adopted if row["kind"] == "event" else bool(case.dead.get(row["raw"]))
            if not there:
                yield f"{row['marker']} ({row['kind']}, {row['heard']} heard it)"


def _heard_in_peace(case: Case, row: Row) -> bool:
    """Was it heard, and did somebody who heard it live on, with a Redis that did? The observer may listen twice."""
    hit = {
        one["whom"]
        for one in case.left.troubles
        if one["whom"] in ("planner1", "planner2", "observer", "redis")
        and one["at"] < row["at"] + HEARD_SECONDS
        and one["until"] > row["at"] - HEARD_SECONDS
    }
    return "redis" not in hit and len(hit) < (row["heard"] or 0) - 1


def what_the_agent_saw_is_told(case: Case) -> Iterable[str]:
    told: dict[str, set[str]] = defaultdict(set)
    for entry in case.events.values():
        kind = "well" if entry.value.get("type") == "service_recovered" else "sick"
        told[str(entry.value.get("incident"))].add(kind)
    for row in case.left.agent:
        if missing := {"sick", "well"} - told[row["incident"]]:
            yield f"{row['incident']}: never told {', '.join(sorted(missing))}"


def what_a_model_proposed_says_so(case: Case) -> Iterable[str]:
    answered = {
        e.value.get("event_id") for e in case.left.records("mesh:llm_attempts") if e.value.get("outcome") == "ok"
    }
    for action_id, proposal in case.proposals.items():
        event, model = proposal.get("event") or {}, proposal.get("model") or {}
        if model and model.get("provider") != "floor" and event.get("id") not in answered:
            yield f"{action_id}: by {model.get('name')}, which nobody asked"
