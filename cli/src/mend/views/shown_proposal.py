"""All that is known of one proposal at this moment, read once for `mend show`, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from mend.context import CliContext
from mend.views.card import read_card
from mend.views.obstacles import look_around
from mend.views.previews import preview_row
from mend.views.waiting import pending_row
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import playbook_for
from mesh_core.approvals.card import Card
from mesh_core.approvals.decisions import LocatedProposal
from mesh_core.approvals.obstacles import MATTERS_IN, Obstacle, obstacles_of
from mesh_core.approvals.previews import FoundPreview, latest_preview
from mesh_core.approvals.proposal_files import Filed, digest_of, name_of
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Proposal
from mesh_core.models.records import utc_now
from mesh_core.policy.playbook_lint import Lint
from mesh_core.policy.proposed_playbook.proposal_lint import lint_by_current_policy
from mesh_core.storage.files import read_regular

if TYPE_CHECKING:
    from mesh_core.messaging.explained import Explained


@dataclass(frozen=True)
class ShownProposal:
    """`digest`: '' where nobody knows it any more. `playbooks`: None where approval would run nothing, for `problem`.
    `occurrences`: of its event; None where Redis does not say."""

    found: LocatedProposal
    proposal: Proposal
    digest: str
    playbooks: PlaybookSet | None
    problem: str
    lint: Lint
    occurrences: int | None
    explained: Sequence[Explained]
    obstacles: Sequence[Obstacle]
    outcome: Outcome | None
    preview: FoundPreview | None
    card: Card

    def row(self) -> dict[str, Any]:
        """As JSON."""
        found, plays = self.found, self.playbooks
        name = name_of(f"{found.id}.{self.digest or '0' * 16}.json")
        holds = self.preview is not None and self.preview.is_of(self.proposal, self.digest)
        return {
            **pending_row(Filed(name, found.path, self.proposal), self.occurrences, self.obstacles),  # type: ignore[arg-type]
            "explains": [one._asdict() for one in self.explained],
            "digest": self.digest,
            "folder": found.folder.value,
            "proposal": self.proposal.model_dump(mode="json"),
            "playbooks": None if plays is None else _texts(plays),
            "playbook_problem": self.problem or None,
            "lint": asdict(self.lint),
            "outcome": None if self.outcome is None else self.outcome.model_dump(mode="json"),
            "preview": preview_row(self.preview, holds=holds),
            "card": to_jsonable_python(self.card),
        }


def read_shown(cli: CliContext, found: LocatedProposal, proposal: Proposal) -> ShownProposal:
    name = name_of(found.path.name)
    playbooks, problem = _playbooks(proposal)
    lint = lint_by_current_policy(cli.runtime, proposal)
    (occurrences,), explained, around = look_around(cli, [proposal.event.id or ""], found.id)
    return ShownProposal(
        found=found,
        proposal=proposal,
        digest=name.digest if name else _digest_in(found),
        playbooks=playbooks,
        problem=problem,
        lint=lint,
        occurrences=occurrences,
        explained=explained,
        obstacles=obstacles_of(proposal, around, utc_now()) if found.folder in MATTERS_IN else (),
        outcome=cli.actions.outcome_at(found.path),
        preview=latest_preview(cli.actions, proposal),
        card=read_card(cli, proposal, occurrences, explained),
    )


def _playbooks(proposal: Proposal) -> tuple[PlaybookSet | None, str]:
    try:
        return playbook_for(proposal), ""
    except ValueError as error:
        return None, str(error)


def _texts(plays: PlaybookSet) -> dict[str, str]:
    undo = {"undo": plays.undo, "undone": plays.undone} if plays.undo else {}
    return {"apply": plays.apply, "look": plays.look, "converge": plays.converge, **undo}


def _digest_in(found: LocatedProposal) -> str:
    """A run's folder has lost the name; its proposal.json are the bytes that were claimed."""
    raw = read_regular(found.path / "proposal.json", MAX_PROPOSAL_BYTES)
    return digest_of(raw) if raw else ""
