# shellcheck shell=bash
# The shell of the tutorial: it stands in a folder and a network namespace of its own.

# serve: starts millrace-httpd, which writes every frame to server.pcapng, and waits until it is there.
serve() {
  rm -f server.log
  millrace-httpd --config server.toml "$@" site >server.log 2>&1 &
  server=$!
  until grep -qs '^try:' server.log; do
    kill -0 "$server" 2>/dev/null || { cat server.log >&2; return 1; }
    sleep 0.02
  done
}

# finish: ends it in order, which completes the capture.
finish() {
  kill "$server"
  wait "$server"
}

# capture [FILE]: its TCP segments as tshark shows them, HTTP left undissected.
capture() {
  tshark -n -r "${1:-server.pcapng}" -Y tcp --disable-protocol http 2>/dev/null
}
