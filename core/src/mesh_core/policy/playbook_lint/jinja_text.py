"""Templates and conditions, judged on the tree that Jinja's own parser makes of them. Never renders anything.

Only what is listed passes: plain names that are known, constant keys, a few filters and tests, literals, comparisons.
No calls (but `.get`), no macros, no lookups: what a template calls runs on the executor, with the executor's files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from mesh_core.policy.playbook_lint.table import words

MAX_CHARS = 64 * 1024  # of one template
MAX_NODES = 5000
MAX_SMALL = 20  # spaces of an indent, digits of a round
MAX_FOR_A_TEST = 2  # version(other, '>='), search(pattern, true)
MAX_PATTERN = 200  # characters of a regular expression: it is matched on the executor

_OPENING = ("{{", "{%", "{#")
_OVERRIDE = "#jinja2:"  # as a text's beginning it gives a template other signs than these

_APPLYING = frozenset({"map", "select", "reject", "selectattr", "rejectattr"})
_PATTERNS = frozenset({"search", "match"})

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


def is_template(text: str) -> bool:
    """Would Ansible read this as a template?"""
    return text.startswith(_OVERRIDE) or any(sign in text for sign in _OPENING)


def is_declarable(name: object) -> bool:
    """May a playbook give this name to a variable of its own?"""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    return name not in words().taken_names and not name.startswith(("ansible_", "discovered_", "template_"))


def template_problem(text: str, names: frozenset[str]) -> str | None:
    """What a text with `{{ }}` does that it may not, as a sentence, or None. `names` are those that it may say."""
    if text.startswith(_OVERRIDE):
        return f"a template may not begin with {_OVERRIDE}: it would change what its signs mean"
    return _problem_in(text, names)


def condition_problem(text: str, names: frozenset[str]) -> str | None:
    """The same for a bare expression, such as a `when`."""
    if any(sign in text for sign in _OPENING):
        return "a condition is an expression already: leave out the braces"
    wrapped = f"{{{{ {text} }}}}"

    def is_one(tree: Any) -> bool:
        outputs = [node for output in tree.body for node in getattr(output, "nodes", [output])]
        return len(outputs) == 1 and type(outputs[0]).__name__ != "TemplateData"

    return _problem_in(wrapped, names, is_one)


def parsed(text: str) -> Any:
    """The tree of a template that was found good before."""
    return _environment().parse(text)


def _problem_in(text: str, names: frozenset[str], shape: Callable[[Any], bool] = bool) -> str | None:
    if len(text) > MAX_CHARS:
        return f"a template may have {MAX_CHARS} characters, this one has {len(text)}"
    try:
        tree = _environment().parse(text)
    except Exception:  # noqa: BLE001  (garbage trips the parser in many ways, recursion and long numbers too: all mean no)
        return f"{_short(text)} is not a template that can be read"
    if not shape(tree):
        return f"{_short(text)} is not one expression"
    return next(_tree_problems(tree, names), None)


@cache
def _environment() -> Any:
    # Here, not above: it takes 10 MB and 0.1 s, and who only carries proposals never judges a template.
    from jinja2 import Environment

    return Environment(trim_blocks=True, autoescape=False)  # noqa: S701  (parses only; nothing is ever rendered)


def _tree_problems(tree: Any, names: frozenset[str]) -> Iterator[str]:
    """No recursion: `a ~ a ~ a ...` is a tree as deep as it is long."""
    todo: list[tuple[Any, frozenset[str]]] = [(tree, names)]
    seen = 0
    while todo:
        node, known = todo.pop()
        kind = type(node).__name__
        seen += 1
        if seen > MAX_NODES:
            yield f"a template may have {MAX_NODES} parts, this one has more"
            return
        if kind not in words().nodes:
            yield f"a template may not use {_SAID.get(kind, kind.lower())}"
            return
        if judge := _JUDGES.get(kind):
            yield from judge(node, known)
        if kind == "For":
            inner = known | {"loop"} | {name.name for name in _targets(node)}
            todo += [(node.iter, known), *((part, inner) for part in (*node.body, *([node.test] if node.test else ())))]
            todo += [(part, known) for part in node.else_]
        elif kind == "Call":  # judged: it is X.get(...)
            todo += [(part, known) for part in (node.node.node, *node.args)]
        else:
            todo += [(child, known) for child in node.iter_child_nodes() if not _is_fact(node)]


def _name(node: Any, known: frozenset[str]) -> Iterator[str]:
    if node.name not in known and node.name not in words().safe_names:
        yield f"a template may not name {node.name[:60]!r}: only what the play declares, registers or loops over"


def _attribute(node: Any, known: frozenset[str]) -> Iterator[str]:
    yield from _key(node.node, node.attr)


def _item(node: Any, known: frozenset[str]) -> Iterator[str]:
    key = node.arg
    if type(key).__name__ == "Const":
        yield from _key(node.node, key.value)
    elif _is_fact(node) or type(key).__name__ not in ("Name", "Getattr", "Getitem", "Slice"):
        yield "a template may only look up constant keys and plain variables"


def _key(holder: Any, key: object) -> Iterator[str]:
    if isinstance(key, str) and key.startswith("_"):
        yield f"a template may not look at {key!r}"
    if _is_facts(holder) and key not in words().facts:
        yield f"a template may not read the fact {key!r}, only {', '.join(sorted(words().facts))}"


def _is_fact(node: Any) -> bool:
    """`ansible_facts.x`: the one way in which that name may be said; the lookup of its key is judged."""
    return type(node).__name__ in ("Getattr", "Getitem") and _is_facts(node.node)


def _is_facts(node: Any) -> bool:
    return type(node).__name__ == "Name" and node.name == "ansible_facts"


def _filter(node: Any, known: frozenset[str]) -> Iterator[str]:
    if node.name not in words().filters or node.node is None:
        yield f"a template may not use the filter {node.name!r}"
        return
    yield from _plain_arguments(node, f"the filter {node.name}")
    named = [keyword.value for keyword in node.kwargs if keyword.key == "attribute"]
    if node.name == "map":
        yield from _applied_filter(node.args)
    else:
        yield from _few_enough(node.name, node.args)
    if node.name in ("select", "reject") and node.args:
        yield from _applied_test(node.args)
    if node.name in ("selectattr", "rejectattr"):
        named += node.args[:1]
        if len(node.args) > 1:
            yield from _applied_test(node.args[1:])
    for attribute in named:
        said = getattr(attribute, "value", None)
        if type(attribute).__name__ != "Const" or any(
            part.strip().startswith("_") for part in re.split("[.,]", str(said))
        ):
            yield f"the attribute of the filter {node.name} must be a plain constant name"


def _applied_filter(arguments: list[Any]) -> Iterator[str]:
    if arguments:
        yield from _constant_in(arguments[0], words().filters - _APPLYING, "the filter")
        yield from _few_enough(getattr(arguments[0], "value", None), arguments[1:])


def _few_enough(applied: object, arguments: list[Any]) -> Iterator[str]:
    """By its place alone an argument can pick a decoder, import a module or look at what `attribute=` may not."""
    most = words().places.get(applied, 0) if isinstance(applied, str) else 0
    if len(arguments) > most:
        yield f"the filter {applied} may take {most} arguments without a name, this one has {len(arguments)}"
    if applied == "round":
        yield from (problem for argument in arguments for problem in _small(argument, "round"))


def _small(node: Any, name: str) -> Iterator[str]:
    said = getattr(node, "value", None)
    if type(said) is not int or not 0 <= said <= MAX_SMALL:
        yield f"{name} must be a constant from 0 to {MAX_SMALL}: it can fill the executor's memory"


def _applied_test(arguments: list[Any]) -> Iterator[str]:
    yield from _constant_in(arguments[0], words().tests, "the test")
    yield from _few_for_a_test(arguments[1:])
    if getattr(arguments[0], "value", None) in _PATTERNS:
        yield from _short_pattern(arguments[1:])


def _constant_in(node: Any, allowed: frozenset[str], name: str) -> Iterator[str]:
    said = getattr(node, "value", None) if type(node).__name__ == "Const" else None
    if said not in allowed:
        yield f"a template may not apply {name} {said if isinstance(said, str) else 'of a variable name'!r}"


def _test(node: Any, known: frozenset[str]) -> Iterator[str]:
    if node.name not in words().tests:
        yield f"a template may not use the test {node.name!r}"
        return
    yield from _plain_arguments(node, f"the test {node.name}")
    yield from _few_for_a_test(node.args)
    if node.name in _PATTERNS:
        yield from _short_pattern(node.args)


def _few_for_a_test(arguments: list[Any]) -> Iterator[str]:
    if len(arguments) > MAX_FOR_A_TEST:
        yield f"a test may take {MAX_FOR_A_TEST} arguments without a name, this one has {len(arguments)}"


def _short_pattern(arguments: list[Any]) -> Iterator[str]:
    for pattern in arguments[:1]:
        if type(pattern).__name__ != "Const" or len(str(pattern.value)) > MAX_PATTERN:
            yield f"a pattern must be a constant of at most {MAX_PATTERN} characters"


def _plain_arguments(node: Any, name: str) -> Iterator[str]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        yield f"{name} may not take * or **"
    for keyword in node.kwargs or ():
        if keyword.key not in words().keywords:
            yield f"{name} may not take {keyword.key}="
        if keyword.key == "indent":
            yield from _small(keyword.value, "indent")


def _call(node: Any, known: frozenset[str]) -> Iterator[str]:
    called = node.node
    is_get = type(called).__name__ == "Getattr" and called.attr == "get" and len(node.args) in (1, 2)
    if not is_get or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        yield "a template may not call anything (only .get(key) of a variable)"


def _constant(node: Any, known: frozenset[str]) -> Iterator[str]:
    if isinstance(node.value, str) and ("{" in node.value or _OVERRIDE in node.value):
        yield f"a text inside a template may hold no brace and no {_OVERRIDE}: Ansible may read it as a template again"


def _data(node: Any, known: frozenset[str]) -> Iterator[str]:
    if any(sign in node.data for sign in _OPENING):
        yield "a template may not write template signs: put them under !unsafe, or into an attachment that is copied"


def _loop(node: Any, known: frozenset[str]) -> Iterator[str]:
    if node.recursive:
        yield "a template may not use a recursive loop"
    targets = _targets(node)
    if not targets or not all(is_declarable(target.name) for target in targets):
        yield "a loop's variable must be a plain name of its own"


def _targets(node: Any) -> list[Any]:
    """The names that a loop fills; none if it fills anything else."""
    parts = node.target.items if type(node.target).__name__ == "Tuple" else [node.target]
    return list(parts) if all(type(part).__name__ == "Name" for part in parts) else []


_SAID = {
    "Macro": "a macro",
    "CallBlock": "a call block",
    "Assign": "{% set %}",
    "AssignBlock": "{% set %}",
    "FilterBlock": "a filter block",
    "With": "{% with %}",
    "Mul": "* (it can fill the executor's memory)",
    "Pow": "** (it can fill the executor's memory)",
    "Mod": "% (it can fill the executor's memory)",
    "NSRef": "a namespace",
    "FromImport": "an import",
}
_JUDGES: dict[str, Callable[[Any, frozenset[str]], Iterator[str]]] = {
    "Name": _name,
    "Getattr": _attribute,
    "Getitem": _item,
    "Filter": _filter,
    "Test": _test,
    "Call": _call,
    "Const": _constant,
    "TemplateData": _data,
    "For": _loop,
}


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
