"""Which tasks only look. What is not listed here may change something, so a look may not use it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

COMMAND = "ansible.builtin.command"
# Words of a task that are no module. What is missing here leads elsewhere, hides, or runs apart.
KEYWORDS = frozenset(
    {"name", "register", "when", "loop", "loop_control", "changed_when", "failed_when", "until", "retries", "delay"}
)
_LOOKING = frozenset(
    {
        *(f"ansible.builtin.{name}" for name in ("stat", "find", "setup", "service_facts", "package_facts")),
        *(f"community.docker.docker_{name}_info" for name in ("container", "host", "image", "network", "volume")),
    }
)
# These touch nothing on the host: they speak, judge and set variables of the run.
_ONLY_SAY = frozenset(f"ansible.builtin.{name}" for name in ("assert", "debug", "fail", "meta", "pause", "set_fact"))
# Programs that only print, and for those that can also do, the words of which one must come first.
_PRINTING: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("df", "du", "stat", "findmnt", "getent", "ss", "uptime", "free", "nproc"), frozenset()),
    "systemctl": frozenset({"show", "is-active", "is-enabled", "is-failed", "list-units"}),
    "journalctl": frozenset({"--disk-usage", "--header", "--list-boots"}),
    "chronyc": frozenset({"tracking", "sources"}),
    "timedatectl": frozenset({"show", "status", "show-timesync"}),
    "ps": frozenset({"-e"}),
    "resolvectl": frozenset({"statistics", "status"}),
    # Is this configuration good? postfix and caddy are missing: what they call checking makes folders and files.
    "nginx": frozenset({"-t"}),
    "haproxy": frozenset({"-c"}),
    "apachectl": frozenset({"configtest"}),
    "openssl": frozenset({"s_client"}),
}
# Of these another option may write, end something, go to another host, or send more than a greeting.
_OPTIONS: Mapping[str, frozenset[str]] = {
    "ss": frozenset(f"-{letter}" for letter in "HOnrlatuxpmeiosw46"),
    "systemctl": frozenset(
        {"--", "-p", "--property", "--value", "--timestamp", "--no-pager", "-a", "--all", "-t", "--type", "--state"}
        | {"-l", "--full", "--plain", "--no-legend", "-q", "--quiet", "--failed"}
    ),
    "journalctl": frozenset({"--disk-usage", "--header", "--list-boots", "--no-pager", "-q", "--quiet"}),
    "chronyc": frozenset(),
    "ps": frozenset({"-e", "-o"}),
    "timedatectl": frozenset({"-p", "--property", "--value", "-a", "--all", "--no-pager"}),
    "resolvectl": frozenset({"--no-pager", "--legend"}),
    "nginx": frozenset({"-t", "-q"}),
    "haproxy": frozenset({"-c", "-q", "-f"}),
    "apachectl": frozenset(),
    "openssl": frozenset({"-connect", "-servername"}),
}

_BARE_NAME = re.compile(r"\{\{ *[a-z][a-z0-9_]* *\}\}")


def module_of(task: Mapping[str, Any]) -> str:
    """The full name of the one module of a task that has a shape."""
    return next(word for word in task if word not in KEYWORDS)


def only_reads(task: Mapping[str, Any]) -> bool:
    """Is its module one that never changes anything?"""
    return any(word in _LOOKING or word in _ONLY_SAY for word in task)


def shape_problem(task: Mapping[str, Any]) -> str:
    """Why this is no task, in a sentence; '' where it is one."""
    modules = [word for word in task if word not in KEYWORDS]
    if len(modules) != 1:
        said = ", ".join(str(word)[:60] for word in modules) or "none"
        return f"a task has one module and of the words {', '.join(sorted(KEYWORDS))}; this one has {said}"
    (module,) = modules
    if str(module).count(".") < 2:
        return f"{str(module)[:60]} is no full name of a module; write it as ansible.builtin.command"
    if not isinstance(task[module], dict):
        return f"{module}: say its arguments as a mapping (name: value)"
    if not isinstance(task.get("register", ""), str):
        return "register must be a name"
    if module == COMMAND and not _argv(task):
        return f"{COMMAND} takes argv, a list of words that begins with the program's name, and nothing else"
    return ""


def looking_problem(task: Mapping[str, Any]) -> str:
    """Why a look may not have this task, in a sentence; '' where it only reads."""
    module = module_of(task)
    if module != COMMAND:
        known = ", ".join(sorted(_LOOKING))
        return "" if module in _LOOKING else f"a look may not use {module}, which may change something; it may {known}"
    program, *words = _bounded(_argv(task))
    if program not in _PRINTING:
        return f"a look may not run {program[:60]}; what only prints is {', '.join(sorted(_PRINTING))}"
    first = words[0] if words else ""
    if _PRINTING[program] and first not in _PRINTING[program]:
        return f"a look may not run {program} {first[:60]}; it may {', '.join(sorted(_PRINTING[program]))}"
    options = _OPTIONS.get(program)
    if options is not None and (other := next((w for w in words if w[:1] == "-" and not _is_of(w, options)), "")):
        return f"a look may not run {program} with {other[:60]}; it may take {', '.join(sorted(options)) or 'none'}"
    if options is not None and (sly := next((w for w in words if _may_become_an_option(w, task)), "")):
        return (
            f"a look may not run {program} with {sly[:60]}, which may become an option; name a param, as {{{{ unit }}}}"
        )
    return ""


def _may_become_an_option(word: str, task: Mapping[str, Any]) -> bool:
    """What an expression comes to, or an item of a loop, may; the value of a param never looks like one."""
    return word[:1] == "{" and ("loop" in task or not _BARE_NAME.match(word))


def _is_of(word: str, options: frozenset[str]) -> bool:
    """`--long=value` is `--long`, and `-abc` is `-a -b -c`."""
    return word.partition("=")[0] in options or (
        word[:2] != "--" and all(f"-{letter}" in options for letter in word[1:])
    )


def _bounded(argv: list[str]) -> list[str]:
    """`timeout SECONDS ...` is what it runs: a look at what may hang has to end."""
    if argv[0] != "timeout":
        return argv
    rest = argv[1:] if argv[1:2] != ["--signal=KILL"] else argv[2:]
    return rest[1:] if len(rest) > 1 and rest[0].isdigit() else argv


def _argv(task: Mapping[str, Any]) -> list[str]:
    options = task[COMMAND]
    argv = options.get("argv") if set(options) == {"argv"} else None
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str | int) for word in argv):
        return []
    words = [str(word) for word in argv]
    return [] if "{" in words[0] else words
