#!/usr/bin/env bash
# Measures one disclosure's whole path: lookups with plans, history and receipt,
# by 200 people, on one node and on three processes of this machine, with cached
# tokens and with each token verified; then an upload beside lookups, then verify.
# Numbers are of the machine it runs on, clients included.
. "$(dirname "$0")/lib.sh"

time=${BENCH_TIME:-10s}
dir=.demo-bench
echo "$(nproc) cores, $(go version | cut -d' ' -f3), $(uname -sr), $time a run"

for nodes in 1 3; do
  say "$nodes node(s)"
  start "$dir" --nodes "$nodes"
  for clients in 64 256; do
    echo "$clients clients, tokens cached:"
    bin/custos-tools bench --dir "$dir" --url "$CUSTOS_URL" --duration "$time" --clients "$clients" -o json
  done
  echo "64 clients, every token verified:"
  bin/custos-tools bench --dir "$dir" --url "$CUSTOS_URL" --duration "$time" --clients 64 --fresh-tokens -o json
  if [ "$nodes" = 1 ]; then
    echo "an upload of 100,000 rows, beside lookups:"
    bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --rows 100000 --beside-lookups -o json
    rss=$(awk '/VmRSS/ {print $2}' "/proc/${CUSTOS_PIDS%%,*}/status")
    echo "resident memory: $rss kB"
  fi
  stop
  if [ "$nodes" = 1 ]; then
    say "verify, by level"
    bin/custos-tools bench verify --data "$CUSTOS_DATA" -o json
  fi
  rm -rf "$dir" "$dir.log"
done
