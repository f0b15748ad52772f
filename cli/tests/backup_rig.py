"""A runtime folder that a mesh lived in, backed up and restored. Not a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from executor_rig import proposal_for
from mend_rig import Mend
from typer.testing import Result

from mend.backup import snapshot
from mesh_core.approvals.proposal_files import ActionName, digest_of
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.testing import AllFolders


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below, without what only lives while something runs."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parts[len(folder.parts)] not in ("backups", "run", "redis")
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def approved(actions: AllFolders, service: str) -> tuple[Proposal, ActionName]:
    proposal = proposal_for(sum(service.encode()), service=service)
    raw = proposal.wire()
    name = ActionName(proposal.id, digest_of(raw))
    (actions.folder(Folder.APPROVED) / name.file).write_bytes(raw)
    return proposal, name


def running(actions: AllFolders, service: str, *, started: bool = False, outcome: str = "") -> Proposal:
    """A run as the executor's ledger leaves it at that step."""
    proposal, name = approved(actions, service)
    folder = actions.claim(name, {"proposal.json": proposal.wire(), "intent.json": b'{"approver": "ann"}'})
    assert folder is not None
    (folder / "logs").mkdir()
    (folder / "logs" / "01_syntax.log").write_text("fine\n")
    if started:
        (folder / "started").write_text('{"at": "2026-11-21T05:46:17Z", "before": {"state": "down"}}')
        executed = actions.root.parent / "state" / "executor" / "executed"
        executed.mkdir(parents=True, exist_ok=True)
        (executed / proposal.id).touch()
    if outcome:
        cut_short = snapshot._cut_short(proposal.id, proposal.wire(), {})
        assert cut_short is not None
        (folder / "outcome.json").write_text(cut_short.model_copy(update={"result": outcome}).model_dump_json())
    return proposal


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def back_up(mend: Mend, target: Path, *more: str) -> dict[str, Any]:
    said = mend("backup", "--to", str(target), "--json", *(more or ("--without-redis",)))
    assert said.exit_code == 0, said.output
    answer = json.loads(said.stdout)
    assert isinstance(answer, dict)
    return answer


def put_back(mend: Mend, source: Path, runtime: Path, *more: str) -> Result:
    return mend("restore", str(source), *(more or ("--without-redis",)), RUNTIME_PATH=str(runtime))
