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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

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
    """Where the stages of one run play: the pool, the action (the MEND_RUN of every child), its one host and its
    folder, within which bounds, and what ends them early."""

    pool: AnsiblePool
    action_id: str
    node: str
    run_dir: Path
    limits: StageLimits = field(default_factory=StageLimits)
    cancel: threading.Event = field(default_factory=threading.Event)


class _Played(NamedTuple):
    """How a stage went. `rc`: NOT_RUN where Ansible never saw it."""

    detail: str
    rc: int = NOT_RUN
    changed: int = 0
    ok: bool = False


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
    context: StageContext,
    on_line: Callable[[str], None],
    on_result: Callable[[str, dict[str, Any]], None] | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> Stage:
    """Run one stage to its end, or until it is cancelled; blocks (call it in a thread), and does not raise for a
    playbook that fails.

    `on_line` gets each line of the log as it comes; `on_result` gets (task name, result) of each task that went well,
    and {"skipped": True} of one that had nothing to do; `on_event` gets all that the runner says.
    A stage whose command line is not the one asked for, or that played nothing on the node, has failed whatever its
    exit code says.
    """
    started = time.monotonic()
    folder = context.run_dir / "stages" / f"{stage.name}-{time.monotonic_ns()}"
    folder.mkdir(parents=True, mode=0o700)
    log_path = context.run_dir / "logs" / f"{stage.log}.log" if stage.log else Path(os.devnull)
    with log_path.open("a", encoding="utf-8") as handle:
        listener = EventListener(handle, on_line, on_result, context.limits.log_bytes, on_event)
        try:
            runner = _runner(stage, folder, context, listener)
            played = _played(stage, context, runner, listener)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    command, seconds = tuple(map(str, runner.config.command)), round(time.monotonic() - started, 3)
    log.info("ansible.stage_ended", stage=stage.name, seconds=seconds, **played._asdict())
    detail = played.detail[:DETAIL_CHARS]
    return Stage(
        name=stage.name,
        ok=played.ok,
        rc=played.rc,
        changed=played.changed,
        seconds=seconds,
        command=command,
        detail=detail,
    )


def _played(stage: StagePlan, context: StageContext, runner: Runner, listener: EventListener) -> _Played:
    """Plays it, unless that would not be what was asked for."""
    try:
        runner.config.env[VARIABLE] = _view(stage, Path(runner.config.artifact_dir), context).dump()
    except (SandboxUnavailable, InventoryError) as error:
        return _Played(str(error))
    if tuple(runner.config.command) != _command(stage, context):
        return _Played("the runner would have run another command")
    context.pool.wait_while_starting(context.cancel)
    runner.run()
    return _ended(stage, context, runner, listener)


def _ended(stage: StagePlan, context: StageContext, runner: Runner, listener: EventListener) -> _Played:
    rc = int(runner.rc)
    if runner.status == "timeout":
        return _Played(f"not finished after {context.limits.stage_seconds} s, ended", rc)
    if runner.status == "canceled" or (rc != 0 and context.cancel.is_set()):
        return _Played("cancelled", rc)
    if rc == NOT_BUILT:
        return _Played("the wall around this run could not be built: nothing was run", rc)
    stats = listener.stats
    changed = sum(int(count) for count in stats.get("changed", {}).values()) if stage.plays else 0
    if stage.plays and rc == 0 and set(stats.get("processed", {})) != {context.node}:
        return _Played(f"nothing was played on {context.node}", rc, changed)
    if rc != 0:
        return _Played(listener.failure or f"ansible-playbook ended with {rc}", rc, changed)
    if stage.must_change_nothing and changed:
        return _Played(f"{changed} tasks would still change something", rc, changed)
    return _Played(stage.proves, rc, changed, ok=True)


def _options(stage: StagePlan) -> tuple[str, ...]:
    return (*stage.options, stage.playbook)


def _command(stage: StagePlan, context: StageContext) -> tuple[str, ...]:
    sources = (word for path in _inventories(context.run_dir) for word in ("-i", path))
    return (*context.pool.command, *_options(stage), *sources, "--limit", context.node)


def _inventories(run_dir: Path) -> list[str]:
    return [str(run_dir / "inventory" / name) for name in (DEFAULTS_FILE, INVENTORY_FILE)]


def _runner(stage: StagePlan, folder: Path, context: StageContext, listener: EventListener) -> Runner:
    binary, *client = context.pool.command
    config = RunnerConfig(
        private_data_dir=str(folder),
        project_dir=str(context.run_dir / "project"),
        ident=stage.name,
        binary=binary,
        cmdline=shlex.join([*client, *_options(stage)]),
        inventory=_inventories(context.run_dir),
        limit=context.node,
        timeout=context.limits.stage_seconds,
        fact_cache_type="memory",
        suppress_env_files=True,
        quiet=True,
    )
    config.prepare()
    # Said here, because `settings=` is dropped without an env/settings file; its default notices a cancel after 5 s.
    config.pexpect_timeout = context.limits.poll_seconds
    config.suppress_output_file = True
    # The runner starts from the executor's whole environment, keys included: only these names go on.
    config.env = {
        **context.pool.environment,
        **{name: str(config.env[name]) for name in ("AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS")},
        "RUNNER_ONLY_FAILED_EVENTS": "False",
        "MEND_RUN": context.action_id,
    }
    return _Runner(config, cancel_callback=context.cancel.is_set, event_handler=listener.on_event)


def _view(stage: StagePlan, artifacts: Path, context: StageContext) -> View:
    """What this stage's process may see: its project, its inventory, and where it drops its events."""
    run_dir, inventory = context.run_dir, context.run_dir / "inventory" / INVENTORY_FILE
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
