"""A thousand lines with a secret in each, of sixty kinds, drawn by lot when the test runs: none of them was ever real.

Each kind is a template and how its secret is drawn; the words around are what programs, people and configuration
files write. Drawn after the patterns in `secret_*.py` had been written, so it measures rather than repeats them.
"""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable, Iterator

B62 = string.ascii_letters + string.digits
B36 = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
URLSAFE = B62 + "-_"
_WORDS = ("sunny", "tiger", "Castle", "orbit", "Velvet", "mango", "Rocket", "pixel", "Harbor", "cedar")


def some(rng: random.Random, letters: str, size: int) -> str:
    return "".join(rng.choice(letters) for _ in range(size))


def password(rng: random.Random) -> str:
    """As people choose them: words with numbers and signs, or a dozen letters by lot."""
    if rng.random() < 0.6:
        return rng.choice(_WORDS) + rng.choice("-_.!#$*+") + rng.choice(_WORDS) + str(rng.randrange(10, 9999))
    return some(rng, B62 + "!#$%*+-_.", 12) + rng.choice(string.digits)


def b62(size: int) -> Callable[[random.Random], str]:
    return lambda rng: some(rng, B62, size - 2) + rng.choice(string.digits) + rng.choice(string.ascii_lowercase)


def hexes(size: int) -> Callable[[random.Random], str]:
    return lambda rng: some(rng, HEX, size - 2) + "a7"


def uuid(rng: random.Random) -> str:
    return "-".join(some(rng, HEX, n) for n in (8, 4, 4, 4, 12))


def encoded(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(32)).decode()


KINDS: dict[str, tuple[Callable[[random.Random], str], tuple[str, ...]]] = {
    "telegram bot": (
        lambda r: f"{r.randrange(10**8, 10**10)}:AA{some(r, URLSAFE, 33)}",
        ("GET https://api.telegram.org/bot{}/sendMessage?chat_id=12 failed: 502", "telegram: bot {} answered 401"),
    ),
    "discord webhook": (
        lambda r: some(r, URLSAFE, 68),
        (
            "POST https://discord.com/api/webhooks/112233445566778899/{} 429",
            "discord_url: https://discordapp.com/api/webhooks/99887766554433221/{}",
        ),
    ),
    "slack webhook": (
        lambda r: some(r, B62, 24),
        ("curl -X POST https://hooks.slack.com/services/T0AB12CD3/B0EF45GH6/{}",),
    ),
    "teams webhook": (
        lambda r: some(r, HEX, 32),
        ("https://acme.webhook.office.com/webhookb2/11112222-3333-4444-5555-666677778888@x/IncomingWebhook/{}/ab 502",),
    ),
    "uptime push": (lambda r: some(r, B62, 32), ("push to http://kuma.lan:3001/api/push/{}?status=up&msg=OK failed",)),
    "ping address": (
        uuid,
        ("healthcheck https://hc-ping.com/{} timed out", "curl -fsS https://hc.example.org/ping/{}"),
    ),
    "stripe": (
        lambda r: "sk_live_" + some(r, B62, 24),
        ("stripe.error: Invalid API Key provided: {}", "STRIPE={} node app.js"),
    ),
    "stripe restricted": (lambda r: "rk_test_" + some(r, B62, 24), ("using {} for refunds",)),
    "github": (
        lambda r: r.choice(("ghp_", "gho_", "ghs_")) + some(r, B62, 36),
        ("fatal: unable to access with {}", "remote: https://{}@github.com/a/b"),
    ),
    "gitlab": (
        lambda r: "glpat-" + some(r, URLSAFE, 20),
        ("runner registered with {} ok", "git fetch https://oauth2:{}@gitlab.lan/x/y.git"),
    ),
    "aws id": (
        lambda r: "AKIA" + some(r, string.ascii_uppercase + "234567", 16),
        ("credential {} not found in region", "aws: {} denied"),
    ),
    "aws secret": (
        lambda r: some(r, B62 + "+/", 40),
        ("aws_secret_access_key = {}", "AWS_SECRET_ACCESS_KEY={} terraform plan"),
    ),
    "google api": (
        lambda r: "AIza" + some(r, URLSAFE, 35),
        ("maps: key {} is not authorised", "https://maps.example.com/geo?key={}&q=x"),
    ),
    "azure storage": (
        encoded,
        ("DefaultEndpointsProtocol=https;AccountName=backup;AccountKey={};EndpointSuffix=core.windows.net",),
    ),
    "sas": (
        lambda r: some(r, B62, 43) + "%3D",
        ("GET https://acct.blob.example.net/c/f?sv=2022-11-02&sp=r&sig={} 403",),
    ),
    "vault": (
        lambda r: "hvs." + some(r, URLSAFE, 90),
        ("vault: permission denied for {}", "VAULT_TOKEN={} vault kv get x"),
    ),
    "pypi": (
        lambda r: "pypi-AgEIcHlwaS5vcmc" + some(r, URLSAFE, 80),
        ("twine upload -u __token__ -p {}", "upload with {} failed"),
    ),
    "npm": (lambda r: "npm_" + some(r, B62, 36), ("//registry.example.org/:_authToken={}", "npm ERR! 401 {}")),
    "docker pat": (lambda r: "dckr_pat_" + some(r, URLSAFE, 27), ("docker login -u me -p {}", "pull denied for {}")),
    "openai": (lambda r: "sk-proj-" + some(r, URLSAFE, 48), ("Incorrect API key provided: {}.", "llm: {} rejected")),
    "hugging face": (lambda r: "hf_" + some(r, string.ascii_letters, 34), ("HF download with {} refused",)),
    "tailscale": (
        lambda r: "tskey-auth-" + some(r, B62, 16) + "-" + some(r, B62, 32),
        ("tailscale up --authkey {}", "backend error: invalid key: {}"),
    ),
    "jwt": (
        lambda r: "eyJ" + some(r, URLSAFE, 33) + ".eyJ" + some(r, URLSAFE, 60) + "." + some(r, URLSAFE, 43),
        ("authorization: Bearer {}", "decoded {} with wrong issuer", "cookie jwt={}; Path=/"),
    ),
    "sendgrid": (lambda r: "SG." + some(r, URLSAFE, 22) + "." + some(r, URLSAFE, 43), ("mail: 401 for {}",)),
    "grafana": (lambda r: "glsa_" + some(r, B62, 32) + "_" + some(r, HEX, 8), ("grafana: {} has no permission",)),
    "digitalocean": (lambda r: "dop_v1_" + some(r, HEX, 64), ("doctl: {} unable to authenticate",)),
    "wireguard": (
        lambda r: some(r, B62 + "+/", 42) + "A=",
        ("PrivateKey = {}", "PresharedKey = {}", "wg set wg0 private-key {}"),
    ),
    "age key": (
        lambda r: "AGE-SECRET-KEY-1" + some(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
        ("sops: {} does not fit",),
    ),
    "armoured key": (
        lambda r: some(r, B62 + "+/", 64),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----",),
    ),
    "password in url": (
        password,
        (
            "postgres://app:{}@db.lan:5432/shop refused",
            "amqp connect amqp://guest:{}@mq/",
            "redis://:{}@cache:6379/0 WRONGPASS",
            "mongodb+srv://root:{}@cluster0.example.net/test?retryWrites=true",
            "rtsp://admin:{}@10.0.0.9:554/h264",
        ),
    ),
    "mysql -p": (password, ("mysqldump -u root -p{} shop > /tmp/x.sql", "mysql -h db -uapp -p{} -e 'select 1'")),
    "curl -u": (password, ("curl -s -u admin:{} http://nas/api", "curl --user 'bob:{}' https://x/y")),
    "redis-cli -a": (password, ("redis-cli -h cache -a {} ping", "valkey-cli -a {} info")),
    "sshpass": (password, ("sshpass -p {} ssh root@10.0.0.2", "sshpass -p '{}' scp a b:")),
    "ldap -w": (password, ("ldapsearch -x -D cn=admin,dc=lan -w {} -b dc=lan",)),
    "smb": (
        password,
        ("smbclient //nas/share -U bob%{}", "mount -t cifs //nas/x /mnt -o username=bob,password={},vers=3.0"),
    ),
    "option": (
        password,
        (
            "app --db-password {} --verbose",
            "backup --passphrase {} run",
            'exec ["restic","--password","{}","backup"]',
            "tool --api-key={}",
        ),
    ),
    "environment": (
        password,
        (
            "DB_PASSWORD={}",
            "export POSTGRES_PASSWORD='{}'",
            "env: MYSQL_ROOT_PASSWORD={} TZ=UTC",
            "SMTP_PASS={}",
            "ADMIN_PWD={}",
            "-e REDIS_PASSWORD={} image",
            "Environment=PASSWORD={}",
            "pass={}",
            "PGPASSWORD={} psql -h db",
        ),
    ),
    "json": (
        password,
        (
            '{{"user": "bob", "password": "{}"}}',
            '{{\\"db_pass\\": \\"{}\\"}}',
            '{{"auth": {{"clientSecret":"{}"}}}}',
            "{{'passwd': '{}', 'id': 3}}",
        ),
    ),
    "yaml": (
        password,
        ("password: {}", "  admin_password: '{}'", 'smtp_auth_password: "{}"', "- name: DB_PASSWORD\n  value: {}"),
    ),
    "xml": (password, ("<password>{}</password>", '<add key="DbPassword" value="{}"/>', "<ns:Secret>{}</ns:Secret>")),
    "ini": (password, ("password = {}", "[smtp]\npasswd={}", "secret_key={}", "requirepass {}", "masterauth {}")),
    "dsn": (
        password,
        (
            "Server=db;Database=shop;User Id=sa;Password={};Encrypt=true",
            "host=db user=app password={} dbname=x",
            "jdbc:mysql://db/x?user=a&password={}&ssl=true",
        ),
    ),
    "sentence": (
        password,
        (
            "the password is {}",
            "login with password {} failed",
            "new admin password: {}",
            "Generated password for admin: {}",
            'temporary password "{}" sent',
        ),
    ),
    "german": (password, ("Passwort: {}", "Das Kennwort lautet {}", "Passwort für admin: {}")),
    "french": (password, ("mot de passe : {}", "Mot de passe: {}", "le mot de passe est {}")),
    "spanish": (password, ("contraseña: {}", "Contraseña={}", "la contraseña es {}")),
    "polish": (password, ("hasło: {}", "Hasło to {}", "haslo={}")),
    "russian": (password, ("пароль: {}", "Пароль {} не подходит", "секрет={}")),
    "chinese": (password, ("密码：{}", "密码: {}", "密码是 {}")),
    "japanese": (password, ("パスワード：{}", "パスワード: {}", "パスワードは {} です")),
    "korean": (password, ("비밀번호: {}", "암호={}", "비밀번호는 {} 입니다")),
    "other languages": (
        password,
        (
            "wachtwoord: {}",
            "senha={}",
            "lösenord: {}",
            "heslo: {}",
            "parola: {}",
            "şifre: {}",
            "كلمة المرور: {}",
            "salasana: {}",
        ),
    ),
    "sql": (
        password,
        ("CREATE USER app IDENTIFIED BY '{}'", "ALTER ROLE app WITH PASSWORD '{}'", "SET PASSWORD FOR 'a'@'%' = '{}'"),
    ),
    "header": (
        b62(40),
        (
            "X-Api-Key: {}",
            "-H 'X-Auth-Token: {}'",
            "Authorization: Token {}",
            "authorization=Bearer {}",
            "Cookie: session={}; theme=dark",
            "Set-Cookie: sid={}; HttpOnly",
        ),
    ),
    "basic": (
        lambda r: base64.b64encode(f"bob:{password(r)}".encode()).decode(),
        ("Authorization: Basic {}", "proxy-authorization: basic {}"),
    ),
    "query": (
        b62(32),
        (
            "GET /rss?token={} 200",
            "GET /api?apikey={}&t=search 500",
            "http://sonarr:8989/api?access_token={}#x",
            "GET /cb?code=ok&client_secret={} 302",
        ),
    ),
    "api key hex": (
        hexes(32),
        ("SONARR_API_KEY={}", "apikey: {}", "radarr: api key {} rejected", "<ApiKey>{}</ApiKey>", 'api_key="{}"'),
    ),
    "token beside": (
        b62(24),
        ("token {} expired", "invalid token: {}", "secret {} leaked", "using access key {} now", "bearer {} revoked"),
    ),
    "password hash": (
        lambda r: "$6$" + some(r, B62, 8) + "$" + some(r, B62 + "./", 86),
        ("root:{}:19000:0:99999:7:::", "chpasswd -e bob:{}"),
    ),
    "bcrypt": (lambda r: "$2y$10$" + some(r, B62 + "./", 53), ("admin:{}", "hash {} does not match")),
    "session hex": (hexes(40), ("PHPSESSID session_id={}", "sessionid: {}", "csrf_token={}")),
    "base64 alone": (
        lambda r: base64.b64encode(r.randbytes(36)).decode().rstrip("="),
        ("loaded {} from env", "rotating to {}"),
    ),
    "chpasswd": (password, ("echo 'bob:{}' | chpasswd", "echo {} | sudo -S id")),
}


def drawn(seed: int, each: int = 20) -> Iterator[tuple[str, str, str]]:
    """(kind, line, the secret in it), `each` of every kind."""
    rng = random.Random(seed)
    for kind, (draw, templates) in KINDS.items():
        for number in range(each):
            secret = draw(rng)
            yield (
                kind,
                templates[number % len(templates)].replace("{{", "{").replace("}}", "}").replace("{}", secret),
                secret,
            )
