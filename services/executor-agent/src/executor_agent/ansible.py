"""One stage of Ansible in one folder of its own, through ansible-runner (nobody else imports it).

Never decides what runs (`stages.py`) or whether it helped (`verify.py`); leaves a log and the Stage that came of it,
and nothing else: the runner's folder, where it writes the environment and every result, is removed.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import stat as modes
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import structlog
import yaml
from ansible_runner import Runner, RunnerConfig

from executor_agent.isolation import NoWall
from executor_agent.reach import Reach, reach_of
from executor_agent.stages import StagePlan
from executor_agent.view import VARIABLE, View
from executor_agent.walls import NOT_BUILT
from executor_agent.zygote import Zygote
from mesh_core.actions.playbooks import APPLY_FILE, CONVERGE_FILE, LOOK_FILE, PlaybookSet
from mesh_core.models.outcomes import Stage
from mesh_core.policy.inventory import Inventory
from mesh_core.storage.files import write_whole

log = structlog.get_logger()

INVENTORY_FILE, DEFAULTS_FILE = "inventory.yml", "00_defaults.yml"
EVENTS = "job_events"  # ansible-runner's name for the folder where a run drops its events
DETAIL_CHARS = 500
NOT_RUN = -1  # the rc of a stage that Ansible never saw
MAX_EVENT_BYTES = 16 * 1024 * 1024
_UUID = re.compile(r"[0-9A-Za-z-]{1,64}")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Limits:
    """Bounds of one stage. `poll_seconds` is how soon a cancel or a time-out is noticed."""

    stage_seconds: int = 900
    poll_seconds: float = 0.1
    log_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True)
class Where:
    """Who runs it and for whom: the warm process, the action (the MEND_RUN of every child) and the one host."""

    warm: Zygote
    action_id: str
    node: str


def write_project(run_dir: Path, plays: PlaybookSet, inventory: Inventory) -> None:
    """project/ and inventory/ of a run, as they were at this moment; nothing later changes what this run uses."""
    for folder in ("project", "inventory", "logs"):
        (run_dir / folder).mkdir(mode=0o750, exist_ok=True)
    for name, text in ((APPLY_FILE, plays.apply), (LOOK_FILE, plays.look), (CONVERGE_FILE, plays.converge)):
        if text:
            write_whole(run_dir / "project" / name, text.encode())
    if plays.files:
        (run_dir / "project" / "files").mkdir(mode=0o750, exist_ok=True)
    for place, text in plays.files.items():
        write_whole(run_dir / "project" / place, text.encode())
    write_whole(run_dir / "inventory" / DEFAULTS_FILE, _defaults())
    write_whole(run_dir / "inventory" / INVENTORY_FILE, inventory.text, mode=0o600)


def run_stage(
    stage: StagePlan,
    run_dir: Path,
    on_line: Callable[[str], None],
    cancel: threading.Event,
    limits: Limits,
    where: Where,
    on_result: Callable[[str, dict[str, Any]], None] | None = None,
) -> Stage:
    """Run one stage to its end, or until `cancel` is set; blocks (call it in a thread), and does not raise for a
    playbook that fails.

    `on_line` gets each line of the log as it comes; `on_result` gets (task name, result) of each task that went well.
    A stage whose command line is not the one asked for, or that played nothing on the node, has failed whatever its
    exit code says.
    """
    begun = time.monotonic()
    folder = run_dir / "stages" / f"{stage.name}-{time.monotonic_ns()}"
    folder.mkdir(parents=True, mode=0o700)
    log_path = run_dir / "logs" / f"{stage.log}.log" if stage.log else Path(os.devnull)
    with log_path.open("a", encoding="utf-8") as handle:
        listener = _Listener(handle, on_line, on_result, limits.log_bytes)
        try:
            runner = _runner(stage, run_dir, folder, limits, where, listener, cancel)
            try:
                runner.config.env[VARIABLE] = _view(run_dir, Path(runner.config.artifact_dir), where).dump()
            except NoWall as error:
                return _stage(stage, runner, NOT_RUN, 0, begun, str(error))
            wanted = _command(stage, run_dir, where)
            if tuple(runner.config.command) != wanted:
                return _stage(stage, runner, NOT_RUN, 0, begun, "the runner would have run another command")
            runner.run()
            return _judge(stage, runner, begun, where.node, listener, cancel, limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _judge(
    stage: StagePlan,
    runner: Runner,
    begun: float,
    node: str,
    listener: _Listener,
    cancel: threading.Event,
    limits: Limits,
) -> Stage:
    rc = int(runner.rc)
    changed = 0
    if runner.status == "timeout":
        return _stage(stage, runner, rc, changed, begun, f"not finished after {limits.stage_seconds} s, ended")
    if runner.status == "canceled" or (rc != 0 and cancel.is_set()):
        return _stage(stage, runner, rc, changed, begun, "cancelled")
    if rc == NOT_BUILT:
        return _stage(stage, runner, rc, changed, begun, "the wall around this run could not be built: nothing was run")
    stats = listener.stats
    if stage.plays:
        changed = sum(int(count) for count in stats.get("changed", {}).values())
        if rc == 0 and set(stats.get("processed", {})) != {node}:
            return _stage(stage, runner, rc, changed, begun, f"nothing was played on {node}")
    if rc != 0:
        return _stage(stage, runner, rc, changed, begun, listener.trouble or f"ansible-playbook ended with {rc}")
    if stage.must_change_nothing and changed:
        return _stage(stage, runner, rc, changed, begun, f"{changed} tasks would still change something")
    return _stage(stage, runner, rc, changed, begun, "", ok=True)


def _stage(
    stage: StagePlan, runner: Runner, rc: int, changed: int, begun: float, detail: str, *, ok: bool = False
) -> Stage:
    seconds = round(time.monotonic() - begun, 3)
    log.info("ansible.stage_ended", stage=stage.name, ok=ok, rc=rc, changed=changed, seconds=seconds, detail=detail)
    return Stage(
        name=stage.name,
        ok=ok,
        rc=rc,
        changed=changed,
        seconds=seconds,
        command=tuple(str(word) for word in runner.config.command),
        detail=detail[:DETAIL_CHARS],
    )


def _options(stage: StagePlan) -> tuple[str, ...]:
    return (*stage.options, stage.playbook)


def _command(stage: StagePlan, run_dir: Path, where: Where) -> tuple[str, ...]:
    sources = (word for path in _inventories(run_dir) for word in ("-i", path))
    return (*where.warm.command, *_options(stage), *sources, "--limit", where.node)


def _inventories(run_dir: Path) -> list[str]:
    return [str(run_dir / "inventory" / name) for name in (DEFAULTS_FILE, INVENTORY_FILE)]


def _runner(
    stage: StagePlan,
    run_dir: Path,
    folder: Path,
    limits: Limits,
    where: Where,
    listener: _Listener,
    cancel: threading.Event,
) -> Runner:
    binary, *client = where.warm.command
    config = RunnerConfig(
        private_data_dir=str(folder),
        project_dir=str(run_dir / "project"),
        ident=stage.name,
        binary=binary,
        cmdline=shlex.join([*client, *_options(stage)]),
        inventory=_inventories(run_dir),
        limit=where.node,
        timeout=limits.stage_seconds,
        fact_cache_type="memory",
        suppress_env_files=True,
        quiet=True,
    )
    config.prepare()
    # Said here, because `settings=` is dropped without an env/settings file; its default notices a cancel after 5 s.
    config.pexpect_timeout = limits.poll_seconds
    config.suppress_output_file = True
    # The runner starts from the executor's whole environment, keys included: only these names go on.
    config.env = {
        **where.warm.environment,
        **{name: str(config.env[name]) for name in ("AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")},
        "RUNNER_ONLY_FAILED_EVENTS": "False",
        "MEND_RUN": where.action_id,
    }
    return _Runner(config, cancel_callback=cancel.is_set, event_handler=listener.hear)


def _view(run_dir: Path, artifacts: Path, where: Where) -> View:
    """What this stage's process may see: its project, its inventory, and where it drops its events."""
    inventory = run_dir / "inventory" / INVENTORY_FILE
    reach = _reach(inventory, inventory.stat().st_mtime_ns, where.node, tuple(sorted(where.warm.environment.items())))
    events = artifacts / EVENTS
    events.mkdir(mode=0o700, parents=True, exist_ok=True)
    reads = (str(run_dir / "project"), str(run_dir / "inventory"), where.warm.environment["ANSIBLE_COLLECTIONS_PATH"])
    return where.warm.isolation.view_for(reach, reads, (str(events),))


@functools.lru_cache(maxsize=64)
def _reach(inventory: Path, written_ns: int, node: str, environment: tuple[tuple[str, str], ...]) -> Reach:
    """Once per run: its looks come every second, and asking ssh costs some 10 ms. `written_ns` tells files apart."""
    return reach_of(inventory.read_bytes(), node, dict(environment))


class _Runner(Runner):  # type: ignore[misc]
    """Reads what a run drops without believing it: a link, a pipe or a file without an end is no event, and nothing
    is written where the run can write."""

    def event_callback(self, event_data: dict[str, Any]) -> None:
        self.last_stdout_update = time.time()
        if _UUID.fullmatch(str(event_data.get("uuid", ""))):
            event_data.update(_dropped(Path(self.config.artifact_dir, EVENTS, f"{event_data['uuid']}-partial.json")))
            self.event_handler(event_data)


def _dropped(path: Path) -> dict[str, Any]:
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


class _Listener:
    """Turns the runner's events into log lines, task results and the first trouble's message."""

    def __init__(
        self,
        handle: TextIO,
        on_line: Callable[[str], None],
        on_result: Callable[[str, dict[str, Any]], None] | None,
        log_bytes: int,
    ) -> None:
        self.trouble = ""
        self.stats: dict[str, Any] = {}
        self._handle = handle
        self._on_line = on_line
        self._on_result = on_result
        self._left = log_bytes

    def hear(self, event: dict[str, Any]) -> bool:
        """False: no event is kept on disk, because results may carry secrets."""
        for line in str(event.get("stdout") or "").splitlines():
            self._write(_CONTROL.sub("", line))
        kind, data = event.get("event"), event.get("event_data") or {}
        result = data.get("res")
        if isinstance(result, dict):
            if kind == "runner_on_ok" and self._on_result is not None:
                self._on_result(str(data.get("task") or ""), result)
            elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
                self.trouble = self.trouble or str(result.get("msg") or result.get("stderr") or "a task failed")
        elif kind == "error" and not self.trouble:
            self.trouble = _CONTROL.sub("", str(event.get("stdout") or ""))
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


def _defaults() -> bytes:
    """What a host has unless the inventory says otherwise: hosts that are this machine use this very Python."""
    chosen = "{{ '" + sys.executable + "' if (ansible_connection | default('ssh')) == 'local' else 'auto_silent' }}"
    return yaml.safe_dump({"all": {"vars": {"ansible_python_interpreter": chosen}}}).encode()
