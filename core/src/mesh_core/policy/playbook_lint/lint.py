"""The judge's doors: a playbook out of a proposal, with its attachments, and texts of our own making."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.remedies.recipe_file import Recipe
from mesh_core.actions.remedies.recipe_tasks import example_playbooks
from mesh_core.actions.remedies.remedy_file import Remedy
from mesh_core.actions.remedies.rendering import rendered_example, undoing_example
from mesh_core.actions.remedies.slot_values import EXAMPLE_ATTACHMENTS
from mesh_core.models.proposals import MAX_PROPOSAL_BYTES, Playbook, Proposal
from mesh_core.policy.playbook_lint.plays import Scope, play_findings
from mesh_core.policy.playbook_lint.requested import is_requested
from mesh_core.policy.playbook_lint.roles import plays_of
from mesh_core.policy.playbook_lint.shutting_out import Protected, nothing
from mesh_core.policy.playbook_lint.table import NOTHING, OURS, Widened, table
from mesh_core.policy.playbook_lint.yaml_text import NotReadable, plays_in

MAX_FINDINGS = 20  # sentences; who has read twenty corrects those first
MAX_IN_A_SENTENCE = 600  # characters of them in one


@dataclass(frozen=True)
class Lint:
    """What was found, as sentences. `problems`: it may not run. The rest is for the card, in red.

    `by_policy`: `FQCN: argument, ...` that only config/policy.yml allows. `dangers`: what destroys data if it runs.
    """

    problems: tuple[str, ...] = ()
    by_policy: tuple[str, ...] = ()
    dangers: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The problems in one; '' if there are none."""
        return "; ".join(self.problems)[:MAX_IN_A_SENTENCE]


def lint_playbook(
    playbook: Playbook,
    node: str,
    widened: Widened = NOTHING,
    taken: frozenset[str] = frozenset(),
    protected: Protected = nothing,
    *,
    requested: bool = False,
) -> Lint:
    """A person's or (`requested`) a request's playbook for just this node. Never raises, whatever the text is.

    `taken` are the inventory's variables, for whoever knows them: a task that sets such a name may be skipped, and then
    the inventory's value would be read instead. `protected` says what the mesh or the way in depends on.
    """
    try:
        plays = plays_of(playbook)
    except NotReadable as error:
        return Lint((*_hash_problems(playbook), str(error)))
    attachments = {one.sha256: one.text for one in playbook.attachments}
    scope = Scope(node, attachments, widened, taken=taken, protected=protected, requested=requested)
    found = _lint_plays(plays, scope)
    return Lint((*_hash_problems(playbook), *found.problems), found.by_policy, found.dangers)


def lint_proposal(proposal: Proposal, widened: Widened = NOTHING, protected: Protected = nothing) -> Lint:
    """Of a proposal's own playbook, for whoever shows it; nothing to say of one that carries none."""
    if proposal.playbook is None:
        return Lint()
    requested = is_requested(proposal)
    return lint_playbook(proposal.playbook, proposal.node, widened, protected=protected, requested=requested)


def lint_playbooks(made: PlaybookSet, node: str, protected: Protected = nothing) -> Lint:
    """What a remedy renders: look, apply, proof and what takes it back by itself, each finding once and with the part
    that it is in. Never raises."""
    undo = (("undo", made.undo), ("undo", made.undone)) if made.undo else ()
    parts = (("look", made.look), ("apply", made.apply), ("proof", made.converge), *undo)
    found = [
        (part, lint_text(text, node, widened=OURS, keywords=table().our_keywords, protected=protected))
        for part, text in parts
    ]
    return Lint(
        tuple(dict.fromkeys(f"{part}: {problem}" for part, one in found for problem in one.problems)),
        (),
        tuple(dict.fromkeys(danger for _, one in found for danger in one.dangers)),
    )


def lint_file(read: Remedy | Recipe, protected: Protected = nothing) -> Lint:
    """What a remedy or a recipe would run for example values, and what would take it back. Never raises."""
    return lint_recipe(read, protected) if isinstance(read, Recipe) else _lint_remedy(read, protected)


def _lint_remedy(remedy: Remedy, protected: Protected) -> Lint:
    made = rendered_example(remedy, "example")
    if remedy.undo and not made.undo:
        back = undoing_example(remedy, remedy.undo, "example")
        made = replace(made, undo=back.apply, undone=back.converge)
    return lint_playbooks(made, "example", protected)


def lint_recipe(recipe: Recipe, protected: Protected = nothing) -> Lint:
    """What a recipe would run for example values, in each of its ways, each finding once. Never raises."""
    texts = example_playbooks(recipe, "example")
    found = [lint_text(text, "example", EXAMPLE_ATTACHMENTS, protected=protected, requested=True) for text in texts]
    return Lint(
        tuple(dict.fromkeys(problem for one in found for problem in one.problems)),
        (),
        tuple(dict.fromkeys(danger for one in found for danger in one.dangers)),
    )


def lint_text(
    text: str,
    node: str | None = None,
    attachments: Mapping[str, str] | None = None,
    widened: Widened = NOTHING,
    keywords: frozenset[str] = frozenset(),
    taken: frozenset[str] = frozenset(),
    protected: Protected = nothing,
    requested: bool = False,
) -> Lint:
    """A playbook's text; `attachments` by sha256. `keywords` are those that only our own playbooks use (table.OURS)."""
    if len(text) > MAX_PROPOSAL_BYTES:
        return Lint((f"it has {len(text)} characters, the limit is {MAX_PROPOSAL_BYTES}",))
    try:
        plays = plays_in(text)
    except NotReadable as error:
        return Lint((str(error),))
    return _lint_plays(plays, Scope(node, attachments or {}, widened, keywords, taken, protected, requested))


def _lint_plays(plays: list[dict[Any, Any]], scope: Scope) -> Lint:
    problems = islice(dict.fromkeys(play_findings(plays, scope)), MAX_FINDINGS)
    by_policy = (f"{module}: {', '.join(sorted(arguments))}" for module, arguments in sorted(scope.by_policy.items()))
    return Lint(tuple(problems), tuple(by_policy), tuple(dict.fromkeys(scope.dangers)))


def _hash_problems(playbook: Playbook) -> Iterator[str]:
    if hashlib.sha256(playbook.text.encode("utf-8", "replace")).hexdigest() != playbook.sha256:
        yield "the playbook's text does not match its sha256"
    parts = [(f"the attachment {one.name}", one.text, one.sha256) for one in playbook.attachments]
    if role := playbook.role:
        parts += [(f"{one.path} of the role {role.name}", one.text, one.sha256) for one in role.files]
    for said, text, sha256 in parts:
        if hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() != sha256:
            yield f"{said} does not match its sha256"
