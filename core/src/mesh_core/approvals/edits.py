"""A proposal as a person changed it: judged as the executor will judge it, then filed in place of the old one."""

from __future__ import annotations

from collections.abc import Mapping

from mesh_core.actions.action_type import ActionType
from mesh_core.actions.playbooks import TEMPLATES
from mesh_core.actions.reading import read_filed
from mesh_core.actions.register import action_type, current, playbook_for, risk_of_its_type, type_for, with_digest
from mesh_core.actions.settable import values_set
from mesh_core.approvals import decisions
from mesh_core.approvals.errors import CannotDecide, RefusalReason
from mesh_core.approvals.operator_folders import OperatorFolders
from mesh_core.approvals.proposal_files import ActionName, Filed, name_of
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Folder, Playbook, Proposal
from mesh_core.models.records import sha256_of
from mesh_core.models.strict_json import Refusal
from mesh_core.policy.playbook_lint import is_requested, lint_playbook
from mesh_core.policy.policy import Policy
from mesh_core.policy.proposed_playbook.playbook_risk import ceiling_problem, risk_of_proposal
from mesh_core.policy.proposed_playbook.requested_login import login_problem

KEPT = (
    "id",
    "schema_version",
    "node",
    "service",
    "event",
    "rules_choice",
    "rule",
    "considered",
    "requires_human",
    "created_at",
    "attempt",
    "model",
    "undoes",
    "preview_of",
)


def find_editable(actions: OperatorFolders, query: str) -> tuple[Filed, Folder]:
    """What waits, also if somebody changed it in place; or what the executor put into quarantine, to be corrected."""
    found = decisions.find_one(actions, query)
    if found.folder not in (Folder.PENDING, Folder.QUARANTINE):
        raise CannotDecide(RefusalReason.DECIDED, f"{found.id} is decided already: it lies in {found.folder}/")
    proposal = actions.proposal_at(found.path)
    if proposal is None:
        raise decisions.unreadable(found, "there is nothing to start from")
    if proposal.preview_of:
        raise CannotDecide(
            RefusalReason.INVALID, f"a preview is not edited; edit {proposal.preview_of.id}, then preview that"
        )
    name = name_of(found.path.name) or ActionName(proposal.id, "")
    if proposal.id != name.id:
        raise CannotDecide(
            RefusalReason.CHANGED,
            f"the id inside ({proposal.id}) is not the one in its name: this file is not to be trusted",
        )
    return Filed(name, found.path, proposal), found.folder


def shows_what_would_run(proposal: Proposal) -> bool:
    """Is it bound to what its remedy renders now? Of other types: yes."""
    try:
        return with_digest(proposal) == proposal
    except ValueError:
        return False


def edit(
    actions: OperatorFolders, old: Filed, folder: Folder, raw: bytes, actor: str, policy: Policy
) -> tuple[ActionName, Proposal]:
    """File the edited bytes anew: same id, new digest, it waits in pending/. What lies in quarantine stays there."""
    edited = edited_proposal(old.proposal, raw, actor, policy)
    try:
        waits = folder is Folder.PENDING
        name = actions.refile(old.name, edited) if waits else actions.propose_again(edited)
    except PermissionError as error:
        raise CannotDecide(RefusalReason.FORBIDDEN, f"you may not edit: {error.strerror} ({error.filename})") from None
    if name is None:
        raise decisions.decided(old.name)
    return name, edited


def set_params(
    actions: OperatorFolders, old: Filed, folder: Folder, said: Mapping[str, object], actor: str, policy: Policy
) -> tuple[ActionName, Proposal]:
    """The same with values that a person sets of its remedy, by name; the others stay as they are."""
    action = action_type(old.proposal.type)
    if action.takes_back:
        raise _not_acceptable("an undo takes back the values that ran; there is nothing to set")
    try:
        values = values_set(action.settable, {**old.proposal.params, **said})
    except ValueError as error:
        raise _not_acceptable(str(error)) from None
    params = {name: value if isinstance(value, int) else str(value) for name, value in values.items()}
    return edit(actions, old, folder, old.proposal.model_copy(update={"params": params}).wire(), actor, policy)


def edited_proposal(old: Proposal, raw: bytes, user: str, policy: Policy) -> Proposal:
    """The new proposal out of the edited bytes. CannotDecide, with what to change, when the executor would refuse it.

    Type, risk and the sha256 of a playbook or remedy follow from the rest: who changes `restart` to `notify` need not
    know them.
    """
    edited = _read(old, raw)
    action, playbook = _what_runs(old, edited, policy)
    changed: dict[str, object] = {"edited_by": user, "type": action.name, "playbook": playbook}
    if action.name != old.type and edited.params == old.params:
        changed["params"] = {}  # what was set of the other one
    try:
        proposal = _with_its_risk(with_digest(edited.model_copy(update=changed)), policy)
        playbook_for(proposal)
    except ValueError as error:
        raise _not_acceptable(f"nothing could be run for it: {error}") from None
    if len(proposal.wire()) > MAX_PROPOSAL_BYTES:
        raise _not_acceptable(f"it is larger than {MAX_PROPOSAL_BYTES} bytes")
    return proposal


def _read(old: Proposal, raw: bytes) -> Proposal:
    """The edited bytes as a proposal about the same. CannotDecide."""
    edited = read_filed(raw, MAX_PROPOSAL_BYTES)
    if isinstance(edited, Refusal):
        raise _not_acceptable(f"this is no proposal: {edited.reason}")
    if edited.action not in (words := current().proposal_actions):  # its type may be gone: it follows from the action
        raise _not_acceptable(f"there is no action {edited.action}; it should be one of {', '.join(words)}")
    for field in KEPT:
        if getattr(edited, field) != getattr(old, field):
            raise _not_acceptable(f"{field} cannot be changed: it says which proposal this is and what it is about")
    return edited


def _what_runs(old: Proposal, edited: Proposal, policy: Policy) -> tuple[ActionType, Playbook | None]:
    """The type of its action, and the playbook that it brings. CannotDecide where nothing may run for it."""
    if edited.undoes:
        if (edited.type, edited.action, edited.params) != (old.type, old.action, old.params):
            raise _not_acceptable("an undo stays the one that it is; reject it instead, or say why in its reason")
        return action_type(old.type), None
    if edited.action in current().choice_words:
        fitting = type_for(edited.action, edited.event)
        if fitting is None:
            raise _not_acceptable(
                f"the action {edited.action} runs nothing for this event; reject the proposal instead"
            )
        if not policy.permits(edited.action, edited.event):
            allowed = policy.allows(edited.event)
            may = ", ".join(sorted(allowed.actions))
            raise _not_acceptable(
                f"the policy does not allow {edited.action} for this event ({allowed.reason}); it allows {may}"
            )
        return fitting, None
    return action_type(edited.action), _own_playbook(edited, policy)


def _with_its_risk(proposal: Proposal, policy: Policy) -> Proposal:
    """ValueError where nothing could be run, CannotDecide where what was asked for risks more than is allowed."""
    risk = risk_of_proposal(proposal, policy) if proposal.playbook else risk_of_its_type(proposal)
    if proposal.playbook and is_requested(proposal) and (too_high := ceiling_problem(risk, policy)):
        raise _not_acceptable(too_high)
    return proposal.model_copy(update={"risk_level": risk})


def _not_acceptable(sentence: str) -> CannotDecide:
    """What was edited cannot be filed; the sentence says what to change."""
    return CannotDecide(RefusalReason.INVALID, sentence)


def _own_playbook(edited: Proposal, policy: Policy) -> Playbook:
    """A person's own playbook: every sha256 in it written anew, then judged as the executor judges it."""
    if edited.playbook is None:
        raise _not_acceptable("the action playbook needs a playbook: {name, sha256, text, attachments}")
    playbook = _hashed_anew(edited.playbook)
    wrong = login_problem(playbook, edited.node, policy) or (
        lint_playbook(playbook, edited.node, policy.widened, requested=is_requested(edited)).sentence
    )
    if wrong:
        raise _not_acceptable(f"its playbook may not run: {wrong}")
    return playbook


def _hashed_anew(playbook: Playbook) -> Playbook:
    """Where an attachment was changed, its tasks name it by its new sha256."""
    role = playbook.role
    texts = [playbook.text, *(file.text for file in role.files)] if role else [playbook.text]
    attachments = []
    for one in playbook.attachments:
        sha256 = sha256_of(one.text)
        for folder in ("files", TEMPLATES):
            texts = [text.replace(f"{folder}/{one.sha256}", f"{folder}/{sha256}") for text in texts]
        attachments.append(one.model_copy(update={"sha256": sha256}))
    changed: dict[str, object] = {**_hashed(texts[0]), "attachments": tuple(attachments)}
    if role:
        new = [file.model_copy(update=_hashed(text)) for file, text in zip(role.files, texts[1:], strict=True)]
        changed["role"] = role.model_copy(update={"files": tuple(new)})
    return playbook.model_copy(update=changed)


def _hashed(text: str) -> dict[str, str]:
    return {"text": text, "sha256": sha256_of(text)}
