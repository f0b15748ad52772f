# A node to be reached by ssh only: the one with systemd, without systemd, and with the engine's socket mounted.
FROM mendmesh-test/node:latest
RUN mkdir -p /run/sshd && install -d -m 700 /root/.ssh
STOPSIGNAL SIGTERM
CMD ["/usr/sbin/sshd", "-D", "-e"]
