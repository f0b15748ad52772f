"""Where a word of an event counts: lines as programs really print them, whoever wrote the program."""

from __future__ import annotations

from typing import Any

import pytest

from mesh_core.actions.choices import RESTART
from mesh_core.models.events import HealthEvent
from mesh_core.policy.policy import Allowed, Policy
from mesh_core.policy.policy_file import Document, merged

SHIPPED = Policy.load(None, learnt=False)


def heard(*lines: str, key: str = "logs") -> set[str]:
    return SHIPPED._cues.heard_in({key: list(lines)})


def died(*lines: str, **more: Any) -> Allowed:
    payload = {"runtime": "docker", "container": "web", "status": "exited", "exit_code": 137, "logs": list(lines)}
    return SHIPPED.allows(
        HealthEvent(type="container_died", node="n1", service="web", severity="error", payload=payload | more)
    )


def ill(*lines: str, **more: Any) -> Allowed:
    payload = {"runtime": "docker", "container": "web", "status": "running", "logs": list(lines)}
    return SHIPPED.allows(
        HealthEvent(type="container_unhealthy", node="n1", service="web", severity="error", payload=payload | more)
    )


@pytest.mark.parametrize(
    "line",
    [
        # what all is well with, as its program says
        '{"level":"info","ts":1.7,"logger":"tls","msg":"certificate maintenance started"}',
        '{"level":30,"time":1,"msg":"using upstream 10.0.0.3"}',
        'time="2026-01-02T10:00:00Z" level=info msg="certificates loaded" count=4',
        "2026/01/02 10:00:00 [notice] 1#1: using upstream pool",
        "2026-01-02 10:00:00,123 INFO  [main] o.e.Server: TLS certificate is valid until 2027",
        "INFO:     certificate read",
        "2026-01-02 10:00:00.000 UTC [1] LOG:  database system is in recovery mode",
        "2026-01-02  1 [Note] InnoDB: Starting crash recovery from checkpoint LSN=12",
        "I0102 10:00:00.000000       1 certs.go:10] Serving certificate",
        "1:M 02 Jan 2026 10:00:00.000 * Partial resynchronization",
        '10.0.0.9 - - [02/Jan/2026:10:00:00 +0000] "GET /upstream/certificate HTTP/1.1" 200 512 "-" "curl"',
        "<6>upstream chosen",
        "[info] environment variable TZ is set",
        # no level at all, and nothing but a topic
        "renewing the certificate in 40 days",
        "upstream servers: 4, mode: parallel",
        "reading environment variables",
        # levels as other programs write them
        "[2026-01-02T10:00:00,000][INFO ][o.e.n.Node] [n1] no certificate configured",
        "[2026-01-02 10:00:00,000: INFO/MainProcess] certificate not needed, none missing",
        "[10:00:00 INF] certificate not rotated, none missing",
        "10:00AM DBG upstream not chosen, none down",
        '{"@level":"info","@message":"certificate missing, not required"}',
        '{"message":"certificate missing","level":200,"level_name":"INFO"}',
        '{"version":"1.1","level":6,"short_message":"certificate missing"}',
        '{"s":"I","c":"NETWORK","msg":"TLS off, certificate missing"}',
        "[2026-01-02T10:00:00+00:00] app.INFO: upstream unknown",
        "<134>1 2026-01-02T10:00:00Z box app - - - upstream unknown",
        "cmd/web.go:242:runWeb() [I] certificate missing",
        "2026-01-02 10:00:00,000 DEBG 'web' stdout output: certificate missing",
        "10:00:00,000 |-INFO in a.b.C - certificate missing",
        "=INFO REPORT==== 2-Jan-2026::10:00:00 === certificate missing",
        "I [02/Jan/2026:10:00:00 +0000] Listening to 0.0.0.0:631, certificate missing",
        "2026-01-02 10:00:00 1 [System] [MY-1] [Server] starting as process 1, certificate missing",
        # a line that goes on under its level
        "info: Some.Host.Lifetime[14]\n      Now listening with certificate unknown",
        # nothing failed, it helped itself, or it was somebody who came to it
        "checked 12 feeds: 0 failed, 0 errors, certificate valid",
        "ready in 200 ms, failed: 0, upstream chosen",
        'level=info msg="certificate checked" error=null',
        "config file /config/app.yml not found, creating",
        "no certificate was found, generating one",
        "unknown environment variable FOO ignored",
        "configuration file is missing, using defaults",
        "the certificate will expire in 80 days",
        "generating a self-signed certificate",
        "http: TLS handshake error from 10.0.0.9:443: EOF",
        "http: TLS handshake error from [fd00::9]:443: remote error: tls: bad certificate",
        "SSL_do_handshake() failed (SSL: error:0A: bad key share) while SSL handshaking, client: 10.0.0.9",
        "chown: changing ownership of '/config/x': Operation not permitted",  # at many a start, by whoever is not root
        # a warning is not what ended it
        "2026-01-02T10:00:00Z [Warning] [MY-1] [Server] CA certificate ca.pem is self signed.",
        '2026/01/02 10:00:00 [warn] 1#1: issuer certificate not found for "/etc/x.pem"',
        # a guess, and one who came to it
        "20-listen.sh: info: can not modify /etc/nginx/conf.d/x.conf (read-only file system?)",
        "1767340800: Socket error on client pi, disconnecting.",
        '[error] 2#2: *1 open() "/srv/favicon.ico" failed (2: No such file or directory), client: 10.0.0.9, server: x',
        'level=error msg="authentication failed for user bob from 10.0.0.9"',
        '{"s":"I","c":"ACCESS","msg":"Authentication failed","attr":{"client":"10.0.0.9:5"}}',
        "2026-01-02T10:00:00Z 33 [Note] [Server] Access denied for user 'root'@'10.0.0.9' (using password: YES)",
        '2026-01-02 10:00:00 UTC [33] FATAL:  password authentication failed for user "root"',
        "2026-01-02 10:00:00 UTC [33] FATAL:  the database system is starting up",
        # a database's word about its clients, and about its own start after a kill
        '2026-01-02 10:00:00 UTC [33] ERROR:  relation "x" does not exist at character 15',
        "2026-01-02 10:00:00 UTC [29] LOG:  invalid record length at 0/16: wanted 24, got 0",
        "2026-01-02 10:00:00 UTC [29] LOG:  database system was not properly shut down; automatic recovery in progress",
    ],
)
def test_what_a_program_says_in_good_health_is_no_cause(line: str) -> None:
    assert heard(line) == set()
    allowed = died("listening on :8080", line)
    assert (allowed.preferred, allowed.rule) == ("restart", "container-down")


@pytest.mark.parametrize(
    "line",
    [
        '10.0.0.9 - - [02/Jan/2026:10:00:00 +0000] "GET /backdoor/error/upstream HTTP/1.1" 404 5 "-" "xmrig"',
        '10.0.0.9 - - [02/Jan/2026:10:00:00 +0000] "GET /enospc HTTP/1.1" 404 5 "-" "disk full"',
        '[GIN] 2026/01/02 - 10:00:00 | 404 | 1.2ms | 10.0.0.9 | GET "/rootkit/certificate-error"',
        '{"level":"info","msg":"handled request","request":{"method":"GET","uri":"/corrupt/error"},"status":404}',
        "::ffff:10.0.0.9 - GET /malware/error 404 3.2 ms",
        "WARNING Unauthorized: /malware/error",
        "Forbidden (CSRF token missing.): /xmrig",
        "[Fri Jan  2 10:00:00 2026] 10.0.0.9:5 [404]: GET /malware/error",
        'time="2026-01-02" level=info method=GET uri=/xmrig/error status=404',
        "1767340800.1 5 10.0.0.9 TCP_MISS/404 300 GET http://x/malware/error - HIER_DIRECT/1 text/html",
    ],
)
def test_what_a_stranger_asked_for_is_no_evidence_however_grave_its_words(line: str) -> None:
    assert heard("listening", line) == set()
    assert died(line).preferred == "restart"


@pytest.mark.parametrize(
    ("line", "cue"),
    [
        ("[error] 7#7: no live upstreams while connecting to upstream", "dependency"),
        ('level=error msg="certificate has expired"', "certificate"),
        ("certificate verify failed: self-signed certificate", "certificate"),
        ("INFO retrying: certificate was rejected by the server", "certificate"),
        ("x509: certificate signed by unknown authority", "certificate"),
        ("missing environment variable DB_URL", "configuration"),
        ("ssl handshake failure with 10.0.0.3", "certificate"),
        ("SSLHandshakeException: PKIX path building failed: unable to find valid certification path", "certificate"),
        ("Error: CERT_HAS_EXPIRED", "certificate"),
        ("ERROR: Transaction log (WAL) directory is full", "space"),
        ("Bad file format reading the append only file", "corruption"),
        ("INFO: disk usage: no space left on device", "space"),
        ("[info] journal: bad superblock", "corruption"),
        # a program's own word about what befell it while it answered
        ('{"level":50,"req":{"method":"GET","url":"/x"},"res":{"status":400},"err":"ENOSPC: no space left"}', "space"),
        (
            '{"level":"error","method":"GET","path":"/x","status":404,"err":"database disk image is malformed"}',
            "corruption",
        ),
        ('{"level":"info","method":"GET","path":"/x","status":500,"err":"no space left on device"}', "space"),
        ("ERROR GET /x 404: no space left on device", "space"),
        ('[error] 7#7: *1 no live upstreams, request: "GET / HTTP/1.1", upstream: "http://app/"', "dependency"),
        ("Error: database connection failed\n    at connect: certificate expired", "certificate"),
    ],
)
def test_what_a_program_complains_of_is_one(line: str, cue: str) -> None:
    assert cue in heard(line)
    assert ill(line).preferred == "notify"


@pytest.mark.parametrize(
    "line",
    [
        # busybox, curl
        "wget: can't connect to remote host (10.0.0.5): Connection refused",
        "nc: db (10.0.0.5:5432): Connection refused",
        "curl: (7) Failed to connect to db port 5432 after 3 ms: Couldn't connect to server",
        # Go
        "dial tcp 10.0.0.5:5432: connect: connection refused",
        'level=fatal msg="ping" error="dial tcp: lookup db on 127.0.0.11:53: no such host"',
        "panic: dial tcp 10.0.0.5:6379: i/o timeout",
        # Java
        "java.net.ConnectException: Connection refused",
        "org.postgresql.util.PSQLException: Connection to db:5432 refused. Check that the hostname is correct.",
        "Caused by: java.net.UnknownHostException: db",
        "java.net.SocketTimeoutException: connect timed out",
        "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure",
        # Node
        "Error: connect ECONNREFUSED 10.0.0.5:5432",
        "Error: connect EHOSTUNREACH 10.0.0.5:5432",
        "Error: getaddrinfo ENOTFOUND db",
        "MongooseServerSelectionError: connect ETIMEDOUT 10.0.0.5:27017",
        # Python
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "redis.exceptions.ConnectionError: Error 111 connecting to cache:6379. Connection refused.",
        'connection to server at "db" (10.0.0.5), port 5432 failed: Connection refused',
        "socket.gaierror: [Errno -2] Name or service not known",
        "socket.gaierror: [Errno -3] Temporary failure in name resolution",
        "(2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")",
        # PHP
        "PHP Fatal error:  Uncaught PDOException: SQLSTATE[HY000] [2002] Connection refused in /app/db.php:3",
        "php_network_getaddresses: getaddrinfo for db failed: Name or service not known",
        "fsockopen(): Unable to connect to db:3306 (Connection refused)",
        # others
        "Errno::ECONNREFUSED: Connection refused - connect(2) for 10.0.0.5:6379",
        'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }',
        "System.Net.Sockets.SocketException (111): Connection refused",
        # Rust
        "called `Result::unwrap()` on an `Err` value: PoolTimedOut",
        "Error: pool timed out while waiting for an open connection",
        "Error: failed to lookup address information: Try again",
        # Ruby
        'PG::ConnectionBad (could not translate host name "db" to address: Name does not resolve)',
        "Net::OpenTimeout: Failed to open TCP connection to db:9200 (execution expired)",
        "Mysql2::Error::ConnectionError: Unknown MySQL server host 'db' (-2)",
        # Elixir and Erlang
        "** (DBConnection.ConnectionError) connection not available and request was dropped from queue",
        "[error] Postgrex.Protocol failed to connect: ** (DBConnection.ConnectionError) tcp connect (db:5432): timeout",
        '{failed_connect,[{to_address,{"db",5984}},{inet,[inet],nxdomain}]}',
        # .NET
        "System.Net.Sockets.SocketException (00000001, 11): Resource temporarily unavailable (db:5432)",
        "Npgsql.NpgsqlException (0x80004005): Exception while connecting",
        "A network-related error occurred while establishing a connection to SQL Server.",
        # servers and tools
        '[emerg] 1#1: host not found in upstream "app" in /etc/nginx/conf.d/default.conf:3',
        "[error] 29#29: *1 app could not be resolved (3: Host not found), client: 10.0.0.9",
        "1767340800: Error creating bridge: Connection refused.",
        "wait-for-it.sh: timeout occurred after waiting 15 seconds for db:5432",
        "ldap_sasl_bind(SIMPLE): Can't contact LDAP server (-1)",
        "dial tcp: lookup db on 127.0.0.11:53: server misbehaving",
        "lookup db on 127.0.0.11:53: dial tcp: read udp 127.0.0.1:34567->127.0.0.11:53: i/o timeout",
        'Get "http://consul:8500/v1/kv": context deadline exceeded',
        "Error: P1001: Can't reach database server at `db`:`5432`",
        "OSError: Multiple exceptions: [Errno 111] Connect call failed ('10.0.0.5', 1)",
        "ERROR: Failed to obtain JDBC connection",
        "KnexTimeoutError: Timeout acquiring a connection. The pool is probably full.",
        "** (EXIT) time out connecting to db",
        # too late, gone in the middle, not ready yet, answered by somebody in between
        "TimeoutError: [Errno 110] Connection timed out",
        "cURL error 28: Connection timed out after 10001 milliseconds",
        "Error: queryA ETIMEOUT db",
        "socket.timeout: timed out",
        "PDOException: SQLSTATE[HY000] [2006] MySQL server has gone away",
        "asyncpg.exceptions.CannotConnectNowError: the database system is starting up",
        "FATA[0000] failed to open database: pq: the database system is starting up",
        "Error: Database connection failed: Connection timeout",
        "Waiting for postgres... timeout reached",
        "wget: server returned error: HTTP/1.1 502 Bad Gateway",
        "Error: Connection terminated unexpectedly",
        "MongooseError: Operation `users.find()` buffering timed out after 10000ms",
        "ReplyError: LOADING Redis is loading the dataset in memory",
        "redis.exceptions.TimeoutError: Timeout reading from socket",
        "aiomysql: (2013, 'Lost connection to MySQL server during query')",
        "NoNodeAvailableException: None of the configured nodes are available",
        "wget: download timed out",
        "nslookup: can't resolve 'db'",
    ],
)
def test_a_program_that_could_not_reach_another_lacks_a_dependency(line: str) -> None:
    assert heard(line) & {"dependency", "dns"}
    assert ill(line).preferred == "notify"
    assert "restart" in ill(line).actions


@pytest.mark.parametrize(
    "line",
    [
        "System.IO.DirectoryNotFoundException: Could not find a part of the path '/config'.",
        "java.nio.file.AccessDeniedException: /data/x",
        "1767340800: Error: Unable to open config file /etc/app.conf.",
        'FATAL:  data directory "/var/lib/data" has wrong ownership',
        "FATAL:  database files are incompatible with server",
        "[ERROR] [Server] Failed to find valid data directory.",
        "thread 'main' panicked at src/main.rs:5: DATABASE_URL must be set: NotPresent",
        "Error: Cannot find module '/app/index.js'",
        '[emerg] unexpected end of file, expecting "}" in /etc/app.conf:12',
        "Error loading config file: yaml: line 3: did not find expected key",
        # what it was started with, and what it may not
        "flag provided but not defined: -foo",
        "error: unrecognized arguments: --foo",
        "Caddyfile:3: unrecognized directive: foo",
        'exec: "foo": executable file not found in $PATH',
        "/bin/sh: foo: not found",
        "panic: required key SECRET missing value",
        "ERROR 1045 (28000): Access denied for user 'x'@'10.0.0.4' (using password: YES)",
        "ERROR 1049 (42000): Unknown database 'x'",
        "redis.exceptions.AuthenticationError: invalid username-password pair",
        "amqp.exceptions.AccessRefused: (0, 0): (403) ACCESS_REFUSED - Login was refused",
        "NOAUTH Authentication required.",
        "Illegal instruction (core dumped)",
        'error: no pg_hba.conf entry for host "10.0.0.4", user "x", database "y"',
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
        "No application encryption key has been specified.",
        "cannot create client: no configuration has been provided",
        "Error: Unable to access jarfile /app.jar",
        "mysql: [ERROR] unknown variable 'foo=bar'.",
        'npm ERR! Missing script: "start"',
        'initdb: error: directory "/var/lib/x" exists but is not empty',
        "SyntaxError: Unexpected token ] in JSON at position 9",
        "Laden fehlgeschlagen (Datei /etc/web/a.key nicht gefunden)",
        "[emerg] couldn't load module",
        'Error: the container name "web" is already in use by 77ab',
        "error: limit (64) on the number of watches",
        "cannot parse option 'prot' at line 14 of /etc/web/web.conf",
    ],
)
def test_a_program_that_could_not_begin_names_its_configuration(line: str) -> None:
    assert "configuration" in heard(line)
    assert (died(line).preferred, "restart" in died(line).actions) == ("notify", True)


@pytest.mark.parametrize(
    "line",
    [
        "Protocol 'inet_tcp': register/listen error: eaddrinuse",
        "OSError: [Errno 98] Address in use",
        "socket: Cannot assign requested address",
    ],
)
def test_a_program_that_could_not_listen_says_so(line: str) -> None:
    assert heard(line) == {"bound"}
    assert (died(line).preferred, "restart" in died(line).actions) == ("notify", True)


def test_own_words_for_a_cue_take_the_place_of_all_of_ours() -> None:
    base = Document(
        cues={"dns": ("a",)}, topics={"dns": ("b",), "tls": ("c",)}, logged={"dns": ("d",)}, failed_at={"dns": ("f",)}
    )
    over = Document(cues={"dns": ("mine",)}, logged={"tls": ("e",)})
    words = merged(base, over).cue_words()
    assert (words.plain["dns"], words.topics, words.logged) == (("mine",), {"tls": ("c",)}, {"tls": ("e",)})
    assert words.failed_at == {}


def test_a_refusal_and_a_dependency_that_is_down_are_for_a_person() -> None:
    backed = {"runtime": "docker", "container": "web", "status": "running"}

    def probe(status: int) -> Allowed:
        payload = backed | {"http_status": status, "error": f"it answered {status}"}
        return SHIPPED.allows(
            HealthEvent(type="http_probe_failed", node="n1", service="web", severity="error", payload=payload)
        )

    for status in (401, 403, 407, 429):
        assert (probe(status).actions, probe(status).rule) == (frozenset({"notify"}), "probe-refused")
    assert probe(502).preferred == "restart"
    assert died(depends_on={"db": "exited with 1"}).rule == "dependency-down"
    assert died(depends_on={"db": "running", "init": "finished"}).preferred == "restart"


@pytest.mark.parametrize(
    "line",
    [
        "web.service: Failed to attach to cgroup /system.slice/web.service: No such file or directory",
        "web.service: Failed to attach process 4711 to its control group: No such file or directory",
        "runc: open /proc/4711/ns/net: no such file or directory",
        "failed to read /sys/fs/cgroup/memory.max: no such file or directory",
    ],
)
def test_what_the_kernel_took_away_is_no_file_that_somebody_forgot(line: str) -> None:
    assert "configuration" not in heard(line)
    assert RESTART.word in died(line).actions


@pytest.mark.parametrize(
    "line",
    [
        "web.service: Failed to locate executable /usr/bin/web: No such file or directory",
        "web.service: Failed to load environment files: No such file or directory",
        "open /etc/web/web.toml: no such file or directory",
        "open /proc/sys/net/ipv4/ip_forward: permission denied",  # the same place, and another word
    ],
)
def test_a_file_that_is_missing_is_one(line: str) -> None:
    assert "configuration" in heard(line)
    assert "configuration" in heard("web.service: Failed to attach to cgroup /x: No such file or directory", line)


def test_an_operator_says_of_a_word_of_his_own_beside_which_others_it_does_not_count() -> None:
    own = merged(Document(), Document(cues={"mine": ("Lost",)}, unless={"LOST": ("Found",)})).cue_words()
    assert own.heard_in({"logs": ["it is lost"]}) == {"mine"}
    assert own.heard_in({"logs": ["lost and found"]}) == set()


def test_the_zone_of_a_time_is_no_word_between_two_numbers() -> None:
    lines = [f"2027-03-04t05:0{n}:1{n}z 10.20.0.9 - - get /feed 200" for n in range(5)]
    assert "progress" not in heard(*lines)
    assert "progress" in heard("przetwarzanie 3 z 40", "przetwarzanie 9 z 40")
