"""What the executor can be told from outside. Read once in `__main__`, frozen afterwards."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from executor_agent.isolation.sandbox import SandboxMode
from mesh_core.runtime.settings import WatchedSettings


class ExecutorSettings(WatchedSettings):
    """The executor's variables, besides those of every service."""

    executor_parallel: int = Field(
        4, alias="EXECUTOR_PARALLEL", ge=1, le=64, description="actions that run at the same time, on different targets"
    )
    executor_run_seconds: float = Field(
        600, alias="EXECUTOR_RUN_SECONDS", ge=1, le=86400, description="the longest that one action may take"
    )
    executor_look_seconds: float = Field(
        60, alias="EXECUTOR_LOOK_SECONDS", ge=1, le=600, description="the longest that one look at a target may take"
    )
    executor_stop_seconds: float = Field(
        25, alias="EXECUTOR_STOP_SECONDS", ge=0, le=3600, description="what running actions get to end in after SIGTERM"
    )
    executor_sandbox: SandboxMode = Field(
        SandboxMode.AUTO,
        alias="EXECUTOR_SANDBOX",
        description="the wall around each run: `auto` what the machine permits, `required` that or no start, `off`",
    )
    ssh_keys_path: Path | None = Field(
        None,
        alias="SSH_KEYS_PATH",
        description="the folder of the keys that a request may name with `--ssh-key`, each a plain file of the "
        "executor's user with mode 0400; unset: `secrets/executor-agent/keys` under RUNTIME_PATH",
    )
    actions_keep_days: int = Field(
        365,
        alias="ACTIONS_KEEP_DAYS",
        ge=0,
        le=36500,
        description="runs that ended so many days ago lose logs, playbook and bundle; their papers (proposal.json, "
        "outcome.json) stay for ever; 0: all stays",
    )
    planner_uid: int | None = Field(
        None,
        alias="PLANNER_UID",
        ge=0,
        le=2**32 - 2,
        description="the planner's user id: the executor refuses to start if that user could approve",
    )
