"""Disks that fill up on the node with systemd: with its journal, with packages, with logs. Each on a small disk."""

from __future__ import annotations

from parts.fault import Fault, bytes_in, full_disk, used_percent

# Archived files of 4 MiB, with names that the journal gives them, until the disk is full.
FULL_JOURNAL = """
mkdir -p /var/log/journal /etc/systemd/journald.conf.d
mount -t tmpfs -o size=164m journal /var/log/journal
printf '%s\\n' '[Journal]' Storage=persistent SystemMaxUse=1G SystemMaxFileSize=4M SystemKeepFree=1K \\
  > /etc/systemd/journald.conf.d/test.conf
systemctl restart systemd-journald
logger first; journalctl --sync; journalctl --rotate
cd /var/log/journal/*/
old=$(ls system@*.journal | head -n 1); n=10
while [ "$(df --output=pcent . | tail -n 1 | tr -dc 0-9)" -lt 94 ]; do
  new=$(echo "$old" | cut -c 1-57)0005f$n${n}00000$n.journal; n=$((n + 1))
  { head -c 131072 "$old"; head -c 4000000 /dev/urandom; } > "$new"
done
"""
JOURNAL_AS_BEFORE = """
rm -f /etc/systemd/journald.conf.d/test.conf; umount -l /var/log/journal; systemctl restart systemd-journald
"""
FULL_CACHE = """
mount -t tmpfs -o size=80m cache /var/cache/apt/archives
mkdir /var/cache/apt/archives/partial
head -c 76000000 /dev/zero > /var/cache/apt/archives/old_1.0_all.deb
"""
FULL_OF_LOGS = """
mkdir /var/log/shop; mount -t tmpfs -o size=80m,mode=755 logs /var/log/shop
printf '%s\\n' '/var/log/shop/*.log {' weekly delaycompress 'rotate 3' missingok '}' > /etc/logrotate.d/shop
{ yes "a line of a log" | head -c 75000000; echo the last line; } > /var/log/shop/web.log
"""
DISK_FAULTS = (
    Fault(
        "journal_vacuum",
        make=FULL_JOURNAL,
        event=full_disk(
            "/var/log/journal",
            lambda run: {"journal": {"bytes": bytes_in(run, "/var/log/journal"), "mount": "/var/log/journal"}},
        ),
        mended=lambda run: used_percent(run, "/var/log/journal") < 60,
        touches="deletes archived journal files on web01; frees up to ",
        told="/var/log/journal 9",
        state="ls /var/log/journal/*/",
        unsure=("Delete its oldest files",),
        undo=JOURNAL_AS_BEFORE,
    ),
    Fault(
        "package_cache_clean",
        make=FULL_CACHE,
        event=full_disk(
            "/var/cache/apt/archives",
            lambda run: {
                "packages": {
                    "cache_bytes": bytes_in(run, "/var/cache/apt/archives"),
                    **{"manager": "apt", "mount": "/var/cache/apt/archives"},
                }
            },
        ),
        mended=lambda run: used_percent(run, "/var/cache/apt/archives") < 10,
        touches="deletes downloaded package files on web02; frees up to 72 MiB on /var/cache/apt/archives",
        told="/var/cache/apt/archives 91 % -> 0 % full",
        state="ls -l /var/cache/apt/archives",
        unsure=("Delete what apt downloaded",),
        undo="umount -l /var/cache/apt/archives",
        host="web02",
    ),
    Fault(
        "logs_rotate",
        make=FULL_OF_LOGS,
        event=full_disk(
            "/var/log/shop",
            lambda run: {
                "logs": {"bytes": bytes_in(run, "/var/log/shop"), "rule": "shop", "mount": "/var/log/shop"},
            },
        ),
        mended=lambda run: "the last line" in run("zcat /var/log/shop/web.log.1.gz | tail -n 1 || true"),
        touches="rotates the largest log files on web03; rotates and compresses 72 MiB of log files on /var/log/shop",
        told="/var/log/shop 90 % -> 1 % full",
        state="ls -l --time-style=full-iso /var/log/shop /run/mend* || true",
        changes=("What holds for all rules", "Compressed, where the rule says nothing else", "The rule"),
        unsure=("No other rule", "At once, not at the next turn", "Rotate", "Take the copies away"),
        undo="umount -l /var/log/shop; rm -r /var/log/shop /etc/logrotate.d/shop",
        host="web03",
    ),
)
