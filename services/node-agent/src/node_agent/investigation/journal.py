"""How much systemd's journal takes of the disk that fills up. Looked at only where it lies on that disk."""

from __future__ import annotations

from typing import Any

from node_agent.investigation.disk import lies_on_it
from node_agent.investigation.folder_sizes import bytes_in
from node_agent.investigation.question import Question

JOURNAL = "/var/log/journal"


def look(question: Question, folder: str = JOURNAL) -> dict[str, Any]:
    size = bytes_in(folder, question) if lies_on_it(folder, question) else None
    return {} if size is None else {"bytes": size, "mount": question.facts["mount"]}
