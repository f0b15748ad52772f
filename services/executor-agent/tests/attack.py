"""What a hostile module would try, run as one by test_isolation.py: prints {attempt: what it got, or null}."""

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

told = json.loads(sys.argv[1])
found: dict[str, object] = {}


def attempt(name: str, work: Callable[[], object]) -> None:
    try:
        found[name] = work() or None
    except (OSError, ValueError):
        found[name] = None


def written(path: str) -> str:
    Path(path).write_text("forged")
    return Path(path).read_text()


def environment() -> str:
    return told["secret"] if told["secret"] in Path(f"/proc/{told['victim']}/environ").read_text() else ""


def connected() -> str:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(told["socket"])
        return "connected"


def traced() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, told["victim"], None, None) != 0:  # PTRACE_ATTACH
        raise OSError
    libc.ptrace(17, told["victim"], None, None)
    return "attached"


def unmounted() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(told["runtime"].encode(), 2) != 0:
        raise OSError
    return "unmounted"


for name, path in told["reads"].items():
    attempt(f"read {name}", lambda: Path(path).read_text())  # noqa: B023
    attempt(f"list {name}", lambda: sorted(os.listdir(os.path.dirname(path))))  # noqa: B023, PTH120, PTH208
for name, path in told["writes"].items():
    attempt(f"write {name}", lambda: written(path))  # noqa: B023
attempt("the executor's environment", environment)
attempt("the executor's root", lambda: Path(f"/proc/{told['victim']}/root{told['reads']['secret']}").read_text())
attempt("trace it", traced)
attempt("take the wall down", unmounted)
attempt("its socket", connected)
attempt("end it", lambda: os.kill(told["victim"], signal.SIGTERM) or "told to end")
attempt("its own environment", lambda: [name for name in os.environ if name in told["variables"]])
print(json.dumps(found))
