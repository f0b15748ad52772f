"""Lines with a secret in each, drawn with a seed from the public forms of such secrets. Knows nothing of our patterns.

`KINDS` names each kind with what draws one: (the secret, the line that holds it). A kind has several carriers: the
places where people were seen to leave such a thing (logs, units, compose files, command lines, addresses).
"""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable, Iterator, Sequence
from random import Random

Drawn = tuple[str, str]
BASE62 = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
BASE32 = string.ascii_uppercase + "234567"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
WORDS = ("amber", "birch", "cactus", "delta", "ember", "falcon", "garnet", "harbor", "indigo", "juniper", "kestrel")
HOSTS = ("db.lan", "10.0.4.12", "mail.example.org", "nas-1", "api.internal", "registry.example.com")
USERS = ("admin", "app", "svc-backup", "postgres", "jane", "root")
SCHEMES = ("postgres", "mysql", "redis", "amqp", "mongodb+srv", "https", "ftp", "smtp", "ldap", "rtsp")


def drawn(r: Random, alphabet: str, length: int) -> str:
    return "".join(r.choice(alphabet) for _ in range(length))


def password(r: Random) -> str:
    """As people and managers make them: drawn, or words with a number and a sign."""
    if r.random() < 0.5:
        return drawn(r, BASE62 + "!%*+-_=?", r.randint(10, 24))
    return f"{r.choice(WORDS).title()}{r.choice('-_.!')}{r.choice(WORDS)}{r.randint(10, 9999)}"


def base64_of(r: Random, size: int) -> str:
    return base64.b64encode(r.randbytes(size)).decode()


def urlsafe(r: Random, size: int) -> str:
    return base64.urlsafe_b64encode(r.randbytes(size)).decode().rstrip("=")


def jwt(r: Random) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(json.dumps({"sub": drawn(r, BASE62, 8), "exp": 1796000000}).encode()).decode()
    return f"{head}.{body.rstrip('=')}.{urlsafe(r, 32)}"


def in_lines(*carriers: str) -> Callable[[Callable[[Random], str]], Callable[[Random], Drawn]]:
    """Of what draws a secret what draws a line; {s} is the secret, {u} a user, {h} a host."""

    def of(secret: Callable[[Random], str]) -> Callable[[Random], Drawn]:
        def one(r: Random) -> Drawn:
            s = secret(r)
            line = r.choice(carriers).replace("{u}", r.choice(USERS)).replace("{h}", r.choice(HOSTS))
            return s, line.replace("{s}", s)

        return one

    return of


TOKEN_CARRIERS = (
    'level=error msg="request failed" token={s} status=401',
    "using {s} to authenticate",
    "curl -H 'Authorization: Bearer {s}' https://{h}/v1/me",
    "      - API_TOKEN={s}",
    '{"error":"invalid_grant","credential":"{s}"}',
    "Environment=TOKEN={s}",
    "error: authentication with key {s} was refused by {h}",
)
token_in_lines = in_lines(*TOKEN_CARRIERS)


def pem(label: str) -> Callable[[Random], Drawn]:
    def one(r: Random) -> Drawn:
        body = base64_of(r, 96)
        lines = "\\n".join(body[at : at + 64] for at in range(0, len(body), 64))
        joined = r.choice((lines, lines.replace("\\n", "\n")))
        return body[:64], f"loaded -----BEGIN {label}-----\n{joined}\n-----END {label}----- from disk"

    return one


def of_choice(*makers: Callable[[Random], Drawn]) -> Callable[[Random], Drawn]:
    return lambda r: r.choice(makers)(r)


def docker_auth(r: Random) -> Drawn:
    secret = base64.b64encode(f"{r.choice(USERS)}:{password(r)}".encode()).decode()
    return secret, json.dumps({"auths": {r.choice(HOSTS): {"auth": secret}}})


def basic_header(r: Random) -> Drawn:
    secret = base64.b64encode(f"{r.choice(USERS)}:{password(r)}".encode()).decode()
    return secret, f"> Authorization: Basic {secret}"


def card(r: Random) -> Drawn:
    """A number that passes Luhn's check, with a vendor's beginning."""
    digits = [int(d) for d in r.choice(("4", "51", "53", "2221", "6011"))]
    digits += [r.randrange(10) for _ in range(15 - len(digits))]
    total = sum(d if at % 2 else (2 * d - 9 if d > 4 else 2 * d) for at, d in enumerate(digits))
    number = "".join(map(str, [*digits, -total % 10]))
    shown = r.choice((number, " ".join(number[at : at + 4] for at in range(0, 16, 4))))
    return shown, r.choice((f"payment declined for card {shown} exp 09/28", f'{{"pan": "{shown}", "amount": 1200}}'))


def smtp_login(r: Random) -> Drawn:
    secret = base64.b64encode(f"\0{r.choice(USERS)}\0{password(r)}".encode()).decode()
    return secret, r.choice((f"C: AUTH PLAIN {secret}", f"smtp[{r.randint(100, 9999)}]: > AUTH PLAIN {secret}"))


KINDS: dict[str, Callable[[Random], Drawn]] = {
    "aws access key": token_in_lines(lambda r: r.choice(("AKIA", "ASIA")) + drawn(r, BASE32, 16)),
    "aws secret key": in_lines(
        "aws_secret_access_key = {s}",
        "AWS_SECRET_ACCESS_KEY={s}",
        'secretAccessKey: "{s}"',
        "export AWS_SECRET_KEY={s}",
    )(lambda r: drawn(r, BASE62 + "/+", 40)),
    "gcp api key": token_in_lines(lambda r: "AIza" + drawn(r, BASE62 + "-_", 35)),
    "gcp oauth token": token_in_lines(lambda r: "ya29." + drawn(r, BASE62 + "-_", 60)),
    "azure storage key": in_lines(
        "DefaultEndpointsProtocol=https;AccountName=home;AccountKey={s};EndpointSuffix=core.windows.net",
        "AZURE_STORAGE_KEY={s}",
        "az storage blob list --account-key {s}",
    )(lambda r: base64_of(r, 64)),
    "azure client secret": in_lines("client_secret={s}&grant_type=client_credentials", "AZURE_CLIENT_SECRET: {s}")(
        lambda r: drawn(r, BASE62, 3) + "8Q~" + drawn(r, BASE62 + "-_.~", 34)
    ),
    "azure sas": in_lines("GET https://home.blob.core.windows.net/b/x?sv=2024-11-04&se=2027-01-01&sig={s}")(
        lambda r: drawn(r, BASE62, 40) + "%3D"
    ),
    "github token": token_in_lines(
        lambda r: r.choice(
            (
                r.choice(("ghp_", "gho_", "ghs_", "ghu_")) + drawn(r, BASE62, 36),
                f"github_pat_{drawn(r, BASE62, 22)}_{drawn(r, BASE62, 59)}",
            )
        )
    ),
    "gitlab token": token_in_lines(lambda r: r.choice(("glpat-", "gldt-", "glrt-")) + drawn(r, BASE62 + "-_", 20)),
    "slack token": token_in_lines(
        lambda r: (
            f"xox{r.choice('bpa')}-{r.randrange(10**11, 10**12)}-{r.randrange(10**11, 10**12)}-" + drawn(r, BASE62, 24)
        )
    ),
    "slack webhook": in_lines(
        "POST https://hooks.slack.com/services/{s} 404", "slack_url: https://hooks.slack.com/services/{s}"
    )(lambda r: f"T{drawn(r, UPPER, 8)}/B{drawn(r, UPPER, 8)}/{drawn(r, BASE62, 24)}"),
    "discord webhook": in_lines("https://discord.com/api/webhooks/1141517265823535115/{s} returned 429")(
        lambda r: drawn(r, BASE62 + "-_", 68)
    ),
    "telegram bot": in_lines(
        "GET https://api.telegram.org/bot{s}/getUpdates", "TELEGRAM_TOKEN={s}", "bot token {s} is invalid"
    )(lambda r: f"{r.randrange(10**8, 10**10)}:AA{drawn(r, BASE62 + '-_', 33)}"),
    "stripe key": token_in_lines(
        lambda r: f"{r.choice(('sk', 'rk'))}_{r.choice(('live', 'test'))}_" + drawn(r, BASE62, 24)
    ),
    "openai key": token_in_lines(
        lambda r: r.choice(("sk-proj-" + drawn(r, BASE62 + "-_", 64), "sk-" + drawn(r, BASE62, 48)))
    ),
    "anthropic key": token_in_lines(lambda r: "sk-ant-api03-" + drawn(r, BASE62 + "-_", 93) + "AA"),
    "hugging face token": token_in_lines(lambda r: "hf_" + drawn(r, string.ascii_letters, 34)),
    "npm token": token_in_lines(lambda r: "npm_" + drawn(r, BASE62, 36)),
    "pypi token": token_in_lines(lambda r: "pypi-AgEIcHlwaS5vcmc" + drawn(r, BASE62 + "-_", 80)),
    "docker hub token": token_in_lines(lambda r: "dckr_pat_" + drawn(r, BASE62 + "-_", 27)),
    "digitalocean token": token_in_lines(lambda r: "dop_v1_" + drawn(r, HEX, 64)),
    "sendgrid key": token_in_lines(lambda r: f"SG.{drawn(r, BASE62 + '-_', 22)}.{drawn(r, BASE62 + '-_', 43)}"),
    "tailscale key": token_in_lines(lambda r: f"tskey-auth-k{drawn(r, BASE62, 11)}CNTRL-{drawn(r, BASE62, 32)}"),
    "vault token": token_in_lines(lambda r: "hvs." + drawn(r, BASE62 + "-_", 90)),
    "cloudflare token": in_lines(
        "CLOUDFLARE_API_TOKEN={s}", "CF_API_KEY: {s}", "cloudflare.api-token={s}", "X-Auth-Key: {s}"
    )(lambda r: drawn(r, BASE62 + "-_", 40)),
    "grafana token": token_in_lines(lambda r: f"glsa_{drawn(r, BASE62, 32)}_{drawn(r, HEX, 8)}"),
    "jwt": token_in_lines(jwt),
    "private key": of_choice(
        pem("PRIVATE KEY"), pem("RSA PRIVATE KEY"), pem("EC PRIVATE KEY"), pem("ENCRYPTED PRIVATE KEY")
    ),
    "ssh private key": pem("OPENSSH PRIVATE KEY"),
    "pgp private key": pem("PGP PRIVATE KEY BLOCK"),
    "basic auth address": in_lines(*(f"connecting to {scheme}://{{u}}:{{s}}@{{h}}/x" for scheme in SCHEMES))(
        lambda r: drawn(r, BASE62 + "-_.", r.randint(9, 20))
    ),
    "git remote": in_lines(
        "fatal: unable to access 'https://oauth2:{s}@{h}/lab/conf.git/': 403",
        "origin https://{s}@github.com/me/x.git (fetch)",
    )(lambda r: r.choice(("ghp_", "glpat-")) + drawn(r, BASE62, 36)),
    "dsn": in_lines(
        "dsn: {u}:{s}@tcp({h}:3306)/shop?parseTime=true",
        "host={h} user={u} password={s} dbname=shop",
        "DATABASE_URL=postgresql://{u}:{s}@{h}:5432/shop",
    )(lambda r: drawn(r, BASE62 + "-_.!", r.randint(10, 20))),
    "sentry dsn": in_lines("SENTRY_DSN=https://{s}@o4501.ingest.sentry.io/42", "dsn https://{s}@{h}/3")(
        lambda r: drawn(r, HEX, 32)
    ),
    "ado connection string": in_lines(
        "Server={h};Database=shop;User Id={u};Password={s};Encrypt=true", "Data Source={h};uid={u};pwd={s};"
    )(lambda r: drawn(r, BASE62 + "!#*+-_", r.randint(10, 20))),
    "session cookie": in_lines(
        "Cookie: session={s}; theme=dark",
        "Set-Cookie: connect.sid={s}; Path=/; HttpOnly",
        "< set-cookie: PHPSESSID={s}; path=/",
        "cookie: _gitlab_session={s}",
    )(lambda r: drawn(r, BASE62, r.randint(26, 40))),
    "bearer header": in_lines(
        "Authorization: Bearer {s}", '"authorization": "Bearer {s}"', "-H 'authorization: bearer {s}'"
    )(lambda r: drawn(r, BASE62 + "-_.", 40)),
    "basic header": basic_header,
    "api key header": in_lines(
        "X-Api-Key: {s}", "x-api-key={s}", "> X-Plex-Token: {s}", "X-Auth-Token: {s}", "Private-Token: {s}"
    )(lambda r: drawn(r, BASE62, 32)),
    "env line": in_lines(
        "DB_PASSWORD={s}",
        "      MYSQL_ROOT_PASSWORD: {s}",
        "export PGPASSWORD={s}",
        "SECRET_KEY_BASE={s}",
        "      - JWT_SECRET={s}",
        "SMTP_PASS={s}",
    )(password),
    "yaml": in_lines(
        "  password: {s}",
        '  adminPassword: "{s}"',
        "    client_secret: '{s}'",
        "passphrase: {s}",
        "  - secret: {s}",
        "encryption_key: {s}",
    )(password),
    "json": in_lines(
        '{"user":"{u}","password":"{s}"}',
        '{"apiKey": "{s}", "host": "{h}"}',
        '{"name": "DB_PASSWORD", "value": "{s}"}',
        '"credentials":{"secret":"{s}"}',
    )(password),
    "escaped json": in_lines(
        'msg="{\\"user\\":\\"{u}\\",\\"password\\":\\"{s}\\"}"', '"body":"{\\"token\\": \\"{s}\\"}"'
    )(password),
    "ini": in_lines(
        "password = {s}",
        "admin_passwd={s}",
        "secret_key = {s}",
        "rpcpassword={s}",
        "requirepass {s}",
        "bind_password = {s}",
    )(password),
    "xml": in_lines(
        "<password>{s}</password>",
        "<ApiKey>{s}</ApiKey>",
        '<add key="Password" value="{s}"/>',
        '<user name="{u}" password="{s}"/>',
    )(lambda r: drawn(r, BASE62, 20)),
    "long flag": in_lines(
        "cmd: ./run --user {u} --password {s}",
        "exec restic --password={s} -r x",
        "app --api-key {s} --verbose",
        "ExecStart=/usr/bin/x --token={s}",
        "argv: ['--secret', '{s}']",
    )(password),
    "short flag": in_lines(
        "mysql -u{u} -p{s} shop",
        "mysqldump -h {h} -u {u} -p{s} x",
        "sshpass -p {s} ssh {u}@{h}",
        "redis-cli -h {h} -a {s} ping",
        "curl -u {u}:{s} https://{h}/",
        "ldapsearch -D cn={u} -w {s}",
        "smbclient //{h}/x -U {u}%{s}",
    )(lambda r: drawn(r, BASE62 + "_.", r.randint(9, 18))),
    "wireguard key": in_lines(
        "PrivateKey = {s}", "PresharedKey = {s}", "wg set wg0 private-key {s}", "WIREGUARD_PRIVATE_KEY={s}"
    )(lambda r: base64_of(r, 32)),
    "age key": in_lines("# key: {s}", "identity {s}", "SOPS_AGE_KEY={s}", "failed to parse {s}")(
        lambda r: "AGE-SECRET-KEY-1" + drawn(r, BECH32.upper(), 58)
    ),
    "bcrypt": in_lines("{u}:{s}", "password hash {s} does not match", "BASIC_AUTH={u}:{s}", 'hash: "{s}"')(
        lambda r: f"$2{r.choice('aby')}$1{r.randrange(3)}$" + drawn(r, BASE62 + "./", 53)
    ),
    "crypt": in_lines("{u}:{s}:19700:0:99999:7:::", "usermod -p '{s}' {u}", "rootpw --iscrypted {s}")(
        lambda r: r.choice(
            (
                f"$6${drawn(r, BASE62, 16)}${drawn(r, BASE62 + './', 86)}",
                f"$y$j9T${drawn(r, BASE62, 22)}${drawn(r, BASE62 + './', 43)}",
                f"$1${drawn(r, BASE62, 8)}${drawn(r, BASE62, 22)}",
            )
        )
    ),
    "argon2": in_lines("ADMIN_TOKEN={s}", "password: {s}", "stored {s}")(
        lambda r: f"$argon2id$v=19$m=65540,t=3,p=4${base64_of(r, 16).rstrip('=')}${base64_of(r, 32).rstrip('=')}"
    ),
    "totp seed": in_lines(
        "otpauth://totp/Home:{u}?secret={s}&issuer=Home", "TOTP_SECRET={s}", "2fa secret: {s}", "mfa_seed = {s}"
    )(lambda r: drawn(r, BASE32, r.choice((16, 32)))),
    "kubeconfig": in_lines("    token: {s}", "    client-key-data: {s}", "kubectl --token={s} get po")(
        lambda r: r.choice((urlsafe(r, 60), base64_of(r, 90)))
    ),
    "k3s token": in_lines("K3S_TOKEN={s}", "k3s agent --token {s}", "join token {s}")(
        lambda r: f"K10{drawn(r, HEX, 64)}::server:{drawn(r, HEX, 32)}"
    ),
    "docker auth": docker_auth,
    "docker login": in_lines(
        "docker login -u {u} -p {s} {h}",
        "docker login --username {u} --password {s}",
        "echo {s} | docker login -u {u} --password-stdin",
    )(password),
    "smtp login": smtp_login,
    "query string": in_lines(
        "GET /api/v3/series?apikey={s} HTTP/1.1",
        "https://{h}/feed?access_token={s}&x=1",
        "POST /rest/x?t=1&api_key={s} 500",
        "GET /?passkey={s}",
        "/ping?u={u}&p={s}&c=app",
        "wss://{h}/ws?auth={s}",
    )(lambda r: drawn(r, HEX, 32) if r.random() < 0.6 else drawn(r, BASE62, 24)),
    "password in a sentence": in_lines(
        "the password is {s}",
        "new password: {s} for {u}",
        "password for {u} set to {s}",
        "Passwort lautet {s}",
        "mot de passe : {s}",
        "contraseña: {s}",
        "密码：{s}",
        "generated password '{s}'",
    )(lambda r: drawn(r, BASE62 + "!-_", r.randint(10, 18))),
    "wifi": in_lines(
        "wpa_passphrase={s}", 'psk="{s}"', "WIFI:S:home;T:WPA;P:{s};;", "802-11-wireless-security.psk: {s}"
    )(password),
    "mqtt": in_lines("mosquitto_pub -h {h} -u {u} -P {s} -t x", "mqtt: password: {s}", "mqtt://{u}:{s}@{h}:1883")(
        lambda r: drawn(r, BASE62, 14)
    ),
    "credit card": card,
    "bip39": in_lines("seed phrase: {s}", "mnemonic={s}", 'wallet recovery phrase "{s}"')(
        lambda r: " ".join(r.choice(WORDS) for _ in range(12))
    ),
}


def secret_lines(seed: int, each: int) -> Iterator[tuple[str, str, str]]:
    """(kind, the secret, the line), `each` of every kind; the same seed gives the same lines."""
    for kind, draw in KINDS.items():
        r = Random(f"{seed} {kind}")
        for _ in range(each):
            yield (kind, *draw(r))


def is_hidden(secret: str, text: str) -> bool:
    """Is no piece of eight characters of it left? Of a shorter one nothing."""
    size = min(8, len(secret))
    return not any(piece in text for piece in _pieces(secret, size))


def _pieces(secret: str, size: int) -> Sequence[str]:
    return [secret[at : at + size] for at in range(len(secret) - size + 1)]
