"""mend drill as a real process: broken for real, repaired only after a yes, and nothing left running."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import psutil
import pytest
from drill_rig import drilling, finished, output
from mend_rig import NODE, Mend

from mend.commands import drill
from mend.demo.steps import Walkthrough
from mend.demo.targets import ProgramTarget
from mend.errors import CliError
from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.proposals import Folder
from mesh_core.testing import wait_for

STEPS = ("healthy", "broken", "noticed", "proposal", "approved", "running", "done", "green again")


async def waiting_for_yes(folder: Path) -> Path:
    """The proposal that the drill shows."""
    await wait_for(lambda: "your turn" in output(folder), 60, "the drill to ask")
    return Path(re.findall(r"read it: (\S+)", output(folder))[0])


async def test_nothing_runs_before_enter_which_is_the_mv_and_the_whole_walk_is_told_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    async with drilling(tmp_path) as process:
        proposal = await waiting_for_yes(tmp_path)
        assert not any((proposal.parent.parent / Folder.RUNNING).iterdir())
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


@dataclass
class Wait:
    """A drill that waits for a yes to the one proposal of a folder, without a mesh."""

    mend: Mend
    filed: Filed
    told: list[str] = field(default_factory=list)

    def __call__(self, keyboard: TextIO, moved_to: Folder | None = None, patience_seconds: float = 60) -> None:
        """`moved_to`: where somebody moves the file while it waits."""
        path = self.filed.path

        def look() -> None:
            if moved_to and path.exists():
                path.rename(self.mend.actions.folder(moved_to) / path.name)

        walk = Walkthrough(
            runtime=self.mend.runtime,
            node=NODE,
            redis_url="",
            target=ProgramTarget(self.mend.runtime, {}),
            say=lambda *words: self.told.append(" ".join(words)),
            stopping=lambda: False,
            look=look,
            patience_seconds=patience_seconds,
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", keyboard)
            walk._wait_for_yes(self.mend.actions, self.filed)


@pytest.fixture
def wait(mend: Mend) -> Wait:
    mend.propose()
    (filed,) = mend.actions.pending()
    return Wait(mend, filed)


@pytest.fixture
def untouched_keyboard() -> Iterator[TextIO]:
    reading, writing = os.pipe()
    with os.fdopen(reading) as keyboard, os.fdopen(writing, "w"):
        yield keyboard


@pytest.fixture
def no_keyboard() -> Iterator[TextIO]:
    with Path(os.devnull).open() as nothing:
        yield nothing


def test_a_mv_elsewhere_counts_as_well(wait: Wait, untouched_keyboard: TextIO) -> None:
    wait(untouched_keyboard, Folder.APPROVED)
    assert "whoever moved the file" in wait.told[-1]


def test_without_a_keyboard_it_waits_and_a_no_ends_it_with_the_reason(wait: Wait, no_keyboard: TextIO) -> None:
    with pytest.raises(CliError, match="nobody said yes within 0 s"):
        wait(no_keyboard, patience_seconds=0)
    assert "no keyboard" in wait.told[-1]
    with pytest.raises(CliError, match="went to rejected/: nothing was run"):
        wait(no_keyboard, Folder.REJECTED)


def test_it_waits_only_as_long_as_it_was_told(wait: Wait, untouched_keyboard: TextIO) -> None:
    with pytest.raises(CliError, match="nobody said yes"):
        wait(untouched_keyboard, patience_seconds=0.1)
    assert wait.filed.path.exists()


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


async def test_ctrl_c_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with drilling(tmp_path) as process:
        await waiting_for_yes(tmp_path)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)  # what else is as good: test_end_watch.py
        assert await finished(process) == 130
        gone, _ = await asyncio.to_thread(psutil.wait_procs, family, 5)
        assert len(gone) == len(family)
    assert "Traceback" not in output(tmp_path)


async def test_an_engine_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    async with drilling(tmp_path, "--yes", "--runtime", "docker", DOCKER_HOST="unix:///nowhere.sock") as process:
        assert await finished(process) == 1
    assert "mend drill: " in output(tmp_path)
    assert "Traceback" not in output(tmp_path)
