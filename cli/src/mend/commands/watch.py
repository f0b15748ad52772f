"""`mend watch`: the live channels, one line per message. Listens only; what it missed is in the streams and folders."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import redis.exceptions
import typer
from rich.text import Text

from mend.context import CliContext
from mend.errors import FAILED, USAGE, CliError
from mend.options import AsJson
from mend.output.text import plain
from mend.output.times import local_time
from mesh_core.approvals.proposal_files import short_id
from mesh_core.messaging.bus import DOWN, client_for, masked
from mesh_core.runtime.service import awaited

CHANNELS = (
    "health_events",
    "world_updates",
    "action_updates",
    "llm_router_metrics",
    "executor_output",
    "request_updates",
)
REQUEST_STYLE = {"asks": "bold yellow", "refused": "bold red"}
SEVERITY_STYLE = {"info": "dim", "warning": "yellow", "error": "red", "critical": "bold red"}
FOLDER_STYLE = {"pending": "yellow", "done": "bold green", "failed": "bold red", "running": "cyan", "approved": "cyan"}
STATE_WORDS = {"sick": "unhealthy"}  # as people say it; the message has the other word
AGAIN_SECONDS = 1.0
ALIVE_SECONDS = 15.0  # a silent connection is asked whether it lives


def complete_channel(incomplete: str) -> list[str]:
    return [channel for channel in CHANNELS if channel.startswith(incomplete)]


def watch(
    ctx: typer.Context,
    channels: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHANNEL...]", autocompletion=complete_channel, help="Default: all six."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what happens as it happens, one line per message. Ctrl-C ends it.

    \b
    Channels: health_events world_updates action_updates llm_router_metrics executor_output request_updates

    \b
    Examples
      mend watch
      mend watch action_updates executor_output
      mend watch health_events --json | jq .type
    """
    cli: CliContext = ctx.obj
    chosen = channels or list(CHANNELS)
    if unknown := [channel for channel in chosen if channel not in CHANNELS]:
        raise CliError(f"no such channel: {plain(unknown[0], 80)}; there are {', '.join(CHANNELS)}", USAGE)
    asyncio.run(awaited(_listen(cli, chosen, as_json)))


async def _listen(cli: CliContext, channels: list[str], as_json: bool) -> None:
    """Until Ctrl-C; connects again whenever the connection is lost, and says that there was a gap."""
    async with cli.bus() as bus:
        await bus.call("PING")  # nobody there at the very start is an error; later it is a gap
    gap = False
    while True:
        try:
            await _hear(cli, channels, as_json, gap)
        except (*DOWN, redis.exceptions.RedisError) as error:
            if not gap:
                where = masked(cli.redis_url)
                cli.err.print(
                    f"-- lost Redis at {where} ({plain(error, 120)}); trying again", style="yellow", soft_wrap=True
                )
            gap = True
            await asyncio.sleep(AGAIN_SECONDS)


async def _hear(cli: CliContext, channels: list[str], as_json: bool, gap: bool) -> None:
    client = client_for(cli.redis_url, "mend-watch")
    pubsub = client.pubsub()
    try:
        await pubsub.subscribe(*channels)
        if gap:
            cli.err.print("-- back; what was said meanwhile was not heard", style="yellow")
        elif not as_json:
            cli.err.print(f"-- listening to {', '.join(channels)}; Ctrl-C ends", style="dim", soft_wrap=True)
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=ALIVE_SECONDS)
            if message is None:
                await pubsub.ping()
            elif message["type"] == "message":
                _tell(cli, message["channel"].decode(), message["data"], as_json)
    finally:
        await pubsub.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


def _tell(cli: CliContext, channel: str, raw: bytes, as_json: bool) -> None:
    """What cannot be written is not Redis' fault, and ends the watch: `| head` has seen enough, a disk is full."""
    try:
        if as_json:
            print(json_line_for(channel, raw), file=cli.out.file, flush=True)
        else:
            cli.out.print(line_for(channel, raw), soft_wrap=True)
    except BrokenPipeError:
        raise typer.Exit(FAILED) from None
    except OSError as error:
        raise CliError(error.strerror or str(error), FAILED) from None


def json_line_for(channel: str, raw: bytes) -> str:
    """The message on one line of ASCII; what is no JSON becomes `{"channel","not_json"}`."""
    try:
        return json.dumps(json.loads(raw))
    except (ValueError, RecursionError):
        return json.dumps({"channel": channel, "not_json": raw.decode("utf-8", "backslashreplace")})


def line_for(channel: str, raw: bytes) -> Text:
    """One coloured line; a message in no form of ours is shown as it came, made harmless."""
    try:
        value = json.loads(raw)
        maker = _LINES[channel]
        return maker(value)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return Text.assemble((f"{channel:<18} ", "magenta"), plain(raw.decode("utf-8", "backslashreplace"), 300))


def _event(v: dict[str, Any]) -> Text:
    severity = str(v.get("severity", "warning"))
    reason = v.get("payload", {}).get("reason") or v.get("payload", {}).get("error") or ""
    return _line(
        "event", v.get("timestamp"), v["node"], v.get("service"), (str(v["type"]), SEVERITY_STYLE.get(severity, "")),
        f"{severity}{' (from outside)' if v.get('trust') == 'foreign' else ''} {reason}",
    )  # fmt: skip


def _world(v: dict[str, Any]) -> Text:
    style = {"healthy": "green", "sick": "red", "offline": "bold red"}.get(v["to"], "")
    before, after = (STATE_WORDS.get(v[end], v[end]) for end in ("from", "to"))
    return _line("world", v["ts"], v["node"], v.get("service"), (after, style), f"was {before}")


def _action(v: dict[str, Any]) -> Text:
    details = f"{v['type']} {short_id(v['action_id'])} by {v['by']}  {v.get('reason', '')}"
    return _line("action", v["ts"], v["node"], v.get("service"), (v["to"], FOLDER_STYLE.get(v["to"], "")), details)


def _model(v: dict[str, Any]) -> Text:
    ok = v["outcome"] == "ok"
    details = f"{v['latency_ms']:.0f} ms, {v['prompt_tokens']}+{v['completion_tokens']} tokens  {v.get('detail', '')}"
    subject = f"{v['provider']}:{v['model']}"
    return _line("model", v["ts"], subject, None, (v["outcome"], "green" if ok else "yellow"), details)


def _output(v: dict[str, Any]) -> Text:
    text = v.get("line", v.get("text", ""))
    head = ("run    ", "blue"), (f"{plain(short_id(str(v.get('action_id', ''))), 12)} ", "dim")
    return Text.assemble(*head, f"{plain(v.get('stage', ''), 30)} ", plain(text, 500))


def _request(v: dict[str, Any]) -> Text:
    state, hosts = str(v["state"]), ", ".join(map(str, v["hosts"]))
    details = f"by {v['by'] or 'somebody'} for {hosts}: {v['text']}  {v.get('reason', '')}"
    return _line("request", v["ts"], v["request"], None, (state, REQUEST_STYLE.get(state, "")), details)


_LINES = {
    "health_events": _event,
    "world_updates": _world,
    "action_updates": _action,
    "llm_router_metrics": _model,
    "executor_output": _output,
    "request_updates": _request,
}


def _line(kind: str, ts: Any, node: str, service: str | None, state: tuple[str, str], details: str) -> Text:
    time = local_time(ts)[11:] if isinstance(ts, str) else "        "
    target = f"{plain(node, 60)}/{plain(service, 60)}" if service else plain(node, 80)
    word, style = state
    return Text.assemble(
        (f"{time} ", "dim"),
        (f"{kind:<7}", "blue"),
        (f"{target:<28} ", "bold"),
        (f"{plain(word, 40)} ", style),
        plain(details, 240),
    )
