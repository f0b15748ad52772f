"""The case: leftovers put in the order in which the promises ask for them, and the fate of every event. Pure."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from system.chaos.leftovers import Entry, Leftovers, Lies, Row

BENIGN = {
    *("service_healthy", "service_recovered", "node_online", "deployment_completed", "deployment_started"),
    *("remediation_started", "remediation_completed"),
}
FATE_OF = {
    "proposed": "proposed",
    "counted": "counted",
    "suppressed": "counted",
    "explained": "counted",
    "silenced": "suppressed",
    "held": "suppressed",
    "ignored": "suppressed",
    "recovered": "benign",
}
RAN = ("done", "failed", "interrupted")


class Case:
    """The leftovers, put in the order in which the promises ask for them."""

    def __init__(self, left: Leftovers):
        self.left = left
        self.forgetful = bool(left.run["forgetful"])

    @cached_property
    def events(self) -> dict[str, Entry]:
        """Whatever is an event, by its id; what is refused as none is not among them."""
        return {id_of(entry): entry for entry in self.left.events() if is_event(entry)}

    @cached_property
    def decisions(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for entry in self.left.records("mesh:decisions"):
            found[str(entry.value.get("event_id"))].append(entry.value)
        return found

    @cached_property
    def dead(self) -> dict[str, list[Row]]:
        """{stream and entry id, or the text of what was published: its dead letters}"""
        found: dict[str, list[Row]] = defaultdict(list)
        for entry in self.left.records("mesh:dead_letters"):
            source = entry.value.get("source")
            key = entry.value.get("raw") if source == "health_events" else f"{source} {entry.value.get('entry_id')}"
            found[str(key)].append(entry.value)
        return found

    @cached_property
    def fates(self) -> dict[str, set[str]]:
        """{event id or place of what is none: its fates}; exactly one each, if all is well."""
        found: dict[str, set[str]] = {}
        for event_id, entry in self.events.items():
            fates = {FATE_OF.get(str(said.get("verdict")), "unknown") for said in self.decisions.get(event_id, [])}
            if self.dead.get(f"{entry.stream} {entry.id}"):
                fates.add("dead letter")
            if not fates and _needs_nothing(entry):
                fates.add("benign")
            found[event_id] = fates
        for entry in self.left.events():
            if not is_event(entry):
                key = f"{entry.stream} {entry.id}"
                found[key] = {"dead letter"} if self.dead.get(key) else set()
        return found

    @cached_property
    def proposals(self) -> dict[str, Row]:
        """{action id: the proposal as it lies in its file or its run's folder}"""
        return {action_id: _proposal_at(lies[0]) for action_id, lies in self.left.places.items()}

    @cached_property
    def updates(self) -> dict[str, list[tuple[str, str]]]:
        """{action id: (from, to) as mesh:actions tells them}"""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for entry in self.left.records("mesh:actions"):
            found[str(entry.value.get("action_id"))].append((str(entry.value.get("from")), str(entry.value.get("to"))))
        return found

    @cached_property
    def audit(self) -> list[Row]:
        return [json.loads(line) for line in self.left.audit if line.endswith(b"}\n")]

    @cached_property
    def chosen(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.left.choices}

    def has(self, name: str) -> bool:
        """Was that service part of the run?"""
        return name not in self.left.run["without"]

    def hit(self, *names: str) -> bool:
        """Did any of them have trouble?"""
        return any(one["whom"] in names for one in self.left.troubles)

    def folders(self, action_id: str) -> list[str]:
        return [lies.folder for lies in self.left.places.get(action_id, [])]

    def lying_in(self, *folders: str) -> Iterator[tuple[str, Lies]]:
        for action_id, lies in self.left.places.items():
            for place in lies:
                if place.folder in folders:
                    yield action_id, place


def is_event(entry: Entry) -> bool:
    value, speaker = entry.value, entry.stream.removeprefix("mesh:ev:")
    foreign = speaker.startswith("_")
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,63}", str(value.get("type", ""))) is not None
    return good and "NaN" not in entry.raw and (foreign or value.get("node") == speaker)


def id_of(entry: Entry) -> str:
    return f"{entry.value.get('node')}/{entry.id}"


def moment_of(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)


def subject_of(entry: Entry) -> str:
    value = entry.value
    return f"{value['node']}/{value['service']}" if value.get("service") else f"{value['node']}/@{value['type']}"


def _needs_nothing(entry: Entry) -> bool:
    """Benign, or what an executor says of its own work while a node agent keeps watching the incident."""
    of_run = entry.stream == "mesh:ev:_mesh" and entry.value.get("type") == "remediation_failed"
    return entry.value.get("type") in BENIGN or (of_run and bool(entry.value.get("incident")))


def _proposal_at(lies: Lies) -> Row:
    file = lies.path / "proposal.json" if lies.path.is_dir() else lies.path
    try:
        value = json.loads(text_of(file))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
