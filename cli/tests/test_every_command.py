"""Every command on every terminal, over an empty folder and one full of foreign text: it says what matters, plainly."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import redis
from mend_rig import Mend, finish

from mend.app import COMMANDS, app
from mend.output.terminal import replace_what_cannot_be_shown
from mesh_core.approvals.request_folder import RequestFolder
from mesh_core.models.requests import OpenQuestion, Request, RequestStatus

# Other scripts, both reading directions, what turns or hides text, what steers a terminal, no text at all.
FOREIGN = "żółć 디스크 עברית \u202edne\u202c z\u200bero \N{PILE OF POO} \x1b[31mred\x1b]0;title\x07 a\u2028b\r\nc"
NO_TEXT = os.fsdecode(b"x\xff\xfe")
NAMES = (NO_TEXT, "\n\x1b[2J", f"plan-{FOREIGN[:30]}", "plan-\u202egnp.0123456789abcdef", f"{NO_TEXT}.0123456789abcdef")
# Encoding of the terminal, and what it says of itself.
TERMINALS: tuple[tuple[str, dict[str, str]], ...] = (
    ("ascii", {}),
    ("cp1252", {"FORCE_COLOR": "1", "COLUMNS": "80", "TERM": "dumb"}),
    ("iso-8859-2", {"FORCE_COLOR": "1", "COLUMNS": "200", "NO_COLOR": "1"}),
    ("utf-8", {"FORCE_COLOR": "1", "COLUMNS": "40"}),
)
OUTLIVES = ("up", "drill", "watch")  # these go on, or start something, unless they are asked for help
GOOD = (
    "pending", "pending --json", "show pi4/one", "show pi4/two", "show pi4/two --json", "show pi4/five", "history",
    "history --json", "history -n 1", "status", "status --json", "doctor --no-models", "doctor --no-models --json",
    "silences --all", "silences --json", "audit show --json", "audit verify", "users list", "users list --json",
    "edit pi4/one", "preview pi4/one --timeout 1", "retry pi4/four", "undo pi4/two", "unsilence all",
    "ack pi4/unknown", "notify-test", "migrate --dry-run", "requests", "requests --json",
    "runbooks search disk", "runbooks search disk --json", "runbooks show disk-space",
    "replay pi4/one", "replay pi4/one --prompt --json",
    "policy explain pi4/one", "policy explain pi4/one --json", "policy check", "policy test", "policy test --json",
)  # fmt: skip
ODD = (
    ("show", FOREIGN), ("approve", FOREIGN), ("reject", NO_TEXT, "--reason", "x"), ("reject", "pi4/one"),
    ("retry", NO_TEXT), ("undo", FOREIGN), ("edit", FOREIGN), ("preview", FOREIGN),
    ("snooze", FOREIGN, "--for", FOREIGN), ("ack", FOREIGN),
    ("maintenance", FOREIGN, "--for", "1h", "--reason", NO_TEXT), ("unsilence", FOREIGN),
    ("history", "--node", FOREIGN),
    ("request", FOREIGN), ("request", FOREIGN, "--host", FOREIGN), ("request", NO_TEXT, "--host", "pi4"),
    ("request", FOREIGN, "--answer", FOREIGN), ("request", NO_TEXT, "--cancel"),
    ("inject", FOREIGN, "--node", FOREIGN, "--payload", FOREIGN), ("inject", "x", "--node", "pi4", "--json"),
    ("runbooks", "search", FOREIGN), ("runbooks", "search", NO_TEXT), ("runbooks", "show", FOREIGN),
    ("eval", FOREIGN), ("eval", NO_TEXT), ("replay", FOREIGN),
    ("policy", "explain", FOREIGN), ("policy", "check", NO_TEXT), ("policy", "test", "--since", FOREIGN),
    ("backup", f"/nowhere/{NO_TEXT}"), ("restore", f"/nowhere/{FOREIGN}"), ("users", "add", FOREIGN),
    ("--version",), (FOREIGN,), (NO_TEXT,),
)  # fmt: skip


@pytest.fixture
def full(mend: Mend) -> Mend:
    """Foreign text wherever text may stand: in fields, reasons, configuration, names on the disk."""
    mend.propose("one", reason=f"the log: {FOREIGN}", event={"payload": {"mount": f"/{FOREIGN}", "unit": FOREIGN}})
    for service, result in (("two", "done"), ("four", "failed")):
        proposal = mend.propose(service)
        mend("approve", proposal.id)
        finish(mend, proposal, result, reason=f"because {FOREIGN * 4}")
    mend("reject", mend.propose("three").id, "--reason", FOREIGN)
    mend("snooze", mend.propose("five").id, "--for", "1h", "--reason", FOREIGN)
    mend("maintenance", "pi4", "--for", "1h", "--reason", FOREIGN)
    for folder in (*(mend.runtime / "actions").iterdir(), mend.runtime / "silences", mend.runtime / "silences/ended"):
        for name in NAMES:
            (folder / f"{name}.json").write_bytes(b"\xff{")
        (folder / f"{NO_TEXT}.0123456789abcdef.json.reason.txt").write_bytes(b"\xff\x1b[31m")
    asked = Request(id="req-0123456789ab", text=re.sub(r"[\x00-\x1f]", "", FOREIGN), by=FOREIGN, hosts=("pi4",))
    odd = OpenQuestion(slot="port", text=FOREIGN, choices=(FOREIGN,))
    status = RequestStatus(
        request=asked, entry="1-1", state="asks", reason=FOREIGN, questions=(odd,), updated_at=asked.ts
    )
    folder = RequestFolder(mend.runtime)
    folder.prepare()
    folder.put(status)
    (folder.root / f"{NO_TEXT}.json").write_bytes(b"\xff{")
    config = mend.runtime / "config"
    config.mkdir()
    for name in ("inventory.yml", "policy.yml", "users.yml", "node.yml", "notifications.yml"):
        (config / name).write_text(f"'{FOREIGN[:40]}': 1\n", encoding="utf-8")
    return mend


def said(mend: Mend, words: tuple[str, ...], encoding: str, environ: dict[str, str]) -> tuple[object, str, str]:
    """Exit status, stdout and stderr of `mend` on a terminal of that encoding, which takes nothing else."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict") for _ in "12")
    before, mask = dict(os.environ), os.umask(0o022)
    os.environ.update({**mend.environ, "EDITOR": "true", **environ})
    status: object = None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            replace_what_cannot_be_shown()
            app(list(words), prog_name="mend")
    except SystemExit as end:
        status = end.code
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.umask(mask)
    texts = []
    for stream in (out, err):
        stream.flush()
        raw = stream.buffer.getvalue()  # type: ignore[attr-defined]
        # Where a stream says ASCII, typer writes its usage errors in UTF-8.
        texts.append(raw.decode("utf-8" if encoding == "ascii" else encoding))
    return status, texts[0], texts[1]


def looked_at(mend: Mend, words: tuple[str, ...], encoding: str, environ: dict[str, str]) -> str:
    """What both streams have, once it is known that all of it may be shown."""
    code, out, err = said(mend, words, encoding, environ)
    where = (words, encoding, environ, code, out[-300:], err[-300:])
    assert code in (0, 1, 2, 3), where
    text = re.sub(r"\x1b\[[0-9;]*m", "", out + err)
    assert text.strip(), where
    assert "Traceback" not in text, where
    unseen = {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")}
    assert not unseen, (unseen, where)
    if "--json" in words and code == 0:
        json.loads(out)
    return text


def test_every_command_on_every_terminal_says_what_matters_and_nothing_that_steers_it(full: Mend) -> None:
    plain_words = tuple(tuple(line.split()) for line in GOOD)
    for name in COMMANDS:
        for words in ((name, "--help"), (name, "--nonsense"), *(() if name in OUTLIVES else ((name,),))):
            looked_at(full, words, *TERMINALS[0])
    for terminal in TERMINALS:
        for words in (*ODD, *plain_words):
            looked_at(full, words, *terminal)
        for words, wanted in (
            (("history",), ("failed", "not_helped", "proven", "because", "ann", "snoozed")),
            (("show", "pi4/two"), ("done: proven", "because", "restarts 1 container on pi4: two")),
            (("show", "pi4/one"), ("pi4", "container_restart", "the log:", "mend approve")),
        ):
            text = " ".join(looked_at(full, words, *terminal).split())
            for word in wanted:
                assert word in text, (word, words, terminal)


@pytest.mark.slow
def test_over_an_empty_folder_too(mend: Mend, tmp_path: Path) -> None:
    for folder in (tmp_path / "empty", tmp_path / f"r{NO_TEXT}", tmp_path / f"m{FOREIGN[-9:]}"):
        folder.mkdir()
        for words in (*ODD, *(tuple(line.split()) for line in GOOD)):
            looked_at(mend, words, "ascii" if folder.name == "empty" else "utf-8", {"RUNTIME_PATH": str(folder)})


def test_a_redis_that_refuses_its_user_or_has_no_such_database_ends_no_command(mend_online: Mend) -> None:
    url = mend_online.environ["REDIS_URL"]
    mend_online.propose("one")
    with redis.Redis.from_url(url) as client:
        for name, rights in (("nothing", "+@connection"), ("reader", "+@read")):
            client.execute_command("ACL", "SETUSER", name, "on", ">x", "~*", "&*", rights)
    for asked in (
        *(url.replace("//", f"//{name}:x@") for name in ("nothing", "reader")),
        f"{url.removesuffix('/0')}/99",
    ):
        for words, told in (
            ("status", "redis"),
            ("doctor --no-models", "broken   redis"),
            ("pending", "Redis refuses what is asked of it"),
            ("show pi4/one", "Redis refuses what is asked of it"),
            ("inject x --node pi4", "Redis refuses what is asked of it"),
            ("audit verify", ""),
            ("deadletters", ""),
        ):
            text = looked_at(mend_online, tuple(words.split()), "utf-8", {"REDIS_URL": asked})
            assert told in text, (words, asked, text)
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "DELUSER", "nothing", "reader")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "redirection", "status", "told"),
    [
        ("--version", "| true", 1, ""),
        ("--help", ">/dev/full", 1, "mend: No space left on device\n"),
        ("pending", ">/dev/full", 1, "mend: No space left on device\n"),
        ("silences", ">&-", 0, ""),
        ("show nobody", "2>&-", 3, ""),
    ],
)
def test_an_output_that_takes_nothing_ends_in_a_status_and_a_sentence(
    mend: Mend, words: str, redirection: str, status: int, told: str
) -> None:
    line = f'"$0" -m mend {words} {redirection}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable],
        env={**os.environ, **mend.environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, told)
