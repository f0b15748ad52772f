"""`mend drill`: the whole loop once, for real, on something that may break: a mesh of its own in a throwaway folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.text import Text

from mend.desk import Desk, running_model
from mend.drill.patients import ContainerPatient, Patient, ProgramPatient
from mend.drill.walk import Stopped, Walk
from mend.mesh.inventory_file import make_inventory
from mend.mesh.lock import the_only_one
from mend.mesh.plan import free_port, plan_for
from mend.mesh.running import Mesh, answers
from mend.mesh.stopper import Stopper
from mend.sorry import DONE, FAILED, INTERRUPTED, Sorry
from mend.words import plain
from mesh_core.models.records import is_name

NOTES = {
    "actions/done": "the run: logs of each stage, outcome.json, bundle.zip",
    "events": "every event, with what was decided about it",
    "log": "what each service wrote",
    "config": "the inventory and the watchlist that were made for it",
}


class Runtime(StrEnum):
    SUPERVISOR = "supervisor"
    DOCKER = "docker"


def drill(
    ctx: typer.Context,
    runtime: Annotated[Runtime, typer.Option(help="What keeps the patient running.")] = Runtime.SUPERVISOR,
    image: Annotated[str | None, typer.Option(help="With docker: a local image with /bin/sh.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Counts as you saying yes, for scripts. It is printed.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds to wait for your yes.", min=1)] = 900,
) -> None:
    """Walk through the whole loop once: a throwaway service is made sick, you approve, it is repaired.

    Runs a small mesh of its own beside whatever runs here; your hosts and your proposals are not touched.
    The folder with every file stays, so that you can look.

    \b
    Examples
      mend drill
      mend drill --yes                  without a person, for scripts
      mend drill --runtime docker       with a real container
    """
    desk: Desk = ctx.obj
    raise typer.Exit(run_drill(desk, Stopper(), runtime=runtime, image=image, yes=yes, patience=patience))


def run_drill(
    desk: Desk,
    stopper: Callable[[], bool],
    *,
    runtime: Runtime = Runtime.SUPERVISOR,
    image: str | None = None,
    yes: bool = False,
    patience: float = 900,
) -> int:
    """The exit status: 0 when the patient is green again."""
    folder = Path(tempfile.mkdtemp(prefix="mend-drill-"))
    environ = _environ(desk, folder)
    node = desk.settings.node_name
    if not is_name(node):
        raise Sorry(f"NODE_NAME={node!r} is no name")
    patient: Patient
    if runtime is Runtime.DOCKER:
        patient = ContainerPatient(image, environ)
    else:
        (folder / "patient").mkdir(mode=0o700)
        patient = ProgramPatient(folder / "patient", environ)
    desk.say("A drill: something is made sick, a repair is proposed, you say yes, it is proven to be well.", "bold")
    say(desk, "", f"everything lies in {folder}", "dim")
    try:
        with _alive(desk, patient), _mesh(desk, folder / "var", node, environ, patient, stopper) as mesh:
            say(desk, "   0.00 s  healthy", "the mesh watches; the patient is well", "green")
            walk = Walk(
                runtime=folder / "var",
                node=node,
                redis_url=mesh.plan.redis_url,
                patient=patient,
                say=lambda step, text, style: say(desk, step, text, style),
                stopping=stopper,
                look=mesh.look,
                yes=yes,
                patience_seconds=patience,
            )
            walk.go()
    except Stopped:
        desk.say("stopped; nothing is left running.")
        return INTERRUPTED
    except Sorry as sorry:
        desk.err.print(f"mend drill: {sorry.sentence}", style="red", soft_wrap=True)
        desk.err.print(f"the logs are in {folder / 'var' / 'log'}", soft_wrap=True)
        return FAILED
    _where_things_are(desk, folder, walk)
    return DONE


def say(desk: Desk, step: str, text: str, style: str) -> None:
    """One line of the walk."""
    desk.out.print(Text.assemble((f"{step:<24}", "bold" if step else ""), (plain(text, 1000), style)), soft_wrap=True)


def _environ(desk: Desk, folder: Path) -> dict[str, str]:
    """As the person's own, but with a Redis of its own; a model that runs here already is shared."""
    environ = {**desk.environ, "REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "RUNTIME_PATH": str(folder / "var")}
    model = running_model(desk.runtime)
    if model and not environ.get("LLAMACPP_URL") and answers(f"{model['LLAMACPP_URL']}/health"):
        environ.update(model)
    return environ


@contextlib.contextmanager
def _alive(desk: Desk, patient: Patient) -> Iterator[None]:
    try:
        say(desk, "", f"the patient: {patient.start()}", "")
        yield
    finally:
        patient.stop()


@contextlib.contextmanager
def _mesh(
    desk: Desk, runtime: Path, node: str, environ: dict[str, str], patient: Patient, stopper: Callable[[], bool]
) -> Iterator[Mesh]:
    """A mesh that watches the patient and may touch nothing but this machine."""
    make_inventory(runtime / "config" / "inventory.yml", node, patient.variables())
    (runtime / "config" / "node.yml").write_text(yaml.safe_dump(patient.watchlist(), sort_keys=False))
    with the_only_one(runtime):
        plan = plan_for(environ, runtime, node, environ["REDIS_URL"])
        mesh = Mesh(
            plan, lambda who, what, style: say(desk, "", f"{who}: {what}", "dim" if style == "green" else style)
        )
        try:
            if not mesh.start(stopper):
                raise Stopped
            yield mesh
        finally:
            mesh.stop()


def _where_things_are(desk: Desk, folder: Path, walk: Walk) -> None:
    t = walk.times
    yours = t["approved"] - t["proposal"]
    desk.say()
    desk.say(
        f"sick to proposal {t['proposal']:.1f} s, your yes {yours:.1f} s, yes to running "
        f"{t['running'] - t['approved']:.2f} s, running to proven {t['done'] - t['running']:.1f} s, "
        f"in all {t['green again']:.1f} s",
        "bold green",
    )
    for name, about in NOTES.items():
        desk.say(f"  {folder / 'var' / name}      {about}")
    desk.say(f"  rm -r {folder}      when you have seen enough")
