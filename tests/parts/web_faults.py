"""Faults of a web server on the systemd node, as scripts: certificates near their end, a configuration that was never
loaded. Three nginx of their own, because who reloads one mends all that it serves.
"""

from __future__ import annotations

# $1 name, $2 days since it was given, $3 days until its end.
_NEW_CERTIFICATE = r"""
new_certificate() (
  work=$(mktemp -d)
  cd "$work"
  touch index
  echo 01 > serial
  printf '%s\n' '[ca]' default_ca=d '[d]' new_certs_dir=. database=index serial=serial policy=p default_md=sha256 \
    x509_extensions=x '[p]' commonName=supplied '[x]' "subjectAltName=DNS:$1" '[req]' distinguished_name=n '[n]' > conf
  openssl req -config conf -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" \
    -keyout key -out asked 2> /dev/null
  openssl ca -config conf -selfsign -batch -notext -keyfile key -in asked -out cert 2> /dev/null \
    -startdate "$(date -u -d "-$2 days" +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "+$3 days" +%Y%m%d%H%M%SZ)"
  mv key "/etc/letsencrypt/live/$1/privkey.pem"
  mv cert "/etc/letsencrypt/live/$1/cert.pem"
  rm -r "$work"
)
"""
# $1 name, $2 port: an nginx of its own that shows a certificate of /etc/letsencrypt/live/NAME, near its end.
_SERVE = (
    _NEW_CERTIFICATE
    + r"""
serve() {
  mkdir -p "/etc/letsencrypt/live/$1" /etc/letsencrypt/renewal
  touch "/etc/letsencrypt/renewal/$1.conf"
  new_certificate "$1" 85 5
  printf '%s\n' "pid /run/$1.pid; events {} http { access_log off; server { listen $2 ssl;" \
    "ssl_certificate /etc/letsencrypt/live/$1/cert.pem; ssl_certificate_key /etc/letsencrypt/live/$1/privkey.pem;" \
    'return 200; } }' > "/srv/$1.conf"
  printf '%s\n' '[Service]' Type=forking "PIDFile=/run/$1.pid" "ExecStart=/usr/sbin/nginx -c /srv/$1.conf" \
    'ExecReload=/bin/kill -HUP $MAINPID' > "/etc/systemd/system/front-$1.service"
  systemctl daemon-reload
  systemctl start "front-$1"
}
"""
)
# It stands in for certbot: its options as the remedy gives them, its folders, its words, and only what is due.
_CERTBOT = (
    r"""
mkdir -p /etc/letsencrypt
cat > /usr/local/bin/certbot << 'END'
#!/bin/sh -eu
"""
    + _NEW_CERTIFICATE
    + r"""
[ "$*" = "renew --cert-name shop.example --non-interactive --no-random-sleep-on-renew" ] || exit 2
cd "/etc/letsencrypt/live/$3"
test -e "/etc/letsencrypt/renewal/$3.conf"
if openssl x509 -noout -checkend 2592000 -in cert.pem > /dev/null; then
  printf 'The following certificates are not due for renewal yet:\nNo renewals were attempted.\n'
  exit
fi
new_certificate "$3" 0 90
printf 'Congratulations, all renewals succeeded:\n'
END
chmod +x /usr/local/bin/certbot
"""
)
NEARLY_OVER = _CERTBOT + _SERVE + "serve shop.example 8443\n"
RENEWED_AND_NOT_LOADED = _SERVE + "serve wiki.example 8444\nnew_certificate wiki.example 0 90\n"
# $1 name: its certificate, and the workers that nginx began with the last load.
SERVED = """
sha256sum "/etc/letsencrypt/live/$1/cert.pem"; pgrep --parent "$(cat "/run/$1.pid")"
"""
# $1 name.
ENDED = r"""
systemctl stop "front-$1"
rm -rf "/etc/systemd/system/front-$1.service" "/srv/$1.conf" /etc/letsencrypt /usr/local/bin/certbot
systemctl daemon-reload
"""
# A page that was set up in a later second than that in which nginx started.
NEVER_LOADED = r"""
systemctl start nginx
started=$(date +%s)
until [ "$(date +%s)" -gt "$started" ]; do sleep 0.1; done
printf '%s\n' 'server { listen 8445; return 200; }' > /etc/nginx/conf.d/wiki.conf
"""
LOADED_AGAIN = "rm -f /etc/nginx/conf.d/wiki.conf; systemctl stop nginx"
