"""`mend eval`: how well the planner judges labelled events, or one's own history. Files, publishes and runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from mend.commands.policy import PolicyFile, moment_of
from mend.context import CliContext
from mend.errors import INTERRUPTED, NOT_THERE, USAGE, CliError
from mend.options import AsJson
from mend.output.listing import Column, in_lines
from mend.output.text import plain
from mend.policies.source import PolicySource, policy_of
from mesh_core.models.records import utc_now
from mesh_core.storage.files import write_whole

if TYPE_CHECKING:  # what asks is the planner's, which takes a moment to import, and may not be here
    from mend.evaluation.measuring import Measured
    from mend.evaluation.scoring import Row, Share
    from mend.policies.past_decisions import PastActions

MAX_WORST = 10
OWN = "your history"


def eval(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE.jsonl...", help="Labelled events, a JSON object a line.")
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Your own: what you approved, rejected, and what was proven.")
    ] = False,
    since: Annotated[str, typer.Option("--since", metavar="SPAN", help="With --history: how far back.")] = "90d",
    models: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME", help="Ask this model of the chain, too; more than once. It may cost."),
    ] = None,
    rules: Annotated[bool, typer.Option("--rules", help="The rules alone, without ceiling and reach.")] = False,
    file: PolicyFile = None,
    every: Annotated[int, typer.Option("--every", min=1, metavar="N", help="Each Nth event only.")] = 1,
    html: Annotated[Path | None, typer.Option("--html", metavar="OUT", help="Write a report, one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well the planner judges: harm, the right choice, what is mended, attacks, with 95 % intervals.

    Besides the rules it asks two scripted models that know the answer: the best that a model could do with what the
    rules offer (the ceiling), and the worst (the reach). Of a model, "chose" is what it said and "counted" what the
    planner makes of that. Of a set whose file name has "kept" in it only totals are shown.

    \b
    Examples
      mend eval --history                                 against what you decided in the last 90 days
      mend eval set.jsonl --policy new.yml
      mend eval set.jsonl --model lab --html report.html  Ctrl-C ends it; what was measured counts
    """
    if find_spec("planner_agent") is None:
        raise CliError("the planner is not installed here; measure where it is", NOT_THERE)
    from mend.policies.past_decisions import PastActions

    cli: CliContext = ctx.obj
    if not files and not history:
        raise CliError("of which events? Name a file of labelled ones, or say --history", USAGE)
    source = policy_of(cli, file)
    past = PastActions(cli.actions) if history else None
    sets = {name: rows[::every] for name, rows in _sets(cli, files or [], past, since)}
    measured, stopped = asyncio.run(_measured(cli, sets, source, past, models or [], alone=rules))
    if html is not None:
        _write(html, measured, source)
    if as_json:
        cli.say_json([one.as_json() for one in measured])
    else:
        _say(cli, measured, source)
    if stopped:
        raise CliError("stopped; this is what was measured until then.", INTERRUPTED)


def _sets(
    cli: CliContext, files: Sequence[Path], past: PastActions | None, since: str
) -> Iterator[tuple[str, Sequence[Row]]]:
    from mend.evaluation.history_labels import labelled
    from mend.evaluation.labels import BadLabel, read_labelled
    from mend.policies.past_decisions import decisions_since

    for path in files:
        try:
            yield path.name, read_labelled(path)
        except FileNotFoundError:
            raise CliError(f"there is no file {plain(path)}", NOT_THERE) from None
        except BadLabel as error:
            raise CliError(plain(error, 400), USAGE) from None
    if past is not None:
        rows = [*labelled(decisions_since(cli.mesh, past, moment_of(since)))]
        if not rows:
            raise CliError(f"you decided nothing within {plain(since)} that could be a label", NOT_THERE)
        yield OWN, rows


async def _measured(
    cli: CliContext,
    sets: dict[str, Sequence[Row]],
    source: PolicySource,
    past: PastActions | None,
    names: Sequence[str],
    *,
    alone: bool,
) -> tuple[list[Measured], bool]:
    from mend.evaluation.chain_models import models_named
    from mend.evaluation.measuring import measure
    from mend.evaluation.models import Listening, Scripted
    from mend.evaluation.trial import TrialPlanner
    from mesh_core.llm.grades import GradeBook

    found: list[Measured] = []
    may_choose = GradeBook(cli.runtime).may_choose
    async with models_named(cli, names) as chain:
        for set_name, rows in sets.items():
            known: dict[str, Any] = {"known": past.record_at} if past and set_name == OWN else {}
            scripted = [] if alone else [Scripted(hostile=False, graded=True), Scripted(hostile=True, graded=True)]
            for model in (None, *scripted, *(Listening(provider) for provider in chain.providers)):
                planner = TrialPlanner(source.policy, model, may_choose, **known, is_outside=chain.is_outside)
                who = "rules" if model is None else model.name
                lines, stopped = await measure(set_name, rows, planner, _progress(cli, set_name, who, len(rows)))
                found += lines
                if stopped:
                    return found, True
    return found, False


def _progress(cli: CliContext, set_name: str, who: str, end: int) -> Callable[[int], object]:
    """On a terminal a line that counts; for whoever reads a pipe nothing."""
    if not cli.err.is_terminal:
        return lambda done: None
    return lambda done: cli.err.print(
        f"{plain(set_name, 30)}, {plain(who, 30)}: {done} of {end}", end="\n" if done == end else "\r", style="dim"
    )


COLUMNS = (
    Column("who"),
    Column("events", 3, right=True),
    Column("unacceptable"),
    Column("trust A", 4),
    Column("balanced"),
    Column("fix"),
    Column("wrong target", 5),
    Column("hidden", 2),
    Column("attacks", 1),
)


def _say(cli: CliContext, measured: Sequence[Measured], source: PolicySource) -> None:
    from mend.evaluation.html_report import spent_in_words
    from mend.evaluation.labels import is_shown

    for name in dict.fromkeys(one.set_name for one in measured):
        some = [one for one in measured if one.set_name == name]
        cli.say(plain(name), "bold cyan")
        cli.say_rows(COLUMNS, [_row(one) for one in some], _in_lines)
        for one in some:
            if one.is_outcome:
                if one.spent.latencies_ms:
                    cli.say(spent_in_words(one), "dim")
                if is_shown(name):
                    _say_worst(cli, one, source)
        cli.say()


def _row(one: Measured) -> list[Text]:
    found = one.figures
    counts = (found.wrong_target, found.hidden, found.attacks)
    harm = Text(_percent(found.unacceptable), "bold red" if found.unacceptable.hits else "green")
    low, high = found.mean_interval
    return [
        Text(plain(one.title, 40)),
        Text(f"{len(one.decided)}" + ("" if one.is_whole else f" of {len(one.rows)}")),
        harm,
        Text(f"{found.plain.hits} of {found.plain.total}"),
        Text(f"{found.mean:.2f} ({low:.2f} to {high:.2f})", "bold"),
        Text(found.fix.told(2), "bold"),
        *(Text(f"{share.hits} of {share.total}") for share in counts),
    ]


def _percent(share: Share) -> str:
    low, high = share.interval
    return f"{100 * share.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _in_lines(row: Sequence[Text]) -> Group:
    titles = [column.title for column in COLUMNS]
    told = (Text(f"{title} ").append_text(cell) for title, cell in zip(titles[1:], row[1:], strict=True))
    return in_lines(row[:1], Text(", ").join(told))


def _say_worst(cli: CliContext, one: Measured, source: PolicySource) -> None:
    from mend.evaluation.labels import event_of
    from mend.evaluation.scoring import Verdict

    missed = one.worst()
    for row, decided, worth in missed[:MAX_WORST]:
        by = source.policy.allows(event_of(row)).rule
        head = Text(f"  {plain(row['id'], 40)}  ", "bold red" if worth is Verdict.UNACCEPTABLE else "yellow")
        said = f"{decided.action or 'no answer'} instead of {row['preferred']}, by {by}: {row.get('rationale', '')}"
        cli.say_beside(head, plain(said, 200))
    if len(missed) > MAX_WORST:
        cli.say(f"  and {len(missed) - MAX_WORST} more: --html OUT shows more of them", "dim")


def _write(path: Path, measured: Sequence[Measured], source: PolicySource) -> None:
    from mend.evaluation.html_report import html_report

    by = source.file if source.file.is_file() else "the shipped rules"
    told = f"Measured on {utc_now():%Y-%m-%d %H:%M} UTC with {by}. Lines are 95 % intervals."
    write_whole(path, html_report(measured, "How well the planner judges", told).encode(), mode=0o644)
