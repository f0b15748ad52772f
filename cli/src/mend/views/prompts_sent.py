"""What each model was sent about a proposal's event or request, as the planner noted it. Sends nothing."""

from __future__ import annotations

from dataclasses import asdict

from mend.context import CliContext
from mend.output.text import plain, plain_lines
from mend.output.times import local_time
from mesh_core.incidents.event_types import EventType
from mesh_core.llm.sent import SentPrompt, read_sent, sent_file
from mesh_core.models.proposals import Proposal


def say_sent(cli: CliContext, proposal: Proposal, *, as_json: bool) -> None:
    about = _about(proposal)
    sent = read_sent(cli.runtime, about)
    if as_json:
        cli.say_json([asdict(one) for one in sent])
        return
    if not sent:
        cli.say("Nothing is kept of what a model was sent about it: none was asked, or it is over 30 days ago.")
        return
    for one in sent:
        _say(cli, one)
    cli.say(f"kept in {plain(sent_file(cli.runtime, about))}", "dim")


def _say(cli: CliContext, one: SentPrompt) -> None:
    where = "outside the house" if one.outside else "in the house"
    cli.say(f"{local_time(one.ts)} to {plain(one.to, 60)} ({plain(one.model, 60)}), {where}", "bold")
    for label, text in (("system", one.system), ("user", one.user)):
        cli.say(f"  {label}", "cyan")
        for line in plain_lines(text).splitlines():
            cli.say(f"    {line}")
    cli.say()


def _about(proposal: Proposal) -> str:
    """The id of the request that it came of, else of its event."""
    event = proposal.event
    asked = event.payload.get("request") if event.type == EventType.PLAYBOOK_REQUESTED else None
    return asked if isinstance(asked, str) else event.id or ""
