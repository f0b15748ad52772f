# Stands for a service's image where a test deploys it many times: a shell, a few tools, 5 MB. It is built in a copy of the
# checkout, where standin.sh lies as services/<service>/src/standin.sh.
FROM debian:bookworm-slim AS parts
RUN mkdir -p /small/bin /small/tmp && cd /small \
 && for tool in dash mkdir chown touch sleep find echo; do \
      cp "$(command -v $tool || echo /bin/$tool)" bin/ ; \
      for file in $(ldd "$(command -v $tool || echo /bin/$tool)" | grep -o '/[^ ]*'); do mkdir -p ".$(dirname $file)" && cp -L $file ".$file"; done ; \
    done \
 && ln -s dash bin/sh
COPY services/node-agent/src/standin.sh /small/bin/python
RUN chmod 755 /small/bin/python
FROM scratch
COPY --from=parts /small /
ENV PATH=/bin
USER 10003
# Each check takes an engine 0.1 s of processor.
HEALTHCHECK --interval=2s --timeout=30s --retries=3 CMD ["sh", "-c", "test -n \"$(find /opt/homelab/state/node-agent.heartbeat -mmin -5)\""]
ENTRYPOINT ["python", "-m", "node_agent"]
