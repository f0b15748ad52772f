"""Which of a person's own remedies may not run, by the lint of their playbooks. Each is judged once, when one asks."""

from __future__ import annotations

from collections.abc import Iterable

from mesh_core.actions.register import Register
from mesh_core.policy.playbook_lint import lint_file
from mesh_core.policy.playbook_lint.shutting_out import Protected

MAX_JUDGED = 100  # for a list of all: making and judging one takes 20 ms
MAX_SENTENCE = 250  # characters


class OwnPlaybooks:
    """Of one register, whose files do not change. `protected` says what the mesh or the way in depends on."""

    def __init__(self, register: Register, protected: Protected):
        self._register = register
        self._protected = protected
        self._judged: dict[str, str] = {}

    def refused(self, names: Iterable[str]) -> dict[str, str]:
        """Those of `names` that are a person's own and may not run, with why. Never raises."""
        own = (name for name in names if name in self._register.own)
        return {name: why for name in own if (why := self._why_not(name))}

    def _why_not(self, name: str) -> str:
        if name not in self._judged:
            found = lint_file(self._register.files[name], self._protected).sentence
            self._judged[name] = f"its playbook may not run: {found}"[:MAX_SENTENCE] if found else ""
        return self._judged[name]
