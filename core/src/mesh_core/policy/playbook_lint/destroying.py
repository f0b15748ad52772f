"""Commands that destroy data or shut the way into a host, known by their words. A red sentence on a card, no refusal.

A list of dangers is never whole. So it goes by kinds (what removes, what writes over a disk, what another program
prints and a shell runs) before it goes by names, and what cannot be read counts as dangerous.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mesh_core.policy.playbook_lint.places import is_device, is_in_the_system, is_lasting, is_way_in, is_whole
from mesh_core.policy.playbook_lint.shell_words import UNKNOWN, Command, commands_in
from mesh_core.policy.playbook_lint.shutting_out import (
    ENGINES,
    FIREWALLS,
    SUPERVISES,
    WAY_IN,
    Protected,
    nothing,
    shuts_out,
)
from mesh_core.policy.playbook_lint.telling_words import DELETED, UNMOUNTED, told_by_a_word
from mesh_core.policy.playbook_lint.unread_words import (
    UNREADABLE,
    fetched_by,
    names_by_another,
    runs_fetched,
    runs_unread,
)
from mesh_core.policy.playbook_lint.writing_over import CUT_OFF, written_over

TREE = "removes a whole tree of the host"
DISK = "makes a disk, volume or file anew"
PACKAGES = "removes packages"
OWNERS = "changes who may do what with a whole tree of the host"
FOR_EVERYBODY = "lets everybody write a whole tree"
VOLUMES = "throws volumes and their data away"
USERS = "removes a user or a group"
HOME = "removes a person's home"
ON_A_DEVICE = "works on a device"
ONLY_KNOWN_THEN = "removes what is only known when it runs"
_BOMB = re.compile(r"(\S{1,40})\(\)\s*\{[^}]{0,200}\|[^}]{0,200}&")
_SQL = re.compile(
    r"\b(?:drop\s+(?:database|schema|table|user|role)|truncate\s+(?:table\s+)?\w|delete\s+from\s+\S+\s*$"
    r"|\w*drop(?:database|collection)\b|\w*deletemany\b|\bdb\.\w+\.(?:remove|drop|delete\w*)\b)",
    re.IGNORECASE,
)
_OWN_CODE = re.compile(
    r"\b(?:rmtree|remove_?tree|removedirs|rm_r?f|rimraf|rm(?:dir)?Sync|unlinkSync|File\.delete|os\.(?:remove|rmdir))\b"
)
_INTERPRETERS = re.compile(r"python[\d.]*|perl|ruby|node|php|lua")
_ALL_IN_IT = re.compile(r"(?:^|/)\.?\*$")
IS_A_FILE = re.compile(r"\.(?!d$)[A-Za-z0-9]{1,8}$")
_PATTERN = re.compile(r"[*?\[]")
_MAKES_FS = re.compile(r"mk[a-z0-9]*fs(?:\..+)?|mke2fs|mkswap|newfs\w*")
# Programs that only say something; what they are told may name any danger.
_TALKS = frozenset(
    (  # noqa: SIM905
        "echo printf grep egrep fgrep zgrep rg which type man logger test [ [[ cat less head tail ls stat "
        "file # whatis apropos whereis dpkg-query"
    ).split()
)
_PACKAGES = frozenset(
    (  # noqa: SIM905
        "apt apt-get aptitude dnf yum zypper pacman apk opkg snap flatpak brew pip pip3 pipx npm dpkg rpm "
        "emerge pkg nix-env uv"
    ).split()
)
_TAKES_PACKAGES = re.compile(
    r"(?:dist|full)-upgrade|remove|purge|autoremove|autopurge|erase|uninstall|del|--(?:remove|purge|erase)"
)
_TAKES_BY_LETTER = {"dpkg": re.compile("-[rP]"), "rpm": re.compile("-e.*"), "pacman": re.compile("-R.*")}
# Tools for disks, and the words with which they only look.
_DISKS = {
    "wipefs": {"-n", "--no-act"},
    "sfdisk": {"-l", "--list", "-d", "--dump", "-J", "--json"},
    "fdisk": {"-l", "--list"},
    "sgdisk": {"-p", "--print", "-i", "--info", "-v", "--verify"},
    "parted": {"print", "-l", "--list"},
    "gdisk": {"-l"},
    **dict.fromkeys(("blkdiscard", "cfdisk", "shred", "nwipe", "srm", "sg_format", "pvcreate"), frozenset()),
    **dict.fromkeys(("lvremove", "vgremove", "pvremove", "lvreduce", "vgreduce"), frozenset()),
}
DELETES = re.compile(
    r"destroy|deletes?|purge|erase|wipe|format|undefine|uninstall|flush(?:all|db)|zap|labelclear|sanitize|nuke|obliterate"
    r"|forget|terminate|drop(?:db|user)?|--(?:delete|erase|wipe|destroy|zap)(?:[-=].*)?|--?purge(?:[-=].*)?|--remove-(?:source-)?files",
    re.IGNORECASE,
)
_VERB_AND_NOUN = re.compile(r"[a-z]+[-:][a-z]+")  # vol-delete, db:drop, of tools that have many such
# Programs that only look at a device, or make it a part of the tree.
_LOOKS = frozenset(
    (  # noqa: SIM905
        "lsblk blkid mount findmnt smartctl hdparm udevadm df dumpe2fs nvme swapon sg_inq lsusb lspci e2label "
        "fuser lsof iotop iostat test dd badblocks zpool zfs btrfs"
    ).split()
)
_USER_TOOLS = frozenset({"userdel", "deluser", "groupdel", "delgroup"})
_OWNERS = ("chmod", "chown", "chgrp", "setfacl", "chattr")
FOR_ALL = re.compile(r"0?[0-7]{0,2}[2367]|(?:[ug]*[ao][ugoa]*|)[+=][rxX]*w[rwxX]*")


def dangers_in(text: str, protected: Protected = nothing) -> Iterator[str]:
    """Sentences about the commands in a text; templates in it are filled in, or stand as UNKNOWN."""
    if _BOMB.search(text):
        yield "it starts itself without end until the host stands still"
    if names_by_another(text):
        yield f"it {UNREADABLE}"
    fetched: set[str] = set()
    for command in commands_in(text):
        if what := _harm_of(command, protected) or runs_fetched(command, fetched):
            yield f"it {what}: {str(command).replace(UNKNOWN, '{{ }}')[:80]}"
        fetched |= fetched_by(command)


def _harm_of(command: Command, protected: Protected) -> str:
    if what := written_over(command):
        return what
    program = command.program
    if program in _TALKS:
        return ""
    if program in _PACKAGES:
        return _packages(command)
    if what := runs_unread(command):
        return what
    rules = () if program in SUPERVISES else _RULES
    return next((what for rule in rules if (what := rule(command))), "") or shuts_out(command, protected)


def _packages(command: Command) -> str:
    letters = _TAKES_BY_LETTER.get(command.program, _TAKES_PACKAGES)
    taken = any(_TAKES_PACKAGES.fullmatch(word) or letters.fullmatch(word) for word in command.words[1:])
    return PACKAGES if taken else ""


def _removed(command: Command) -> str:
    rest = command.after("rm", "unlink")
    if rest is None or command.after("find", "fd") is not None:
        return ""
    named = [word for word in rest if not word.startswith("-")]
    lasting = [word for word in named if is_lasting(word)]
    if any(word == "--recursive" or re.fullmatch(r"-[a-zA-Z]*[rR][a-zA-Z]*", word) for word in rest):
        return TREE if lasting or not named else ""
    if not named and (command.open or {"xargs", "parallel"} & {*command.names}):
        return "removes files that another command names"
    if any(is_way_in(word) for word in named):
        return WAY_IN
    if any(is_in_the_system(word) for word in named):
        return "removes a part of the system"
    if command.words[0] == "do" and any(word.startswith(("$", UNKNOWN)) for word in named):
        return ONLY_KNOWN_THEN
    if any(_ALL_IN_IT.search(word) for word in lasting):
        return "removes all files of a folder"
    return "removes every file that a pattern fits" if any(_PATTERN.search(word) for word in lasting) else ""


def _found_and_removed(command: Command) -> str:
    rest = command.after("find", "fd")
    if rest is None or not (
        "-delete" in rest or {"rm", "shred", "unlink", "truncate"} & {w.rpartition("/")[2] for w in rest}
    ):
        return ""
    end = next((at for at, word in enumerate(rest) if word.startswith("-")), len(rest))
    where = [word for word in rest[:end] if word.startswith(("/", ".", "~", "$", UNKNOWN))]
    if where and not any(is_lasting(f"{word}/") for word in where):
        return ""
    narrow = any(word.startswith(("-name", "-iname", "-mtime", "-mmin", "-size", "-newer", "-path")) for word in rest)
    return f"removes what it finds below {where[0]}" if narrow and where else TREE


def _made_anew(command: Command) -> str:
    for name in command.names:
        if _MAKES_FS.fullmatch(name) or (name in _DISKS and not {*command.words} & _DISKS[name]):
            return DISK
    rest = command.after("truncate")
    return CUT_OFF if rest and any(is_lasting(word) for word in rest if not word.startswith("-")) else ""


def _by_its_word(command: Command) -> str:
    if _SQL.search(str(command)) or "dropdb" in command.names:
        return "drops data of a database"
    unlinks = _INTERPRETERS.fullmatch(command.program) and {"unlink", "rmdir"} & {*command.words}
    if unlinks or _OWN_CODE.search(str(command)):
        return "removes files by a program of its own"
    if what := told_by_a_word(command):
        return what
    if rest := command.after(*_USER_TOOLS):
        home = {"-r", "--remove", "-rf", "--remove-home"} & {*rest}
        return HOME if home else USERS
    return ""


def _engine(command: Command) -> str:
    rest = command.after(*ENGINES)
    if rest is None:
        return ""
    said = {*rest}
    volumes = any(word == "--volumes" or re.fullmatch(r"-[a-z]*v[a-z]*", word) for word in rest)
    if "volume" in said and said & {"rm", "prune", "remove"}:
        return VOLUMES
    if ("prune" in said and "--volumes" in said) or ("down" in said and volumes):
        return VOLUMES
    if {"system", "reset"} <= said:
        return VOLUMES
    if "prune" in said and "container" in said:
        return "removes every container that stands still"
    if said & {"kill", "stop"} and (command.open or any(word.startswith(("$", UNKNOWN)) for word in rest)):
        return "stops what is only known when it runs"
    if said & {"rm", "rmp", "remove"} and not said & {"run", "exec"}:
        if "--all" in said or any(re.fullmatch(r"-[a-z]*a[a-z]*", word) for word in rest):
            return "removes all of a kind"
        if volumes:
            return VOLUMES
        if command.open or any(word.startswith(("$", UNKNOWN)) for word in rest):
            return ONLY_KNOWN_THEN
    whole = said & {"swarm", "stack", "service", "node", "machine", "pod"}
    gone = whole and said & {"leave", "rm", "down", "--force-new-cluster"}
    return "takes a swarm's services away, or a machine of it" if gone else ""


def _deleted(command: Command) -> str:
    inside = command.after("exec") if command.program in ENGINES else None
    if (command.program in ENGINES and (inside is None or _TALKS & {*inside})) or command.program in FIREWALLS:
        return ""
    words = (*re.split(r"[-_.]", command.program), *(inside if inside is not None else command.words[1:]))
    words += tuple(part for word in words if _VERB_AND_NOUN.fullmatch(word) for part in re.split("[-:]", word))
    if {*command.names} & {"curl", "wget", "http", "https", "xh"}:
        return "asks another service to delete something" if any("delete" in word.lower() for word in words) else ""
    return DELETED if any(DELETES.fullmatch(word) for word in words) else ""


def _opened(command: Command) -> str:
    rest = command.after(*_OWNERS)
    if rest is None:
        return ""
    named = [word for word in rest if not word.startswith("-") and is_lasting(word)]
    recursive = any(word == "--recursive" or re.fullmatch(r"-[a-zA-Z]*R[a-zA-Z]*", word) for word in rest)
    places = named[1:] or named
    loose = {"chown", "chgrp"} & {*command.names} or (named and FOR_ALL.fullmatch(named[0]))
    if loose and any(is_way_in(word) for word in places):
        return WAY_IN
    if recursive and any(is_whole(word) for word in places):
        return OWNERS
    if recursive and "chmod" in command.names and named and FOR_ALL.fullmatch(named[0]):
        return FOR_EVERYBODY
    return "changes who may do what with the whole host" if places and any(word == "/" for word in places) else ""


def _moved(command: Command) -> str:
    rest = [word for word in command.after("mv") or () if not word.startswith("-")]
    if len(rest) < 2:
        return ""
    lost = not is_lasting(f"{rest[-1]}/") and any(is_lasting(word) for word in rest[:-1])
    if lost:
        return "moves it to where nothing stays"
    away = rest[-1] == "/dev/null" or any(is_whole(word) and not IS_A_FILE.search(word) for word in rest[:-1])
    return "moves a whole tree of the host away" if away else ""


def _on_a_device(command: Command) -> str:
    if "umount" in command.names:
        return UNMOUNTED
    if command.program in _LOOKS or command.program in _DISKS or command.program in ENGINES:
        return ""
    return ON_A_DEVICE if any(is_device(word) for word in command.words) else ""


_RULES = (_engine, _found_and_removed, _removed, _made_anew, _by_its_word, _deleted, _opened, _moved, _on_a_device)
