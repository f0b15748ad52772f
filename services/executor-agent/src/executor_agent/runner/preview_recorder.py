"""What a run in check mode says, event by event, as one record a task: what it would change, and what nobody can say.

Pure: takes events, keeps what they come to. Foreign text is kept within bounds, and cleaned by what is handed in.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from executor_agent.runner.ansible_events import failure_in
from mesh_core.models.previews import Effect, TaskPreview

MAX_TASKS = 200
MAX_THINGS = 50  # of one task
MAX_DIFF_CHARS = 2048  # of one task: what is cleaned is cut before, because patterns look through it
MAX_WHY_CHARS = 300
MAX_KEPT_CHARS = 128 * 1024  # of things and differences of all tasks together
NOT_RUN = "check mode does not run it, so nobody can say"
LEANS_ON_THAT = "it asks what an earlier task did, which check mode did not run"
_EMPTY = "there is nothing for it to go through"
_STRONGEST = (Effect.FAILED, Effect.CHANGES, Effect.UNKNOWN, Effect.NOTHING, Effect.SKIPPED)
_NAMED_BY = ("path", "dest", "name")
_BY_CONDITION = ("skip_reason", "false_condition")


@dataclass
class _HeardTask:
    name: str
    module: str
    effects: set[Effect] = field(default_factory=set)
    things: dict[str, None] = field(default_factory=dict)
    whys: dict[str, None] = field(default_factory=dict)
    diffs: list[str] = field(default_factory=list)
    rounds: int = 0


class PreviewRecorder:
    """`on_event` takes the runner's events in their order; `cleaned` makes foreign text fit to keep and show."""

    def __init__(self, cleaned: Callable[[str], str], on_line: Callable[[str], None] = lambda line: None):
        self._cleaned = cleaned
        self._on_line = on_line
        self._tasks: dict[str, _HeardTask] = {}
        self.unreachable = ""
        self.failed = False
        self._left = MAX_KEPT_CHARS
        self.cut = False

    def on_event(self, event: Mapping[str, Any]) -> None:
        kind, data = str(event.get("event")), event.get("event_data")
        if not isinstance(data, dict) or not kind.startswith(("runner_on_", "runner_item_on_")):
            return
        how, printed = kind.rpartition("_")[2], str(event.get("stdout") or "")
        if how not in ("ok", "failed", "skipped", "unreachable"):
            return
        result = data.get("res")
        result = result if isinstance(result, dict) else {}
        if how == "unreachable":
            self.unreachable = self._why(failure_in(result))
            return
        seen = self._seen(data)
        if seen is None:
            return
        if how == "failed" and data.get("ignore_errors"):
            seen.effects.add(Effect.NOTHING)
            seen.whys["it would fail, which the playbook passes over"] = None
        elif kind.startswith("runner_item_on_"):
            seen.rounds += 1
            self._take(seen, how, result, printed)
        elif not seen.rounds:
            self._take(seen, how, result, printed)
        if not kind.startswith("runner_item_on_"):
            self._on_line(told(self._record(seen)))

    def tasks(self) -> tuple[TaskPreview, ...]:
        """In their order. One that failed after what check mode did not run says nothing of how it would go."""
        made, unsure = [], False
        for seen in self._tasks.values():
            record = self._record(seen)
            if unsure and record.effect is Effect.FAILED:
                record = record.model_copy(update={"effect": Effect.UNKNOWN, "why": f"{LEANS_ON_THAT} ({record.why})"})
            unsure = unsure or record.effect is Effect.UNKNOWN
            made.append(record)
        return tuple(made)

    def _seen(self, data: Mapping[str, Any]) -> _HeardTask | None:
        key = str(data.get("task_uuid") or data.get("task"))
        if key not in self._tasks:
            if len(self._tasks) >= MAX_TASKS:
                self.cut = True
                return None
            module = str(data.get("resolved_action") or data.get("task_action") or "")
            self._tasks[key] = _HeardTask(self._cleaned(str(data.get("task") or module))[:200], module[:120])
        return self._tasks[key]

    def _take(self, seen: _HeardTask, how: str, result: Mapping[str, Any], printed: str) -> None:
        if how == "failed":
            self.failed = True
            seen.effects.add(Effect.FAILED)
            seen.whys[self._why(failure_in(dict(result)))] = None
        elif how == "skipped" or result.get("skipped"):
            self._skipped(seen, result, printed)
        elif _changed(result, printed):
            seen.effects.add(Effect.CHANGES)
            for thing in _things(result):
                self._keep_thing(seen, self._cleaned(thing)[:300])
            self._keep_diff(seen, result)
        else:
            seen.effects.add(Effect.NOTHING)

    def _skipped(self, seen: _HeardTask, result: Mapping[str, Any], printed: str) -> None:
        """By its own condition, for want of rounds, or because its module does nothing in check mode."""
        said = json.dumps(result, default=str) if result else printed
        if any(f'"{word}"' in said for word in _BY_CONDITION):
            seen.effects.add(Effect.SKIPPED)
            seen.whys["its condition says no"] = None
        elif "No items in the list" in said:
            seen.effects.add(Effect.NOTHING)
            seen.whys[_EMPTY] = None
        else:
            seen.effects.add(Effect.UNKNOWN)
            seen.whys[NOT_RUN] = None

    def _keep_thing(self, seen: _HeardTask, thing: str) -> None:
        if thing in seen.things:
            return
        if len(seen.things) >= MAX_THINGS or len(thing) > self._left:
            self.cut = True
            return
        self._left -= len(thing)
        seen.things[thing] = None

    def _keep_diff(self, seen: _HeardTask, result: Mapping[str, Any]) -> None:
        room = min(MAX_DIFF_CHARS - sum(map(len, seen.diffs)), self._left)
        text = "\n".join(_diffs(result.get("diff")))
        if not text:
            return
        if room <= 0:
            self.cut = True
            return
        kept = self._cleaned(text)
        self.cut = self.cut or len(kept) > room
        self._left -= min(len(kept), room)
        seen.diffs.append(kept if len(kept) <= room else kept[:room].rpartition("\n")[0] + "\n(more is left out here)")

    def _why(self, text: str) -> str:
        return " ".join(self._cleaned(text).split())[:MAX_WHY_CHARS]

    def _record(self, seen: _HeardTask) -> TaskPreview:
        effect = next((effect for effect in _STRONGEST if effect in seen.effects), Effect.NOTHING)
        return TaskPreview(
            name=seen.name,
            module=seen.module,
            effect=effect,
            things=tuple(seen.things),
            why="" if effect is Effect.CHANGES else "; ".join(seen.whys)[:MAX_WHY_CHARS],
            diff="\n".join(seen.diffs),
        )


def told(task: TaskPreview) -> str:
    """One line, for whoever waits and for the log."""
    more = ", ".join(task.things) or task.why
    return f"{task.effect.words:16} {task.name}" + (f": {more}" if more else "")


def _changed(result: Mapping[str, Any], printed: str) -> bool:
    """Of a task that hides its result (no_log) only the line that Ansible prints says so."""
    said = result.get("changed")
    return printed.lstrip().startswith("changed:") if said is None else said is True


def _things(result: Mapping[str, Any]) -> Iterator[str]:
    """What a result says that it is about: a path, a unit, a container."""
    container = result.get("container")
    if isinstance(container, dict) and isinstance(name := container.get("Name"), str):
        yield name.lstrip("/")
        return
    done = result.get("actions")
    if isinstance(done, list):
        for one in done:
            if isinstance(one, dict) and isinstance(name := one.get("id"), str):
                yield name
        return
    found = [str(result[key]) for key in _NAMED_BY if isinstance(result.get(key), str)]
    if not found and (paths := [*_headed(result.get("diff"))]):
        yield from dict.fromkeys(paths)
        return
    item = result.get("item")
    if not found and isinstance(item, dict):
        found = [str(item[key]) for key in _NAMED_BY if isinstance(item.get(key), str)]
    elif not found and isinstance(item, str):
        found = [item]
    yield from found[:1]


def _headed(said: Any) -> Iterator[str]:
    """The files at the heads of differences: `/etc/motd`, `/etc/motd (content)`."""
    for one in _each(said):
        head = one.get("before_header")
        if isinstance(head, str) and head.startswith("/"):
            yield head.partition(" (")[0]


def _each(said: Any) -> list[dict[str, Any]]:
    return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, dict)]


def _diffs(said: Any) -> Iterator[str]:
    for one in _each(said):
        if isinstance(ready := one.get("prepared"), str):
            yield ready[: 2 * MAX_DIFF_CHARS]
            continue
        before, after = (_as_lines(one.get(side)) for side in ("before", "after"))
        was, becomes = (str(one.get(f"{side}_header") or side)[:200] for side in ("before", "after"))
        lines = list(difflib.unified_diff(before, after, was, becomes, n=2, lineterm=""))
        if lines:
            yield "\n".join(lines)


def _as_lines(value: Any) -> list[str]:
    if value in (None, ""):
        return []
    text = value if isinstance(value, str) else json.dumps(value, indent=1, sort_keys=True, default=str)
    return text[: 16 * MAX_DIFF_CHARS].splitlines()
