"""/runs: what an executor is doing and what came of it, down to each stage's log. Reads folders; changes nothing."""

from __future__ import annotations

import asyncio
import heapq
import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, PlainTextResponse
from pydantic import BaseModel, Field

from mesh_core.approvals.action_folders import BY_FILE
from mesh_core.approvals.proposal_files import approval_at
from mesh_core.models.outcomes import Stage
from mesh_core.models.proposals import EXECUTED, Folder
from mesh_core.storage.files import read_regular
from mesh_core.storage.json_files import read_object
from observer.web.app_context import AppContext
from observer.web.dependencies import Context, Viewer
from observer.web.errors import HttpProblem

router = APIRouter(tags=["runs"])

FOLDERS = (Folder.RUNNING, *EXECUTED, Folder.WITHDRAWN)
MAX_LOG_BYTES = 1024 * 1024
BUNDLE = "bundle.zip"
RunId = Annotated[str, PathParameter(pattern=r"^plan-[A-Za-z0-9][A-Za-z0-9._@-]{0,240}-[0-9a-f]{12}$")]
LogName = Annotated[str, PathParameter(pattern=r"^[0-9a-z_]{1,64}\.log$")]


class RunSummary(BaseModel):
    """One approved action. `result`, `verdict` and `finished_at` are null while it runs."""

    id: str
    folder: Folder
    node: str | None
    service: str | None
    type: str | None
    result: str | None
    verdict: str | None
    reason: str
    started_at: str | None
    finished_at: str | None
    approved_by: str
    attempt: int | None
    stages: list[Stage]


class RunPage(BaseModel):
    items: list[RunSummary]
    next: str | None


class LogFile(BaseModel):
    name: str
    bytes: int


class RunDetail(RunSummary):
    before: dict[str, Any] = Field(description="what was seen of the target before anything ran")
    after: dict[str, Any]
    logs: list[LogFile]
    bundle: bool = Field(description="there is a bundle.zip with all the evidence")


@router.get("/runs")
async def runs(
    context: Context,
    user: Viewer,
    folder: Annotated[
        Folder | None, Query(description="running, done, failed, interrupted or withdrawn; all if absent")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[int | None, Query(ge=0, le=1_000_000, description="`next` of the page before")] = None,
) -> RunPage:
    """Runs, newest first. A long history with filters is under /history."""
    if folder is not None and folder not in FOLDERS:
        raise HttpProblem(422, "invalid", f"{folder} holds files, not runs: GET /api/v1/proposals?folder={folder}")
    wanted = (folder,) if folder else FOLDERS
    start = cursor or 0
    found = await asyncio.to_thread(_newest, context, wanted, start + limit + 1)
    page = found[start : start + limit]
    items = await asyncio.to_thread(lambda: [_run(context, folder, path) for folder, path in page])
    return RunPage(items=items, next=str(start + limit) if len(found) > start + limit else None)


@router.get("/runs/{run_id}")
async def run(context: Context, user: Viewer, run_id: RunId) -> RunDetail:
    """One run with what was seen before and after it, and its logs' names."""
    folder, path = _place(context, run_id)
    return await asyncio.to_thread(_detail, context, folder, path)


@router.get("/runs/{run_id}/logs/{name}", response_class=PlainTextResponse)
async def log(context: Context, user: Viewer, run_id: RunId, name: LogName) -> PlainTextResponse:
    """A stage's log as text, its last MiB."""
    _, path = _place(context, run_id)
    raw = await asyncio.to_thread(read_regular, path / "logs" / name, 64 * MAX_LOG_BYTES)
    if raw is None:
        raise HttpProblem(404, "unknown", f"{run_id} has no log {name} (yet, or no more: ACTIONS_KEEP_DAYS)")
    return PlainTextResponse(raw[-MAX_LOG_BYTES:].decode("utf-8", "replace"))


@router.get("/runs/{run_id}/bundle", response_class=FileResponse)
async def bundle(context: Context, user: Viewer, run_id: RunId) -> FileResponse:
    """All the evidence of a run as one zip."""
    _, path = _place(context, run_id)
    file = path / BUNDLE
    if file.is_symlink() or not file.is_file():
        raise HttpProblem(404, "unknown", f"{run_id} has no bundle (yet, or no more: ACTIONS_KEEP_DAYS)")
    return FileResponse(file, media_type="application/zip", filename=f"{run_id}.zip")


def _place(context: AppContext, run_id: str) -> tuple[Folder, Path]:
    for folder in FOLDERS:
        path = context.actions.folder(folder) / run_id
        if path.is_dir() and not path.is_symlink():
            return folder, path
    raise HttpProblem(404, "unknown", f"there is no run {run_id}")


def _newest(context: AppContext, folders: tuple[Folder, ...], count: int) -> list[tuple[Folder, Path]]:
    found: list[tuple[int, Folder, Path]] = []
    for folder in folders:
        try:
            with os.scandir(context.actions.folder(folder)) as listing:
                for entry in listing:
                    if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, folder, Path(entry.path)))
        except (FileNotFoundError, PermissionError):
            continue  # not made yet, not ours to read, or moved on while we looked
    return [(folder, path) for _, folder, path in heapq.nlargest(count, found)]


def _run(context: AppContext, folder: Folder, path: Path) -> RunSummary:
    outcome, p = context.actions.outcome_at(path), context.actions.proposal_at(path)
    started = _started_at(path)
    return RunSummary(
        id=path.name,
        folder=folder,
        node=p.node if p else None,
        service=p.service if p else None,
        type=p.type if p else None,
        result=outcome.result if outcome else None,
        verdict=outcome.verdict if outcome else None,
        reason=outcome.reason if outcome else "",
        started_at=outcome.started_at if outcome else started,
        finished_at=outcome.finished_at if outcome else None,
        approved_by=(outcome.approved_by if outcome else "") or approval_at(path / BY_FILE).actor,
        attempt=p.attempt if p else None,
        stages=list(outcome.stages) if outcome else [],
    )


def _started_at(path: Path) -> str | None:
    """When it began, by the executor's note; None before the point of no return."""
    at = read_object(path / "started", MAX_LOG_BYTES).get("at")
    return at if isinstance(at, str) else None


def _detail(context: AppContext, folder: Folder, path: Path) -> RunDetail:
    outcome = context.actions.outcome_at(path)
    logs = []
    if (path / "logs").is_dir():
        logs = [
            LogFile(name=file.name, bytes=file.lstat().st_size)
            for file in sorted((path / "logs").iterdir())
            if file.suffix == ".log"
        ]
    return RunDetail(
        **_run(context, folder, path).model_dump(),
        before=outcome.before if outcome else {},
        after=outcome.after if outcome else {},
        logs=logs,
        bundle=(path / BUNDLE).is_file(),
    )
