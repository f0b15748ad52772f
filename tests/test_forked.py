"""What is tested in a fork (parts.forked) is as in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from parts.forked import Forked
from parts.shake import SHAKEN

TELLING = """
import asyncio, json, locale, os, random, signal, sys, threading, time

signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGUSR2, signal.SIGALRM]
print(json.dumps({
    "words": sys.argv[1:],
    "name": __name__,
    "environ": dict(os.environ),
    "folder": os.getcwd(),
    "mask": os.umask(0),
    "hour": time.strftime("%H", time.localtime(0)),
    "handlers": [repr(signal.getsignal(number)) for number in signals],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "wakeup": signal.set_wakeup_fd(-1),
    "input": sys.stdin.read(),
    "encodings": [sys.stdout.encoding, sys.stderr.encoding, sys.getfilesystemencoding(), locale.getpreferredencoding()],
    "threads": threading.active_count(),
    "loop": asyncio._get_running_loop(),
    "group": [os.getpgid(0), os.getsid(0)],
}))
print("and a last word", file=sys.stderr)
sys.exit(7)
"""
HANGING = "import signal; signal.pause()"
DRAWING = "import hostile_timing; print([hostile_timing._draw.random() for _ in range(3)])"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whose modules a fork and a process find."""
    for name, text in (("telling", TELLING), ("hanging_on", HANGING), ("drawing", DRAWING)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}


def by_a_fork(folder: Path, module: str, *words: str, **environ: str) -> tuple[int, str, str]:
    out, err = folder / "out", folder / "err"
    out.unlink(missing_ok=True)
    code = Forked(module, *words, environ=environment(**environ), log=err, stdout=out).wait(300)
    return code, out.read_text(), err.read_text()


def test_a_fork_tells_of_itself_what_a_process_tells(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        for zone in ("Asia/Tokyo", "UTC"):
            command = [sys.executable, "-m", "telling", "a b", "-c"]
            told = environment(TZ=zone, MARK=zone)
            process = subprocess.run(command, env=told, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            code, out, err = by_a_fork(folder, "telling", "a b", "-c", TZ=zone, MARK=zone)
            assert (code, json.loads(out)) == (process.returncode, json.loads(process.stdout))
            assert err.endswith(process.stderr)
    finally:
        os.umask(before)


def test_a_fork_that_is_forgotten_is_told_of_and_ends(folder: Path) -> None:
    fork = Forked("hanging_on", environ=environment())
    process = fork._process
    with pytest.warns(ResourceWarning, match="python -m hanging_on still ran"):
        del fork
    process.join(300)
    assert process.exitcode == -9


def test_a_signal_to_one_that_ends_meanwhile_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork = Forked("telling", environ=environment())
    fork.wait(300)
    with monkeypatch.context() as patch:
        patch.setattr(fork, "poll", lambda: None)
        fork.terminate()


def test_a_shaken_fork_draws_as_a_process_does(folder: Path) -> None:
    """By the seed of its own test, not by that of the test that was the first to fork."""
    found = os.pathsep.join([str(SHAKEN), str(Path(__file__).parent), str(folder)])
    shaken = environment(PYTHONPATH=found, MEND_SHAKE="of this test")
    told = ("drawing", (), shaken, 0o022, folder / "out", folder / "err")
    forked = f"from pathlib import PosixPath; from parts.fork_child import run_as; run_as{told!r}"
    process = subprocess.run([sys.executable, "-m", "drawing"], env=shaken, capture_output=True, text=True, check=True)
    subprocess.run([sys.executable, "-c", forked], env=shaken | {"MEND_SHAKE": "of the first test"}, check=True)
    assert (folder / "out").read_text() == process.stdout
