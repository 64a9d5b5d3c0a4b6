#!/usr/bin/env bash
# Measures the whole path of a disclosure: lookups with plans, history and
# receipt, by 200 people, on one node and on three processes of this machine,
# with cached tokens and with every token verified; an upload beside lookups;
# what a long ledger costs; a restart; and verification. The numbers are of the
# machine it runs on, the client included.
. "$(dirname "$0")/lib.sh"

time=${BENCH_TIME:-10s}
dir=.demo-bench-$$

size() { curl -sS -m 5 "$CUSTOS_ADMIN_URL/statusz" | sed -n 's/.*"size": *\([0-9]*\).*/\1/p'; }
resident() { for p in ${CUSTOS_PIDS//,/ }; do awk '/VmRSS/ {print $2 " kB resident"}' "/proc/$p/status"; done; }
lookups() {
  echo "$1:"
  shift
  bin/custos-tools bench --dir "$dir" --duration "$time" -o json "$@"
}

echo "$(nproc) cores, $(go version | cut -d' ' -f3), $(uname -sr), $time a run"

say "CP-IS message 01 of 225,000 records, read"
bin/custos-tools bench cpis --records 225000 -o json

say "one node"
start "$dir"
echo "$(size) entries"; resident
lookups "64 clients, tokens cached" --url "$CUSTOS_URL" --clients 64
lookups "256 clients, tokens cached" --url "$CUSTOS_URL" --clients 256
lookups "64 clients, every token verified" --url "$CUSTOS_URL" --clients 64 --fresh-tokens
echo "an upload of 100,000 rows, and what it does to lookups beside it:"
bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --beside-lookups -o json
echo "CP-IS message 01 of 225,000 records over HTTP, to the committed acknowledgement, beside lookups:"
bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --xml --rows 225000 --beside-lookups -o json
echo "a caseload of 2,000 people, each read recorded with an entry for everybody on it:"
bin/custos-tools bench caseload --dir "$dir" --url "$CUSTOS_URL" --people 2300 -o json
echo "$(size) entries"; resident
lookups "64 clients on the ledger grown so far" --url "$CUSTOS_URL" --clients 64

say "stopped and started again"
stop
began=$(date +%s%3N)
resume "$dir"
echo "ready after $(($(date +%s%3N) - began)) ms, with $(size) entries"
stop

say "verified, by level"
bin/custos-tools bench verify --data "$CUSTOS_DATA" --keys "$CUSTOS_KEYS" -o json
rm -rf "$dir" "$dir.log"

say "three processes"
start "$dir" --nodes 3
lookups "64 clients at the leader, tokens cached" --url "$CUSTOS_URL" --clients 64
lookups "256 clients at the leader, tokens cached" --url "$CUSTOS_URL" --clients 256
lookups "64 clients at the leader, every token verified" --url "$CUSTOS_URL" --clients 64 --fresh-tokens
lookups "64 clients over all three, tokens cached" --url "$CUSTOS_URLS" --clients 64
resident
stop
rm -rf "$dir" "$dir.log"
