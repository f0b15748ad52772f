"""`mend edit`: change a proposal before deciding: a copy in the editor, judged, filed again under a new digest.

Never edits in place, never approves, never lets through what the executor would refuse.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import typer

from mend.commands.decide import PendingId
from mend.desk import Desk
from mend.lookup import find_pending
from mend.sorry import FAILED, NOT_THERE, Sorry
from mend.words import plain, short_id
from mesh_core.actions import Filed
from mesh_core.door import read_proposal
from mesh_core.playbooks import playbook_for
from mesh_core.policy import BadPolicy, Policy, proposal_type_for, risk_for
from mesh_core.records import MAX_PROPOSAL_BYTES, Action, Proposal, ProposalType
from mesh_core.strict_json import Refusal

EDITORS = ("sensible-editor", "nano", "vim", "vi")
KEPT = ("id", "schema_version", "node", "service", "event", "requires_human", "created_at", "attempt", "model")


def edit(ctx: typer.Context, action_id: PendingId) -> None:
    """Change a waiting proposal in your editor (VISUAL or EDITOR); it still waits afterwards.

    You may change its action, reason, confidence, expires_at, evidence or playbook. It keeps its id, gets a new
    digest and carries your name.

    \b
    Examples
      mend edit 3f9c2a7b1d04
      EDITOR="code --wait" mend edit 3f9c2a7b1d04
    """
    desk: Desk = ctx.obj
    filed = find_pending(desk.actions, action_id)
    with tempfile.NamedTemporaryFile(prefix="mend-edit-", suffix=".json", delete=False) as handle:
        copy = Path(handle.name)
        handle.write(filed.proposal.wire())
    _run_editor(desk, copy)
    raw = copy.read_bytes()
    if raw == filed.proposal.wire():
        copy.unlink()
        desk.say("Nothing was changed; the proposal waits as before.")
        return
    try:
        edited = edited_proposal(filed, raw, desk.user, _policy(desk))
    except Sorry as sorry:
        raise Sorry(
            f"{sorry.sentence}. The proposal waits unchanged; your version is kept in {copy}", sorry.code
        ) from None
    name = desk.actions.refile(filed.name, edited)
    if name is None:
        raise Sorry(f"{filed.name.id} was decided meanwhile; your version is kept in {copy}", NOT_THERE)
    copy.unlink()
    desk.say(f"edited {name.id}, new digest {name.digest}", "bold")
    if edited.type is not filed.proposal.type:
        desk.say(f"  would run now: {edited.type.value}, risk {edited.risk_level.value}")
    desk.say(f"  look again, then decide: mend show {short_id(name.id)}, mend approve {short_id(name.id)}", "dim")


def edited_proposal(filed: Filed, raw: bytes, user: str, policy: Policy) -> Proposal:
    """The new proposal out of the edited bytes. Sorry, with what to change, when the executor would refuse it.

    Type and risk follow from the action: who changes `restart` to `notify` need not know the rest.
    """
    edited = read_proposal(raw, MAX_PROPOSAL_BYTES)
    if isinstance(edited, Refusal):
        raise Sorry(f"this is no proposal: {plain(edited.reason)}")
    for field in KEPT:
        if getattr(edited, field) != getattr(filed.proposal, field):
            raise Sorry(f"{field} cannot be changed: it says which proposal this is and what it is about")
    changed: dict[str, object] = {"edited_by": user}
    if isinstance(edited.action, Action):
        kind = proposal_type_for(edited.action, edited.event)
        if kind is None:
            raise Sorry("the action ignore runs nothing; reject the proposal instead")
        if not policy.permits(edited.action, edited.event):
            allowed = policy.allows(edited.event)
            may = ", ".join(sorted(a.value for a in allowed.actions))
            raise Sorry(
                f"the policy does not allow {edited.action} for this event ({plain(allowed.reason)}); it allows {may}"
            )
        changed |= {"type": kind, "risk_level": risk_for(kind)}
    elif edited.type is not ProposalType.PLAYBOOK:
        raise Sorry("the action playbook belongs to the type playbook")
    proposal = edited.model_copy(update=changed)
    try:
        playbook_for(proposal)
    except ValueError as error:
        raise Sorry(f"nothing could be run for it: {plain(error)}") from None
    if len(proposal.wire()) > MAX_PROPOSAL_BYTES:
        raise Sorry(f"it is larger than {MAX_PROPOSAL_BYTES} bytes")
    return proposal


def _policy(desk: Desk) -> Policy:
    try:
        return Policy.load(desk.runtime / "config" / "policy.yml")
    except BadPolicy as error:
        raise Sorry(f"the policy cannot be used: {plain(error)}") from None


def _run_editor(desk: Desk, copy: Path) -> None:
    command = desk.environ.get("VISUAL") or desk.environ.get("EDITOR") or _installed_editor()
    try:
        code = subprocess.run([*shlex.split(command), str(copy)], check=False).returncode
    except (OSError, ValueError) as error:
        copy.unlink(missing_ok=True)
        raise Sorry(f"the editor {command!r} cannot be started ({error}); set EDITOR to one that can") from None
    if code != 0:
        copy.unlink(missing_ok=True)
        raise Sorry(f"the editor {command!r} ended with status {code}; nothing was changed", FAILED)


def _installed_editor() -> str:
    for name in EDITORS:
        if shutil.which(name):
            return name
    raise Sorry("no editor found; set EDITOR to one that waits until you are done")
