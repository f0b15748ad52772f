"""A runtime folder with proposals in it, and `mend` over it: called in this process, or as a real one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from mend.app import app
from mesh_core.approvals.proposal_files import ActionName, Receipt
from mesh_core.models.events import HealthEvent
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Evidence, Folder, ModelRef, Proposal, Risk, proposal_id
from mesh_core.models.records import rfc3339
from mesh_core.testing import AllFolders

NODE = "pi4"


@dataclass
class Mend:
    """`mend` over one runtime folder. Without a server, REDIS_URL names a port where nobody listens."""

    runtime: Path
    environ: dict[str, str]

    @property
    def actions(self) -> AllFolders:
        return AllFolders(self.runtime)

    def __call__(self, *words: str, input: str | None = None, **environ: str) -> Result:
        before = os.umask(0o022)
        try:
            return CliRunner().invoke(app, list(words), input=input, env={**self.environ, **environ})
        finally:
            os.umask(before)  # `mend` closes what it writes from then on; the tests after this one are others

    def real(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """As a process, with its output piped."""
        return subprocess.run(
            [sys.executable, "-m", "mend", *words],
            env={**os.environ, **self.environ, **environ},
            cwd=self.runtime,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def propose(self, service: str = "nginx", **changes: Any) -> Proposal:
        """A waiting proposal, filed as a planner files it."""
        proposal = proposal_of(service, **changes)
        self.actions.draft(proposal, "t")
        assert self.actions.file_draft(proposal.id, Receipt("t", b"")) is not None
        return proposal

    def name_of(self, proposal: Proposal) -> ActionName:
        return next(f.name for f in AllFolders(self.runtime).pending() if f.proposal.id == proposal.id)


def proposal_of(service: str | None = "nginx", *, event: dict[str, Any] | None = None, **changes: Any) -> Proposal:
    """A container restart that is minutes old; `event` and `changes` override fields."""
    moment = datetime.now(UTC)
    happened = HealthEvent.model_validate(
        {
            "id": f"{NODE}/1763698351022-0",
            "type": "container_unhealthy",
            "node": NODE,
            "service": service,
            "severity": "error",
            "payload": {"runtime": "docker", "exit_code": 137},
            "trust": "node",
            **(event or {}),
        }
    )
    fields: dict[str, Any] = {
        "id": proposal_id(happened.id or "", NODE, service),
        "type": "container_restart",
        "action": "restart",
        "risk_level": Risk.LOW,
        "node": NODE,
        "service": service,
        "reason": "it does not answer its health check any more",
        "confidence": 0.8,
        "created_at": rfc3339(moment - timedelta(seconds=90)),
        "expires_at": rfc3339(moment + timedelta(hours=24)),
        "event": happened,
        "evidence": (Evidence(source="health check", text="connection refused"),),
        "model": ModelRef(name="smollm2", provider="llamacpp", position=1, latency_ms=812.5),
    }
    return Proposal.model_validate({**fields, **changes})


def editor(tmp_path: Path, code: str) -> str:
    """An editor that is a Python program: `doc` is the proposal, what it is afterwards is saved."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import json, sys\npath = sys.argv[1]\ndoc = json.load(open(path))\n"
        f"{code}\njson.dump(doc, open(path, 'w'), indent=2)\n"
    )
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"


def finish(mend: Mend, proposal: Proposal, result: str, reason: str = "", before: dict[str, Any] | None = None) -> Path:
    """What the executor leaves of a run."""
    actions, moment = mend.actions, rfc3339(datetime.now(UTC))
    name = next(f.name for f in actions.filed(Folder.APPROVED) if f.proposal.id == proposal.id)
    run = actions.claim(name)
    assert run is not None
    (run / "proposal.json").write_bytes(proposal.wire())
    outcome = Outcome(
        action_id=proposal.id,
        digest=name.digest,
        result=result,  # type: ignore[arg-type]
        verdict="proven" if result == "done" else "not_helped",
        reason=reason or ("seen well three times" if result == "done" else "still refuses connections"),
        node=proposal.node,
        service=proposal.service,
        type=proposal.type,
        approved_by="ann",
        started_at=moment,
        finished_at=moment,
        before=before or {},
    )
    (run / "outcome.json").write_bytes(outcome.wire())
    return actions.finish(run, Folder(result))
