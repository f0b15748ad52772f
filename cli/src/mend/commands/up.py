"""`mend up`: the whole mesh on this machine, in the foreground; Ctrl-C stops it with nothing lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from mend.commands.drill import run_drill
from mend.context import CliContext
from mend.errors import DONE
from mend.local.inventory_file import make_inventory
from mend.local.lock import sole_mesh
from mend.local.plan import Plan, plan_for
from mend.local.running import Mesh
from mend.local.stopper import Stopper
from mend.output.text import plain
from mend.sign_in import sign_in_link
from mesh_core.approvals.proposal_files import short_id
from mesh_core.messaging.bus import Bus, BusDown
from mesh_core.messaging.redis_settings import check_server
from mesh_core.models.proposals import Folder
from mesh_core.runtime.secret_files import everybody_may_read
from mesh_core.runtime.settings import default_runtime_path
from mesh_core.security.private_folder import close_to_others
from mesh_core.storage.folder_watch import APPEARED, FolderChanges

LOOK_SECONDS = 2.0  # a program that ends and a proposal that comes are told by the kernel
REDIS_PORT = 6379


def up(
    ctx: typer.Context,
    then_drill: Annotated[
        bool, typer.Option("--then-drill", help="Afterwards walk through the loop once: see mend drill.")
    ] = False,
) -> None:
    """Start the whole mesh on this machine and stay; Ctrl-C stops everything.

    Uses the Redis at REDIS_URL if one answers there, else starts one of its own. Starts the bundled model unless
    a chain is configured. Settings come from the environment, then from .env in this folder or the checkout.

    \b
    Examples
      mend up
      LLM_CHAIN=floor mend up                    without any model
      RUNTIME_PATH=/tmp/try mend up              a mesh of its own in another folder
    """
    cli: CliContext = ctx.obj
    begun = time.monotonic()
    with sole_mesh(cli.runtime):
        if closed := close_to_others(cli.runtime):
            cli.say(f"closed {closed} files and folders below {plain(cli.runtime)} that others could read", "dim")
        stopper = Stopper()
        made = make_inventory(cli.runtime / "config" / "inventory.yml", cli.settings.node_name)
        plan = plan_for(cli.environ, cli.runtime, cli.settings.node_name, cli.redis_url)
        if made:
            cli.say(
                f"wrote {plain(cli.runtime)}/config/inventory.yml: this machine, as {cli.settings.node_name}", "dim"
            )
        for note in plan.notes:
            cli.say(note, "dim")
        status = _run(cli, plan, stopper, begun, then_drill=then_drill)
        cli.say("everything is stopped; what was waiting waits in the folders.", "dim")
    raise typer.Exit(status)


def _run(cli: CliContext, plan: Plan, stopper: Stopper, begun: float, *, then_drill: bool) -> int:
    """Until it is told to stop, or the drill is over; the exit status of that."""
    status = DONE
    mesh = Mesh(plan, lambda program, message, style: report(cli, program, message, style))
    try:
        if mesh.start(stopper):
            asyncio.run(_warn(cli, plan))
            what_next(cli, plan, time.monotonic() - begun)
            status = run_drill(cli, stopper) if then_drill else DONE
            # Where nobody sits (a script, CI) there is nobody to press Ctrl-C after the drill either.
            if not then_drill or (status == DONE and sys.stdin.isatty()):
                _stay(cli, mesh, stopper)
    finally:
        cli.say("stopping ...", "dim")
        mesh.stop()
    return status


def report(cli: CliContext, program: str, message: str, style: str) -> None:
    """One line about one program."""
    cli.out.print(Text.assemble(f"  {program:<16}", (plain(message, 600), style)), soft_wrap=True)


def what_next(cli: CliContext, plan: Plan, seconds: float) -> None:
    """What a person can do now, with commands that can be copied as they are."""
    mend, node, actions = command_here(), plan.node, cli.actions
    cli.say()
    cli.say(f"The mesh is up after {seconds:.1f} s and watches this machine as {node}.", "bold green")
    cli.say("Nothing touches a host before you say yes.")
    _the_way_in(cli, plan, mend)
    if plan.runtime != default_runtime_path().absolute():
        cli.say(f"  export RUNTIME_PATH={plain(plan.runtime)}      first, in another terminal")
    cli.say(f"  {mend} inject service_down --node {node} --service demo      trouble by hand")
    cli.say(f"  {mend} pending      what waits for you; {mend} show ID tells all about one")
    move = f"mv {plain(actions.folder(Folder.PENDING))}/FILE {plain(actions.folder(Folder.APPROVED))}/"
    cli.say(f"  {move}      says yes, as does {mend} approve ID")
    if plan.own_redis is not None:
        cli.say(f"  {_redis_cli(plan)}      for redis-cli, which wants the password")
    cli.say(f"  {mend} watch      everything as it happens; logs are in {plain(plan.log_folder)}")
    cli.say("Ctrl-C stops everything.")
    cli.say()


def _the_way_in(cli: CliContext, plan: Plan, mend: str) -> None:
    if plan.dashboard is None:
        return
    link = sign_in_link(cli.runtime, cli.environ, plan.dashboard)
    if link is None:
        cli.say(f"  {plain(plan.dashboard)}      the dashboard; sign in as config/users.yml knows you", "bold")
    elif _everybody_reads_this():
        cli.say(f"  {mend} page      makes the link to the dashboard, {plain(plan.dashboard)}", "bold")
        cli.say("      (not here: every user of this machine may read this output)", "dim")
    else:
        cli.say(f"  {plain(link)}", "bold")
        cli.say(f"      the dashboard, signed in: this link counts once, for 10 minutes; {mend} page makes another")


def _everybody_reads_this() -> bool:
    """Does our output go into a file that is open to all?"""
    status = os.fstat(1)
    return stat.S_ISREG(status.st_mode) and everybody_may_read(Path("/proc/self/fd/1").resolve(), status.st_mode)


def _redis_cli(plan: Plan) -> str:
    port = plan.own_redis.port if plan.own_redis else REDIS_PORT
    other = f"; redis-cli -p {port}" if port != REDIS_PORT else ""
    return f'export REDISCLI_AUTH="$(cat {shlex.quote(str(plan.password_file))})"{other}'


def command_here() -> str:
    """How a person calls this very command: `mend` if it is on PATH, else where it lies."""
    beside = Path(sys.executable).parent / "mend"
    found = shutil.which("mend")
    if found and Path(found).resolve() == beside.resolve():
        return "mend"
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)


def _stay(cli: CliContext, mesh: Mesh, stopper: Stopper) -> None:
    """Until asked to stop: one line for each program that dies, and for each proposal that comes."""
    known = {filed.name for filed in cli.actions.pending()}
    actions = cli.actions
    with _arrivals(actions.folder(Folder.PENDING)) as arrivals:
        while not stopper.asked:
            mesh.look()
            waiting = actions.pending()
            for filed in waiting:
                if filed.name not in known:
                    p = filed.proposal
                    told = f"{p.type} for {p.target_key.rstrip('/')}: {command_here()} show {short_id(filed.name.id)}"
                    report(cli, "proposal", told, "bold cyan")
            known = {filed.name for filed in waiting}
            mesh.wait(LOOK_SECONDS, stopper.woken, *(changes.fileno() for changes in arrivals))
            for changes in arrivals:
                list(changes.read())


@contextlib.contextmanager
def _arrivals(folder: Path) -> Iterator[list[FolderChanges]]:
    """None where the kernel has no watch left: then a look every LOOK_SECONDS is all there is."""
    try:
        changes = FolderChanges(folder, APPEARED)
    except OSError:
        yield []
        return
    with contextlib.closing(changes):
        yield [changes]


async def _warn(cli: CliContext, plan: Plan) -> None:
    """What is unsafe about a Redis that is not ours."""
    if plan.own_redis is not None:
        return
    bus = Bus.connect(plan.redis_url, "mend")
    try:
        for warning in await check_server(bus):
            cli.say(f"  redis           {plain(warning)}", "yellow")
    except BusDown as error:
        cli.say(f"  redis           went away: {plain(error)}", "yellow")
    finally:
        await bus.close()
