"""What a command writes over: a device, a file that lasts, who may come in. Known by its words; pure."""

from __future__ import annotations

import re

from mesh_core.policy.playbook_lint.places import is_device, is_lasting, is_way_in
from mesh_core.policy.playbook_lint.shell_words import Command
from mesh_core.policy.playbook_lint.shutting_out import OFF, WAY_IN

DEVICE = "writes over a device"
CUT_OFF = "cuts a file off"
TAKEN_OUT = "takes a device out of the running host"
_INTO = re.compile(r">[>|]?\s*([^\s<>&|]+)")
# Nothing, written over a file.
_EMPTIED = re.compile(r"(?:(?::|true|cat /dev/null|echo(?: -n)?|printf)\s*)?>(?![>&])\|?\s*(\S+)")
_COPIES = ("cp", "install", "rsync", "ln")
_SWITCHES = re.compile(r"/sys/\S+/(?:delete|remove|unbind|reset)")


def written_over(command: Command) -> str:
    """By a redirection, or by a program that writes where it is told; '' for nothing that matters."""
    copied = [word for word in command.after(*_COPIES) or [] if not word.startswith("-")]
    into = _INTO.findall(str(command))
    into += [word.removeprefix("of=") for word in command.after("dd") or () if word.startswith("of=")]
    into += command.after("tee", "mv", "truncate", "sponge") or ()
    into += copied[-1:]
    rest = command.after("sed", "perl") or ()
    into += rest if any(word.startswith(("-i", "--in-place", "-pi")) for word in rest) else ()
    if any(is_device(word) for word in into):
        return DEVICE
    if "/proc/sysrq-trigger" in into:
        return OFF
    if any(_SWITCHES.fullmatch(word) for word in into):
        return TAKEN_OUT
    emptied = _EMPTIED.fullmatch(str(command))
    gone = [emptied[1]] if emptied else copied[-1:] if "/dev/null" in copied[:-1] else []
    if any(is_lasting(word) and not word.startswith("/dev/") for word in gone):
        return CUT_OFF
    return WAY_IN if any(is_way_in(word) for word in into) else ""
