"""Can Ansible read this playbook? A planner's question to an executor, and the answer. Frozen; no I/O.

The planner has no Ansible. Nothing is approved by an answer, and no host is touched for it.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar

from pydantic import StringConstraints

from mesh_core.models.proposals import Playbook
from mesh_core.models.records import Name, Record, Timestamp

MAX_PROBLEM = 600  # characters


class SyntaxQuestion(Record):
    """A playbook that passed the lint and is not filed yet, and the host that it would be for."""

    stream: ClassVar[str] = "mesh:syntax_questions"

    ts: Timestamp
    node: Name
    playbook: Playbook

    @property
    def answer_key(self) -> str:
        """Where its answer lies in Redis for a while. Asked later it is another question: the policy may be another."""
        return f"mesh:syntax:{hashlib.sha256(self.wire()).hexdigest()}"


class SyntaxAnswer(Record):
    """`problem`: what Ansible or the executor's own lint says against it; '' for nothing."""

    problem: Annotated[str, StringConstraints(max_length=MAX_PROBLEM)] = ""
