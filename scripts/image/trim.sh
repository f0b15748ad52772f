#!/bin/sh
# Runs inside a build stage that later becomes the whole image: makes the users, and takes away what no service needs.
# An attacker inside a container finds no package manager, no setuid program, no perl, no bash, no downloader there.
set -eu

# The same numbers in every image and on every host.
# make tables: users
cat >>/etc/passwd <<'USERS'
mend-planner:x:10001:10101:Mendmesh planner-agent:/nonexistent:/usr/sbin/nologin
mend-executor:x:10002:10101:Mendmesh executor-agent:/tmp:/usr/sbin/nologin
mend-node:x:10003:10101:Mendmesh node-agent:/nonexistent:/usr/sbin/nologin
mend-observer:x:10004:10101:Mendmesh observer:/nonexistent:/usr/sbin/nologin
USERS
cat >>/etc/group <<'GROUPS'
operators:x:10100:mend-executor,mend-observer
mendmesh:x:10101:
GROUPS
# make tables: end
mkdir -p /opt/homelab

lib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
rm -rf "$lib"/test "$lib"/ensurepip "$lib"/idlelib "$lib"/lib2to3 "$lib"/pydoc_data "$lib"/tkinter "$lib"/turtledemo \
    "$lib"/config-* "$lib"/site-packages/* /usr/lib/python3/dist-packages /usr/local/lib/python3*/dist-packages \
    /usr/share/python-wheels /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/2to3* /usr/local/bin/pydoc* /usr/bin/pip*

find / -xdev -perm /6000 -type f -delete
find /usr/share/doc -mindepth 1 -type f ! -name copyright -delete 2>/dev/null || true
rm -rf /var/cache/* /var/lib/apt /var/lib/dpkg /var/log/* /root/.cache /usr/share/man /usr/share/info \
    /usr/share/locale /usr/share/perl5 /usr/share/bash-completion /usr/share/lintian /usr/share/dpkg /usr/share/bug \
    /etc/apt /etc/dpkg /usr/lib/apt /usr/lib/dpkg /usr/lib/*-linux-gnu/perl-base /usr/lib/*-linux-gnu/perl \
    /usr/lib/*-linux-gnu/gconv /usr/lib/*-linux-gnu/libapt-* /usr/share/polkit-1 /usr/share/pixmaps /usr/share/gdb \
    /usr/bin/apt* /usr/bin/dpkg* /usr/bin/perl* /usr/bin/bash /usr/bin/wget /usr/bin/curl /usr/bin/gpgv /usr/bin/deb* \
    /usr/sbin/dpkg* /usr/sbin/useradd /usr/sbin/usermod /usr/sbin/adduser
