"""Promises about what is written down for later: archive, days' files, audit log. Each yields what is missing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable

from system.chaos.case import RAN, Case
from system.chaos.leftovers import Row

GENESIS = "0" * 64


def every_event_is_archived_once(case: Case) -> Iterable[str]:
    """A line that is written again after a crash of the observer is the same event: then twice is once."""
    crashed = case.hit("observer", "redis", "disk")
    for event_id, entry in case.events.items():
        kept = case.left.archive.get(event_id)
        if kept is None or not kept.events or (len(kept.events) > 1 and not crashed):
            yield f"{event_id}: {len(kept.events) if kept else 0} times"
        elif not all(_same(event, entry.value) for event in kept.events):
            yield f"{event_id}: kept with other words"


def every_decision_is_archived(case: Case) -> Iterable[str]:
    for event_id, said in case.decisions.items():
        kept = case.left.archive.get(event_id)
        wanted = max(said, key=lambda one: str(one.get("ts")))
        if kept is None or not kept.decisions:
            yield f"{event_id}: none"
        elif not any(kept.decisions[-1].get("verdict") == one.get("verdict") for one in said):
            yield f"{event_id}: {kept.decisions[-1].get('verdict')} instead of {wanted.get('verdict')}"


def every_record_is_in_the_days_files(case: Case) -> Iterable[str]:
    for stream, file in (("mesh:actions", "_updates"), ("mesh:llm_attempts", "_attempts"), ("mesh:moves", "_moves")):
        for entry in case.left.records(stream):
            if entry.id not in case.left.logbook[file]:
                yield f"{stream} {entry.id} is not in {file}.jsonl"


def the_audit_log_is_whole(case: Case) -> Iterable[str]:
    previous = GENESIS
    for number, raw in enumerate(case.left.audit, 1):
        try:
            line = json.loads(raw)
            body = {key: value for key, value in line.items() if key != "hash"}
            canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
            if line["hash"] != hashlib.sha256(canonical).hexdigest() or line["prev"] != previous:
                yield f"line {number} does not follow the one before"
            if line["seq"] != number:
                yield f"line {number} has the number {line['seq']}"
            previous = line["hash"]
        except (ValueError, KeyError, TypeError):
            yield f"line {number} is none"
            return


def each_decision_of_people_is_audited_once(case: Case) -> Iterable[str]:
    lines: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for line in case.audit:
        lines[str(line.get("action_id")), str(line.get("what"))].append(line)
    for action_id, choice in case.chosen.items():
        said = lines[action_id, "reject" if choice["what"] == "reject" else "approve"]
        changed = choice["what"] in ("tamper", "race")  # quarantined before anybody saw it lie in approved/
        if len(said) > 1 or (not said and not changed):
            yield f"{action_id} ({choice['how']}, {choice['what']}): {len(said)} lines"
        elif said and not changed and said[0].get("how") != {"mv": "mv", "page": "web"}[choice["how"]]:
            yield f"{action_id}: {choice['how']} is told as {said[0].get('how')}"
    for (action_id, what), said in lines.items():
        if what in ("approve", "reject") and action_id not in case.chosen:
            yield f"{action_id}: nobody decided that, {len(said)} lines"


def each_end_is_audited_once(case: Case) -> Iterable[str]:
    return _audited_once(case, *RAN, "quarantine")


def each_withdrawal_is_audited_once(case: Case) -> Iterable[str]:
    return _audited_once(case, "withdrawn")


def _audited_once(case: Case, *folders: str) -> Iterable[str]:
    ends = Counter((line.get("action_id"), line.get("to")) for line in case.audit)
    for action_id, lies in case.lying_in(*folders):
        if ends[action_id, lies.folder] != 1:
            yield f"{action_id} in {lies.folder}: {ends[action_id, lies.folder]} lines"


def _same(kept: Row, said: Row) -> bool:
    """The archive fills in what an event left out, and writes where it came from."""
    return all(kept.get(key) == value for key, value in said.items() if key not in ("id", "trust"))
