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
bin/custos-tools bench machine

say "CP-IS message 01 of 225,000 records, read"
bin/custos-tools bench cpis --records 225000 -o json

say "a node just started takes in 225,000 records, with nothing beside it: its speed, and its memory"
start "$dir"
stop
resume "$dir"
bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --xml --rows 225000 -o json
stop

say "one node"
start "$dir"
echo "$(size) entries"; resident
lookups "64 clients, tokens cached" --url "$CUSTOS_URL" --clients 64
lookups "256 clients, tokens cached" --url "$CUSTOS_URL" --clients 256
lookups "64 clients, every token verified" --url "$CUSTOS_URL" --clients 64 --fresh-tokens
lookups "2,000 a second, which wait for nobody" --url "$CUSTOS_URL" --clients 64 --rate 2000
echo "as FHIR asks, beside POST /v1/lookups:"
bin/custos-tools bench fhir --dir "$dir" --url "$CUSTOS_URL" --duration "$time" --rounds 3 -o json
echo "an upload of 100,000 rows, and what it does to lookups beside it:"
bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --beside-lookups -o json
echo "the same beside 2,000 lookups a second, which wait for nobody:"
bin/custos-tools bench upload --dir "$dir" --url "$CUSTOS_URL" --beside-lookups --rate 2000 -o json
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

say "the proof of a trail of 1,000 accesses, each in a tile of its own, in a large ledger made for it"
CUSTOS_BENCH_ENTRIES=${TRAIL_ENTRIES:-3000000} go test -buildvcs=false -run '^$' -bench '^BenchmarkTrailProof$' -benchtime 60x ./projection

say "the state entries' share of a lookup, with the demo's people and with 100,000"
go test -buildvcs=false -run '^$' -bench '^BenchmarkStateShare$' -benchtime "${STATE_ROUNDS:-60}x" -cpu 1 ./projection

say "the receipts' share of a lookup, with 16 and with 64 lookups to a signature"
go test -buildvcs=false -run '^$' -bench '^BenchmarkReceiptShare$' -benchtime "${STATE_ROUNDS:-60}x" -cpu 1 ./projection

say "one node: 1,000 listeners, and how soon they hear of a lookup"
start "$dir"
resident
bin/custos-tools bench listeners --dir "$dir" --url "$CUSTOS_URL" -o json
resident
stop
rm -rf "$dir" "$dir.log"

# The whole of it is make bench-nation; here a small part of the plans and rows, in both modes.
for links in no yes; do
  NATION_PLANS=${NATION_PLANS:-12000} NATION_SCHOOLS=${NATION_SCHOOLS:-24000} NATION_ROWS=${NATION_ROWS:-240000} NATION_LINKS=$links \
    "$(dirname "$0")/bench-nation.sh"
done

say "three processes"
start "$dir" --nodes 3
lookups "64 clients at the leader, tokens cached" --url "$CUSTOS_URL" --clients 64
lookups "256 clients at the leader, tokens cached" --url "$CUSTOS_URL" --clients 256
lookups "64 clients at the leader, every token verified" --url "$CUSTOS_URL" --clients 64 --fresh-tokens
echo "1,000 listeners over all three, and how soon they hear of a lookup:"
bin/custos-tools bench listeners --dir "$dir" --url "$CUSTOS_URLS" -o json
lookups "64 clients over all three, tokens cached" --url "$CUSTOS_URLS" --clients 64
resident

say "letters by webhook from three processes: how soon they leave, and what a failover costs"
stop
rm -rf "$dir" "$dir.log"
start "$dir" --nodes 3 # without all those notifications that nobody has acknowledged
stop
printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64)" >"$dir/secrets/hook"
chmod 600 "$dir/secrets/hook"
hook='{"url":"http://127.0.0.1:18474/","secretFile":"secrets/hook"}'
sed -i '1s|{|{"letters":{"allow":["127.0.0.0/8"],"webhooks":{"D9X1A":'"$hook"',"D9X2A":'"$hook"',"D9X3A":'"$hook"'}},|' "$dir"/n?.json
resume "$dir" --nodes 3
letters() { bin/custos-tools bench letters --dir "$dir" --url "$CUSTOS_URLS" --authorities D9X1A,D9X2A,D9X3A -o json "$@"; }
letters
echo "the same, and the leader is killed meanwhile:"
letters --pause 50ms &
measured=$!
sleep 4
IFS=, read -ra urls <<<"$CUSTOS_URLS"
IFS=, read -ra pids <<<"$CUSTOS_PIDS"
leader=$(curl -sS -m 5 "$CUSTOS_ADMIN_URL/statusz" | sed -n 's/.*"leader": *"\([^"]*\)".*/\1/p')
for i in 0 1 2; do
  [ "${urls[$i]}" = "$leader" ] && kill -KILL "${pids[$i]}"
done
wait "$measured"
stop
rm -rf "$dir" "$dir.log"

say "the machine once more: it may not be as fast as it was"
bin/custos-tools bench machine
