"""Secrets that are known by their own look: tokens of vendors, hashes of passwords, private keys. Pure.

Shapes of tokens are facts out of their vendors' documentation and of the rules of gitleaks (MIT) and detect-secrets
(Apache-2.0). Every pattern is linear: it is run over whatever a container prints.
"""

from __future__ import annotations

import re

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
    r"-----BEGIN (?![A-Z0-9 ]{0,40}PUBLIC)[A-Za-z0-9 .-]{0,40}(?:KEY|[Kk]ey)(?: BLOCK| V\d)?-----"
    r".*?(?:-----END [A-Za-z0-9 .-]{0,60}-----|\Z)"
    r"|PuTTY-User-Key-File-\d.*?(?:Private-MAC: ?[0-9a-f]{0,64}|\Z)",
    re.DOTALL,
)
