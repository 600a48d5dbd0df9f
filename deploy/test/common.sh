# shellcheck shell=bash
# What the scripts beside this one share.

passed=0

fail() {
  echo "FAILED: $*"
  exit 1
}

# check WHAT COMMAND…: the command succeeds. What it says about an error is no news.
check() {
  local what=$1
  shift
  "$@" 2>/dev/null || fail "$what"
  echo "ok: $what"
  passed=$((passed + 1))
}

# within SECONDS COMMAND…: the command succeeds before they are over.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}

fails() {
  ! "$@"
}

summary() {
  echo "$passed passed, 0 failed"
}
