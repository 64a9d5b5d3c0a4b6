# Shared by the demonstrations: start a demo, read its environment, ask it, stop it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

command -v curl >/dev/null || { echo "this demonstration needs curl" >&2; exit 2; }

demo_pid=
say() { printf '\n== %s\n' "$*"; }
die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# start DIR ARGS... makes a new demo in DIR, starts it and waits until it is ready.
start() {
  rm -rf "$1"
  resume "$@"
}

# resume DIR ARGS... is start with the data that is there.
resume() {
  local dir=$1
  shift
  mkdir -p "$dir"
  rm -f "$dir/env"
  bin/custosd demo --dir "$dir" --listen 127.0.0.1:0 "$@" >"$dir.log" 2>&1 &
  demo_pid=$!
  for _ in $(seq 600); do
    # The file appears once the demo is ready.
    if [ -s "$dir/env" ]; then
      # shellcheck disable=SC1091
      . "$dir/env"
      return
    fi
    kill -0 "$demo_pid" 2>/dev/null || { tail -n 20 "$dir.log" >&2; die "the demo ended before it was ready"; }
    sleep 0.1
  done
  die "the demo was not ready within a minute"
}

# stop ends the demo in good order, if it runs.
stop() {
  [ -n "$demo_pid" ] || return 0
  kill -INT "$demo_pid" 2>/dev/null || true
  wait "$demo_pid" 2>/dev/null || true
  demo_pid=
}
trap stop EXIT

# lookup URL TOKEN NUMBER prints the status, then the answer's sequence number.
lookup() {
  curl -sS -o /dev/null -m 5 -w '%{http_code} %header{custos-seq}\n' -X POST "$1/v1/lookups" \
    -H "Authorization: Bearer $2" -H 'Content-Type: application/json' -d "{\"nhsNumber\":\"$3\"}" 2>/dev/null || true
}

# verify DIR runs the verifier and prints its exit status as the last line.
verify() {
  local status=0
  bin/custos-tools verify --data "$1" --keys "$CUSTOS_KEYS" || status=$?
  echo "exit $status"
}
