"""What breaks beside services: mounts, temporary files, names, the clock. Each on the node with systemd."""

from __future__ import annotations

from typing import Any

from parts.fault import Fault, Script, bytes_in, full_disk, used_percent


def dead_mount(run: Script) -> dict[str, Any]:
    found = {"point": "/srv/nas", "declared_in": "fstab", "source": "nas", "source_there": True, "stale": True}
    payload = {"mount": "/srv/nas", "kind": "fuse", "investigation": {"mount": found}}
    return {"type": "mount_stale", "severity": "error", "payload": payload}


def missing_mount(run: Script) -> dict[str, Any]:
    found = {"point": "/srv/box", "declared_in": "fstab", "source": "box", "source_there": True, "is_mounted": False}
    payload = {"mount": "/srv/box", "kind": "tmpfs", "investigation": {"mount": found}}
    return {"type": "mount_missing", "severity": "error", "payload": payload}


def unknown_name(run: Script) -> dict[str, Any]:
    found = {"name_resolves": False, "host": "shop.lan", "name_cache": "nscd"}
    payload = {"url": "http://shop.lan/", "name_resolves": False, "investigation": {"network": found}}
    # Of no incident: no agent is here whose probe could say that it is over.
    return {"type": "http_probe_failed", "service": "shop", "severity": "error", "incident": None, "payload": payload}


def what_was_put_there(run: Script) -> set[str]:
    """Of /var/tmp: a service that something wakes up meanwhile has a folder of its own there, too."""
    return {"old", "new"} & set(run("ls /var/tmp").split())


# A FUSE file system whose program is gone lies over what fstab wants there; a process still has it as its folder.
DEAD_MOUNT = """
mkdir -p /srv/nas; echo 'nas /srv/nas tmpfs size=4m 0 0' >> /etc/fstab; systemctl daemon-reload
python3 -c '
import ctypes, os
device = os.open("/dev/fuse", os.O_RDWR)
options = b"fd=%d,rootmode=40000,user_id=0,group_id=0" % device
raise SystemExit(ctypes.CDLL(None).mount(b"nas", b"/srv/nas", b"fuse", 0, options))'
! stat -f /srv/nas
"""
MOUNT_AS_BEFORE = "umount -l /srv/nas; sed -i '\\:/srv/nas:d' /etc/fstab; systemctl daemon-reload"
# A temporary folder of its own, with an age of days; what is new stays.
FULL_TMP = """
systemctl stop systemd-tmpfiles-clean.timer  # a quarter of an hour after its start a node cleans by itself
mount -t tmpfs -o size=100m old /var/tmp
echo 'd /var/tmp 1777 root root m:3d' > /etc/tmpfiles.d/test.conf
head -c 97000000 /dev/zero > /var/tmp/old; touch -d '9 days ago' /var/tmp/old; touch /var/tmp/new
"""
# nscd remembers that there is no such name, and is not told that there is one by now.
OLD_NAME = """
sed -i -e 's/^\\tcheck-files.*hosts.*/check-files hosts no/' \\
  -e 's/^\\tnegative-time-to-live.*hosts.*/negative-time-to-live hosts 3600/' /etc/nscd.conf
systemctl restart nscd
! getent ahosts shop.lan
echo '192.0.2.7 shop.lan' >> /etc/hosts
! getent ahosts shop.lan
"""
# A time service that asked a server which is no more, and was given another one since; neither may set a clock (-x).
LOST_TIME = """
printf '%s\\n' 'local stratum 8' 'port 11123' 'allow 127.0.0.1' \\
  'cmdport 0' 'bindcmdaddress /' 'pidfile /run/server.pid' \\
  > /run/server.conf
systemd-run --unit=time-server chronyd -d -x -u root -f /run/server.conf
mkdir -p /etc/systemd/system
printf '%s\\n' '[Service]' 'ExecStart=/usr/sbin/chronyd -d -x -u root -f /run/client.conf' \\
  > /etc/systemd/system/chrony.service
echo 'server 192.0.2.1 iburst' > /run/client.conf
systemctl daemon-reload; systemctl restart chrony
until chronyc tracking; do sleep 0.1; done
echo 'server 127.0.0.1 port 11123 iburst' > /run/client.conf
"""
TIME_AS_BEFORE = "systemctl stop chrony time-server; rm /etc/systemd/system/chrony.service; systemctl daemon-reload"
HOST_FAULTS = (
    Fault(
        "mount_again",
        make=DEAD_MOUNT,
        event=dead_mount,
        mended=lambda run: run("findmnt -n -o FSTYPE /srv/nas || true").strip() == "tmpfs",
        touches="mounts it again on web03; mounts /srv/nas as fstab says, from nas (is it there: yes)",
        told="/srv/nas is mounted: yes, answers: no -> yes",
        state="grep /srv/nas /proc/self/mountinfo || true",
        unsure=("Let go of what does not answer", "Mount it as fstab says"),
        undo=MOUNT_AS_BEFORE,
        host="web03",
    ),
    Fault(
        "tmp_clean",
        make=FULL_TMP,
        event=full_disk("/var/tmp", lambda run: {"tmp": {"old_bytes": bytes_in(run, "/var/tmp"), "mount": "/var/tmp"}}),
        mended=lambda run: used_percent(run, "/var/tmp") < 10 and what_was_put_there(run) == {"new"},
        touches="deletes old temporary files on web04; frees up to 93 MiB on /var/tmp",
        told="/var/tmp 93 % -> 0 % full",
        state="ls -l /var/tmp/old /var/tmp/new || true",  # what is woken up meanwhile has a folder of its own there
        unsure=("Delete what is older than tmpfiles.d says",),
        undo="umount -l /var/tmp; rm /etc/tmpfiles.d/test.conf",
        host="web04",
    ),
    Fault(
        "dns_cache_flush",
        make=OLD_NAME,
        event=unknown_name,
        mended=lambda run: "192.0.2.7" in run("getent ahosts shop.lan || true"),
        touches="forgets what the local name cache holds on web01; empties the cache of nscd",
        told="shop.lan leads to an address: no -> yes",
        state="getent ahosts shop.lan || true; systemctl show --property=InvocationID nscd",
        unsure=("Forget what nscd holds",),
        undo="systemctl stop nscd; sed '/shop.lan/d' /etc/hosts > /run/hosts; cat /run/hosts > /etc/hosts",
    ),
    Fault(
        "time_sync",
        make=LOST_TIME,
        event=lambda run: {
            **{"type": "clock_not_synchronised", "severity": "error"},
            "payload": {"time_service": "chrony.service", "is_synchronised": False, "offset_ms": 0},
        },
        mended=lambda run: "Not synchronised" not in run("chronyc tracking"),
        touches="restarts the time service on web04; restarts chrony.service and waits up to two minutes",
        told="the clock is synchronised: no -> yes, chrony.service runs: yes",
        state="systemctl show --property=InvocationID chrony",
        changes=("Restart it",),
        undo=TIME_AS_BEFORE,
        host="web04",
    ),
)
# Nothing dead lies there, so what it was before can be had again.
MISSING_MOUNT = Fault(
    "mount_again",
    make="mkdir -p /srv/box; echo 'box /srv/box tmpfs size=4m 0 0' >> /etc/fstab; systemctl daemon-reload",
    event=missing_mount,
    mended=lambda run: run("findmnt -n -o FSTYPE /srv/box || true").strip() == "tmpfs",
    touches="mounts it again on web05; mounts /srv/box as fstab says, from box (is it there: yes)",
    told="/srv/box is mounted: no -> yes, answers: yes",
    state="grep /srv/box /proc/self/mountinfo || true",
    unsure=("Mount it as fstab says",),
    back=("/srv/box is mounted: no, answers: yes", "/srv/box is mounted: yes -> no, answers: yes; "),
    undo="umount -l /srv/box || true; sed -i '\\:/srv/box:d' /etc/fstab; systemctl daemon-reload",
    host="web05",
)
