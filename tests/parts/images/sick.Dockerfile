# A container that is well until somebody does `docker exec NAME touch /tmp/sick`, and well again after a restart.
FROM debian:bookworm-slim
COPY service.pl probe.pl /srv/
EXPOSE 8080
# Each check takes an engine 0.1 s of processor.
HEALTHCHECK --interval=2s --timeout=30s --retries=1 CMD ["perl", "/srv/probe.pl"]
CMD ["perl", "/srv/service.pl"]
