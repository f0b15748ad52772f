"""Runs that ended long ago keep their papers and lose the rest: logs, playbook, inventory, bundle. Once a day.

The papers are the small files of a run's folder (proposal.json, intent.json, outcome.json, notes): they stay for ever,
and with them the promise that one id runs once. Only what ended is touched, and only the executor may do it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path

import structlog

from executor_agent.run_files.bundle import BUNDLE_FILE
from mesh_core.approvals.action_folders import ActionFolders
from mesh_core.models.proposals import EXECUTED
from mesh_core.runtime.service import pause

EVERY_SECONDS = 86_400.0

log = structlog.get_logger()


class RunRetention:
    """`keep_days` 0: everything stays for ever."""

    def __init__(self, actions: ActionFolders, keep_days: int):
        self._actions = actions
        self._keep_days = keep_days

    async def run(self, stop: asyncio.Event) -> None:
        """A part of the executor: at its start and once a day. What goes wrong is logged and tried the next day."""
        while self._keep_days and not stop.is_set():
            try:
                await asyncio.to_thread(self.thin, stop)
            except OSError as error:
                log.error("thinning.later", reason=str(error))
            await pause(stop, EVERY_SECONDS)

    def thin(self, stop: asyncio.Event) -> int:
        """Once over all runs that ended; how many became thinner. Blocks."""
        before = time.time() - self._keep_days * 86_400
        thinner = 0
        for folder in EXECUTED:
            with os.scandir(self._actions.folder(folder)) as runs:
                for run in runs:
                    if stop.is_set():
                        return thinner
                    if run.is_dir(follow_symlinks=False) and not run.name.startswith("."):
                        thinner += _thin(Path(run.path), before)
        if thinner:
            log.info("thinning.done", runs=thinner, keep_days=self._keep_days)
        return thinner


def _thin(run: Path, before: float) -> bool:
    """Was there something to take away from a run that ended before that?"""
    outcome = run / "outcome.json"
    try:
        if outcome.lstat().st_mtime >= before:
            return False
        status = run.stat()
        with os.scandir(run) as listing:
            going = [e for e in listing if e.name == BUNDLE_FILE or e.is_dir(follow_symlinks=False)]
        for entry in going:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                Path(entry.path).unlink()
        if going:  # lists show runs by their folder's time
            os.utime(run, ns=(status.st_atime_ns, status.st_mtime_ns))
    except FileNotFoundError:  # without an outcome it is not over
        return False
    return bool(going)
