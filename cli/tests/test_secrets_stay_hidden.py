"""Secrets that came as files, in a whole running mesh: no environment, command line, log, file or answer holds one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from mend_rig import NODE
from up_rig import Up, gone, told_to, words_of

from mesh_core.approvals.proposal_files import Filed
from mesh_core.models.proposals import Folder
from mesh_core.testing import RedisServer, free_port, wait_for

SECRETS = {
    "REDIS_PASSWORD": "r3dis/of#the?t3st",
    "ANTHROPIC_API_KEY": "sk-ant-of-the-t3st",
    "NOTIFY_URLS": "json://me:notify-of-the-t3st@127.0.0.1:{port}/x",
}
TOLD = ("r3dis", "sk-ant-of", "notify-of-the")  # a piece of each that no quoting changes


class Seen(threading.Thread):
    """Every environment and command line of a family of processes, looked at again and again."""

    def __init__(self, root: int):
        super().__init__(daemon=True)
        self.root = psutil.Process(root)
        self.done = threading.Event()
        self.texts: set[str] = set()
        self.pids: set[int] = set()

    def run(self) -> None:
        while not self.done.wait(0.02):
            with contextlib.suppress(psutil.Error):
                for process in (self.root, *self.root.children(recursive=True)):
                    self.pids.add(process.pid)
                    self.texts.add(told_to(process))


class Heard(BaseHTTPRequestHandler):
    """Where notifications go: keeps who signed in, and is content."""

    logins: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.logins.append(self.headers.get("Authorization", ""))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def heard() -> Iterator[ThreadingHTTPServer]:
    Heard.logins.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Heard) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def locked_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A real server that wants the password; started without it, because the rig asks it nothing but PING."""
    server = RedisServer(tmp_path / "redis").start()
    import redis

    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", SECRETS["REDIS_PASSWORD"])
    yield server
    server.kill()


def written_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            yield str(path), data
            if path.suffix == ".zip":
                with zipfile.ZipFile(io.BytesIO(data)) as bundle:
                    for name in bundle.namelist():
                        yield f"{path}:{name}", bundle.read(name)


async def test_a_secret_from_a_file_is_nowhere_but_in_its_file_and_a_killed_supervisord_ends_the_mesh_loudly(
    up: Up, locked_redis: RedisServer, heard: ThreadingHTTPServer, tmp_path: Path
) -> None:
    mend = up.mend
    kept = tmp_path / "kept-apart"
    kept.mkdir(mode=0o700)
    for name, text in SECRETS.items():
        path = kept / name
        path.write_text(text.format(port=heard.server_port) + "\n")
        path.chmod(0o400)
        mend.environ.pop(name, None)
        mend.environ[f"{name}_FILE"] = str(path)
    mend.environ.update(REDIS_URL=locked_redis.url, LOG_LEVEL="debug")
    # The whole fallback chain is set up with the key; its server is one that never answers.
    mend.environ.update(LLM_CHAIN="haiku", ANTHROPIC_BASE_URL=f"http://127.0.0.1:{free_port()}")

    await up.start()
    assert up.process is not None
    seen = Seen(up.process.pid)
    seen.start()
    told = await asyncio.to_thread(mend.real, "inject", "disk_full", "--node", NODE)
    assert told.returncode == 0, told.stderr

    def ours() -> list[Filed]:  # a busy machine may have troubles of its own
        return [filed for filed in mend.actions.pending() if filed.proposal.event.id == told.stdout.strip()]

    await wait_for(ours, 30, "a proposal, made by the policy")
    [filed] = ours()
    filed.path.rename(mend.actions.folder(Folder.APPROVED) / filed.path.name)
    ends = (Folder.DONE, Folder.FAILED)
    await wait_for(lambda: mend.actions.place_of(filed.name.id) in ends, 60, "the executor to be done")
    answers = [up.said]
    for words in (("doctor",), ("status",), ("show", filed.name.id)):
        done = await asyncio.to_thread(mend.real, *words)
        answers.append(done.stdout + done.stderr)
    seen.done.set()
    seen.join()
    login = base64.b64encode(b"me:notify-of-the-t3st").decode()
    assert f"Basic {login}" in Heard.logins  # the secret itself did arrive where it belongs
    # A supervisord that is killed takes everything down loudly, and no secret stays then either.
    family = up.family()
    next(p for p in family if "mend.local.waiting_supervisord" in words_of(p)).kill()
    assert await asyncio.to_thread(up.process.wait, 300) == 1
    assert "supervisord ended" in up.said
    await gone(family)

    assert "is read from a file" in answers[1]
    assert len(seen.pids) > 5  # the four services, their supervisor, the warm Ansible process
    for text in (*seen.texts, *answers):
        assert not [secret for secret in TOLD if secret in text], text[:2000]
    files = {name: data for name, data in written_below(mend.runtime) if not name.startswith(str(kept))}
    assert any(name.endswith("bundle.zip:outcome.json") for name in files)
    assert not {name for name, data in files.items() if any(secret.encode() in data for secret in TOLD)}
