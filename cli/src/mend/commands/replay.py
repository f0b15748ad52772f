"""`mend replay`: one event of the past once more through policy and models, as if it came now. Files nothing."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mend.commands.policy import PolicyFile
from mend.context import CliContext
from mend.errors import NOT_THERE, CliError
from mend.options import AsJson
from mend.output.text import plain, plain_lines
from mend.policies.asked_event import AskedEvent, asked_event
from mend.policies.past_decisions import PastDecision
from mend.policies.source import MeshHosts, PolicySource, policy_of
from mesh_core.approvals.reasons import quoted

if TYPE_CHECKING:  # the planner's rooms take a moment to import, and may not be here
    from mesh_core.llm.router import Prompt
    from mesh_core.models.attempts import ModelAttempt
    from planner_agent.diagnosis.diagnosis import Diagnosis


def replay(
    ctx: typer.Context,
    event: Annotated[
        str,
        typer.Argument(metavar="EVENT", help="An event's id, an incident's, a proposal's, a file with an event, or -."),
    ],
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Ask this model of the chain; it may cost.")
    ] = None,
    file: PolicyFile = None,
    prompt: Annotated[bool, typer.Option("--prompt", help="Show what a model is asked, word for word.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a past event once more, by the rules of now and with a model if you name one, beside what was decided then.

    Nothing is filed, published or run. Without --model the rules answer alone; --prompt shows what a model would be
    asked, without secrets; one outside the house is told less (docs/privacy.md), which --model NAME shows.

    \b
    Examples
      mend replay 3f9c2a7b1d04                     the event of a proposal
      mend replay pi4/1763698351022-0 --model lab
      mend replay 3f9c2a7b1d04 --policy new.yml --prompt
    """
    if find_spec("planner_agent") is None:
        raise CliError("the planner is not installed here; replay where it is", NOT_THERE)
    cli: CliContext = ctx.obj
    asked, source = asked_event(cli, event), policy_of(cli, file)
    found, attempts, sent = asyncio.run(_replayed(cli, asked, source, model, prompt=prompt))
    if as_json:
        cli.say_json(_as_json(asked, found, attempts, sent if prompt else None))
        return
    _say(cli, asked, found, attempts)
    if prompt and sent:
        cli.say()
        cli.say("System", "bold")
        cli.say(sent.system)
        cli.say("User", "bold")
        cli.say(sent.user)


async def _replayed(
    cli: CliContext, asked: AskedEvent, source: PolicySource, name: str | None, *, prompt: bool
) -> tuple[Diagnosis | None, list[ModelAttempt], Prompt | None]:
    """(what comes of it, each attempt, what a model is asked)."""
    from mend.evaluation.chain_models import models_named
    from mend.evaluation.models import AbsentModel, Listening
    from mend.evaluation.trial import TrialPlanner
    from mesh_core.llm.grades import GradeBook
    from mesh_core.policy.track_record import NOTHING_KNOWN

    past = asked.past
    async with models_named(cli, [name] if name else []) as chain:
        listening = Listening(chain.providers[0]) if chain.providers else Listening(AbsentModel()) if prompt else None
        may_choose = GradeBook(cli.runtime).may_choose
        known = past.record_at if past else lambda event: NOTHING_KNOWN
        planner = TrialPlanner(
            source.policy, listening, may_choose, known, chain.is_outside, MeshHosts(cli).why_not_now
        )
        found = await planner.diagnose(asked.event)
        attempts = [*planner.attempts] if chain.providers else []
        return found, attempts, listening.asked if listening else None


def _say(cli: CliContext, asked: AskedEvent, found: Diagnosis | None, attempts: list[ModelAttempt]) -> None:
    event = asked.event
    place = f"{event.service} on {event.node}" if event.service else event.node
    cli.say(f"{plain(event.type)} of {plain(place)} ({event.severity}, {plain(event.timestamp)})", "bold cyan")
    then, now = _then(asked.then), _now(found)
    same = asked.then is not None and found is not None and asked.then.then == found.answer.action
    cli.say_beside("  then   ", then)
    cli.say_beside("  now    ", now, "" if same or asked.then is None else "yellow")
    for one in attempts:
        told = f"{plain(one.model, 60)}: {one.outcome} after {one.latency_ms / 1000:.2f} s"
        tokens = f", {one.prompt_tokens} + {one.completion_tokens} tokens, {one.cost_usd:.4f} US dollars"
        cli.say_beside("  asked  ", told + tokens + (f"; {plain(one.detail, 200)}" if one.detail else ""))


def _then(then: PastDecision | None) -> str:
    if then is None:
        return "nothing is known that was decided about it"
    who = f"model {plain(then.by, 60)}" if then.by else "the rules"
    verdict = f", {then.outcome.verdict}" if then.outcome else ""
    return f"{then.then}, by {who}: {plain(then.reason, 300)}" + (f" ({then.folder}{verdict})" if then.folder else "")


def _now(found: Diagnosis | None) -> str:
    if found is None:
        return "nothing: it ends trouble, or nothing is wrong in it, so no planner asks about it"
    return f"{found.answer.action}: {plain(quoted(found.answer.reason, found.model), 400)}"


def _as_json(
    asked: AskedEvent, found: Diagnosis | None, attempts: list[ModelAttempt], sent: Prompt | None
) -> dict[str, Any]:
    then, event = asked.then, asked.event
    return {
        "event": {name: getattr(event, name) for name in ("id", "type", "node", "service", "severity", "timestamp")},
        "then": {"action": then.then, "model": then.by or None, "reason": then.reason} if then else None,
        "now": found.answer.model_dump(mode="json") | {"model": found.model.name} if found else None,
        "attempts": [one.model_dump(mode="json") for one in attempts],
        "prompt": {"system": plain_lines(sent.system), "user": plain_lines(sent.user)} if sent else None,
    }
