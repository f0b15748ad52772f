"""No answer of a model server takes more memory than a bound, on any provider: real servers, a process of its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from parts.endless import KINDS, Endless
from parts.scripted import Canned, ScriptedHttp

SCRIPT = Path(__file__).with_name("endless_answers.py")
# The parsers make up to 16 MiB of a mebibyte of tiny objects, 55 in all on a busy machine; without a bound: 400 to 900.
MOST_MIB = 100.0


@pytest.mark.parametrize("vendor", ["openai", "ollama", "anthropic"])
def test_an_answer_without_end_costs_little_memory_and_one_try(vendor: str, scripted_http: ScriptedHttp) -> None:
    scripted_http.script(*[Canned.openai("yes")] * (len(KINDS) + 1))
    with contextlib.ExitStack() as servers:
        bad = [f"{kind}={servers.enter_context(Endless(kind)).url}" for kind in KINDS]
        done = subprocess.run(
            [sys.executable, str(SCRIPT), vendor, scripted_http.url, *bad], capture_output=True, text=True, timeout=600
        )
    assert done.returncode == 0, done.stderr
    attempts = {line["kind"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert set(attempts) == set(KINDS)
    for kind, line in attempts.items():
        assert line["next"] == "ok", line
        assert line["grew_mib"] < MOST_MIB, line
        if kind in ("endless", "endless-chunked", "endless-error", "endless-events"):
            assert (line["outcome"], "larger than" in line["detail"]) == ("api_error", True), line
    assert (attempts["packed"]["outcome"], "packed" in attempts["packed"]["detail"]) == ("api_error", True), attempts[
        "packed"
    ]
    assert attempts["endless-headers"]["outcome"] == "network_error", attempts["endless-headers"]
    assert attempts["endless-interim"]["outcome"] == "timeout", attempts["endless-interim"]
