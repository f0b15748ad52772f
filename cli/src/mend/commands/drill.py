"""`mend drill`: the whole loop once, for real, on something that may break: a mesh of its own in a throwaway folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.text import Text

from mend.context import CliContext, running_model
from mend.demo.steps import Stopped, Walkthrough
from mend.demo.targets import ContainerTarget, DemoTarget, ProgramTarget
from mend.errors import DONE, FAILED, INTERRUPTED, CliError
from mend.local.inventory_file import make_inventory
from mend.local.lock import sole_mesh
from mend.local.plan import plan_for
from mend.local.running import Mesh, answers
from mend.local.stopper import Stopper
from mend.output.text import plain
from mesh_core.models.records import is_name
from mesh_core.runtime.ports import free_port

NOTES = {
    "actions/done": "the run: logs of each stage, outcome.json, bundle.zip",
    "events": "every event, with what was decided about it",
    "log": "what each service wrote",
    "config": "the inventory and the watchlist that were made for it",
}


class TargetRuntime(StrEnum):
    SUPERVISOR = "supervisor"
    DOCKER = "docker"


def drill(
    ctx: typer.Context,
    runtime: Annotated[TargetRuntime, typer.Option(help="What keeps the target running.")] = TargetRuntime.SUPERVISOR,
    image: Annotated[str | None, typer.Option(help="With docker: a local image with /bin/sh.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Counts as you saying yes, for scripts. It is printed.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds to wait for your yes.", min=1)] = 900,
) -> None:
    """Walk through the whole loop once: a throwaway service is broken, you approve, it is repaired.

    Runs a small mesh of its own beside whatever runs here; your hosts and your proposals are not touched.
    The folder with every file stays, so that you can look.

    \b
    Examples
      mend drill
      mend drill --yes                  without a person, for scripts
      mend drill --runtime docker       with a real container
    """
    cli: CliContext = ctx.obj
    raise typer.Exit(run_drill(cli, Stopper(), runtime=runtime, image=image, yes=yes, patience=patience))


def run_drill(
    cli: CliContext,
    stopper: Callable[[], bool],
    *,
    runtime: TargetRuntime = TargetRuntime.SUPERVISOR,
    image: str | None = None,
    yes: bool = False,
    patience: float = 900,
) -> int:
    """The exit status: 0 when the target is green again."""
    if not is_name(node := cli.settings.node_name):
        raise CliError(f"NODE_NAME={node!r} is no name")
    folder = Path(tempfile.mkdtemp(prefix="mend-drill-"))
    environ = _environ(cli, folder)
    target = _target(runtime, image, folder / "target", environ)
    cli.say("A drill: something is broken, a repair is proposed, you say yes, it is proven to be healthy.", "bold")
    say(cli, "", f"everything lies in {folder}", "dim")
    try:
        with _alive(cli, target), _mesh(cli, folder / "var", node, environ, target, stopper) as mesh:
            walk = Walkthrough(
                runtime=folder / "var",
                node=node,
                redis_url=mesh.plan.redis_url,
                target=target,
                say=partial(say, cli),
                stopping=stopper,
                look=mesh.look,
                yes=yes,
                patience_seconds=patience,
            )
            walk.go()
    except Stopped:
        cli.say("stopped; nothing is left running.")
        return INTERRUPTED
    except CliError as failure:
        cli.err.print(f"mend drill: {failure.sentence}", style="red", soft_wrap=True)
        cli.err.print(f"the logs are in {folder / 'var' / 'log'}", soft_wrap=True)
        return FAILED
    _where_things_are(cli, folder, walk)
    return DONE


def _target(runtime: TargetRuntime, image: str | None, folder: Path, environ: dict[str, str]) -> DemoTarget:
    if runtime is TargetRuntime.DOCKER:
        return ContainerTarget(image, environ)
    folder.mkdir(mode=0o700)
    return ProgramTarget(folder, environ)


def say(cli: CliContext, step: str, text: str, style: str) -> None:
    """One line of the walk."""
    cli.out.print(Text.assemble((f"{step:<24}", "bold" if step else ""), (plain(text, 1000), style)), soft_wrap=True)


def _environ(cli: CliContext, folder: Path) -> dict[str, str]:
    """As the person's own, but with a Redis of its own; a model that runs here already is shared."""
    environ = {**cli.environ, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "RUNTIME_PATH": str(folder / "var")}
    model = running_model(cli.runtime)
    if model and not environ.get("LLAMACPP_URL") and answers(f"{model['LLAMACPP_URL']}/health"):
        environ.update(model)
    return environ


@contextlib.contextmanager
def _alive(cli: CliContext, target: DemoTarget) -> Iterator[None]:
    try:
        say(cli, "", f"the target: {target.start()}", "")
        yield
    finally:
        target.stop()


@contextlib.contextmanager
def _mesh(
    cli: CliContext, runtime: Path, node: str, environ: dict[str, str], target: DemoTarget, stopper: Callable[[], bool]
) -> Iterator[Mesh]:
    """A mesh that watches the target and may touch nothing but this machine."""
    make_inventory(runtime / "config" / "inventory.yml", node, target.variables())
    (runtime / "config" / "node.yml").write_text(yaml.safe_dump(target.watchlist(), sort_keys=False))
    with sole_mesh(runtime):
        plan = plan_for(environ, runtime, node, environ["REDIS_URL"])
        mesh = Mesh(
            plan, lambda actor, text, style: say(cli, "", f"{actor}: {text}", "dim" if style == "green" else style)
        )
        try:
            if not mesh.start(stopper):
                raise Stopped
            say(cli, "   0.00 s  healthy", "the mesh watches; the target is healthy", "green")
            yield mesh
        finally:
            mesh.stop()


def _where_things_are(cli: CliContext, folder: Path, walk: Walkthrough) -> None:
    t = walk.times
    yours = t["approved"] - t["proposal"]
    cli.say()
    cli.say(
        f"unhealthy to proposal {t['proposal']:.1f} s, your yes {yours:.1f} s, yes to running "
        f"{t['running'] - t['approved']:.2f} s, running to proven {t['done'] - t['running']:.1f} s, "
        f"in all {t['green again']:.1f} s",
        "bold green",
    )
    for name, about in NOTES.items():
        cli.say(f"  {folder / 'var' / name}      {about}")
    cli.say(f"  rm -r {folder}      when you have seen enough")
