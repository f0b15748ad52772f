"""A person's own playbook, which travels inside its proposal: exactly those bytes run. No model may answer it."""

from __future__ import annotations

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.playbooks import OUR_FILES, SITE_FILE, TEMPLATES, PlaybookSet
from mesh_core.models.proposals import Playbook, Proposal, Risk
from mesh_core.models.run_options import Verify


def _playbooks(proposal: Proposal) -> PlaybookSet:
    if proposal.playbook is None:
        raise ValueError("a proposal of type playbook carries no playbook")
    return playbooks_of(proposal.playbook)


def playbooks_of(own: Playbook) -> PlaybookSet:
    """What of it is written where Ansible reads."""
    return PlaybookSet(own.text, "", "", files={**_under_its_name(own), **_files(own)}, proof=own.verify is Verify.ALL)


def _under_its_name(playbook: Playbook) -> dict[str, str]:
    """For who takes it out of the bundle."""
    name = SITE_FILE if playbook.role else f"{playbook.name}.yml"
    return {} if name in OUR_FILES else {name: playbook.text}


def _files(playbook: Playbook) -> dict[str, str]:
    role = playbook.role
    if role is None:
        return {f"files/{one.sha256}": one.text for one in playbook.attachments}
    said = "".join(file.text for file in role.files)
    named = [(f"{folder}/{one.sha256}", one.text) for one in playbook.attachments for folder in ("files", TEMPLATES)]
    files = [(file.path, file.text) for file in role.files] + [(path, text) for path, text in named if path in said]
    return {f"roles/{role.name}/{path}": text for path, text in files}


def how_it_runs(playbook: Playbook | None) -> tuple[str, ...]:
    """What is not as with every other playbook, in sentences for whoever has to decide."""
    if playbook is None:
        return ()
    said = []
    if login := playbook.login:
        words = [f"as {login.user}" if login.user else "", f"on port {login.port}" if login.port else ""]
        words.append(f"with the key {login.key}" if login.key else "")
        said.append(f"it logs in {' '.join(filter(None, words))}, whatever the inventory says")
    if playbook.verify is Verify.NONE:
        said.append("it runs once, and nobody asks whether a second run would still change something (verify none)")
    return tuple(said)


def _touches(proposal: Proposal) -> str:
    return f"runs every task of the playbook on {proposal.node}"


ACTION = ActionType(
    name="playbook",
    risk=Risk.HIGH,  # of a person's own; what was asked for in words is judged by its tasks (playbook_risk)
    choice=None,
    touches=_touches,
    playbooks=_playbooks,
    next_step="the executor runs its playbook, then once more in check mode, which must change nothing, on",
)
