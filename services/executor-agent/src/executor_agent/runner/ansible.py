"""One stage of Ansible in one folder of its own, through ansible-runner (nobody else imports it).

Never decides what runs (`stages.py`) or whether it helped (`verify.py`); leaves a log and the Stage that came of it,
and nothing else: the runner's folder, where it writes the environment and every result, is removed.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from ansible_runner import Runner, RunnerConfig

from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.isolation.host_access import HostAccess, host_access
from executor_agent.isolation.sandbox import SandboxUnavailable
from executor_agent.isolation.view import VARIABLE, View
from executor_agent.isolation.walls import NOT_BUILT
from executor_agent.runner.ansible_events import EVENTS_FOLDER, EventListener, event_file, read_event
from executor_agent.runner.stages import StagePlan
from mesh_core.actions.playbooks import (
    APPLY_FILE,
    BEFORE,
    CONVERGE_FILE,
    LOOK_FILE,
    UNDO_FILE,
    UNDONE_FILE,
    PlaybookSet,
)
from mesh_core.models.outcomes import Stage
from mesh_core.policy.inventory import Inventory, InventoryError
from mesh_core.policy.inventory.defaults import DEFAULTS_FILE, defaults
from mesh_core.storage.files import write_whole

log = structlog.get_logger()

INVENTORY_FILE = "inventory.yml"
DETAIL_CHARS = 500
NOT_RUN = -1  # the rc of a stage that Ansible never saw


@dataclass(frozen=True)
class StageLimits:
    """Bounds of one stage. `poll_seconds` is how soon a cancel or a time-out is noticed."""

    stage_seconds: int = 900
    poll_seconds: float = 0.1
    log_bytes: int = 8 * 1024 * 1024


@dataclass(frozen=True)
class StageContext:
    """Who runs it and for whom: the pool, the action (the MEND_RUN of every child) and the one host."""

    pool: AnsiblePool
    action_id: str
    node: str


def write_project(run_dir: Path, plays: PlaybookSet, inventory: Inventory) -> None:
    """project/ and inventory/ of a run, as they were at this moment; nothing later changes what this run uses."""
    for folder in ("project", "inventory", "logs"):
        (run_dir / folder).mkdir(mode=0o750, exist_ok=True)
    texts = {
        APPLY_FILE: plays.apply,
        LOOK_FILE: plays.look,
        CONVERGE_FILE: plays.converge,
        UNDO_FILE: plays.undo,
        UNDONE_FILE: plays.undone,
    }
    for name, text in texts.items():
        if text:
            write_whole(run_dir / "project" / name, text.encode())
    for path, text in plays.files.items():
        (run_dir / "project" / path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        write_whole(run_dir / "project" / path, text.encode())
    write_whole(run_dir / "inventory" / DEFAULTS_FILE, defaults())
    for path, content in inventory.files.items():  # group_vars/ and host_vars/: Ansible looks for them beside the file
        if isinstance(content, bytes):
            (run_dir / "inventory" / path).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            write_whole(run_dir / "inventory" / path, content, mode=0o600)
    write_whole(run_dir / "inventory" / INVENTORY_FILE, inventory.text, mode=0o600)


def write_before(run_dir: Path, numbers: Mapping[str, int]) -> None:
    """What the first look measured, for what takes the run back: the playbook's bytes are those that were reviewed."""
    write_whole(run_dir / "inventory" / DEFAULTS_FILE, defaults({BEFORE: dict(numbers)}))


def run_stage(
    stage: StagePlan,
    run_dir: Path,
    on_line: Callable[[str], None],
    cancel: threading.Event,
    limits: StageLimits,
    context: StageContext,
    on_result: Callable[[str, dict[str, Any]], None] | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Stage:
    """Run one stage to its end, or until `cancel` is set; blocks (call it in a thread), and does not raise for a
    playbook that fails.

    `on_line` gets each line of the log as it comes; `on_result` gets (task name, result) of each task that went well,
    and {"skipped": True} of one that had nothing to do; `on_event` gets all that the runner says.
    A stage whose command line is not the one asked for, or that played nothing on the node, has failed whatever its
    exit code says.
    """
    started = time.monotonic()
    folder = run_dir / "stages" / f"{stage.name}-{time.monotonic_ns()}"
    folder.mkdir(parents=True, mode=0o700)
    log_path = run_dir / "logs" / f"{stage.log}.log" if stage.log else Path(os.devnull)
    with log_path.open("a", encoding="utf-8") as handle:
        listener = EventListener(handle, on_line, on_result, limits.log_bytes, on_event)
        try:
            runner = _runner(stage, run_dir, folder, limits, context, listener, cancel)
            try:
                runner.config.env[VARIABLE] = _view(stage, run_dir, Path(runner.config.artifact_dir), context).dump()
            except (SandboxUnavailable, InventoryError) as error:
                return _stage(stage, runner, NOT_RUN, 0, started, str(error))
            expected = _command(stage, run_dir, context)
            if tuple(runner.config.command) != expected:
                return _stage(stage, runner, NOT_RUN, 0, started, "the runner would have run another command")
            runner.run()
            return _result(stage, runner, started, context.node, listener, cancel, limits)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _result(
    stage: StagePlan,
    runner: Runner,
    started: float,
    node: str,
    listener: EventListener,
    cancel: threading.Event,
    limits: StageLimits,
) -> Stage:
    rc = int(runner.rc)
    changed = 0
    if runner.status == "timeout":
        return _stage(stage, runner, rc, changed, started, f"not finished after {limits.stage_seconds} s, ended")
    if runner.status == "canceled" or (rc != 0 and cancel.is_set()):
        return _stage(stage, runner, rc, changed, started, "cancelled")
    if rc == NOT_BUILT:
        return _stage(
            stage, runner, rc, changed, started, "the wall around this run could not be built: nothing was run"
        )
    stats = listener.stats
    if stage.plays:
        changed = sum(int(count) for count in stats.get("changed", {}).values())
        if rc == 0 and set(stats.get("processed", {})) != {node}:
            return _stage(stage, runner, rc, changed, started, f"nothing was played on {node}")
    if rc != 0:
        return _stage(stage, runner, rc, changed, started, listener.failure or f"ansible-playbook ended with {rc}")
    if stage.must_change_nothing and changed:
        return _stage(stage, runner, rc, changed, started, f"{changed} tasks would still change something")
    return _stage(stage, runner, rc, changed, started, stage.proves, ok=True)


def _stage(
    stage: StagePlan, runner: Runner, rc: int, changed: int, started: float, detail: str, *, ok: bool = False
) -> Stage:
    seconds = round(time.monotonic() - started, 3)
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


def _command(stage: StagePlan, run_dir: Path, context: StageContext) -> tuple[str, ...]:
    sources = (word for path in _inventories(run_dir) for word in ("-i", path))
    return (*context.pool.command, *_options(stage), *sources, "--limit", context.node)


def _inventories(run_dir: Path) -> list[str]:
    return [str(run_dir / "inventory" / name) for name in (DEFAULTS_FILE, INVENTORY_FILE)]


def _runner(
    stage: StagePlan,
    run_dir: Path,
    folder: Path,
    limits: StageLimits,
    context: StageContext,
    listener: EventListener,
    cancel: threading.Event,
) -> Runner:
    binary, *client = context.pool.command
    config = RunnerConfig(
        private_data_dir=str(folder),
        project_dir=str(run_dir / "project"),
        ident=stage.name,
        binary=binary,
        cmdline=shlex.join([*client, *_options(stage)]),
        inventory=_inventories(run_dir),
        limit=context.node,
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
        **context.pool.environment,
        **{name: str(config.env[name]) for name in ("AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")},
        "RUNNER_ONLY_FAILED_EVENTS": "False",
        "MEND_RUN": context.action_id,
    }
    return _Runner(config, cancel_callback=cancel.is_set, event_handler=listener.on_event)


def _view(stage: StagePlan, run_dir: Path, artifacts: Path, context: StageContext) -> View:
    """What this stage's process may see: its project, its inventory, and where it drops its events."""
    inventory = run_dir / "inventory" / INVENTORY_FILE
    events = artifacts / EVENTS_FOLDER
    events.mkdir(mode=0o700, parents=True, exist_ok=True)
    reads = (str(run_dir / "project"), str(run_dir / "inventory"), context.pool.environment["ANSIBLE_COLLECTIONS_PATH"])
    if not stage.plays:
        return context.pool.isolation.view_of_texts(reads, (str(events),))
    access = _host_access(
        inventory, inventory.stat().st_mtime_ns, context.node, tuple(sorted(context.pool.environment.items()))
    )
    return context.pool.isolation.view_for(access, reads, (str(events),))


@functools.lru_cache(maxsize=64)
def _host_access(inventory: Path, written_ns: int, node: str, environment: tuple[tuple[str, str], ...]) -> HostAccess:
    """Once per run: its looks come every second, and asking ssh costs some 10 ms. `written_ns` tells files apart."""
    return host_access(Inventory.load(inventory).variables_of(node), node, dict(environment))


class _Runner(Runner):  # type: ignore[misc]
    """Reads what a run drops without believing it (ansible_events)."""

    def event_callback(self, event_data: dict[str, Any]) -> None:
        self.last_stdout_update = time.time()
        if path := event_file(Path(self.config.artifact_dir), str(event_data.get("uuid", ""))):
            event_data.update(read_event(path))
            self.event_handler(event_data)
