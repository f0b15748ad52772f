"""Lines of every day that hold no secret, made to be mistaken for such: ids, digests, addresses, paths, traces.

Drawn with a seed; the forms are those that services, engines, kernels and proxies write. Knows nothing of our patterns.
"""

from __future__ import annotations

import base64
import hashlib
import string
import uuid
from collections.abc import Iterator
from random import Random

SERVICES = (
    "nginx",
    "immich_server",
    "paperless-webserver",
    "gitea",
    "jellyfin",
    "home-assistant",
    "postgres",
    "traefik",
)
IMAGES = (
    "ghcr.io/immich-app/immich-server",
    "lscr.io/linuxserver/sonarr",
    "docker.io/library/postgres",
    "quay.io/minio/minio",
)
FORMS = (
    "{date} request_id={uuid} method=GET path=/api/albums/{uuid} status=200 duration=12ms",
    "Pulled image {image}@sha256:{sha256} in 4.2s",
    "container {sha256} exited with code 137",
    "Error response from daemon: No such container: {sha12}",
    "HEAD is now at {sha7} Merge branch 'main' into feature/login-token-refresh",
    "commit {sha1} (HEAD -> main, tag: v2.14.1)",
    "{mac} associated to wlan0, signal -52 dBm",
    "eth0: inet6 {ipv6}/64 scope global dynamic mngtmpaddr",
    "dropped packet from {ipv4}:{port} to {ipv4}:443 (DPT=443 LEN=60 ID={num})",
    '{ipv4} - - [{clf}] "GET /wp-content/uploads/2026/11/IMG_{num}.jpeg HTTP/2.0" 200 48213',
    "read /var/lib/docker/overlay2/{sha256}/merged/usr/lib/x86_64-linux-gnu/libcrypto.so.3: input/output error",
    "mounted /mnt/user/appdata/{service}/config on /config type ext4 (rw,relatime,errors=remount-ro)",
    '  File "/usr/local/lib/python3.12/site-packages/sqlalchemy/engine/base.py", line 1963, in _exec_single_context',
    "\tat com.example.auth.TokenRefreshFilter.doFilterInternal(TokenRefreshFilter.java:87)",
    "goroutine {num} [select, 14 minutes]: net/http.(*persistConn).readLoop(0xc000{hex6})",
    "saved thumbnail {b64name}.webp (320x240)",
    "asset upload/library/admin/2026/2026-11-16/{uuid}.heic already exists, checksum {b64sha}",
    'etag "{md5}" last-modified Mon, 16 Nov 2026 08:00:00 GMT',
    "device ata-WDC_WD80EFZZ-68BTXN0_{serial} SMART status: PASSED",
    "usb 1-1.4: New USB device found, idVendor=10c4, idProduct=ea60, bcdDevice= 1.00, SerialNumber={md5}",
    "kernel: [{num}.{port}] CPU: 3 PID: {port} Comm: kworker/3:1 Not tainted 6.12.48+deb13-amd64 #1",
    "kernel: RIP: 0010:nvme_queue_rq+0x3a1/0x9d0 [nvme] RSP: 0018:ffffa{hex6}e8 EFLAGS: 00010246",
    "zfs: pool tank guid {big} vdev guid {big} state ONLINE",
    "btrfs: device fsid {uuid} devid 1 transid {num} /dev/sdc1",
    "UUID={uuid} /data ext4 defaults,nofail 0 2",
    "TLS handshake error from {ipv4}:{port}: remote error: tls: unknown certificate authority",
    "certificate fingerprint SHA256:{b64sha} expires in 61 days",
    "ssh: Accepted publickey for root from {ipv4} port {port} ssh2: ED25519 SHA256:{b64fp}",
    "password authentication is disabled; only keys are accepted",
    "user jane changed her password",
    "token expired 4 minutes ago, refreshing",
    "no api key configured, running without authentication",
    "secret store is sealed, waiting for 3 unseal keys",
    'level=info msg="loaded secrets" count=14 path=/run/secrets',
    "max_tokens=4096 temperature=0.2 prompt_tokens={port} completion_tokens=118",
    "password_file=/run/secrets/db_password not found, falling back to peer authentication",
    "key=user:{num}:profile hit=false ttl=3600",
    "cache key immich:thumb:{uuid} evicted",
    "GET /login?redirect=%2Fdashboard&lang=de 302 in 3 ms",
    "GET /static/app.{hex8}.js 304",
    "loading chunk vendors~main.{hex20}.bundle.js",
    "trace_id={md5} span_id={hex16} parent=0000000000000000",
    "traceparent: 00-{md5}-{hex16}-01",
    "kafka: offset {big} of partition orders-3 committed by consumer-billing-{uuid}",
    "postgres: LOG: checkpoint complete: wrote {num} buffers (3.1%); distance=16384 kB, lsn=2F/{hex8}",
    "redis: {port}:M {date} * DB saved on disk, replid {sha1}",
    "sonarr: Downloaded release Some.Show.S02E0{d}.1080p.WEB-DL.DDP5.1.H.264-GROUP from indexer",
    "torrent {sha1} finished, ratio 1.20",
    "nvidia-smi: GPU-{uuid} 54C 120W / 165W",
    "proxmox: UPID:pve1:0001{hex4}:00{hex6}:{hex8}:vzdump:101:root@pam: OK",
    "home-assistant: entity sensor.living_room_temperature_{d} unavailable, unique_id 0x00158d000{hex7}",
    "zigbee: device 0x{hex16} announced, lqi 96",
    "unit run-r{md5}.scope entered state dead",
    "snapshot {date}_hourly created, 412 MB referenced",
    "systemd[1]: {service}.service: Main process exited, code=exited, status=1/FAILURE",
    "{service} | 2026/11/16 08:00:01 [error] 31#31: *{num} connect() failed (111: Connection refused) to upstream",
    'ERROR: relation "public.user_tokens" does not exist at character 15',
    "SELECT id, email, password_hash FROM users WHERE id = {num}",
    "dial tcp: lookup api.example.com on 127.0.0.11:53: server misbehaving",
    "loaded 3 keys from keyring, primary key id {HEX16}",
    "Der Dienst {service} wurde nach 90 Sekunden beendet, Ergebnis: timeout",
    "連線逾時：{service} 無回應 (重試 {d}/5)",
    "wg0: handshake for peer {d} ({ipv4}:51820) did not complete after 5 seconds, retrying",
    "public key: {b64key} allowed ips 10.8.0.{d}/32",
)


def daily_lines(seed: int, each: int) -> Iterator[str]:
    """`each` of every form; the same seed gives the same lines."""
    r = Random(seed)
    for form in FORMS:
        for _ in range(each):
            yield form.format_map(_Values(r))


class _Values(dict[str, str]):
    """A new value each time a name is asked for."""

    def __init__(self, r: Random):
        super().__init__()
        self._r = r

    def __getitem__(self, name: str) -> str:
        r = self._r
        if name.startswith("hex"):
            return "".join(r.choice("0123456789abcdef") for _ in range(int(name[3:])))
        if name.startswith("sha") and name != "sha256":
            return hashlib.sha1(r.randbytes(8)).hexdigest()[: {"sha1": 40, "sha12": 12, "sha7": 7}[name]]
        return {
            "sha256": lambda: hashlib.sha256(r.randbytes(8)).hexdigest(),
            "md5": lambda: r.randbytes(16).hex(),
            "HEX16": lambda: r.randbytes(8).hex().upper(),
            "uuid": lambda: str(uuid.UUID(bytes=r.randbytes(16), version=4)),
            "mac": lambda: ":".join(f"{b:02x}" for b in r.randbytes(6)),
            "ipv4": lambda: ".".join(str(r.randrange(1, 255)) for _ in range(4)),
            "ipv6": lambda: "fd00:" + ":".join(f"{r.randrange(65536):x}" for _ in range(7)),
            "b64name": lambda: base64.urlsafe_b64encode(r.randbytes(15)).decode(),
            "b64sha": lambda: base64.b64encode(r.randbytes(20)).decode(),
            "b64fp": lambda: base64.b64encode(r.randbytes(32)).decode().rstrip("="),
            "b64key": lambda: base64.b64encode(r.randbytes(32)).decode(),
            "serial": lambda: "WD-" + "".join(r.choice(string.ascii_uppercase + string.digits) for _ in range(8)),
            "date": lambda: f"2026-11-16T08:{r.randrange(60):02}:{r.randrange(60):02}.{r.randrange(1000):03}Z",
            "clf": lambda: f"16/Nov/2026:08:{r.randrange(60):02}:00 +0100",
            "image": lambda: r.choice(IMAGES),
            "service": lambda: r.choice(SERVICES),
            "num": lambda: str(r.randrange(1000, 999999)),
            "big": lambda: str(r.randrange(10**15, 10**19)),
            "port": lambda: str(r.randrange(1024, 65535)),
            "d": lambda: str(r.randrange(1, 9)),
        }[name]()
