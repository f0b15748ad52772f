"""Command lines and directives that take a password at a known place. Pure.

Every pattern is linear: it is run over whatever a container prints.
"""

from __future__ import annotations

import re

_QUOTED_OR_WORD = r"(?:\"[^\"\n]{1,2048}\"|'[^'\n]{1,2048}'|[^\s'\"|]{1,2048})"
_BETWEEN = r"[^\n|;&]{0,300}?\s"


def _command(words: str, pattern: str) -> tuple[tuple[str, ...], re.Pattern[str]]:
    """(words in small letters one of which must be there, the pattern); group 1 is kept, what follows it is hidden."""
    return tuple(words.split()), re.compile(rf"({pattern}){_QUOTED_OR_WORD}")


# Command lines and directives where one letter, or the place alone, means a password.
COMMANDS = (
    _command(
        "mysql maria xtrabackup mycli 7z rar",
        r"\b(?:mysql|mariadb|xtrabackup|mycli|7z|unrar|rar)[a-z_-]{0,16}\b"
        r"[^\n|;&]{0,300}?[\s'\",]-p(?=[^\s'\",]|['\"][^\s'\",])",
    ),
    _command(
        "login sshpass mongo influx rclone cqlsh clickhouse ipmitool sqlcmd bcp zip mosquitto couchbase",
        rf"\b(?:sshpass|(?:docker|podman|nerdctl|buildah|skopeo|helm|oras|crane|az|oc|acr|registry)\s[^\n|;&]{{0,60}}?login|"
        rf"mongo[a-z]{{0,12}}|influx|rclone|couchbase-cli|cqlsh|clickhouse-client|ipmitool|sqlcmd|bcp|unzip|zip|"
        rf"mosquitto_[a-z]{{3}})\b{_BETWEEN}-[pPw](?:[ =]{{1,2}}|(?=[^\s-]))",
    ),
    _command("sshpass", r"\bsshpass\s+-p ?"),
    _command(
        "redis-cli valkey-cli keydb-cli -benchmark",
        rf"\b(?:redis|valkey|keydb)-(?:cli|benchmark)\b{_BETWEEN}(?:-a|--pass)[ =]",
    ),
    _command("curl wget xh", rf"\b(?:curl|wget|xh)\b{_BETWEEN}(?:-[a-zA-Z]{{0,6}}[uU]|--user|--proxy-user)[ =]?(?=\S)"),
    _command("ldap", rf"\bldap[a-z]{{3,12}}\b{_BETWEEN}-w[ =]?(?=\S)"),
    _command(
        "smb rpcclient cifs", rf"\b(?:smbclient|rpcclient|mount\.cifs|smbget)\b{_BETWEEN}-U[ =]?[^\s%'\"]{{1,64}}%"
    ),
    _command("htpasswd", rf"\bhtpasswd\b{_BETWEEN}-[a-zA-Z]{{0,6}}b[a-zA-Z]{{0,6}}\s+\S{{1,200}}\s+\S{{1,64}}\s+"),
    _command("snmp", rf"\bsnmp[a-z]{{2,10}}\b{_BETWEEN}-[cAX] ?(?=\S)|\b(?i:snmp-server\s+community)\s+"),
    _command("-pass", r"(?<!\S)-pass(?:in|out|word)?[ =](?:pass:)?"),
    _command("auth plain auth login", r"\bAUTH\s+(?:PLAIN|LOGIN|XOAUTH2)\s+"),
    _command("community", r"(?m:^\s*r[ow]community6?\s+)"),
    _command("com2sec", r"(?m:^\s*com2sec6?\s+\S{1,64}\s+\S{1,64}\s+)"),
    _command("createuser", r"(?m:^\s*createUser\s+\S{1,64}\s+\S{1,16}\s+)"),
    _command("passwd", r"\bmosquitto_passwd\s+-b\s+\S{1,200}\s+\S{1,64}\s+"),
    _command("net user", r"\bnet\s+user\s+\S{1,64}\s+"),
    _command("http", r"\bhttps?\s+(?:[A-Z]{3,7}\s+)?(?:-a|--auth)[ =]"),
    _command("obscure", r"\brclone\s+obscure\s+"),
    _command("openssl", rf"\bopenssl\b{_BETWEEN}-[kK] "),
    _command("rabbitmqctl", r"\brabbitmqctl\b[^\n|;&]{0,100}?\b(?:add_user|change_password)\s+\S{1,64}\s+"),
    _command("wpa_passphrase", rf"\bwpa_passphrase\s+{_QUOTED_OR_WORD}\s+"),
    _command("freerdp", rf"\b[xw]lf?reerdp\b{_BETWEEN}/p:|\bxfreerdp\d?\b{_BETWEEN}/p:"),
    _command("vault", r"\bvault\s+login\s+(?!-)"),
    _command("identified", r"\b(?i:identified\s+(?:with\s+\w+\s+)?by\s+(?:password\s+)?)"),
    _command(
        "requirepass masterauth with encrypted",
        r"(?<![\w.-])(?i:requirepass|masterauth|with\s+password|encrypted\s+password)\s+",
    ),
    # Redis: a user may stand before the password; its MONITOR writes each word in quotes
    _command(
        "auth pass",
        r"(?m:(?<![\w.-])(?:AUTH|PASS)\s+(?=\S*[^A-Z\s])(?!\[|Test|<)(?:[\w.-]{1,64}[ \t]+(?=\S{1,200}[ \t]*$))?)"
        r"|\"(?i:auth)\"\s+(?:\"[^\"\n]{1,64}\"\s+(?=\"))?",
    ),
    _command(
        ":", r"(?m:^[\w.*-]{1,200}:(?:\d{1,5}|\*):[A-Za-z_*][\w.*-]{0,64}:[\w.*-]{1,64}:(?=\S{1,200}$))"
    ),  # .pgpass
    _command("enable username", r"(?im:^\s*enable|^\s*username\s+(?!or\b)\S{1,64})\s+(?:secret|password)\s+(?:\d\s+)?"),
    _command("login", r"(?m:^[^\n]{0,40}?\bLOGIN\s+\S{1,128}\s+)"),
    _command("login", r"\blogin\s+\S{1,128}\s+password\s+"),  # .netrc
    _command("nmcli", rf"\bnmcli\b{_BETWEEN}(?:password|[\w.-]{{1,40}}\.psk)\s+"),
    _command("!", r"\b[\w.-]{1,64}@[a-z]{2,16}![\w.-]{1,64}="),  # a token of Proxmox
    _command("_authtoken", r"_authToken[ =]"),
)
# echo user:password | chpasswd, echo password | sudo -S
PIPED = re.compile(
    rf"(\becho\s+(?:-\w\s+)?){_QUOTED_OR_WORD}(?=\s*\|\s*(?:sudo\b|chpasswd|passwd|su\b|\w+\s+login|ssh-add|openssl|cryptsetup|gpg))"
)
