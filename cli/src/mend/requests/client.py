"""Where requests go and where they stand: what local_client (this machine) and http_client (an observer) both offer.

Both say the same in rows, one mapping for each request, as `mend requests --json` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from mesh_core.approvals.previews import FoundPreview
from mesh_core.models.requests import Request, RequestReply

Row = dict[str, Any]
LOGS = ("01_syntax.log", "02_apply.log", "03_check_idempotency.log")


@dataclass(frozen=True)
class Ran:
    """What a run said: its logs in their order, its last stage with that one's exit status, where its evidence lies."""

    logs: tuple[str, ...]
    stage: str
    rc: int
    failed: bool
    reason: str
    bundle: str


class RequestClient(Protocol):
    """Each may raise CliError."""

    def enter(self, asked: Request | RequestReply) -> str:
        """The id of the request, once it is safe in its stream."""
        ...

    def row(self, own_id: str) -> Row | None:
        """Where it stands; None where nobody knows it."""
        ...

    def rows(self) -> list[Row]: ...

    def playbook(self, action_id: str) -> Row:
        """`{text, role, ...}` of that proposal; {} where it is gone."""
        ...

    def ask_previews(self, own_id: str) -> list[Row]:
        """Ask each host what its proposal would change: `{host, action_id, preview, problem}`, as the observer says."""
        ...

    def preview(self, action_id: str) -> FoundPreview | None:
        """The one of that proposal that was asked for last."""
        ...

    def ran(self, action_id: str) -> Ran | None:
        """None where it has not come to an end."""
        ...


def ran_of(outcome: Row, logs: tuple[str, ...], bundle: str) -> Ran:
    of_ansible = [stage for stage in outcome["stages"] if stage["name"] != "verify"]
    last: Row = of_ansible[-1] if of_ansible else {"name": "none", "rc": 1}
    return Ran(logs, last["name"], last["rc"], outcome["result"] != "done", outcome["reason"], bundle)
