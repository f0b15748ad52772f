"""Wires the executor: settings, the Ansible pool, the lifecycle. The only reader of the environment."""

from __future__ import annotations

from mesh_core.runtime.log import setup

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from executor_agent.admission.permissions import reasons_to_refuse
from executor_agent.ansible_pool.supervisor import AnsiblePool
from executor_agent.isolation.sandbox import (
    Isolation,
    SandboxMode,
    SandboxUnavailable,
    announce,
    choose_isolation,
    isolation_check,
)
from executor_agent.lifecycle import ExecutorLifecycle
from executor_agent.loop.bounded_runner import ExecutorLimits
from executor_agent.processes.orphans import die_with_parent
from executor_agent.run_files.bundle import write_bundle
from executor_agent.runner.action_runner import ActionRunner
from executor_agent.runner.original_probe import OriginalProbe
from executor_agent.runner.syntax_desk import SyntaxDesk
from executor_agent.settings import ExecutorSettings
from mesh_core.approvals.executor_folders import ExecutorFolders
from mesh_core.messaging.bus import Bus, masked
from mesh_core.messaging.redis_state import takes_writes
from mesh_core.models.proposals import Folder
from mesh_core.models.streams import MESH_STREAM
from mesh_core.notifications.notifier import TargetSettings
from mesh_core.policy.current_config import ConfigReader
from mesh_core.runtime.addresses import address_for
from mesh_core.runtime.executor_notes import note_targets
from mesh_core.runtime.health import Probes, writable
from mesh_core.runtime.health_http import ProbesServer
from mesh_core.runtime.redis_url import password_of
from mesh_core.runtime.service import serve
from mesh_core.runtime.services import EXECUTOR, SERVICES
from mesh_core.runtime.startup import cannot_start, schema_or_exit, service_environment, settings_or_exit, start_or_exit
from mesh_core.security.private_folder import write_privately

WRITTEN = (Folder.APPROVED, Folder.RUNNING, Folder.DONE, Folder.FAILED, Folder.QUARANTINE)

log = structlog.get_logger()


def main() -> None:
    """Start and never return; exit status 2 where it must not start."""
    environ = service_environment(EXECUTOR)
    settings = settings_or_exit(ExecutorSettings, EXECUTOR, environ)
    setup(EXECUTOR, level=settings.log_level)
    runtime = _checked_runtime(settings)
    limits = _limits(settings)
    urls = _notify_urls(runtime, environ)
    hidden = (*urls, password_of(settings.redis_url))
    die_with_parent()
    isolation = _isolation(settings.executor_sandbox, runtime)
    pool = AnsiblePool.start(environ, isolation=isolation)
    bus, asked = (Bus.connect(settings.redis_url, f"{EXECUTOR}-{name}") for name in ("probe", "syntax"))
    runner = _runner(settings, runtime, pool, urls, bus)
    lifecycle = ExecutorLifecycle(
        runtime,
        runner,
        settings.redis_url,
        limits,
        node=settings.node_name,
        bundle=lambda folder: write_bundle(folder, hidden),
        keep_days=settings.actions_keep_days,
    )
    watched = address_for(settings.metrics_listen, SERVICES[EXECUTOR].port)
    parts = {
        "execute": lifecycle.run,
        "syntax": SyntaxDesk(asked, pool, ConfigReader(runtime)).run,
        "probes": ProbesServer(watched, _probes(runtime, bus, lifecycle, isolation)).run,
    }
    log.info("executor.wired", runtime=str(runtime), redis=masked(settings.redis_url), notify_targets=len(urls))
    serve(
        EXECUTOR,
        runtime,
        parts,
        pulse=lifecycle.pulse,
        stop_seconds=limits.longest_stop_seconds,
        closing=[lambda: asyncio.to_thread(pool.stop), runner.teller.close, asked.close, bus.close],
        threads=limits.parallel,
    )


def _checked_runtime(settings: ExecutorSettings) -> Path:
    """The runtime folder, where it may be worked in."""
    if settings.planner_uid is None:
        write_privately(settings.runtime_path)
    schema_or_exit(settings.runtime_path, EXECUTOR)
    runtime = settings.runtime_path.absolute()
    _check(runtime, settings.planner_uid)
    return runtime


def _limits(settings: ExecutorSettings) -> ExecutorLimits:
    return ExecutorLimits(
        parallel=settings.executor_parallel,
        run_seconds=settings.executor_run_seconds,
        look_seconds=settings.executor_look_seconds,
        stop_seconds=settings.executor_stop_seconds,
    )


def _runner(
    settings: ExecutorSettings, runtime: Path, pool: AnsiblePool, urls: Sequence[str], bus: Bus
) -> ActionRunner:
    return ActionRunner(
        pool,
        runtime / "config" / "inventory.yml",
        keys=settings.ssh_keys_path or runtime / "secrets" / EXECUTOR / "keys",
        notify_urls=urls,
        probe=OriginalProbe(bus),
    )


def _notify_urls(runtime: Path, environ: Mapping[str, str]) -> Sequence[str]:
    """Where people are told; how many that are is noted for who looks."""
    told = settings_or_exit(TargetSettings, EXECUTOR, environ)
    if told.unusable:
        log.warning("executor.no_targets", words=told.unusable, reason="in NOTIFY_URLS, and no URLs (SCHEME://...)")
    if error := note_targets(runtime, len(told.targets)):
        log.warning("executor.targets_not_noted", reason=str(error))
    return told.targets


def _probes(runtime: Path, bus: Bus, lifecycle: ExecutorLifecycle, isolation: Isolation) -> Probes:
    return Probes(
        EXECUTOR,
        runtime,
        checks={
            "redis": takes_writes(bus, MESH_STREAM),
            "folders": writable(lambda: (*map(lifecycle.actions.folder, WRITTEN), runtime / "state")),
            "inventory": lifecycle.config_readable,
            "isolation": isolation_check(isolation),
            "working": lifecycle.working,
        },
        figures=(lifecycle.figures,),
    )


def _isolation(sandbox: SandboxMode, runtime: Path) -> Isolation:
    with start_or_exit(EXECUTOR, SandboxUnavailable):
        isolation = choose_isolation(sandbox, runtime, os.environ)
    announce(isolation, runtime)
    return isolation


def _check(runtime: Path, planner_uid: int | None) -> None:
    actions = ExecutorFolders(runtime)
    try:
        actions.prepare()
        reasons = reasons_to_refuse(actions, planner_uid)
    except OSError as error:
        reasons = [f"{runtime} cannot be used: {error}; give it to uid {os.geteuid()}"]
    if reasons:
        cannot_start(EXECUTOR, "; ".join(reasons))
    if planner_uid is None:
        log.warning(
            "executor.single_user",
            folder=str(actions.folder(Folder.APPROVED)),
            meaning="PLANNER_UID is not set, so nothing but good manners keeps the planner from approving; "
            "fine in a checkout, not in a deployment",
        )


if __name__ == "__main__":
    main()
