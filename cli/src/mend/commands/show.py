"""`mend show`: all that a person needs to say yes or no, down to the very playbook that would run. Changes nothing."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from mend.complete import complete_any
from mend.context import CliContext
from mend.errors import FAILED, CliError
from mend.options import AsJson
from mend.output.text import plain, plain_lines
from mend.output.times import local_time
from mend.views.card import say_card
from mend.views.obstacles import APPROVED_HEADING, HEADING, say_obstacles
from mend.views.playbook_findings import say_dangers
from mend.views.previews import line_of, say_preview
from mend.views.prompts_sent import say_sent
from mend.views.shown_proposal import ShownProposal, read_shown
from mesh_core.actions.playbook import how_it_runs
from mesh_core.actions.playbooks import PlaybookSet
from mesh_core.actions.register import action_type
from mesh_core.approvals.decisions import LocatedProposal, find_one
from mesh_core.approvals.previews import read_preview
from mesh_core.approvals.proposal_files import BY_SUFFIX, REASON_SUFFIX, short_id
from mesh_core.approvals.reasons import is_a_models
from mesh_core.approvals.undoing import no_undo
from mesh_core.incidents.event_types import EventType
from mesh_core.models.events import Trust
from mesh_core.models.outcomes import Outcome
from mesh_core.models.proposals import Folder, Proposal
from mesh_core.policy.playbook_lint import Lint
from mesh_core.policy.proposed_playbook.becoming import how_it_becomes
from mesh_core.silences.put_aside import put_aside_by
from mesh_core.storage.files import read_regular

AnyId = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The id, its beginning, the 12 hex at its end, the file's name, or NODE/SERVICE.",
        autocompletion=complete_any,
    ),
]
MAX_EVIDENCE = 4000  # characters of one piece that are shown


SentToo = Annotated[
    bool, typer.Option("--sent", help="Instead, exactly what each model was sent about it, and when; nothing is asked.")
]


def show(ctx: typer.Context, action_id: AnyId, as_json: AsJson = False, sent: SentToo = False) -> None:
    """Show one proposal: why, on what evidence, and exactly what approval would run.

    \b
    Examples
      mend show 3f9c2a7b1d04
      mend show plan-pi4-nginx       any unambiguous beginning will do
      mend show 3f9c2a7b1d04 --sent  what left for which model
    """
    cli: CliContext = ctx.obj
    found = find_one(cli.actions, action_id)
    proposal = cli.actions.proposal_at(found.path)
    if proposal is None:
        _unreadable(cli, found, as_json)
        return
    if sent:
        say_sent(cli, proposal, as_json=as_json)
        return
    shown = read_shown(cli, found, proposal)
    if as_json:
        cli.say_json(shown.row())
    else:
        _say(cli, shown)


def _say(cli: CliContext, shown: ShownProposal) -> None:
    found, proposal, outcome = shown.found, shown.proposal, shown.outcome
    waits = found.folder is Folder.PENDING
    say_card(cli, proposal, shown.card, shown.explained, waits=waits)
    _decided(cli, found)
    say_obstacles(cli, shown.obstacles, HEADING if waits else APPROVED_HEADING)
    _evidence(cli, proposal)
    _what_runs(cli, shown)
    _preview(cli, shown, in_full=waits)
    if itself := read_preview(found.path):
        cli.say()
        say_preview(cli, itself)
    if outcome is not None:
        _came_of_it(cli, found, outcome)
        if not no_undo(proposal, found.folder, outcome):
            cli.say(f"  to take it back: mend undo {short_id(found.id)}", "dim")
    _ids(cli, shown)
    if waits:
        _what_next(cli, found)


def _decided(cli: CliContext, found: LocatedProposal) -> None:
    if note := _note(found):
        label = "put aside" if _is_put_aside(found, note) else "decided"
        cli.say_beside(f"  {label:<12}", plain(note, 500))


def _ids(cli: CliContext, shown: ShownProposal) -> None:
    """Who wrote it, and by which ids everything is found: nothing of it decides."""
    found, p = shown.found, shown.proposal
    asked = p.event.type == EventType.PLAYBOOK_REQUESTED
    model = f"{plain(p.model.name, 60)} ({plain(p.model.provider, 40)})"
    if not is_a_models(p):
        who = f"the policy's own choice ({plain(p.model.name, 60)})"
        model = f"no model: {'a person asks for it' if p.undoes or p.preview_of or asked else who}"
    elif asked:
        model += ": wrote the tasks, which no recipe did"
    event = p.event
    attempts = f", attempt {p.attempt}" if p.attempt > 1 else ""
    cli.say()
    cli.say("Model and ids", "bold")
    cli.say(f"  model       {model}" + (f"; edited by {plain(p.edited_by, 60)}" if p.edited_by else ""))
    cli.say(f"  proposed    {local_time(p.created_at)}, {p.type}{attempts}, id {plain(found.id)}")
    if p.preview_of:
        cli.say_beside("  preview of  ", f"{plain(p.preview_of.id)}, digest {p.preview_of.digest}")
    cli.say(f"  lies in     {found.folder}/ as {plain(found.path)}")
    cli.say(f"  digest      {plain(shown.digest) or 'unknown'} (first 16 hex of the sha256 of the file's bytes)")
    cli.say(f"  event       {event.type}, {local_time(event.timestamp)}, id {plain(event.id)}")
    if event.trust is Trust.FOREIGN:
        cli.say("              it came from outside (a message by hand or a webhook), not from a node agent", "yellow")


def _evidence(cli: CliContext, p: Proposal) -> None:
    if not p.evidence:
        return
    cli.say()
    cli.say("Evidence (other people's words: data, not instructions)", "bold")
    for piece in p.evidence:
        cli.say(f"  {plain(piece.source, 120)}", "cyan")
        for line in plain_lines(piece.text, MAX_EVIDENCE).splitlines():
            cli.say(f"    {line}", "dim")


def _what_runs(cli: CliContext, shown: ShownProposal) -> None:
    p, playbooks = shown.proposal, shown.playbooks
    cli.say()
    if playbooks is None:
        cli.say("Approval would run nothing:", "bold red")
        cli.say(f"  {plain(shown.problem)}")
    elif not playbooks.apply:
        cli.say(f"Approval {action_type(p.type).effect}.", "bold")
    else:
        _what_to_mind(cli, shown.lint)
        for sentence in (*how_it_runs(p.playbook), *how_it_becomes(p.playbook)):
            cli.say(f"  mind: {plain(sentence, 300)}", "bold yellow")
        how = "It runs this playbook in check mode, which changes nothing"
        cli.say(how if p.preview_of else "Approval runs this playbook, byte for byte", "bold")
        # A person's own playbook is text from outside; ours is generated, and takes the same way out.
        cli.say(_indented(plain_lines(playbooks.apply)))
        if playbooks.converge and not p.preview_of:
            cli.say("and proves it with this one, in check mode; it must change nothing", "bold")
            cli.say(_indented(plain_lines(playbooks.converge)))
        if not p.preview_of:
            _if_it_does_not_help(cli, p, playbooks)
        if role := p.playbook.role if p.playbook else None:
            for file in role.files:
                cli.say(f"with {file.path} of its role {plain(role.name)}", "bold")
                cli.say(_indented(plain_lines(file.text)))
        for one in p.playbook.attachments if p.playbook else ():
            cli.say(f"and brings the file {plain(one.name)}, named in it by its sha256 {one.sha256}", "bold")
            cli.say(_indented(plain_lines(one.text)))


def _if_it_does_not_help(cli: CliContext, p: Proposal, playbooks: PlaybookSet) -> None:
    if playbooks.undo:
        cli.say("If it does not help, it is taken back by itself, with this playbook, byte for byte", "bold")
        cli.say(_indented(plain_lines(playbooks.undo)))
        cli.say("and proves with this one, in check mode, that all is as before", "bold")
        cli.say(_indented(plain_lines(playbooks.undone)))
    elif action_type(p.type).undone_by:
        cli.say("It can be taken back afterwards, if somebody asks for that: mend undo", "bold")


def _preview(cli: CliContext, shown: ShownProposal, *, in_full: bool) -> None:
    """What the host said when somebody asked it."""
    previewed = shown.preview
    if previewed is None:
        return
    holds = previewed.is_of(shown.proposal, shown.digest)
    said = previewed.said
    cli.say()
    cli.say("What it would change, as the host says in check mode", "bold")
    red = not holds or (said is not None and bool(said.surprises or said.problem))
    cli.say_beside("  ", line_of(previewed, holds=holds), "bold red" if red else "")
    if said is not None and holds and in_full:
        say_preview(cli, said)


def _what_to_mind(cli: CliContext, lint: Lint) -> None:
    """In red: what only this mesh's policy allows, what destroys, and what the executor would refuse."""
    for used in lint.by_policy:
        cli.say(f"  allowed only by your policy (config/policy.yml): {plain(used)}", "bold red")
    say_dangers(cli, lint)
    for problem in lint.problems:
        cli.say(f"  the executor would refuse it: {plain(problem, 500)}", "bold red")


def _what_next(cli: CliContext, found: LocatedProposal) -> None:
    cli.say()
    cli.say("To say yes, move the file or let mend do it; to say no, say why", "bold")
    target = cli.actions.folder(Folder.APPROVED)
    cli.say(f"  mv {shlex.quote(str(found.path))} {shlex.quote(str(target))}/")
    cli.say(f"  mend approve {short_id(found.id)}")
    cli.say(f"  mend reject {short_id(found.id)} --reason TEXT")


def _note(found: LocatedProposal) -> str:
    """What lies beside a decided proposal: why, or by whom; '' for one that waits or has run."""
    if found.folder is Folder.PENDING or found.path.is_dir():
        return ""
    texts = (
        read_regular(found.path.with_name(found.path.name + suffix), 4096) for suffix in (REASON_SUFFIX, BY_SUFFIX)
    )
    return " ".join(text.decode("utf-8", "replace") for text in texts if text)


def _is_put_aside(found: LocatedProposal, note: str) -> bool:
    return found.folder is Folder.REJECTED and put_aside_by(note) is not None


def _came_of_it(cli: CliContext, found: LocatedProposal, outcome: Outcome) -> None:
    cli.say()
    good = outcome.result == "done"
    cli.say(f"{outcome.result}: {outcome.verdict}", "bold green" if good else "bold red")
    cli.say(f"  {plain(outcome.reason, 1000)}")
    for stage in outcome.stages:
        detail = f"  {plain(stage.detail, 200)}" if stage.detail else ""
        mark = "ok  " if stage.ok else "FAIL"
        cli.say(f"  {mark} {plain(stage.name):<22} {stage.seconds:6.2f} s, changed {stage.changed}{detail}")
    cli.say(f"  logs and bundle: {plain(found.path)}", "dim")


def _unreadable(cli: CliContext, found: LocatedProposal, as_json: bool) -> None:
    told = read_regular(found.path.with_name(found.path.name + REASON_SUFFIX), 4096)
    why = plain(told.decode("utf-8", "replace"), 500) if told else "it is no proposal that could be read"
    if not as_json:
        raise CliError(f"{plain(found.path)} lies in {found.folder}/: {why}", FAILED)
    cli.say_json({"id": found.id, "folder": found.folder.value, "file": str(found.path), "problem": why})


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines())
