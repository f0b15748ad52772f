"""What a run of Ansible says while it runs: its events as files that are read without being believed, and what they
come to (log lines, results of tasks, the first failure). Starts nothing."""

from __future__ import annotations

import json
import os
import re
import stat as modes
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

EVENTS_FOLDER = "job_events"  # ansible-runner's name for the folder where a run drops its events
MAX_EVENT_BYTES = 16 * 1024 * 1024
MAX_CAUSE = 300
_CHATTER = ("Shared connection to", "Connection to", "Warning: Permanently added")  # ssh's, after or before the cause
_ONLY_STATUS = "non-zero return code"
_UUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


def event_file(artifacts: Path, uuid: str) -> Path | None:
    """Where a run drops the event of that name; None where that is no name of an event."""
    return artifacts / EVENTS_FOLDER / f"{uuid}-partial.json" if _UUID.fullmatch(uuid) else None


def read_event(path: Path) -> dict[str, Any]:
    """Take the event out of its file; {} where it is nothing to believe: a link, a pipe, a file without an end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as handle:
            if not modes.S_ISREG(os.fstat(descriptor).st_mode):
                return {}
            event = json.loads(handle.read(MAX_EVENT_BYTES))
        path.unlink()
    except (OSError, ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def failure_in(result: dict[str, Any]) -> str:
    """Why a task failed, the cause first: of a module that could not even run Ansible says so, and no more.

    Of a loop that its first failed round says; of a command that only its exit status is told, its own last line.
    """
    rounds = result.get("results")
    for item in rounds if isinstance(rounds, list) else ():
        if isinstance(item, dict) and item.get("failed"):
            return failure_in({**item, "results": None})
    said = str(result.get("msg") or result.get("stderr") or "a task failed")
    names = ("stdout", "stderr") if said.startswith(_ONLY_STATUS) else ("module_stderr", "module_stdout")
    streams = (str(result.get(name) or "") for name in names)
    lines = [line for text in streams for line in map(str.strip, text.splitlines()) if line]
    causes = [line for line in lines if not line.startswith(_CHATTER)]
    if not causes or causes[-1] in said:
        return said
    return f"{_CONTROL.sub('', causes[-1])[:MAX_CAUSE]} ({said.partition(chr(10))[0].rstrip('.:')})"


class EventListener:
    """Turns the runner's events into log lines, task results and the first failure's message."""

    def __init__(
        self,
        handle: TextIO,
        on_line: Callable[[str], None],
        on_result: Callable[[str, dict[str, Any]], None] | None,
        log_bytes: int,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.failure = ""
        self.stats: dict[str, Any] = {}
        self._handle = handle
        self._on_line = on_line
        self._on_result = on_result
        self._left = log_bytes
        self._hear = on_event

    def on_event(self, event: dict[str, Any]) -> bool:
        """False: no event is kept on disk, because results may carry secrets."""
        for line in str(event.get("stdout") or "").splitlines():
            self._write(_CONTROL.sub("", line))
        if self._hear is not None:
            self._hear(event)
        kind, data = event.get("event"), event.get("event_data") or {}
        result = data.get("res")
        if kind == "runner_on_skipped" and self._on_result is not None:  # comes without a result
            self._on_result(str(data.get("task") or ""), {"skipped": True})
        if isinstance(result, dict):
            if kind == "runner_on_ok" and self._on_result is not None:
                self._on_result(str(data.get("task") or ""), result)
            elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
                self.failure = self.failure or failure_in(result)
        elif kind == "error" and not self.failure:
            self.failure = _CONTROL.sub("", str(event.get("stdout") or ""))
        elif kind == "playbook_on_stats" and isinstance(data, dict):
            self.stats = data
        return False

    def _write(self, line: str) -> None:
        if self._left <= 0:
            return
        self._left -= len(line) + 1
        if self._left <= 0:
            line = "(the log is cut here: too long)"
        self._handle.write(line + "\n")
        self._handle.flush()
        self._on_line(line)
