"""What to watch on this node: `config/node.yml`, read once and strictly. An absent file means the defaults.

Knows no probe: each section is read by the options that the probe's own file has. Never looks at the environment or
the host; an error names the key and what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ValidationError, create_model

from node_agent.incidents.flapping import FlapOptions
from node_agent.investigation.options import InvestigationOptions
from node_agent.options import Options
from node_agent.probe_base.probe import DefaultProbeOptions, ProbeOptions
from node_agent.probe_table import PROBES
from node_agent.work.options import WorkOptions


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
    text, value = _read_yaml(path)
    if not value:  # the usual case: nothing is compiled for it
        defaults = _enabled([default for _, default in sections.values()])
        usual = _File.model_construct()
        return ProbeConfig(defaults, usual.flapping, usual.investigation, usual.at_work)
    model = create_model("NodeFile", __base__=_File, **cast("dict[str, Any]", sections))
    try:
        file = model.model_validate(value)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        problems = [_line(text, problem["loc"]) + _sentence(problem, model) for problem in wrong]
        raise ProbeConfigError(f"{path}: " + "; ".join(problems)) from error
    wanted = _enabled([getattr(file, name) for name in sections])
    return ProbeConfig(wanted, file.flapping, file.investigation, file.at_work)


def _enabled(sections: list[ProbeOptions | tuple[ProbeOptions, ...] | None]) -> tuple[ProbeOptions, ...]:
    options = [one for section in sections for one in (section if isinstance(section, tuple) else (section,)) if one]
    return tuple(one for one in options if not isinstance(one, DefaultProbeOptions) or one.enabled)


def _read_yaml(path: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return b"", {}
    except OSError as error:
        raise ProbeConfigError(f"{path}: cannot be read: {error.strerror}") from error
    # Imported only where a file exists: 2 MiB that a node with the defaults does not need.
    from mesh_core.models.yaml_loader import BadYaml, settings_in

    try:
        value = settings_in(text)
    except BadYaml as error:
        raise ProbeConfigError(f"{path}: {error}") from error
    if value is not None and not isinstance(value, dict):
        raise ProbeConfigError(f"{path}: should be a mapping such as `docker: {{ignore: [scratch-*]}}`")
    return text, value or {}


def _line(text: bytes, steps: tuple[int | str, ...]) -> str:
    """`line 7: `, where the key stands that an error is about, or the nearest thing around it that is there."""
    import yaml

    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 0
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = (node.value[step], node.value[step])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line, found[1]
    return f"line {line + 1}: "


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
