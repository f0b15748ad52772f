"""The runbooks that come with the product: shipped/*.yml, a list in each file. Facts out of public collections, in our
own words, each with its source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources

import yaml

from mesh_core.models.yaml_loader import SafeLoader
from mesh_core.runbooks.index import RunbookIndex
from mesh_core.runbooks.runbook import Runbook


@cache
def shipped_runbooks() -> tuple[Runbook, ...]:
    """All of them, file by file in the order of the alphabet."""
    folder = resources.files("mesh_core.runbooks") / "shipped"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".yml")), key=lambda file: file.name)
    texts = (file.read_text(encoding="utf-8") for file in files)
    return tuple(Runbook.model_validate(one) for text in texts for one in yaml.load(text, SafeLoader))  # noqa: S506


class _WhenAsked:
    """Each time anew: most of what has a policy never asks it about an event."""

    def __iter__(self) -> Iterator[Runbook]:
        return iter(shipped_runbooks())


@cache
def shipped_index() -> RunbookIndex:
    """Reads nothing yet."""
    return RunbookIndex(_WhenAsked())
