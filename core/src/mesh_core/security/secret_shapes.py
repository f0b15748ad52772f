"""What a secret looks like: the words it is named with, the tokens known by their own look, the commands that take one.

Data and judgements only; `redaction.py` hides. Pure. Shapes of tokens are facts out of their vendors' documentation
and of the rules of gitleaks (MIT) and detect-secrets (Apache-2.0); the words and patterns are our own. Every pattern is
linear: it is run over whatever a container prints.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

HIDDEN = "***"
KEY_OF_HEX = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}|[0-9a-fA-F]{24,128}")

# A field or variable whose name holds one of these words is a secret, whatever its value is. A word counts where a name
# is cut into its words (dbPassword, DB_PASSWORD, db-password); "passenger" and "tokenizer" are other words.
_STRONG = frozenset(
    (  # noqa: SIM905  (a list of one word a line is harder to read)
        "pass passwd pw cred authtok password passwords passwort passphrase passcode passkey pwd pswd psw secret "
        "secrets token tokens "
        "apikey apitoken authtoken accesstoken accesskey secretkey privatekey presharedkey sharedkey accountkey "
        "credential credentials creds authorization cookie cookies sessionid dsn psk otp totp jwt bearer requirepass "
        "masterauth userpass userpassword pgpassword sshpass kennwort geheimnis zugangsdaten mdp jeton contrasena "
        "contraseña clave secreto senha parola segreto wachtwoord geheim haslo hasło sekret lösenord losenord "
        "adgangskode kodeord passord salasana heslo tajemství jelszo jelszó parolă sifre şifre lozinka geslo "
        "katasandi sandi slaptazodis slaptažodis parole parool λοζινκα κωδικός κωδικος συνθηματικό "
        "пароль парола секрет токен лозинка гасло סיסמה סיסמא پاسورد رمز паролі пароля"
    ).split()
)
# Written without blanks between words, or in more than one: looked for as they are.
_STRONG_TEXT = (
    *("mot de passe", "mots de passe", "palavra-passe", "palavra passe", "kata sandi", "mật khẩu", "parola d'ordine"),
    *("كلمة المرور", "كلمة السر", "رمز عبور", "رمز المرور", "clé api", "clé d'api", "api-schlüssel", "api schlüssel"),
    *("गुप्त", "पासवर्ड", "รหัสผ่าน", "密码", "密碼", "口令", "密钥", "密鑰", "令牌"),
    *("パスワード", "暗証番号", "トークン", "秘密鍵", "合言葉", "비밀번호", "암호", "토큰", "비밀키", "패스워드"),
)
# These need a second word in front to be a secret, such as api_key; alone only with a value that looks random.
_WEAK = frozenset(
    (  # noqa: SIM905
        "key keys auth sig signature salt seed webhook hook session sid pin code nonce hash mnemonic "
        "schlüssel schluessel clé cle llave ключ klucz chiave chave sleutel nyckel kulcs avain anahtar klíč klic "
        "otpauth license licence community identity"
    ).split()
)
_OF_A_KEY = frozenset(
    (  # noqa: SIM905
        "api setup local network instrumentation gotify link device stream claim tsig rndc gpg pgp pairing access "
        "private secret account shared encryption encrypt signing sign master license licence auth service "
        "app application client session storage deploy ssh preshared consumer recovery backup unlock wireguard wg psk "
        "encrypted integration ingest admin root write read user rsa ecdsa ed25519 hmac aes jwt csrf webhook sas bot"
    ).split()
)
# Names of services whose keys are plain digests or UUIDs: beside one of these such a value is taken for its key.
_VENDORS = frozenset(
    (  # noqa: SIM905
        "adafruit adobe airtable algolia alibaba aliyun asana atlassian auth0 backblaze beamer bitbucket cloudflare "
        "codecov cohere coinbase confluent contentful datadog deepl digitalocean discord dropbox elastic etsy facebook "
        "fastly finicity finnhub flickr freshbooks gitter gocardless google heroku hetzner hubspot instagram intercom "
        "jira kraken kucoin launchdarkly linear linkedin linode lob looker mailchimp mailgun mailjet mapbox mattermost "
        "messagebird netlify newrelic nytimes okta openai openweathermap opsgenie ovh paddle pagerduty paypal plaid "
        "pushbullet pushover rapidapi sendbird sendgrid sentry shodan snyk sonar spotify squarespace strava sumo "
        "sumologic travis trello twilio twitch twitter virustotal vultr yandex zendesk zoom"
    ).split()
)
# "password_file", "token_count": a name that goes on like this tells about a secret; it holds none.
_ABOUT = frozenset(
    (  # noqa: SIM905
        "count counts length len size limit limits max min file files path dir directory folder name names type ttl "
        "expires expiry expiration expired age url uri endpoint policy enabled required rotation error errors failure "
        "failures manager store provider ref reset prompt attempts usage used per budget format version check status "
        "algorithm issuer audience scope scopes grant header mode set unset changed valid invalid source store lifetime"
    ).split()
)
# What stands behind "password:" in a message about one.
_STATES = frozenset(
    (  # noqa: SIM905
        "yes no true false null none nil undefined empty required optional missing invalid valid wrong incorrect "
        "failed failure failing expired expires rejected denied accepted ok okay set unset not is was are were has had "
        "must should cannot can't may will the a an for from of on in to by with and or changed reset rotated revoked "
        "disabled enabled refused unauthorized forbidden unknown mismatch error success successful verified unverified "
        "string str value sensitive known bad good match matches login prompt "
        "authentication authenticated file stdin env environment vault hidden redacted masked removed "
        "ja nein oui non si sí não tak nie да нет nej"
    ).split()
)

# Tokens known by their own look; each begins with what its vendor begins it with.
_TOKENS = (
    r"sk-[A-Za-z0-9_-]{12,512}",  # OpenAI, Anthropic, OpenRouter, LiteLLM
    r"(?:sk|rk|pk|whsec|price|acct)_(?:test|live|prod)_[A-Za-z0-9]{8,128}|whsec_[A-Za-z0-9+/=]{16,128}",  # Stripe
    r"gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}",
    r"gl(?:pat|dt|rt|ft|ptt|cbt|oas|soat|agent|imt|ffct|ptt)-[A-Za-z0-9_.-]{16,320}|GR1348941[\w-]{16,40}",
    r"ATATT3[A-Za-z0-9_=-]{20,255}|ATCTT3[A-Za-z0-9_=-]{20,255}|ATBB[A-Za-z0-9]{20,64}",  # Atlassian, Bitbucket
    r"x(?:ox[abceoprs]|app)[-.][A-Za-z0-9.-]{10,255}",  # Slack
    r"hf_[A-Za-z0-9]{16,64}|api_org_[A-Za-z0-9]{16,64}",
    r"A(?:KIA|SIA|BIA|CCA|GPA|IDA|IPA|NPA|NVA|ROA|PKA)[A-Z0-9]{12,20}|A3T[A-Z0-9]{17}|ABSK[A-Za-z0-9+/=]{40,300}",
    r"AIza[A-Za-z0-9_-]{30,60}|GOCSPX-[A-Za-z0-9_-]{20,40}|ya29\.[A-Za-z0-9_-]{20,1024}|1//0[A-Za-z0-9_-]{30,120}",
    r"eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_.-]{8,2048}|eyJrIjoi[A-Za-z0-9+/=]{20,400}",  # JWT, old Grafana keys
    r"gl(?:sa|c)_[A-Za-z0-9+/=_]{20,400}",  # Grafana
    r"npm_[A-Za-z0-9]{20,80}|pypi-[A-Za-z0-9_-]{16,1000}|rubygems_[a-f0-9]{32,64}|CLOJARS_[A-Za-z0-9]{40,80}",
    r"oy2[a-z0-9]{43}|cio[A-Za-z0-9]{32}",  # NuGet, crates.io
    r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,64}",
    r"tskey-[A-Za-z0-9-]{10,128}|(?:bot)?[0-9]{6,12}:AA[A-Za-z0-9_-]{28,45}",  # Tailscale, Telegram bots
    r"[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,42}|mfa\.[A-Za-z0-9_-]{20,100}",  # Discord
    r"hv[sbr]\.[A-Za-z0-9_-]{16,320}|s\.[A-Za-z0-9]{24}(?![A-Za-z0-9])",  # Vault
    r"do[opr]_v1_[a-f0-9]{32,80}|dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{16,100}",  # DigitalOcean, Doppler
    r"SG\.[A-Za-z0-9_=.-]{20,100}|xkeysib-[A-Za-z0-9-]{20,120}|key-[a-f0-9]{32}|[a-f0-9]{32}-us[0-9]{1,2}",  # mail
    r"(?:AC|SK)[a-f0-9]{32}|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{24,64}|sq0[a-z]{3}-[\w-]{20,64}|EAAA[\w-]{40,80}",
    r"lin_(?:api|oauth)_[A-Za-z0-9]{24,80}|ntn_[A-Za-z0-9]{30,60}|secret_[A-Za-z0-9]{40,48}|figd_[A-Za-z0-9_-]{20,80}",
    r"PMAK-[A-Za-z0-9-]{30,80}|NR(?:AK|II|JS|AA|RA|IQ)-[A-Za-z0-9_-]{16,60}|dapi[a-f0-9]{32}(?:-\d)?|dt0[a-z]\d{2}\.[\w.-]{24,120}",
    r"sntry[su]_[A-Za-z0-9+/=_-]{20,400}|phc_[A-Za-z0-9]{20,64}|phx_[A-Za-z0-9]{20,64}|sgp_[A-Za-z0-9_]{20,80}",
    r"pscale_(?:tkn|oauth|pw)_[\w=.-]{20,80}|pul-[a-f0-9]{32,48}|pn[ut]_[A-Za-z0-9]{30,40}|rdme_[a-z0-9]{40,80}",
    r"(?:fo1|fm1[ar]|fm2)_[\w+/=-]{30,512}|HRKU-[A-Za-z0-9_-]{20,80}|nfp_[A-Za-z0-9]{30,60}|vercel_[A-Za-z0-9]{20,60}",
    r"r8_[A-Za-z0-9]{30,60}|gsk_[A-Za-z0-9]{30,80}|pplx-[A-Za-z0-9]{30,64}|xai-[A-Za-z0-9]{40,100}|nvapi-[\w-]{30,100}",
    r"AQVN[A-Za-z0-9_-]{30,40}|t1\.[A-Za-z0-9_-]{10,60}\.[A-Za-z0-9_-]{60,100}|LTAI[A-Za-z0-9]{12,24}|AKID[A-Za-z0-9]{13,40}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{40,70}|ops_eyJ[A-Za-z0-9+/=]{40,2048}|A3-[A-Z0-9]{6}(?:-[A-Z0-9]{5,11}){4,5}",
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,64}|(?:pat|sat)\.[\w-]{20,24}\.[A-Za-z0-9]{20,26}\.[A-Za-z0-9]{16,24}|tfp_[\w.=-]{30,80}",
    r"sha256~[A-Za-z0-9_-]{40,50}|K10[a-f0-9]{64}::[a-z]+:[A-Za-z0-9]{16,128}|[a-z0-9]{6}\.[a-z0-9]{16}(?![A-Za-z0-9.])",
    r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,80}|v1\.0-[a-f0-9]{24}-[a-f0-9]{100,200}|AKCp[A-Za-z0-9]{40,80}",
    r"cmVmd[A-Za-z0-9]{40,64}|[a-zA-Z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{30,36}|EZ[AT]K[A-Za-z0-9]{40,60}|API-[A-Z0-9]{24,34}",
    r"duffel_(?:test|live)_[\w=-]{30,60}|FLW(?:SECK|PUBK)(?:_TEST)?-[A-Za-z0-9-]{12,60}|fio-u-[\w=-]{40,80}|ico-[A-Za-z0-9]{24,40}",
    r"EAA[A-Z][A-Za-z0-9]{60,400}|p8e-[A-Za-z0-9]{24,40}|sm_[aps]at_[A-Za-z0-9]{12,24}|sq[aupt]_[a-f0-9]{40}",
    r"A[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk|[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk|tk-us-[\w-]{40,56}|shippo_(?:live|test)_[a-fA-F0-9]{32,48}",
    r"ABIA[A-Z0-9]{12,20}|4b1d[A-Za-z0-9]{38}|sl\.[A-Za-z0-9_=-]{100,160}|lsv2_[a-z]{2}_[a-f0-9]{32}_[a-f0-9]{10}|e2b_[a-f0-9]{40}",
    r"(?:mk|tvly|re|key|api|tok|token|secret|live|test|prod|svc|app)[_-](?=[A-Za-z0-9]{0,40}\d)(?=[A-Za-z0-9]{0,40}[a-z])[A-Za-z0-9]{20,128}",
)
TOKEN = re.compile(rf"(?<![A-Za-z0-9_])(?:{'|'.join(_TOKENS)})")

# Hashes of passwords: they can be guessed from.
PASSWORD_HASH = re.compile(
    r"\$(?:1|2[abxy]?|5|6|7|y|gy|P|H|md5|apr1|argon2[a-z]{1,2}|scrypt|pbkdf2[a-z0-9-]{0,12}|bcrypt[a-z0-9-]{0,8})"
    r"\$[^\s:'\"]{8,512}|\{S?(?:SHA|MD5|CRYPT|SSHA)\d{0,3}\}[A-Za-z0-9+/=]{16,200}"
)
PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)"
    r"|PuTTY-User-Key-File-\d.*?(?:Private-MAC: ?[0-9a-f]{0,64}|\Z)",
    re.DOTALL,
)

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
    _command("auth pass", r"(?<![\w.-])(?:AUTH|PASS)\s+(?=\S*[^A-Z\s])(?!\[|Test)"),
    _command("enable username", r"(?im:^\s*enable|^\s*username\s+(?!or\b)\S{1,64})\s+(?:secret|password)\s+(?:\d\s+)?"),
    _command("login", r"(?m:^[^\n]{0,40}?\bLOGIN\s+\S{1,128}\s+)"),
    _command("_authtoken", r"_authToken[ =]"),
)
# echo user:password | chpasswd, echo password | sudo -S
PIPED = re.compile(
    rf"(\becho\s+(?:-\w\s+)?){_QUOTED_OR_WORD}(?=\s*\|\s*(?:sudo\b|chpasswd|passwd|su\b|\w+\s+login|ssh-add|openssl|cryptsetup|gpg))"
)

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CHUNK = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[A-Za-z0-9]+")
_NAME_LIKE = re.compile(
    r"[a-z]+\d{0,3}|[A-Z]?[a-z]+|[A-Z]{1,12}\d{0,2}|\d{1,14}|v?\d+[a-z]?\d?|[0-9a-f]{7,128}|[0-9A-F]{7,128}|0x[0-9a-fA-F]{1,64}"
)
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])(?:[0-9a-f]{16,128}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_LOWER_RUN = re.compile(r"[a-z]{3,}")
_ULID = re.compile(r"0[0-7][0-9A-HJKMNP-TV-Z]{24}")


_ENDINGS = ("password", "passwd", "passphrase", "apikey", "secretkey")
# Words that end in "key" or "code" and are none.
_KEYED = frozenset(
    {"monkey", "turkey", "hotkey", "keycode", "barcode", "qrcode", "unicode", "opcode", "zipcode", "errcode"}
)
# The second word of a name in two: "api key: ...", "mot de passe : ...".
SECOND = frozenset(
    {"key", "keys", "id", "sid", "pin", *(text.rpartition(" ")[2] for text in _STRONG_TEXT if " " in text)}
)

NO, WEAK, STRONG = 0, 1, 2

# The same words in a sentence: "password is ...", "API key ...", "mot de passe : ...".
SPOKEN = tuple(
    sorted(
        {
            *(_STRONG - {"pass", "sandi", "parole", "clave"}),
            *_STRONG_TEXT,
            *(
                f"{kind}{gap}key"
                for kind in (
                    "api",
                    "access",
                    "private",
                    "secret",
                    "account",
                    "license",
                    "setup",
                    "master",
                    "encryption",
                    "network",
                )
                for gap in " -_"
            ),
        }
    )
)


def name_words(name: str) -> list[str]:
    """The words of a name in small letters: dbPassword, DB_PASSWORD and db-password give the same two."""
    words: list[str] = []
    for chunk in _CHUNK.findall(name[-100:]):
        words += [word.lower() for word in _CAMEL.findall(chunk)] if chunk.isascii() else [chunk.lower()]
    return words


def is_secret_name(name: str) -> bool:
    """Is a field of this name a secret, whatever it holds?"""
    return strength_of(name) == STRONG


@lru_cache(maxsize=4096)
def strength_of(name: str) -> int:
    """NO, WEAK (a secret only if its value looks random) or STRONG, of a field's or variable's name."""
    words = name_words(name)
    if "public" in words or "pub" in words:
        return NO
    joined = "".join(words)
    found = NO
    for place, word in enumerate(words):
        before = words[place - 1] if place else ""
        if _is_strong(word, before):
            found = STRONG
        elif word in _WEAK or word in _VENDORS or (word.endswith(("key", "code")) and word not in _KEYED):
            found = max(found, WEAK)
        elif word in _ABOUT and found:
            found = WEAK if found == STRONG and word in ("hash", "ref") else NO
    if joined in _STRONG or joined.endswith(_ENDINGS):
        return STRONG
    return STRONG if (" " in name or not name.isascii()) and of_two_words(name) else found


def _is_strong(word: str, before: str) -> bool:
    if word in _STRONG or (word.endswith("pw") and len(word) > 3):
        return True
    if word in ("key", "keys"):
        return before in _OF_A_KEY
    return (word in ("pin", "hash") and before in _STRONG) or (word in ("id", "sid") and before == "session")


def of_two_words(name: str) -> bool:
    """Does it hold one of the names that are written in two words, or without blanks between words?"""
    low = name.lower()
    return any(text in low for text in _STRONG_TEXT)


_CODE = re.compile(
    r"(?:os|process|request|req|config|cfg|env|settings|self|this|ctx|secrets|vars?|local|data|params|props|System)\b[.\[(]"
    r"|[A-Za-z_][\w.]{1,60}[(\[][\"'\w]"
)
_VERSION = re.compile(r"v?\d{1,4}(?:\.\d{1,6}){1,4}")
_VARIABLE = re.compile(r"\$(?:[A-Z][A-Z0-9_]{0,60}|[a-z][a-z_]{0,60})")


def says_a_state(value: str) -> bool:
    """Is this the rest of a sentence about a secret (`expired`, `YES`), or a place for one (`${TOKEN}`, `****`)?"""
    bare = value.strip("'\"`.,:;!?()[]{}<>").lower()
    if not bare or bare in _STATES or set(bare) <= set("*x•.-_") or _VERSION.fullmatch(bare):
        return True
    if value.startswith(("${", "$(", "{{", "%(", "%s", "<", "***", "[{", "{")) or _VARIABLE.fullmatch(value):
        return True
    # code that fetches it, a tag that names it, a word that stands for it
    if _CODE.match(value) or value.lower().startswith(
        ("!secret", "!vault", "!env", "!include", "your_", "your-", "changeme")
    ):
        return True
    stands_for = value.strip("[](){}<>,.")  # secret, PASSWORD]: the word itself, where one is asked for
    return stands_for.isalpha() and (bare in _STRONG or (stands_for.isupper() and strength_of(bare) != NO))


def is_path(value: str) -> bool:
    """A path of plain names, such as /run/secrets/token, or an http(s) address."""
    if value.startswith(("http://", "https://")):
        return True
    if not value.startswith(("/", "./", "~/", "../")):
        return False
    return all(name_like(part) for part in value.split("/"))


def name_like(text: str) -> bool:
    """Made of words, short numbers and hexadecimal digests, as names of people's things are."""
    return all(_NAME_LIKE.fullmatch(part) for part in _RUN.findall(text))


def is_strange(word: str) -> bool:
    """Is this no word of a sentence: letters with digits or signs in them? What stands right beside a secret's name."""
    bare = word.strip("'\"`.,:;!?()[]{}<>")
    if len(bare) < 6 or is_path(bare) or says_a_state(bare):
        return False
    kinds = sum((any(c.isalpha() for c in bare), any(c.isdigit() for c in bare), any(not c.isalnum() for c in bare)))
    return kinds > 1 and (not name_like(bare) or _HEX.fullmatch(bare) is not None)


def is_random(word: str) -> bool:
    """Does this word look drawn by lot (a key, a token) rather than written: by how often the kind of letter changes?

    Hexadecimal alone is not enough: digests, container ids and UUIDs are no secrets. In base 62 the kind changes at
    62 % of the places, in base 36 at 40 %; in CamelCase at 28 %, in names with numbers at 15 %.
    """
    runs = [run for run in _RUN.findall(word) if not _NAME_LIKE.fullmatch(run)]
    drawn = "".join(runs)
    if len(drawn) < 20 or len(drawn) * 2 < len(word) or _ULID.fullmatch(drawn):
        return False
    kinds = ["u" if c.isupper() else "l" if c.islower() else "d" for c in drawn]
    changes = sum(a != b for a, b in pairwise(kinds)) / len(drawn)
    match "".join(sorted(set(kinds))):
        case "dlu":
            return changes >= 0.34 and sum(map(len, _LOWER_RUN.findall(drawn))) * 2 < len(drawn)
        case "du":
            return max(map(len, runs)) >= 20 and len(drawn) >= 24 and changes >= 0.25
        case "dl":
            return max(map(len, runs)) >= 20 and len(drawn) >= 28 and changes >= 0.25
        case _:
            return False
