#!/usr/bin/env bash
# Runs the image without a container engine: what the Dockerfile copies and no other file, as process
# 1 of namespaces of its own, as the user and with the command that the Dockerfile names.
#
# Takes root, and dist/ as deploy/release.sh makes it.
# shellcheck disable=SC2016 # what is quoted is for another shell
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/test/common.sh

instruction() {
  sed -n "s/^$1 //p" Dockerfile
}

# ["a", "b"], one a line
words() {
  sed 's/.*\["//; s/"\].*//; s/", *"/\n/g'
}

case $(uname -m) in
x86_64) processor=amd64 ;;
aarch64) processor=arm64 ;;
*) processor=armv7 ;;
esac

root=$(mktemp -d)
chmod 755 "$root"
log=$root.log
read -r source target <<<"$(instruction COPY)"
cp "${source%%\$*}$processor" "$root$target"
# mounted by every engine
mkdir "$root/proc" "$root/dev"
mapfile -t entry < <(instruction ENTRYPOINT | words)
mapfile -t health < <(instruction HEALTHCHECK | words)
user=$(instruction USER)
port=$(instruction EXPOSE)

# The health check has to know neither Token nor path.
DAOXIAO_PATH=/bot unshare --mount --pid --fork --uts --ipc --net --kill-child sh -c '
  set -e
  mount --bind "$1" "$1"
  mount -t proc proc "$1/proc"
  mount -t tmpfs -o mode=755 tmpfs "$1/dev"
  for device in null random urandom; do
    touch "$1/dev/$device"
    mount --bind "/dev/$device" "$1/dev/$device"
  done
  mount -o remount,bind,ro "$1"
  ip link set lo up
  root=$1 user=$2
  shift 2
  exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
' sh "$root" "$user" "${entry[@]}" >"$log" 2>&1 &
outside=$!
trap 'kill -9 $outside 2>/dev/null || true; wait; rm -rf "$root" "$log"' EXIT

says() {
  grep -q -- "$1" "$log"
}

first() {
  pgrep --parent "$outside"
}

worker() {
  pgrep --parent "$(first)"
}

# A command of the image, as engines run it beside the first one.
run() {
  nsenter --target "$(first)" --all --root --wd --setuid "${user%:*}" --setgid "${user#*:}" "$@" >/dev/null
}

is_healthy() {
  run "${health[@]}"
}

is_healthy_elsewhere() {
  DAOXIAO_LISTEN=0.0.0.0:9090 is_healthy
}

has_status() {
  grep -q "^$1:[[:space:]]*$2\$" "/proc/$(first)/status"
}

has_children() {
  [ "$(pgrep --parent "$(first)" --count)" = "$1" ]
}

leave_orphans() {
  nsenter --target "$(first)" --pid sh -c 'for i in 1 2 3 4 5; do sleep 0.1 & done'
}

check "the image has one file" [ "$(find "$root" -xdev -type f)" = "$root$target" ]
check "it listens" within 5 says "listening on http://0.0.0.0:$port"
check "as process 1" has_status NSpid ".*[[:space:]]1"
check "without root" has_status Uid "${user%:*}[[:space:]]*${user%:*}[[:space:]]*${user%:*}[[:space:]]*${user%:*}"
check "without capabilities" has_status CapEff 0000000000000000
check "it is healthy" is_healthy
check "not where it is not set to listen" fails is_healthy_elsewhere
kill -STOP "$(worker)"
check "nor when it hangs" fails is_healthy
kill -CONT "$(worker)"
check "but when it goes on" is_healthy
kill -9 "$(worker)"
check "a killed worker is replaced" within 5 is_healthy
kill -HUP "$(first)"
check "it reloads" within 5 says 'takes over'
check "and is healthy" is_healthy
leave_orphans
check "orphans are reaped" within 5 has_children 1
kill -TERM "$(first)"
check "SIGTERM ends it with 0" wait "$outside"
summary
