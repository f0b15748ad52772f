"""Which names mean a secret: the words of fields and variables in many languages, and how sure each is. Pure.

The lists are our own.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A field or variable whose name holds one of these words is a secret, whatever its value is. A word counts where a name
# is cut into its words (dbPassword, DB_PASSWORD, db-password); "passenger" and "tokenizer" are other words.
STRONG_WORDS = frozenset(
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

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CHUNK = re.compile(r"[^\W_]+")

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
            *(STRONG_WORDS - {"pass", "sandi", "parole", "clave"}),
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
    if joined in STRONG_WORDS or joined.endswith(_ENDINGS):
        return STRONG
    return STRONG if (" " in name or not name.isascii()) and of_two_words(name) else found


def _is_strong(word: str, before: str) -> bool:
    if word in STRONG_WORDS or (word.endswith("pw") and len(word) > 3):
        return True
    if word in ("key", "keys"):
        return before in _OF_A_KEY
    return (word in ("pin", "hash") and before in STRONG_WORDS) or (word in ("id", "sid") and before == "session")


def of_two_words(name: str) -> bool:
    """Does it hold one of the names that are written in two words, or without blanks between words?"""
    low = name.lower()
    return any(text in low for text in _STRONG_TEXT)
