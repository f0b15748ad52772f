# A node that has no Mendmesh code: sshd, Python, what Ansible's Docker modules need, and the engine's socket mounted.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends openssh-server python3 python3-requests \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* && mkdir /run/sshd && install -d -m 700 /root/.ssh
CMD ["/usr/sbin/sshd", "-D", "-e"]
