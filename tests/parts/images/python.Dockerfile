# Stands for python:3.11-slim where nothing can be pulled: Debian's own Python, pip, and this machine's certificates.
FROM debian:bookworm-slim
COPY ca-certificates /usr/local/share/ca-certificates
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv python3-pip ca-certificates \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /usr/lib/python3*/EXTERNALLY-MANAGED \
 && ln -s /usr/bin/python3 /usr/local/bin/python \
 && update-ca-certificates
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
