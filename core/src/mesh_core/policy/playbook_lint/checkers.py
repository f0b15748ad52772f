"""One small checker per kind of argument: a value, and what the task says beside it, -> what is wrong, or None.

A value may be a template (judged in jinja_text.py) except where the executor itself reads it: there only a literal is
believed, because what a template gives is known when it is too late.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mesh_core.policy.playbook_lint.assignments import Assignments, lookups_problem
from mesh_core.policy.playbook_lint.jinja_text import condition_problem, is_template, template_problem
from mesh_core.policy.playbook_lint.yaml_text import Literal

MAX_NUMBER = 10**12
ATTACHMENT = re.compile(r"files/([0-9a-f]{64})")


@dataclass(frozen=True)
class TaskContext:
    """What a checker may look at: names that a template may say, the task's arguments, the attachments by sha256."""

    names: frozenset[str]
    arguments: Mapping[str, Any]
    attachments: Mapping[str, str]
    is_template_file: bool = False  # the module fills the attachment in
    assigned: Assignments = field(default_factory=dict)  # what the text gives to each name


Checker = Callable[[Any, TaskContext], str | None]

_NAME = re.compile(r"[A-Za-z0-9_@.][A-Za-z0-9_@.:/+*=<>~!\[\],-]{0,254}")
_UNIT = re.compile(r"[A-Za-z0-9_@.][A-Za-z0-9_@.:+\\-]{0,254}")
_SCHEDULE = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9*/,?#-]{0,99}")
_NO_OPTION = re.compile(r"(?!-)[^\x00-\x1f\x7f{]+")
_MODE = re.compile(r"0?[0-7]{3,4}|[ugoa]*[-+=][rwxXst]*(,[ugoa]*[-+=][rwxXst]*)*")
_URL = re.compile(r"https?://[^\s\x00-\x1f]+")
_REPOSITORY = re.compile(
    r"(https?|ssh|git)://[A-Za-z0-9\[][^\s\x00-\x1f]*|[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[^\s\x00-\x1f]*"
)
_YES_NO = frozenset({"yes", "no", "true", "false", "on", "off", "1", "0"})
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def text(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, dict | list):
        return "must be a text"
    if _has_template(value):
        return template_problem(value, beside.names)
    return None


def data(value: Any, beside: TaskContext) -> str | None:
    """Any nesting of lists, mappings and texts; templates in the values, never in the keys."""
    return next(_data_problems(value, beside), None)


def _data_problems(value: Any, beside: TaskContext) -> Iterator[str]:
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            for key in part:
                if is_template(key) or key.startswith(("__ansible", "_ansible")):
                    yield f"the key {key[:60]!r} must be a plain word"
            todo += part.values()
        elif isinstance(part, list):
            todo += part
        elif problem := text(part, beside):
            yield problem


def mapping(value: Any, beside: TaskContext) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping"
    return data(value, beside)


def words(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, text)


def name(value: Any, beside: TaskContext) -> str | None:
    return _literal(value, beside, _NAME, "must be a plain name")


def names(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, name)


def api_name(value: Any, beside: TaskContext) -> str | None:
    """A name that a module hands to an interface, never to a command line: any judged template may give it."""
    return _whole_template(value, beside) if _has_template(value) else name(value, beside)


def api_names(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, api_name)


def unit(value: Any, beside: TaskContext) -> str | None:
    """A service's name; with a slash it would be a file that is started."""
    return _literal(value, beside, _UNIT, "must be a plain name without a slash")


def schedule(value: Any, beside: TaskContext) -> str | None:
    return _literal(value, beside, _SCHEDULE, "must be a field of a crontab such as */5")


def no_option(value: Any, beside: TaskContext) -> str | None:
    """A word of a command line of the module's."""
    return _literal(value, beside, _NO_OPTION, "must be one line of text that does not begin with -")


def no_options(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, no_option)


def path(value: Any, beside: TaskContext) -> str | None:
    """A place on the host: absolute, so that nobody has to guess from where."""
    if not isinstance(value, str) or _CONTROL.search(value) or "\n" in value:
        return "must be an absolute path on the host"
    if not isinstance(value, Literal) and is_template(value):
        return template_problem(value, beside.names)
    return None if value.startswith(("/", "~")) else "must be an absolute path on the host"


def paths(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, path)


def mode(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return None if 0 <= value <= 0o7777 else 'must be a file mode such as "0644"'
    return _literal(value, beside, _MODE, 'must be a file mode such as "0644"')


def url(value: Any, beside: TaskContext) -> str | None:
    return _address(value, beside, _URL, "must be an address that begins with http:// or https://")


def repository(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, str) and value.startswith("/"):
        return path(value, beside)
    return _address(value, beside, _REPOSITORY, "must be a repository's address: https, ssh or git")


def bool_(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return None
    if isinstance(value, str) and (value.lower() in _YES_NO):
        return None
    return _whole_template(value, beside) or _not_a_template(value, "must be true or false")


def literal_bool(value: Any, beside: TaskContext) -> str | None:
    """As the executor's own side decides by it, nothing but these two words."""
    return None if isinstance(value, bool) else "must be true or false itself, no template"


def body_format(value: Any, beside: TaskContext) -> str | None:
    """No form-multipart: it reads files of the executor, named deep in the body; and no template that could give it."""
    return None if value in ("json", "raw", "form-urlencoded") else "must be json, raw or form-urlencoded itself"


def number(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if abs(value) <= MAX_NUMBER else f"must be a number up to {MAX_NUMBER}"
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", value):
        return None
    return _whole_template(value, beside) or _not_a_template(value, "must be a number")


def attachment(value: Any, beside: TaskContext) -> str | None:
    """A file of this very proposal, by its sha256; the only thing that is read on the executor's side."""
    found = ATTACHMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "must name an attachment of this proposal as files/<sha256>: nothing else of the executor is read"
    content = beside.attachments.get(found[1])
    if content is None:
        return f"names the attachment {found[1][:12]}..., which this proposal does not carry"
    if beside.is_template_file and (problem := template_problem(content, beside.names)):
        return f"names an attachment that is a template: {problem}"
    return None


def source(value: Any, beside: TaskContext) -> str | None:
    """An attachment; or with `remote_src: true`, said as that very word, a place on the host."""
    return path(value, beside) if beside.arguments.get("remote_src") is True else attachment(value, beside)


def host_source(value: Any, beside: TaskContext) -> str | None:
    """A place on the host or an address that the host fetches: only beside `remote_src: true`."""
    if beside.arguments.get("remote_src") is not True:
        return "must stand beside remote_src: true: otherwise it is read from the executor's disk"
    return url(value, beside) if isinstance(value, str) and value.startswith("http") else path(value, beside)


def condition(value: Any, beside: TaskContext) -> str | None:
    if isinstance(value, bool):
        return None
    if not isinstance(value, str):
        return "must be an expression"
    return condition_problem(value, beside.names)


def conditions(value: Any, beside: TaskContext) -> str | None:
    return _each(value, beside, condition)


def variables(value: Any, beside: TaskContext) -> str | None:
    """A value that the module makes a variable of; its name is judged where names are declared."""
    return data(value, beside)


def one_of(value: Any, allowed: tuple[object, ...], beside: TaskContext) -> str | None:
    if any(value == one and type(value) is type(one) for one in allowed) or (
        isinstance(value, Literal) and str(value) in allowed
    ):
        return None
    said = ", ".join(str(one).lower() if isinstance(one, bool) else str(one) for one in allowed)
    return _whole_template(value, beside) or _not_a_template(value, f"must be one of {said}")


CHECKERS: dict[str, Checker] = {
    "text": text,
    "data": data,
    "mapping": mapping,
    "words": words,
    "name": name,
    "names": names,
    "api_name": api_name,
    "api_names": api_names,
    "unit": unit,
    "schedule": schedule,
    "no_option": no_option,
    "no_options": no_options,
    "path": path,
    "paths": paths,
    "mode": mode,
    "url": url,
    "repository": repository,
    "bool": bool_,
    "literal_bool": literal_bool,
    "body_format": body_format,
    "number": number,
    "attachment": attachment,
    "source": source,
    "host_source": host_source,
    "condition": condition,
    "conditions": conditions,
    "variables": variables,
}


def _each(value: Any, beside: TaskContext, check: Checker) -> str | None:
    items = value if isinstance(value, list) else [value]
    return next((problem for item in items if (problem := check(item, beside))), None)


def _literal(value: Any, beside: TaskContext, pattern: re.Pattern[str], wanted: str) -> str | None:
    said = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(said, str):
        return wanted
    if not isinstance(said, Literal) and is_template(said):
        return template_problem(said, beside.names) or lookups_problem(said, beside.assigned, pattern)
    return None if pattern.fullmatch(said) else wanted


def _address(value: Any, beside: TaskContext, pattern: re.Pattern[str], wanted: str) -> str | None:
    """Its scheme must be legible; what follows may be a template."""
    if not isinstance(value, str) or not pattern.fullmatch(_BRACES.sub("x", value) if is_template(value) else value):
        return wanted
    legible = value.partition("{")[0] + ("x" if pattern is _URL else "")
    if not pattern.fullmatch(legible):
        return f"{wanted}, written out before any template"
    return text(value, beside)


_BRACES = re.compile(r"\{\{[^{}]{0,500}\}\}")


def _has_template(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Literal) and is_template(value)


def _whole_template(value: Any, beside: TaskContext) -> str | None:
    if _has_template(value):
        return template_problem(value, beside.names)
    return None


def _not_a_template(value: Any, wanted: str) -> str | None:
    return None if _has_template(value) else wanted
