"""`mend up` on a machine with other people: what another local user can do (nothing), and how its own comes in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mend_rig import Mend
from up_rig import Up

from mesh_core.approvals.proposal_files import ActionName
from mesh_core.models.proposals import Folder
from mesh_core.security.sign_in_links import person_name
from mesh_core.security.users import Role
from mesh_core.testing import wait_for

STRANGER = 65534
ME = person_name(os.getuid())

# What a neighbour may try, in Python's own words only: (what, its outcome). Everything that worked begins with "+".
ATTEMPTS = r"""
import glob, json, os, socket, sys, urllib.error, urllib.request
var, redis_port, page, model, name, digest, warm = sys.argv[1:]
told = {}

def attempt(what, do):
    try:
        told[what] = "+" + str(do())[:200]
    except urllib.error.HTTPError as error:
        told[what] = f"{error.code} {error.read()[:200].decode()}"
    except OSError as error:
        told[what] = type(error).__name__

def redis(*words):
    with socket.create_connection(("127.0.0.1", int(redis_port)), 5) as line:
        sent = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
        line.sendall(sent)
        answer = line.recv(200).decode()
    if answer.startswith("-"):
        raise PermissionError(answer)
    return answer

def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "X-CSRF-Token": "0" * 64}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return answer.read()

def connect(path):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)

attempt("publish", lambda: redis(b"PUBLISH", b"health_events", b"{}"))
attempt("read the streams", lambda: redis(b"XRANGE", b"mesh:ev:_foreign", b"-", b"+"))
attempt("list var", lambda: os.listdir(var))
attempt("read the log of Redis", lambda: [open(p).read() for p in glob.glob(var + "/redis/*/*/*") or [var + "/redis"]])
attempt("read the password", lambda: open(var + "/run/redis-password").read())
waits = f"{var}/actions/pending/{name}.{digest}.json"
attempt("approve by mv", lambda: os.rename(waits, waits.replace("pending", "approved")))
attempt("make a link", lambda: os.open(var + "/state/sign-in/" + "0" * 64, os.O_CREAT | os.O_WRONLY))
for sock in ("run/redis.sock", "run/supervisor.sock"):
    attempt(sock, lambda: connect(f"{var}/{sock}"))
attempt("warm Ansible", lambda: connect(warm + "/s"))
for path in ("session", "world", "proposals", "events", "openapi.json"):
    attempt("GET " + path, lambda: ask(f"{page}api/v1/{path}"))
attempt("approve", lambda: ask(f"{page}api/v1/proposals/{name}/approve", {"digest": digest}))
attempt("sign in", lambda: ask(f"{page}api/v1/login", {"link": "0" * 43}))
words = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
attempt("use the model", lambda: ask(f"{model}/v1/chat/completions", words))
attempt("list models", lambda: ask(f"{model}/v1/models"))
print(json.dumps(told))
"""


@pytest.fixture
async def public_up(mend: Mend, up: Up) -> AsyncIterator[Up]:
    """In a folder that everybody may enter, with its output in a file that everybody may read."""
    place = Path(tempfile.mkdtemp(prefix="mend-public-"))
    place.chmod(0o755)
    mend.runtime = place / "var"
    mend.environ.update(RUNTIME_PATH=str(mend.runtime), LLM_CHAIN="")
    mend.runtime.mkdir()  # open to all, as an earlier version made it
    up.output = place / "up.txt"
    yield up
    if not up.ended:
        await up.stop()
    shutil.rmtree(place, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
async def test_another_local_user_can_do_nothing_and_the_meshs_own_comes_in_by_a_link(public_up: Up) -> None:
    up, mend = public_up, public_up.mend
    await up.start()
    name = _proposed(mend)
    told = await _what_a_stranger_is_told(up, name)
    assert {what: said for what, said in told.items() if said.startswith("+")} == {}
    assert len(told) > 15
    assert told["publish"] == told["list var"] == told["warm Ansible"] == "PermissionError"
    assert told["GET session"].startswith("401")
    assert "mend page" in told["approve"]
    assert mend.actions.find(name.id)[0][0] is Folder.PENDING
    # No link stands where everybody may read it, and nothing below var/ is open: not even behind its own door.
    assert "#/link/" not in up.said
    assert "every user of this machine may read this output" in up.said
    assert _open_to_others(mend.runtime) == []
    assert [path.name for path in (mend.runtime / "redis").rglob("*.aof")]

    await _decides_by_a_link_that_counts_once(up, name)
    lines = [json.loads(line) for line in (mend.runtime / "audit" / "audit.jsonl").read_text().splitlines()]
    assert ("reject", ME, "web") in [(line["what"], line["who"], line["how"]) for line in lines]
    assert (mend.runtime / "run" / "redis-password").read_text() not in up.said
    await asyncio.to_thread(_redis_cli_as_it_is_said, up)


def _note(mend: Mend) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((mend.runtime / "run" / "mesh.json").read_text())
    return said


def _own_port(mend: Mend) -> str:
    return str(_note(mend)["redis_port_url"].rpartition(":")[2].partition("/")[0])


def _proposed(mend: Mend) -> ActionName:
    before = os.umask(0o077)  # as the planner, for which this files one
    try:
        return mend.name_of(mend.propose())
    finally:
        os.umask(before)


async def _what_a_stranger_is_told(up: Up, name: ActionName) -> dict[str, str]:
    """Of each thing that he tries, while all of it runs."""
    mend, note = up.mend, _note(up.mend)
    page, model = note["dashboard"], note["llamacpp_url"]
    if model is None:
        assert "no model" in up.said
    executor = up.of("executor-agent")
    assert executor is not None
    await wait_for(lambda: _warm_of(executor.pid), 30, "its Ansible")
    given = (str(mend.runtime), _own_port(mend), page, model or page, name.id, name.digest, *_warm_of(executor.pid))
    told: dict[str, str] = json.loads((await asyncio.to_thread(stranger, *given)).stdout)
    return told


async def _decides_by_a_link_that_counts_once(up: Up, name: ActionName) -> None:
    """Its own user, without a password of Redis or a name; the session outlives the observer."""
    page = _note(up.mend)["dashboard"]
    asked = await asyncio.to_thread(up.mend.real, "page")
    assert asked.returncode == 0, asked.stderr
    url, token = re.fullmatch(r"(http://127\.0\.0\.1:\d+/)#/link/(\S{43})\n", asked.stdout).groups()  # type: ignore[union-attr]
    assert url == page
    async with httpx.AsyncClient(base_url=f"{page}api/v1", trust_env=False, timeout=60) as me:
        session = (await me.post("/login", json={"link": token})).json()
        assert (session["name"], session["role"]) == (ME, Role.OPERATOR)
        body: dict[str, Any] = {"digest": name.digest, "reason": "not today"}
        answer = await me.post(f"/proposals/{name.id}/reject", json=body, headers={"X-CSRF-Token": session["csrf"]})
        assert answer.status_code == 200, answer.text
        spent = await me.post("/login", json={"link": token})
        assert (spent.status_code, spent.json()["error"]) == (401, "link_spent")
        up.kill("observer")

        async def signed_in() -> bool:
            try:
                return (await me.get("/session")).status_code == 200
            except httpx.TransportError:
                return False

        await wait_for(lambda: "started again" in up.said, 30, "a line about the observer")
        await wait_for(signed_in, 40, "the session, which outlives the observer")


def _redis_cli_as_it_is_said(up: Up) -> None:
    """The line that is printed for it leads to the mesh's own Redis."""
    exported = re.search(r"export REDISCLI_AUTH=.*", up.said)
    assert exported
    line, own_port = exported[0].partition("      ")[0], _own_port(up.mend)
    port = re.search(r"-p (\d+)", line)
    assert (port[1] if port else "6379") == own_port
    if shutil.which("redis-cli"):
        shell = f"{line.partition(';')[0]}; redis-cli -p {own_port} PUBLISH nobody x"
        assert subprocess.check_output(["sh", "-c", shell], text=True).strip() == "0"


def _warm_of(executor: int) -> list[str]:
    """The folder of its socket, which others of this machine have, too."""
    return [str(path) for path in Path(tempfile.gettempdir()).glob(f"mend-warm-{executor}-*")]


def _open_to_others(folder: Path) -> list[str]:
    """What lives there is at work meanwhile: what it writes for a moment only may be gone when we look."""
    found = []
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_mode & 0o077:
                    found.append(str(path))
    return found


def stranger(*words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", ATTEMPTS, *words],
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    return done
