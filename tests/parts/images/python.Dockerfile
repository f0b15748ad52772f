# Stands for python:3.11-slim where nothing can be pulled: Debian's own Python, pip, and this machine's certificates.
# Debian's package of pip would bring and compile setuptools and more: half of the time.
FROM debian:bookworm-slim
COPY ca-certificates /usr/local/share/ca-certificates
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip-whl ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/lib/python3*/EXTERNALLY-MANAGED \
 && python3 -m zipfile -e /usr/share/python-wheels/pip-*.whl "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && ln -s /usr/bin/python3 /usr/local/bin/python
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
