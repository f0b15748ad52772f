# A node to be reached by ssh only: the one with systemd without systemd, and what Ansible's Docker modules need, with the
# engine's socket mounted.
FROM mendmesh-test/node:latest
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-requests \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* && mkdir -p /run/sshd && install -d -m 700 /root/.ssh
STOPSIGNAL SIGTERM
CMD ["/usr/sbin/sshd", "-D", "-e"]
