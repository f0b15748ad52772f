"""`mend` again and again under one environment of Python's: an interpreter that has it imported forks for each command.

Encodings, words and streams are those of a process of its own; only the imports, most of what it takes, are shared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_SERVER = """
import gc, json, os, sys, tempfile
import redis.asyncio
from mend.__main__ import main
from mend.app import COMMANDS

for entry in COMMANDS.values():
    entry.load()
gc.freeze()

for line in sys.stdin.buffer:
    asked = json.loads(line)
    files = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, file in enumerate(files, 1):
            os.dup2(file.fileno(), number)
        os.chdir(asked["folder"])
        os.environ.update(asked["environ"])
        sys.argv = ["mend", *(os.fsdecode(bytes.fromhex(word)) for word in asked["words"])]
        sys.exit(main())
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = []
    for file in files:
        file.seek(0)
        said.append(file.read().hex())
    sys.stdout.buffer.write(json.dumps([status, *said]).encode() + b"\\n")
    sys.stdout.buffer.flush()
"""


class ForkingMend:
    """Ends with `close`. What `environ` says holds from the interpreter's start on."""

    def __init__(self, environ: Mapping[str, str]):
        command = [sys.executable, "-c", _SERVER]
        self._process = subprocess.Popen(
            command, env={**os.environ, **environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __call__(
        self, words: tuple[str | bytes, ...], environ: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[bytes]:
        """As `subprocess.run(["mend", *words])` in `folder`, with its output captured."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        asked = {"words": [os.fsencode(w).hex() for w in words], "environ": dict(environ), "folder": str(folder)}
        stdin.write(json.dumps(asked).encode() + b"\n")
        stdin.flush()
        code, out, err = json.loads(stdout.readline())
        return subprocess.CompletedProcess(words, code, bytes.fromhex(out), bytes.fromhex(err))

    def close(self) -> None:
        self._process.communicate(timeout=300)
