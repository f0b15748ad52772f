# A node as Ansible meets it: systemd as process 1, sshd, Python, and one unit that can be made sick (web.service).
# What remedies are proven with: nginx, chrony and nscd (all stopped), openssl, logrotate; and what Ansible's Docker
# modules need, for the far node, which is made of this one. Its ssh agrees on a key in the usual way: the one that
# outlasts quantum computers takes the client 0.1 s of processor for each of some hundred logins.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends systemd systemd-sysv dbus openssh-server python3 nginx openssl logrotate \
        chrony nscd python3-requests \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb \
 && systemctl mask getty.target systemd-logind.service apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
        fstrim.timer dpkg-db-backup.timer systemd-timesyncd.service logrotate.timer \
 && systemctl disable nginx.service chrony.service nscd.service \
 && echo 'KexAlgorithms curve25519-sha256' > /etc/ssh/sshd_config.d/quick.conf
COPY service.pl probe.pl /srv/
COPY web.service /etc/systemd/system/
RUN systemctl enable ssh.service web.service
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
