"""Which models a planner asks, and which it was told not to ask, in a note beside its heartbeat, for who shows it.

`mend status` does not build the chain itself: the settings of the running planner count, not those of a person's shell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mesh_core.storage.json_files import read_object, write_note

MAX_NOTE_BYTES = 16 * 1024


@dataclass(frozen=True)
class ChainNote:
    """`asked`: names in the chain's order. `refused`: names and why LLM_PRIVACY forbids them."""

    asked: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


def chain_note(runtime: Path) -> Path:
    return runtime / "state" / "planner-agent.chain.json"


def note_chain(runtime: Path, asked: Sequence[str], refused: Mapping[str, str]) -> OSError | None:
    """Written at each start; otherwise as `write_note`."""
    return write_note(chain_note(runtime), {"asked": list(asked), "refused": dict(refused)})


def read_chain(runtime: Path) -> ChainNote | None:
    """None where no planner has started yet, or its note cannot be read."""
    note = read_object(chain_note(runtime), MAX_NOTE_BYTES)
    asked, refused = note.get("asked"), note.get("refused")
    if not isinstance(asked, list) or not isinstance(refused, dict):
        return None
    return ChainNote(tuple(map(str, asked)), {str(name): str(reason) for name, reason in refused.items()})
