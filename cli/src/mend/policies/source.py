"""Where a policy comes from: the mesh's own of now, or a file in its place; and on which line of what a rule stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

from mend.context import CliContext
from mend.errors import NOT_THERE, CliError
from mend.output.text import plain
from mesh_core.models.config_document import ConfigDocument
from mesh_core.models.events import HealthEvent
from mesh_core.policy.current_config import ConfigReader
from mesh_core.policy.inventory.untouchable import untouchable
from mesh_core.policy.lifeline_note import read_lifeline
from mesh_core.policy.policy import BadPolicy, Policy
from mesh_core.policy.policy_file import rule_lines
from mesh_core.runtime.places_note import read_places

SHIPPED = "default_policy.yml"


@dataclass(frozen=True)
class PolicySource:
    """A policy and the file that lies over the shipped one; that need not exist."""

    policy: Policy
    file: Path

    def place_of(self, rule: str) -> str:
        """`config/policy.yml:12`, `default_policy.yml:212 (shipped)`; '' for what is no rule of either."""
        if line := self._own.get(rule):
            return f"{self.file.parent.name}/{self.file.name}:{line}"
        line = _shipped_lines().get(rule)
        return f"{SHIPPED}:{line} (shipped)" if line else ""

    @cached_property
    def _own(self) -> dict[str, int]:
        try:
            return rule_lines(ConfigDocument.at(self.file, BadPolicy))
        except BadPolicy:
            return {}


@cache
def _shipped_lines() -> dict[str, int]:
    shipped = resources.files("mesh_core.policy").joinpath(SHIPPED).read_bytes()
    return rule_lines(ConfigDocument(shipped, SHIPPED, BadPolicy))


def policy_of(cli: CliContext, file: Path | None = None) -> PolicySource:
    """The policy of now with the person's own remedies and runbooks, or with `file` in the place of config/policy.yml.
    CliError where it cannot be used."""
    if file is not None and not file.is_file():
        raise CliError(f"there is no file {plain(file)}", NOT_THERE)
    cli.remedies.use()
    own = file or policy_path(cli)
    try:
        return PolicySource(Policy.load(own, read_lifeline(cli.runtime), cli.runbooks.index()), own)
    except BadPolicy as error:
        raise CliError(f"{plain(error, 2000)}; mend policy check says all that is wrong") from None


class MeshHosts:
    """Why nothing can be run on the host of an event; '' where it can, as far as this mesh's files say."""

    def __init__(self, cli: CliContext):
        self._inventory = ConfigReader(cli.runtime).inventory()
        self._offline = read_places(cli.runtime).offline

    def why_not_now(self, event: HealthEvent) -> str:
        return untouchable(event, self._inventory, self._offline.get(event.node, ""))

    def why_not_then(self, event: HealthEvent) -> str:
        """Of an event of the past: who is offline now says nothing about then."""
        return untouchable(event, self._inventory)


def policy_path(cli: CliContext) -> Path:
    return cli.runtime / "config" / "policy.yml"
