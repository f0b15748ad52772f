"""What one line of the audit log is to say, before it is numbered and sealed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from observer.audit.text import LONGEST, clean

_ON_THE_WIRE = {"from_folder": "from", "to_folder": "to"}


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """As of an `AuditLine`: what does not apply is ''. `at`: when it happened, where that is not now."""

    who: str
    how: str
    what: str = ""
    at: str = ""
    action_id: str = ""
    digest: str = ""
    from_folder: str = ""
    to_folder: str = ""
    reason: str = ""
    address: str = ""
    source: str = ""

    @property
    def move(self) -> tuple[str, str, str, str]:
        return (self.action_id, self.from_folder, self.to_folder, self.at)

    def fields(self) -> dict[str, str]:
        """Under their names in the file, each as text that can be read back as it was, and no longer than allowed."""
        said = {_ON_THE_WIRE.get(name, name): value for name, value in vars(self).items() if value}
        return {name: clean(value, LONGEST.get(name, 300)) for name, value in said.items()}
