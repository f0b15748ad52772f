# shellcheck shell=bash
# What the release needs to run: the image, built here or there and loaded when the node has not that very one; or the
# locked Python packages for the node's own processor and Python.

build() {
  stage build
  if [ "$KIND" = systemd ]; then build_parts; else build_image; fi
}

# Where the image is built: here if an engine of the node's architecture answers here, else on the node.
choose_builder() {
  local here
  [ "$BUILD_ON" = auto ] || return 0
  here=$(docker version -f '{{.Server.Arch}}' 2>/dev/null) || here=''
  case "$here/$(found arch)" in
    amd64/x86_64 | arm64/aarch64 | arm/armv7l) BUILD_ON=here ;;
    *) BUILD_ON=node ;;
  esac
}

# BASE_IMAGE as in docker-compose.yml; BUILD_NETWORK=host where a build gets no name server of its own
BUILD_OPTIONS=(--force-rm --build-arg "BASE=${BASE_IMAGE:-python:3.11-slim}" --network "${BUILD_NETWORK:-default}")

image_of() { docker image inspect -f '{{.Id}}' "$1" 2>/dev/null; }

build_image() {
  local tag=mendmesh/$SERVICE:$RELEASE id size
  choose_builder
  if [ "$BUILD_ON" = node ]; then
    [ -z "$(found image)" ] || { same "image $(short "$(found image)")"; return; }
    progress "docker build on the node; the first time takes minutes"
    # the sources go in through stdin; nothing of them stays on the node
    (cd "$ROOT" && inputs | COPYFILE_DISABLE=1 tar -cf - -T -) \
      | on_node docker build "${BUILD_OPTIONS[@]}" -q -t "$tag" -f "services/$SERVICE/Dockerfile" - >"$WORK/build.log" 2>&1 \
      || fail 30 "the image cannot be built on the node: $(tail -n 1 "$WORK/build.log"); what runs there is untouched"
    ok "built on the node"
    return
  fi
  id=$(image_of "$tag")
  if [ -z "$id" ]; then
    progress "docker build; the first time takes minutes"
    (cd "$ROOT" && docker build "${BUILD_OPTIONS[@]}" -q -t "$tag" -f "services/$SERVICE/Dockerfile" .) >"$WORK/build.log" 2>&1 </dev/null \
      || fail 30 "the image cannot be built: $(tail -n 1 "$WORK/build.log"); what runs there is untouched"
    id=$(image_of "$tag")
  fi
  if [ "$(found image)" = "$id" ]; then
    same "image $(short "$id")"
    return
  fi
  size=$(($(docker image inspect -f '{{.Size}}' "$id") / 1000000))
  progress "sending the image, $size MB"
  { docker save "$tag" | gzip -1 | on_node sh -c 'gunzip | docker load -q' >"$WORK/load.log" 2>&1; } 2>"$WORK/save.log" \
    || fail 30 "the node's engine did not take the image: $(cat "$WORK/load.log" "$WORK/save.log" | tail -n 1); what runs there is untouched"
  ok "image $(short "$id"), $size MB sent"
}

short() { printf '%s' "${1#sha256:}" | cut -c1-12; }

build_parts() {
  local target=$CACHE/$PARTS python
  if [ -n "$(found parts)" ]; then
    same "packages $PARTS"
    return
  fi
  python=$(found python)
  if [ ! -e "$target/made" ]; then
    progress "fetching the locked packages for $(found arch), Python $python"
    rm -rf "$target"
    mkdir -p "$target/lib"
    "$ROOT/.venv/bin/uv" pip install -q --target "$target/lib" --python-platform "$(found arch)-unknown-linux-gnu" \
      --python-version "$python" --only-binary :all: --link-mode copy --no-deps --require-hashes \
      -r "$ROOT/services/$SERVICE/requirements.lock" >"$WORK/build.log" 2>&1 \
      || fail 30 "the packages cannot be fetched: $(tr -s '\n ' ' ' <"$WORK/build.log" | cut -c1-400); what runs there is untouched"
    rm -rf "$target/lib/bin"
    [ "$SERVICE" != executor-agent ] || { mkdir -p "$target/share" && cp -R "$ROOT/.venv/share/ansible" "$target/share/"; }
    touch "$target/made"
  fi
  progress "sending packages"
  send "$target" "/opt/mendmesh/$SERVICE/parts/$PARTS" 30
  ok "packages $PARTS, $(du -sm "$target" | cut -f1) MB sent"
}
