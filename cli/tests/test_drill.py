"""mend drill as a real process: broken for real, repaired only after a yes, and nothing left running."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from drill_rig import drilling, finished, output
from mend_rig import NODE, Mend

from mend.commands import drill
from mend.demo.steps import Walkthrough
from mend.demo.targets import ProgramTarget
from mend.errors import CliError
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

STEPS = ("healthy", "broken", "noticed", "proposal", "approved", "running", "done", "green again")


async def waiting_for_yes(folder: Path) -> Path:
    """The proposal that the drill shows."""
    await wait_for(lambda: "your turn" in output(folder), 60, "the drill to ask")
    return Path(re.findall(r"read it: (\S+)", output(folder))[0])


async def test_enter_is_the_mv_and_the_whole_walk_is_told_and_leaves_no_process(tmp_path: Path) -> None:
    async with drilling(tmp_path) as process:
        await waiting_for_yes(tmp_path)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert await finished(process) == 0, output(tmp_path)
    text = output(tmp_path)
    places = [text.index(f" s  {step}") for step in STEPS]
    assert places == sorted(places)
    assert "by Enter" in text
    [folder] = tmp_path.glob("mend-drill-*")
    [run] = (folder / "var" / "actions" / Folder.DONE).iterdir()
    assert (run / "bundle.zip").is_file()
    assert str(folder) in text
    assert not [p for p in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(p.info["cmdline"] or ())]


async def test_nothing_runs_before_enter_and_a_mv_elsewhere_counts_as_well(tmp_path: Path) -> None:
    async with drilling(tmp_path) as process:
        proposal = await waiting_for_yes(tmp_path)
        actions = proposal.parent.parent
        assert not any((actions / Folder.RUNNING).iterdir())
        proposal.rename(actions / Folder.APPROVED / proposal.name)
        assert await finished(process) == 0, output(tmp_path)
    assert "whoever moved the file" in output(tmp_path)


async def test_without_a_keyboard_it_waits_and_a_no_ends_it_with_the_reason(tmp_path: Path) -> None:
    async with drilling(tmp_path) as process:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        proposal = await waiting_for_yes(tmp_path)
        await wait_for(lambda: "no keyboard" in output(tmp_path), 60, "it to say so")
        proposal.rename(proposal.parent.parent / Folder.REJECTED / proposal.name)
        assert await finished(process) == 1
    assert "rejected/" in output(tmp_path)


def test_it_waits_only_as_long_as_it_was_told(mend: Mend, monkeypatch: pytest.MonkeyPatch) -> None:
    mend.propose()
    (filed,) = mend.actions.pending()
    walk = Walkthrough(
        runtime=mend.runtime,
        node=NODE,
        redis_url="",
        target=ProgramTarget(mend.runtime, {}),
        say=lambda *_: None,
        stopping=lambda: False,
        look=lambda: None,
        yes=False,
        patience_seconds=0.1,
    )
    with Path(os.devnull).open() as no_keyboard, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", no_keyboard)
        with pytest.raises(CliError, match="nobody said yes"):
            walk._wait_for_yes(mend.actions, filed)
    assert filed.path.exists()


def test_how_long_that_is_is_an_option(mend: Mend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def go(walk: Walkthrough) -> None:
        raise CliError(f"it waits {walk.patience_seconds:g} s")

    mesh = SimpleNamespace(plan=SimpleNamespace(redis_url=""), look=lambda: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(drill, "Stopper", lambda: lambda: False)
    monkeypatch.setattr(drill, "_alive", lambda *_: nullcontext())
    monkeypatch.setattr(drill, "_mesh", lambda *_: nullcontext(mesh))
    monkeypatch.setattr(Walkthrough, "go", go)
    done = mend("drill", "--patience", "2")
    assert (done.exit_code, "it waits 2 s" in done.output) == (1, True), done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path, number: int) -> None:
    async with drilling(tmp_path) as process:
        await waiting_for_yes(tmp_path)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        assert await finished(process) == 130
        gone, _ = await asyncio.to_thread(psutil.wait_procs, family, 5)
        assert len(gone) == len(family)
    assert "Traceback" not in output(tmp_path)


async def test_an_engine_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    async with drilling(tmp_path, "--yes", "--runtime", "docker", DOCKER_HOST="unix:///nowhere.sock") as process:
        assert await finished(process) == 1
    assert "mend drill: " in output(tmp_path)
    assert "Traceback" not in output(tmp_path)
