"""What to watch on this node: `config/node.yml`, read once and strictly. An absent file means the defaults.

Knows no probe: each section is read by the options that the probe's own file has. Never looks at the environment or
the host; an error names the key and what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from pydantic import BaseModel, ValidationError, create_model

from node_agent.incidents.flapping import FlapOptions
from node_agent.investigation.options import InvestigationOptions
from node_agent.options import Options
from node_agent.probe_base.probe import DefaultProbeOptions, ProbeOptions
from node_agent.probe_table import PROBES
from node_agent.work.options import WorkOptions

if TYPE_CHECKING:
    from mesh_core.models.config_document import ConfigDocument


class ProbeConfigError(ValueError):
    """config/node.yml cannot be used; the text names each key and what it should be."""


@dataclass(frozen=True)
class ProbeConfig:
    """The options of every probe to run, in the order of the table."""

    probes: tuple[ProbeOptions, ...]
    flapping: FlapOptions
    investigation: InvestigationOptions
    at_work: WorkOptions


class _File(Options):
    flapping: FlapOptions = FlapOptions.model_construct()
    investigation: InvestigationOptions = InvestigationOptions.model_construct()
    at_work: WorkOptions = WorkOptions.model_construct()
    version: Literal[1] = 1


def read_probe_config(path: Path, probes: Mapping[str, type[ProbeOptions]] = PROBES) -> ProbeConfig:
    """The file's content, or the defaults if there is none. Raises ProbeConfigError."""
    sections = {name: options.section() for name, options in probes.items()}
    file = _file_at(path)
    if file is None or not file.said:  # the usual case: nothing is compiled for it
        defaults = _enabled([default for _, default in sections.values()])
        usual = _File.model_construct()
        return ProbeConfig(defaults, usual.flapping, usual.investigation, usual.at_work)
    model = create_model("NodeFile", __base__=_File, **cast("dict[str, Any]", sections))
    if not isinstance(file.said, dict):
        raise file.refused((), "should be a mapping such as `docker: {ignore: [scratch-*]}`")
    try:
        read = model.model_validate(file.said)
    except ValidationError as error:
        wrong = [file.refused(one["loc"], _sentence(one, model)) for one in error.errors(include_url=False)]
        raise ProbeConfigError("; ".join(map(str, wrong))) from error
    wanted = _enabled([getattr(read, name) for name in sections])
    return ProbeConfig(wanted, read.flapping, read.investigation, read.at_work)


def _file_at(path: Path) -> ConfigDocument | None:
    """None where there is none: 2 MiB of a parser that a node with the defaults does not need."""
    with suppress(PermissionError):  # said below
        if not path.exists():
            return None
    from mesh_core.models.config_document import ConfigDocument

    return ConfigDocument.at(path, ProbeConfigError)


def _enabled(sections: list[ProbeOptions | tuple[ProbeOptions, ...] | None]) -> tuple[ProbeOptions, ...]:
    options = [one for section in sections for one in (section if isinstance(section, tuple) else (section,)) if one]
    return tuple(one for one in options if not isinstance(one, DefaultProbeOptions) or one.enabled)


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    from mesh_core.models.config_file import said_instead  # likewise: a good file needs no words

    *parents, key = [step for step in problem["loc"] if isinstance(step, str)] or [""]
    where = ".".join(map(str, problem["loc"])) or "the file"
    fields = _model_at(parents, model).model_fields
    if problem["type"] == "extra_forbidden":
        return f"{where}: no such key; known keys here: {', '.join(fields)}"
    if problem["type"] == "missing":
        return f"{where}: is required"
    # A part as a whole is not shown: there may be a secret in it.
    hidden = (key in fields and not fields[key].repr) or isinstance(problem["input"], dict | list | tuple)
    shown = where if hidden else f"{where}={problem['input']!r:.80}"
    return f"{shown}: {said_instead(problem)}"


def _model_at(keys: list[str], model: type[BaseModel]) -> type[BaseModel]:
    """Follows the keys of an error's location down to the part that it is about."""
    for key in keys:
        kind = model.model_fields[key].annotation
        model = next(t for t in (kind, *get_args(kind)) if isinstance(t, type) and issubclass(t, BaseModel))
    return model
