"""`mend policy`: why the rules say what they say, whether config/policy.yml is good, and what it would change.

Changes nothing; it asks no model and no host, and needs no running mesh.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.output.times import local_time
from mend.policies.asked_event import AskedEvent, asked_event
from mend.policies.covered_rules import covered
from mend.policies.explanation import ASKED, RECOVERY, Explanation, HeardName, explain
from mend.policies.past_decisions import Compared, PastActions, PastDecision, compared, decisions_since
from mend.policies.source import MeshHosts, PolicySource, policy_of, policy_path
from mesh_core.incidents.at_work import why_held
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.durations import BadTime, parse_span
from mesh_core.models.records import utc_now
from mesh_core.policy.offer import TraceEntry
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.policy.policy_file import Document, policy_in
from mesh_core.policy.rule_check import unlikely_types
from mesh_core.policy.track_record import NOTHING_KNOWN
from mesh_core.runbooks.wording import heading

MAX_SHOWN = 200  # characters of a sentence in a row
MOST_WEIGHED = 8  # features of an event for which others chose
SEVERAL = "several fields together"

PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Ask this file instead of config/policy.yml.")
]

policy = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="""The rules of what may be proposed: why they say what they say, and what a change of yours would do
(docs/policy.md).

\b
The shipped rules hold until config/policy.yml says otherwise, rule by rule. Nothing in it approves anything.""",
)


@policy.command("explain")
def explain_(
    ctx: typer.Context,
    event: Annotated[
        str, typer.Argument(metavar="EVENT", help="An event's id, a proposal's, a file with an event, or - for stdin.")
    ],
    file: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """Say why the rules offer what they offer for one event: the rule that fits and where it stands, which facts,
    words and names were heard in which field, what the runbooks say, what was held back and by what, and what is
    preferred.

    \b
    Examples
      mend policy explain 3f9c2a7b1d04               the event of a proposal, by today's rules
      mend policy explain pi4/1763698351022-0        an event of the archive
      mend policy explain event.json --policy new.yml
      mend policy explain - --json < event.json | jq .held_back
    """
    cli: CliContext = ctx.obj
    asked, source = asked_event(cli, event), policy_of(cli, file)
    past = asked.past.record_at(asked.event) if asked.past else NOTHING_KNOWN
    said = explain(asked.event, source.policy, past, MeshHosts(cli).why_not_now(asked.event))
    if as_json:
        then = _then_as_json(asked.then) if asked.then else None
        cli.say_json(said.as_json() | {"where": source.place_of(said.fitted), "then": then})
        return
    _say(cli, said, source, asked)


@policy.command("check")
def check(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Instead of config/policy.yml.")] = None,
) -> None:
    """Say everything that is wrong in a policy file, with its line and what to write instead; and which rule can never
    speak, because one before it always does.

    Exit status 1 where something is wrong; a warning alone is 0.

    \b
    Examples
      mend policy check
      mend policy check new.yml
    """
    cli: CliContext = ctx.obj
    path = file or policy_path(cli)
    if file is None and not path.exists():
        cli.say(f"There is no {plain(path)}: the shipped rules hold.", "green")
        return
    cli.remedies.use()
    if problems := [*_problems(path)]:
        for problem in problems:
            cli.say(plain(problem, 2000), "bold red")
        raise CliError(f"{len(problems)} to mend in {plain(path)}; until then the mesh keeps the last good one", FAILED)
    source = policy_of(cli, path)
    document = policy_in(text := ConfigDocument.at(path, BadPolicy))
    own = {rule.name for rule in document.rules}
    for place, sentence in unlikely_types(document):
        cli.say(f"{plain(path.name)}:{text.line(place)}: {plain(sentence)}", "yellow")
    warnings = [(rule, by) for rule, by in covered(source.policy.rules) if rule.name in own]
    for rule, by in warnings:
        where = f"{source.place_of(rule.name)}: {rule.name} can never speak: {by.name} ({source.place_of(by.name)})"
        cli.say(f"{where} fits whatever it fits, and comes before it", "yellow")
    cli.say(f"{plain(path)} is good: {len(own)} rules of yours, {len(source.policy.rules)} in all.", "green")


@policy.command("test")
def ask_again(
    ctx: typer.Context,
    since: Annotated[str, typer.Option("--since", metavar="SPAN", help="How far back, as 12h, 30d or 4w.")] = "30d",
    file: PolicyFile = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 if anything would be different.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the rules again about what was decided in the past: what would be different now, or with another file?

    What a model chose counts as different only where it would not be offered any more. The runs of then count as they
    did then, and the mesh's own lifeline, runbooks and inventory as they are now.

    \b
    Examples
      mend policy test                               the last 30 days, by the rules of now
      mend policy test --since 90d --policy new.yml  before you move new.yml to config/policy.yml
      mend policy test --policy new.yml --strict && mv new.yml var/config/policy.yml
    """
    cli: CliContext = ctx.obj
    past, source, hosts = PastActions(cli.actions), policy_of(cli, file), MeshHosts(cli)
    decided = [*decisions_since(cli.mesh, past, moment_of(since))]
    found = [compared(one, source.policy, past, hosts.why_not_then) for one in decided]
    differing = [one for one in found if one.differs]
    if as_json:
        rows = [_compared_as_json(one, source) for one in found]
        cli.say_json({"decisions": len(found), "different": len(differing), "rows": rows})
    else:
        _say_compared(cli, found, differing, since)
    raise typer.Exit(FAILED if strict and differing else 0)


def _problems(path: Path) -> Iterator[str]:
    misfits: list[ValueError] = []
    try:
        misfits += ConfigDocument.at(path, BadPolicy).misfits(Document)
        Policy.load(path)
    except BadPolicy as error:
        yield from map(str, misfits or [error])


def moment_of(since: str) -> datetime:
    try:
        return utc_now() - parse_span(since)
    except BadTime as error:
        raise CliError(f"--since: {error}", USAGE) from None


def _say(cli: CliContext, said: Explanation, source: PolicySource, asked: AskedEvent) -> None:
    event, allowed = said.event, said.allowed
    place = f"{event.service} on {event.node}" if event.service else event.node
    cli.say(f"{plain(event.type)} of {plain(place)} ({event.severity})", "bold cyan")
    if said.route != ASKED:
        why = "it ends trouble" if said.route == RECOVERY else "nothing is wrong in it"
        cli.say_beside("  never asked ", f"{why}: the planner asks no rule about it. They would say:", "yellow")
    if why := why_held(event):
        cli.say_beside("  waits for   ", f"{plain(why)}: until it has ended no repair is proposed", "yellow")
    where = source.place_of(said.fitted)
    first = allowed.trace[0]
    cli.say_beside("  rule        ", Text(said.fitted, "bold").append(f", {where}" if where else "", "not bold"))
    cli.say_beside("  facts       ", _heard(said.facts))
    cli.say_beside("  words       ", _heard(said.cues))
    cli.say_beside("  names       ", _heard_names(said.names))
    cli.say_beside("  runbook     ", _documented(said))
    cli.say_beside("  offered     ", f"{', '.join(first.added)}; {first.preferred} first: {plain(first.sentence)}")
    for entry in allowed.trace[1:]:
        cli.say_beside("  and then    ", f"{entry.name} {_change(entry)}: {plain(entry.sentence)}")
    if said.weighed:
        most = ", ".join(f"{plain(one, 80)} {weight:+.2f}" for one, weight in [*said.weighed.items()][:MOST_WEIGHED])
        cli.say_beside("  by weight   ", most)
    held = dict.fromkeys((one.by, one.why) for one in said.held_back)
    for by, why in held:
        choices = ", ".join(one.choice for one in said.held_back if (one.by, one.why) == (by, why))
        cli.say_beside("  held back   ", f"{choices}, by {by}: {plain(why)}", "yellow")
    cli.say_beside("  prefers     ", Text(allowed.preferred, "bold green").append(f", by {allowed.rule}", "not bold"))
    if rest := allowed.order[1:]:
        cli.say_beside("  or else     ", ", ".join(rest))
    if asked.then:
        same = asked.then.then == allowed.preferred
        cli.say_beside("  decided     ", _told_then(asked.then), "" if same else "yellow")


def _heard(words: Mapping[str, Sequence[str]]) -> str:
    told = (f"{word} ({', '.join(plain(one, 80) for one in said) or SEVERAL})" for word, said in words.items())
    return "; ".join(told) or "none"


def _heard_names(names: Mapping[str, HeardName]) -> str:
    return _heard({_by_words(kind, one.words): one.fields for kind, one in names.items()})


def _by_words(kind: str, words: Sequence[str]) -> str:
    """Some kinds of names are heard by what is not there, and so by no word."""
    return f"{kind} by {', '.join(map(repr, words))}" if words else kind


def _documented(said: Explanation) -> str:
    match = said.allowed.runbook
    if match is None:
        return "none is known for it"
    return plain(heading(match)) + ("" if match.is_certain else "; a guess, which is cited and changes nothing")


def _change(entry: TraceEntry) -> str:
    parts = (
        ("adds", entry.added),
        ("takes away", entry.removed),
        ("prefers", (entry.preferred,) if entry.preferred else ()),
    )
    return "; ".join(f"{verb} {', '.join(words)}" for verb, words in parts if words)


def _told_then(then: PastDecision) -> str:
    who = f"model {plain(then.by, 60)}" if then.by else "the rules"
    verdict = f", {then.outcome.verdict}" if then.outcome else ""
    lies = f" ({then.folder}{verdict})" if then.folder else ""
    return f"{then.then}, by {who}{lies}: {plain(then.reason, MAX_SHOWN)}"


def _then_as_json(then: PastDecision) -> dict[str, Any]:
    return {
        "action": then.then,
        "model": then.by or None,
        "reason": then.reason,
        "action_id": then.proposal.id if then.proposal else None,
        "folder": then.folder,
        "verdict": then.outcome.verdict if then.outcome else None,
    }


COLUMNS = (
    Column("when"),
    Column("event", 1),
    Column("node/service"),
    Column("then"),
    Column("now"),
    Column("by rule", 2),
    Column("because", 3, prose=True),
)


def _say_compared(cli: CliContext, found: Sequence[Compared], differing: Sequence[Compared], since: str) -> None:
    if not found:
        cli.say(f"Nothing was decided within {plain(since)}.")
        return
    if differing:
        cli.say_rows(COLUMNS, [_row(one) for one in differing], lambda row: in_lines(row[:3], Text("  ").join(row[3:])))
    changes = Counter((one.decision.then, one.now) for one in differing)
    for (then, now), count in changes.most_common():
        cli.say(f"{count} x {then} -> {now}")
    models = sum(bool(one.decision.by) for one in found)
    told = f"{len(found)} decisions within {plain(since)}, {models} of them a model's: {len(differing)} differ now."
    cli.say(told, "yellow" if differing else "green")


def _row(one: Compared) -> list[Text]:
    event = one.decision.event
    by = f" (model {plain(one.decision.by, 20)})" if one.decision.by else ""
    return [
        Text(local_time(event.timestamp), "dim"),
        Text(plain(event.type, 40)),
        Text(plain(event.target_key, 60), "bold"),
        Text(one.decision.then + by),
        Text(one.now, "yellow"),
        Text(one.rule),
        Text(plain(one.reason, MAX_SHOWN), "dim"),
    ]


def _compared_as_json(one: Compared, source: PolicySource) -> dict[str, Any]:
    event = one.decision.event
    return {
        **{name: getattr(event, name) for name in ("id", "type", "node", "service", "timestamp")},
        "then": _then_as_json(one.decision),
        "now": one.now,
        "rule": one.rule,
        "where": source.place_of(one.rule),
        "reason": one.reason,
        "different": one.differs,
    }
