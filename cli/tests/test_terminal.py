"""A terminal that cannot show every character: each command still says all it can, and none ends in a traceback."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator

import pytest
from forking_mend import ForkingMend
from mend_rig import Mend, finish

from mesh_core.messaging.bus import Bus

FOREIGN = "디스크가 가득 찼습니다 – żółć “größer” → \N{PILE OF POO}"
ENCODINGS = ("ascii", "iso-8859-2", "cp437", "cp866")
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


Said = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def said() -> Iterator[Said]:
    """`said(mend, *words, **environ)`: a real `mend` under these settings of Python's."""
    made: dict[tuple[tuple[str, str], ...], ForkingMend] = {}

    def run(mend: Mend, *words: str | bytes, **environ: str) -> subprocess.CompletedProcess[bytes]:
        kind = tuple(sorted(environ.items()))
        if kind not in made:
            made[kind] = ForkingMend(environ)
        return made[kind](words, mend.environ, mend.runtime)

    yield run
    for one in made.values():
        one.close()


@pytest.fixture
def full(mend_online: Mend) -> Mend:
    """With foreign text wherever text is shown."""
    mend_online.propose("one", reason=f"the log says: {FOREIGN}", event={"payload": {"mount": f"/{FOREIGN}"}})
    done, no = mend_online.propose("two"), mend_online.propose("three")
    mend_online("approve", done.id)
    finish(mend_online, done, "done", reason=FOREIGN * 4)
    mend_online("reject", no.id, "--reason", FOREIGN)
    mend_online("maintenance", "pi4", "--for", "1h", "--reason", FOREIGN)

    async def refuse() -> None:
        bus = Bus.connect(mend_online.environ["REDIS_URL"], "test")
        await bus.refuse(FOREIGN.encode(), source="health_events", reason=FOREIGN, actor="planner-agent")
        await bus.close()

    asyncio.run(refuse())
    return mend_online


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_the_terminal_cannot_show_is_replaced(full: Mend, said: Said, encoding: str) -> None:
    for words in ("history", "show pi4/one", "pending", "deadletters", "silences"):
        done = said(full, *words.split(), PYTHONIOENCODING=encoding)
        text = done.stdout.decode(encoding)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), (words, done.stderr)
        assert "?" in text, words
        assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "..." in said(full, "history", PYTHONIOENCODING=encoding).stdout.decode(encoding)


@pytest.mark.parametrize("words", ["pending", "show pi4/two", "deadletters", "users list", "--help"])
def test_in_the_c_locale_no_command_ends_in_a_traceback(full: Mend, said: Said, words: str) -> None:
    done = said(full, *words.split(), **C_LOCALE)
    assert done.returncode in (0, 1, 3)
    assert b"Traceback" not in done.stderr + done.stdout
    assert done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        (b"show", b"\xff\xfe"),
        (b"approve", b"plan-\xe9"),
        (b"reject", b"x", b"--reason", b"\xff"),
        (b"ack", b"\xff"),
        (b"maintenance", b"pi\xff", b"--for", b"1h", b"--reason", b"\xff"),
        (b"inject", b"\xff", b"--node", b"\xff"),
        (b"history", b"--node", b"\xff"),
        (b"\xff",),
    ],
)
@pytest.mark.parametrize("environ", [C_LOCALE, {"PYTHONUTF8": "1"}], ids=["C", "utf-8"])
def test_words_that_are_no_text_are_refused_in_a_sentence(
    mend: Mend, said: Said, words: tuple[bytes, ...], environ: dict[str, str]
) -> None:
    done = said(mend, *words, **environ)
    assert b"Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 1, 2, 3)
