# A container that is well until somebody does `docker exec NAME touch /tmp/sick`, and well again after a restart.
FROM debian:bookworm-slim
COPY service.pl probe.pl /srv/
EXPOSE 8080
HEALTHCHECK --interval=1s --timeout=30s --retries=2 CMD ["perl", "/srv/probe.pl"]
CMD ["perl", "/srv/service.pl"]
