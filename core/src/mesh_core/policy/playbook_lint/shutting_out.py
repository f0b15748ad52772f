"""Commands that shut the way into a host, or stop what the mesh depends on: firewall, network, ssh, the host itself."""

from __future__ import annotations

from collections.abc import Callable

from mesh_core.policy.playbook_lint.shell_words import Command

Protected = Callable[[str], bool]  # is this unit, program or container what the mesh or the way in depends on?
OFF = "turns the host off, or starts it anew"
NETWORK = "takes the network down, and the way in with it"
FIREWALL = "changes the firewall, which can shut the way in"
WAY_IN = "changes who may come in, or how"
FIREWALLS = frozenset({"iptables", "ip6tables", "iptables-legacy", "ip6tables-legacy", "ebtables", "arptables"})
_CHAINS = frozenset({"-F", "--flush", "-X", "-P", "--policy", "-D", "--delete", "DROP", "REJECT"})
_UFW = frozenset({"enable", "disable", "reset", "deny", "reject", "limit", "default", "delete"})
_OFF = frozenset({"reboot", "poweroff", "halt", "shutdown", "kexec"})
_STATES = _OFF | {"suspend", "hibernate", "rescue", "emergency", "isolate"}
ENGINES = frozenset({"docker", "podman", "nerdctl", "docker-compose", "podman-compose", "crictl", "ctr"})
_CUTS_OFF = {
    "rfkill": frozenset({"block"}),
    "iw": frozenset({"disconnect", "del"}),
    "tc": frozenset({"netem", "loss", "blackhole"}),
    "wg": frozenset({"remove"}),
    "netplan": frozenset({"apply", "try"}),
}
RELOADS = frozenset({"-HUP", "-USR1", "-USR2", "-1", "-10", "-12", "-0"})
SUPERVISES = ("systemctl", "service", "rc-service", "rc-update", "supervisorctl", "initctl", "invoke-rc.d", "sv")
_STOPS = frozenset({"stop", "disable", "mask", "kill", "del", "remove", "down", "rm", "pause"})


def nothing(_: str) -> bool:
    """For whoever knows no policy."""
    return False


def shuts_out(command: Command, protected: Protected) -> str:
    """What it does, as the predicate of a sentence; '' if it does none of this."""
    return _shut(command) or _stopped(command, protected)


def _shut(command: Command) -> str:
    names, said = {*command.names}, {*command.words}
    if (names & FIREWALLS and said & _CHAINS) or ("nft" in names and said & {"flush", "delete", "-f", "--file"}):
        return FIREWALL
    if any(name.endswith("tables-restore") for name in names):
        return FIREWALL
    if ("ufw" in names and said & _UFW) or (
        "firewall-cmd" in names
        and any(word.startswith(("--remove", "--panic-on", "--set-target", "--set-default")) for word in said)
    ):
        return FIREWALL
    if "ifdown" in names or (
        names & {"ip", "ifconfig", "nmcli", "wg-quick", "tailscale", "netbird", "zerotier-cli", "networkctl"}
        and said & {"down", "flush", "off", "del", "delete", "disconnect", "logout", "leave"}
    ):
        return NETWORK
    if any(program in names and said & words for program, words in _CUTS_OFF.items()):
        return NETWORK
    if (
        command.program in _OFF
        or ("systemctl" in names and said & _STATES)
        or (command.program in ("init", "telinit") and said & {"0", "1", "6"})
    ):
        return OFF
    if (names & {"passwd", "gpasswd"} and said & {"-l", "-d", "--lock", "--delete"}) or (
        ("usermod" in names and said & {"-L", "--lock", "-s"})
        or "chpasswd" in names
        or ("chage" in names and said & {"-E", "--expiredate"})
    ):
        return WAY_IN
    return ""


def _stopped(command: Command, protected: Protected) -> str:
    """What the mesh or the way in depends on, by whatever stops it."""
    if command.program == "kill" and command.words[-1] in ("1", "-1"):
        return "ends every process of the host"
    if command.program == "kill" and command.open and not RELOADS & {*command.words}:
        return "ends a process that is only known when it runs"
    killed = command.program in ("pkill", "killall", "killall5") or any("/init.d/" in word for word in command.words)
    rest = command.words if killed else command.after(*SUPERVISES, *ENGINES) or ()
    stops = command.program.startswith(("pkill", "killall")) or bool(_STOPS & {*rest})
    name = next((word for word in rest if stops and protected(word.rpartition("/")[2])), "")
    return f"stops {name}, which the mesh or the way in depends on" if name else ""
