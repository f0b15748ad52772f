"""What was sent to a model is kept before it leaves, bounded, for nobody else to read."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mesh_core.llm.noting import Noting
from mesh_core.llm.router import Completion, Price, Prompt
from mesh_core.llm.sent import MAX_FILE_BYTES, SentPrompt, note_sent, read_sent, sent_file

PROMPT = Prompt("Be brief.", "What now?\nEVIDENCE", 64, about="web01/1-1")


class Failing:
    """A provider whose server is gone; it looks what lies on the disk when it is asked."""

    name, vendor, model = "haiku", "anthropic", "claude"
    timeout_seconds, at_once, price = 60.0, 2, Price(1.0, 5.0)

    def __init__(self, runtime: Path):
        self._runtime = runtime
        self.kept_when_asked: list[SentPrompt] = []

    async def ask(self, prompt: Prompt, schema: dict[str, object]) -> Completion:
        self.kept_when_asked = read_sent(self._runtime, "web01/1-1")
        raise OSError("gone")

    async def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    (tmp_path / "requests").mkdir(mode=0o700)
    return tmp_path


async def test_a_prompt_is_kept_before_it_leaves_as_it_leaves(runtime: Path) -> None:
    failing = Failing(runtime)
    noting = Noting(failing, runtime, outside=True)
    with pytest.raises(OSError, match="gone"):
        await noting.ask(PROMPT, {})
    (kept,) = failing.kept_when_asked
    assert (kept.to, kept.vendor, kept.model, kept.outside) == ("haiku", "anthropic", "claude", True)
    assert (kept.system, kept.user) == (PROMPT.system, PROMPT.user)
    assert stat.S_IMODE(sent_file(runtime, "web01/1-1").stat().st_mode) == 0o600
    assert (noting.timeout_seconds, noting.at_once, noting.price) == (60.0, 2, Price(1.0, 5.0))


async def test_a_question_about_nothing_is_not_kept(runtime: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        await Noting(Failing(runtime), runtime, outside=False).ask(Prompt("s", "u", 1), {})
    assert list((runtime / "requests").iterdir()) == []


def test_no_more_is_kept_than_fits_and_what_cannot_be_read_is_left_out(runtime: Path) -> None:
    sent = SentPrompt("2026-11-29T09:00:00Z", "lab", "openai", "m", False, "s", "x" * 100_000)
    for _ in range(10):
        note_sent(runtime, "a", sent)
    path = sent_file(runtime, "a")
    assert path.stat().st_size <= MAX_FILE_BYTES
    assert read_sent(runtime, "a") == [sent] * 5
    path.write_text("not json\n" + json.dumps({"to": 3}) + "\n[]\n")
    assert read_sent(runtime, "a") == []


def test_what_kept_a_note_from_being_written_is_told(tmp_path: Path) -> None:
    assert note_sent(tmp_path, "a", SentPrompt("t", "lab", "openai", "m", False, "s", "u")) is not None
    assert read_sent(tmp_path, "a") == []
