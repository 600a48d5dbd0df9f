#!/usr/bin/env bash
# Installs the .deb on a Debian with nothing else on it, whose systemd is the real one, as process 1
# of namespaces of its own; then does to it what happens to a bot in its life.
#
# Takes root, mmdebstrap, Debian's packages, and dist/ as deploy/release.sh makes it. The argument is
# Debian's release, by default trixie.
# shellcheck disable=SC2016 # what is quoted is for another shell
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/test/common.sh

suite=${1:-trixie}
token=debiantoken123
packages=systemd,systemd-sysv,libnss-myhostname,iproute2,procps
base=target/$suite.tar
deb=$(realpath "$(ls dist/daoxiao_*_"$(dpkg --print-architecture)".deb)")

[ -e "$base" ] || {
  echo "making a Debian $suite"
  mmdebstrap --quiet --variant=minbase --include="$packages" --format=tar "$suite" "$base.part"
  mv "$base.part" "$base"
}

work=$(mktemp -d)
root=$work/root
mkdir "$root"
tar --extract --directory "$root" --file "$base"
cp "$deb" "$root/daoxiao.deb"
# what other systems have, for which a static program has no library
sed -i 's/^hosts:.*/hosts: files myhostname resolve [!UNAVAIL=return] dns/' "$root/etc/nsswitch.conf"
# nobody logs in
ln -sf /dev/null "$root/etc/systemd/system/console-getty.service"

# systemd wants a part of the tree of cgroups to itself.
cgroup=$(findmnt --first-only --noheadings --output TARGET --types cgroup2)/daoxiao-test-$$
mkdir "$cgroup"

boot() {
  sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$cgroup" \
    unshare --mount --pid --fork --uts --ipc --net --cgroup sh -c '
      set -e
      root=$1
      mount --bind "$root" "$root"
      mount -t proc proc "$root/proc"
      mount -t sysfs -o ro sysfs "$root/sys"
      mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
      mount -t tmpfs tmpfs "$root/run"
      mount -t tmpfs -o mode=755 tmpfs "$root/dev"
      mkdir "$root/dev/pts" "$root/dev/shm"
      mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
      ln -s pts/ptmx "$root/dev/ptmx"
      ln -s /proc/self/fd "$root/dev/fd"
      for device in null zero full random urandom tty; do
        touch "$root/dev/$device"
        mount --bind "/dev/$device" "$root/dev/$device"
      done
      ip link set lo up
      cd "$root"
      pivot_root . mnt
      umount -l /mnt
      exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --show-status=no
    ' sh "$root" >"$work/console" 2>&1 &
  outside=$!
}

is_empty() {
  find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
}

halt() {
  echo 1 >"$cgroup/cgroup.kill"
  wait 2>/dev/null
  within 5 is_empty
  rm -rf "$work"
}

# A command inside.
inside() {
  nsenter --target "$first" --all --root --wd env -i PATH=/usr/sbin:/usr/bin \
    WECHAT_TOKEN=$token DAOXIAO_URL=http://127.0.0.1/wechat LC_ALL=C.UTF-8 "$@"
}

finds_first() {
  first=$(pgrep --parent "$outside") && grep -q systemd "/proc/$first/comm"
}

has_booted() {
  case $(inside systemctl is-system-running 2>/dev/null) in
  running | degraded) ;;
  *) false ;;
  esac
}

answers() {
  [ "$(inside daoxiao say 你好 2>/dev/null)" = 好你 ]
}

is_active() {
  inside systemctl is-active --quiet "$@"
}

main_pid() {
  inside systemctl show --property MainPID --value daoxiao
}

# The journal from a unit since the script looked last, without times.
cursor=
journal() {
  inside journalctl --quiet --output cat ${cursor:+--after-cursor "$cursor"} "$@"
}
look_from_here() {
  cursor=$(inside journalctl --quiet --lines 0 --show-cursor | sed -n 's/^-- cursor: //p')
}
has_logged() {
  journal --unit daoxiao "${@:2}" | grep -- "$1" >/dev/null
}

settings() {
  printf '%s\n' "$@" >"$root/etc/daoxiao/env"
}

# while_talking WHAT COMMAND…: every message is answered while the command runs, in three tries.
while_talking() {
  local what=$1
  shift
  rm -f "$root/run-over"
  inside sh -c '
    sent=0 late=0 lost=0
    until [ -e /run-over ] && [ $sent -ge 20 ]; do
      sent=$((sent + 1)) tries=1
      until [ "$(daoxiao say 你好 2>/dev/null)" = 好你 ]; do
        tries=$((tries + 1))
        [ $tries -le 3 ] || { lost=$((lost + 1)); break; }
        sleep 0.3
      done
      [ $tries = 1 ] || late=$((late + 1))
    done
    echo "$sent messages, $late not answered at the first try, $lost lost"
  ' >"$work/talk" &
  local talk=$!
  "$@"
  touch "$root/run-over"
  wait "$talk"
  check "$what: $(cat "$work/talk")" grep -q ' 0 lost$' "$work/talk"
}

trap halt EXIT
trap 'echo "FAILED: line $LINENO"' ERR
boot
within 10 finds_first || fail "systemd does not start: $(cat "$work/console")"
check "systemd $(inside systemctl --version | head -1 | cut -d ' ' -f 2) boots Debian $suite" within 60 has_booted

# --- installed

begun=$(date +%s%N)
inside dpkg --install /daoxiao.deb >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
check "without a Token, dpkg says what to do" grep -q 'write your Token into /etc/daoxiao/env' "$work/dpkg"
check "and starts nothing" fails is_active daoxiao.socket daoxiao.service
check "the settings are root's only" [ "$(stat --format %a:%U "$root/etc/daoxiao/env")" = 600:root ]
lead_somewhere() {
  local page link
  for page in "$root"/usr/share/doc/daoxiao/{,docs/,docs/zh/}*.md; do
    while read -r link; do
      [ -e "$(dirname "$page")/$link" ] || fail "$page: $link"
    done < <(grep -o ']([^)#:]*[)#]' "$page" | sed 's/^](//; s/.$//')
  done
}
check "the links of its pages lead somewhere" lead_somewhere
check "there are completions" [ -s "$root/usr/share/bash-completion/completions/daoxiao" ]
settings "WECHAT_TOKEN=$token"
check "it starts" inside systemctl enable --quiet --now daoxiao.socket daoxiao.service
check "with a Token it answers on port 80" answers
took=$((($(date +%s%N) - begun) / 1000000))
check "$took ms from dpkg to the first answer" [ "$took" -lt 60000 ]
check "no root" [ "$(inside ps --no-headers -o user -p "$(main_pid)")" != root ]
check "it may have the connections it wants" fails has_logged 'this machine allows'
looks_up() {
  inside daoxiao joke --joke-url "http://$1/" --joke-item li >"$work/joke" 2>&1 || [ $? = 1 ]
}
check "it survives looking a name up" looks_up nosuch.example
exposure=$(inside systemd-analyze security daoxiao | sed -n 's/.*Overall exposure.*: \([0-9]*\)\.\([0-9]\) .*/\1\2/p')
check "its exposure, in tenths, is ${exposure:-unknown}" [ "$exposure" -le 15 ]

# --- in trouble

kill_supervisor() {
  for _ in $(seq 8); do
    inside systemctl kill --signal KILL --kill-who main daoxiao 2>/dev/null || true
    within 5 answers
  done
}
kill_workers() {
  for _ in $(seq 20); do
    inside sh -c 'pkill -9 --parent "$(systemctl show --property MainPID --value daoxiao)"' || true
    sleep 0.05
  done
}
while_talking "kill -9 of the worker, twenty times" kill_workers
while_talking "kill -9 of the supervisor, eight times" kill_supervisor

printf '[Service]\nWatchdogSec=2\n' >"$work/watchdog"
inside sh -c 'mkdir $0 && cat >$0/watchdog.conf' /run/systemd/system/daoxiao.service.d <"$work/watchdog"
inside systemctl daemon-reload
inside systemctl restart daoxiao
before=$(main_pid)
is_another() {
  [ "$(main_pid)" != "$before" ] && answers
}
check "systemd's watchdog leaves a supervisor alone that looks" fails within 5 is_another
inside systemctl kill --signal STOP --kill-who main daoxiao
check "and replaces one that hangs" within 20 is_another
inside rm -r /run/systemd/system/daoxiao.service.d
inside systemctl daemon-reload
inside systemctl restart daoxiao

# --- IPv6 off, with the unit's socket on [::]:80

silent_peers() {
  inside bash -c '
    lost=0
    for _ in $(seq 25); do
      exec {peer}<>/dev/tcp/127.0.0.1/80
      [ "$(daoxiao say 你好)" = 好你 ] || lost=$((lost + 1))
    done
    echo "25 messages behind silent peers, $lost lost"
  '
}
inside sysctl --quiet --write net.ipv6.conf.all.disable_ipv6=1
said=$(silent_peers)
check "without IPv6: $said" [ "${said% 0 lost}" != "$said" ]
inside sysctl --quiet --write net.ipv6.conf.all.disable_ipv6=0

# --- settings

refused() {
  settings "$1"
  look_from_here
  check "$2: the restart fails" fails inside systemctl restart daoxiao
  check "and the journal says why, as an error" within 5 has_logged "$3" --priority err
}
refused 'WECHAT_TOKEN=too-short!' "a bad Token" 'WECHAT_TOKEN cannot be used'
refused "WECHAT_TOKEN=$token # mine" "a comment behind the Token" "comment behind the value"
refused "export WECHAT_TOKEN=$token" "an export before the Token" "without export"
settings "WECHAT_TOKEN=$token"
check "with the right Token again: the restart succeeds" inside systemctl restart daoxiao
check "and it answers" answers

# --- a new program

reload() {
  inside systemctl reload daoxiao
  within 5 has_logged 'takes over'
}
look_from_here
while_talking "a reload" reload
mv "$root/usr/bin/daoxiao" "$root/usr/bin/daoxiao.good"
echo garbage >"$root/usr/bin/daoxiao"
chmod 755 "$root/usr/bin/daoxiao"
check "a reload with garbage in the program's place fails" fails inside systemctl reload daoxiao
mv "$root/usr/bin/daoxiao.good" "$root/usr/bin/daoxiao"
check "and the running one goes on" answers

dpkg-deb --raw-extract "$deb" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
echo "# a new line" >>"$work/next/etc/daoxiao/env"
dpkg-deb --root-owner-group --build "$work/next" "$root/next.deb" >"$work/dpkg"
upgrade() {
  inside dpkg --install --force-confold /next.deb >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
  within 5 has_logged 'takes over'
}
look_from_here
while_talking "an upgrade" upgrade
check "which keeps the settings" [ "$(cat "$root/etc/daoxiao/env")" = "WECHAT_TOKEN=$token" ]
check "for root only" [ "$(stat --format %a "$root/etc/daoxiao/env")" = 600 ]

# --- port 80 taken

inside systemctl stop daoxiao.socket daoxiao.service
inside daoxiao --listen 0.0.0.0:80 >"$work/other" 2>&1 &
other=$!
within 5 grep -q listening "$work/other"
check "with port 80 taken, the socket's start fails" fails inside systemctl start daoxiao.socket
tells_the_port() {
  # its exit code says that the socket has failed
  { inside systemctl status daoxiao.socket || true; } | grep 'Failed to listen' >/dev/null
}
check "which systemctl status tells" within 5 tells_the_port
inside pkill -f 'daoxiao --listen'
wait "$other" || true
check "and once it is free, starting both is enough" inside systemctl start daoxiao.socket daoxiao.service
check "and it answers" answers

# --- several

inside systemctl enable --quiet --now daoxiao@8081
check "an instance answers on its port" [ "$(inside env DAOXIAO_URL=http://127.0.0.1:8081/wechat daoxiao say 你好)" = 好你 ]
journal_has() {
  inside journalctl --quiet --output json --unit 'daoxiao*' | grep "\"_SYSTEMD_UNIT\":\"$1\"" >/dev/null
}
check "journalctl -u 'daoxiao*' has it" within 5 journal_has daoxiao@8081.service
check "and the other one" journal_has daoxiao.service

# --- removed

inside dpkg --remove daoxiao >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
check "removed, nothing runs" fails inside pgrep daoxiao
check "and the settings stay" [ -e "$root/etc/daoxiao/env" ]
inside dpkg --purge daoxiao >"$work/dpkg" 2>&1 || fail "dpkg: $(cat "$work/dpkg")"
check "purged, they are gone" [ ! -e "$root/etc/daoxiao" ]
check "and so is all else" [ -z "$(find "$root/etc" "$root/usr" -name '*daoxiao*')" ]
summary
