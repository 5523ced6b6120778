# shellcheck shell=bash
# A network namespace of a script's own, and a Millrace program in it. Everything made here is undone by
# `network_clean_up`, by the names and process ids that were made, never by a pattern.

namespace=
server_pid=

# make_namespace NAME
make_namespace() {
  local output
  output=$(ip netns add "$1" 2>&1) ||
    fail "cannot make a network namespace: ${output:-unknown reason} (a container needs --privileged)"
  namespace=$1
  ip -n "$namespace" link set lo up
}

inside() { ip netns exec "$namespace" "$@"; }

# start_server LOG COMMAND...: in a session of its own, so that Ctrl-C reaches this script alone.
start_server() {
  local log=$1
  shift
  setsid ip netns exec "$namespace" "$@" >"$log" 2>&1 </dev/null &
  server_pid=$!
}

server_runs() { [ -n "$server_pid" ] && kill -0 "$server_pid" 2>/dev/null; }

# wait_until_reachable ADDRESS SECONDS
wait_until_reachable() {
  local deadline=$((SECONDS + $2))
  while server_runs && [ "$SECONDS" -lt "$deadline" ]; do
    inside ping -c 1 -W 1 -q "$1" >/dev/null 2>&1 && return 0
    sleep 0.2
  done
  return 1
}

# stop_server: asks for an orderly end, insists after ten seconds; returns the server's exit status.
stop_server() {
  local status=0 tries=0
  [ -n "$server_pid" ] || return 0
  kill -TERM "$server_pid" 2>/dev/null || true
  while kill -0 "$server_pid" 2>/dev/null && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -KILL "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || status=$?
  server_pid=
  return "$status"
}

network_clean_up() {
  stop_server || true
  if [ -n "$namespace" ]; then
    ip netns del "$namespace" 2>/dev/null || true
    namespace=
  fi
}
