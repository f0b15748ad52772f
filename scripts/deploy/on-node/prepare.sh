# shellcheck shell=sh
# Makes a bare Debian, Ubuntu or Raspberry Pi OS ready for a service: packages, users, folders, a settings file to fill in.
# Looks before each step, so the second run changes nothing. Arguments: node name, `dry` or `really`, the number of the
# service's user, `operators` or `-` (whether that user may approve), a person who may approve (or '').
main() {
  NODE=$1 DRY=$2 NUMBER=$3 MORE=${4#-} PERSON=$5
  [ "$(id -u)" = 0 ] || sorry "needs root, or sudo without a password"
  . /etc/os-release 2>/dev/null || sorry "this is no Linux that says what it is (/etc/os-release)"
  case " $ID ${ID_LIKE:-} " in
    *" debian "*) ;;
    *) sorry "this is $PRETTY_NAME; Debian, Ubuntu and Raspberry Pi OS are prepared by this script, elsewhere follow scripts/deploy/README.md by hand" ;;
  esac
  if [ "$KIND" = systemd ]; then need_python; else need_docker; fi
  [ "$KIND $SERVICE" != "systemd executor-agent" ] || need_ssh
  group mendmesh 10101
  group operators 10100
  owner=mend-${SERVICE%-agent}
  user "$owner" "$NUMBER" "$MORE"
  [ -z "$PERSON" ] || person
  folder /opt/mendmesh 755 root:root
  folder "$BASE" 755 root:root
  folder /etc/mendmesh 755 root:root
  # as mesh_core/security/permissions.py has them; here already, because the password has to be put there before the first start
  folder "$RUNTIME/secrets" 711 root:root
  folder "$SECRETS" 500 "$owner:mendmesh"
  settings_file
  say "done=yes"
}

# it WORDS COMMAND...: does it, or says that it would
it() {
  words=$1
  shift
  if [ "$DRY" = dry ]; then say "would=$words"; return; fi
  out=$("$@" 2>&1) || sorry "$words: $(printf '%s\n' "$out" | tail -n 1)"
  say "made=$words"
}

packages() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
first_of() { for name in "$@"; do apt-cache show "$name" >/dev/null 2>&1 && { say "$name"; return; }; done; }
fresh_lists() { [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' 2>/dev/null | head -n 1)" ] || it "package lists" apt-get update -q; }

need_python() {
  if command -v python3 >/dev/null; then say "there=python3 $(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"; else
    fresh_lists
    it "package python3" packages python3
  fi
}

# What the executor reaches other hosts with; its image brings its own.
need_ssh() {
  if command -v ssh >/dev/null; then say "there=ssh"; else
    fresh_lists
    it "package openssh-client" packages openssh-client
  fi
}

need_docker() {
  if command -v docker >/dev/null; then say "there=docker"; else
    fresh_lists
    it "package docker.io" packages docker.io
  fi
  if docker compose version >/dev/null 2>&1; then say "there=docker compose"; return; fi
  fresh_lists
  plugin=$(first_of docker-compose-plugin docker-compose-v2)
  # Debian 13 calls version 2 docker-compose; Debian 12's package of that name is version 1, which is no plugin
  case $(apt-cache policy docker-compose 2>/dev/null | sed -n 's/ *Candidate: //p') in 2* | 3* | 4* | 5*) plugin=${plugin:-docker-compose} ;; esac
  if [ -n "$plugin" ]; then it "package $plugin" packages "$plugin"; else
    say "todo=this system packages no Compose v2: put the plugin's binary into /usr/local/lib/docker/cli-plugins/docker-compose, or deploy with --systemd"
  fi
}

group() {
  there=$(getent group "$1" | cut -d: -f3)
  case $there in
    "$2") say "there=group $1" ;;
    '') it "group $1 ($2)" groupadd -g "$2" "$1" ;;
    *) sorry "the group $1 has the number $there here, the mesh needs $2 (the same on every host); rename or renumber it first" ;;
  esac
}

# user NAME UID [GROUP]
user() {
  there=$(id -u "$1" 2>/dev/null)
  case $there in
    "$2") say "there=user $1" ;;
    '')
      taken=$(getent passwd "$2" | cut -d: -f1)
      [ -z "$taken" ] || sorry "the user number $2 belongs to $taken here, the mesh needs it for $1; renumber $taken first"
      it "user $1 ($2)" useradd -u "$2" -g mendmesh -d "/var/lib/mendmesh-$SERVICE" -M -s /usr/sbin/nologin "$1" ;;
    *) sorry "the user $1 has the number $there here, the mesh needs $2; renumber it first" ;;
  esac
  [ -z "${3:-}" ] || id -nG "$1" 2>/dev/null | grep -qw "$3" || it "user $1 into group $3" usermod -aG "$3" "$1"
}

person() {
  id -u "$PERSON" >/dev/null 2>&1 || sorry "there is no user $PERSON here to be put into the group operators"
  if id -nG "$PERSON" | grep -qw operators; then say "there=$PERSON is in the group operators"; else
    it "$PERSON into the group operators: may approve" usermod -aG operators "$PERSON"
  fi
}

folder() {
  if [ "$(stat -c '%a %U:%G' "$1" 2>/dev/null)" = "$2 $3" ]; then say "there=$1"; else
    it "folder $1 ($2 $3)" install -d -m "$2" -o "${3%:*}" -g "${3#*:}" "$1"
  fi
}

settings_file() {
  if [ ! -e "$ENV_FILE" ]; then
    it "settings $ENV_FILE (600)" write_settings
    say "todo=write the values into $ENV_FILE on this host (REDIS_URL first), the Redis password into $SECRETS/redis_password; they are never copied from or into the checkout"
  elif [ "$(stat -c '%a %U' "$ENV_FILE")" = "600 root" ]; then say "there=$ENV_FILE"; else
    it "mode 600 and root for $ENV_FILE" sh -c 'chown root "$1" && chmod 600 "$1"' - "$ENV_FILE"
  fi
}

write_settings() {
  (
    umask 077
    {
      echo "# Settings of $SERVICE on this host: NAME=value, no quotes, no blanks around =. Read by Docker and systemd alike."
      echo "# A secret is better a file: $SECRETS/name (mode 400), such as redis_password."
      echo "NODE_NAME=$NODE"
      echo "#REDIS_URL=redis://USER@mesh-host:6379/0"
    } >"$ENV_FILE"
  )
}
