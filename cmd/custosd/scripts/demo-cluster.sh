#!/usr/bin/env bash
# Three real processes on this machine. The leader is killed under load; what
# was answered before is still there, and the survivors answer again.
. "$(dirname "$0")/lib.sh"

dir=.demo-cluster-$$
say "three nodes"
start "$dir" --nodes 3
IFS=, read -ra urls <<<"$CUSTOS_URLS"
IFS=, read -ra pids <<<"$CUSTOS_PIDS"
IFS=, read -ra data <<<"$CUSTOS_DATA"
for i in 0 1 2; do echo "node $((i + 1)): process ${pids[$i]}, ${urls[$i]}"; done

leader=$(curl -sS -m 5 "$CUSTOS_ADMIN_URL/statusz" | sed -n 's/.*"leader": *"\([^"]*\)".*/\1/p')
at=
for i in 0 1 2; do [ "${urls[$i]}" = "$leader" ] && at=$i; done
[ -n "$at" ] || die "no node has the leader's address"
a=$(((at + 1) % 3))
b=$(((at + 2) % 3))

say "16 clients keep looking people up through a follower; the leader, node $((at + 1)), is killed"
bin/custos-tools bench --dir "$dir" --url "${urls[$a]}" --duration 8s --warmup 0s --clients 16 --receipts "$dir/load.entries" -o json >"$dir/load.json" 2>"$dir/load.err" &
load=$!
answered=()
killed=
again=
for n in $(seq 400); do
  read -r status seq < <(lookup "${urls[$a]}" "$T_CLINICIAN" "$NHS_CPP")
  if [ "$status" = 200 ]; then
    answered+=("$seq")
    if [ -n "$killed" ]; then
      again=$(($(date +%s%3N) - killed))
      break
    fi
  elif [ -n "$killed" ]; then
    sleep 0.05
  fi
  if [ "$n" = 50 ]; then
    kill -KILL "${pids[$at]}"
    killed=$(date +%s%3N)
    echo "killed after ${#answered[@]} answers"
  fi
done
[ -n "$again" ] || die "the survivors did not answer again"
echo "the survivors answered again $again ms after the kill"
wait "$load" || true
echo "the load meanwhile: $(cat "$dir/load.json")"

say "every answered lookup is still in the ledger, on the other survivor"
for seq in "${answered[@]}"; do
  got=$(curl -sS -m 5 -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $T_AUDITOR" "${urls[$b]}/v1/receipts/$seq")
  [ "$got" = 200 ] || die "entry $seq: $got"
done
echo "${#answered[@]} of ${#answered[@]}"

say "stopped; the survivors' ledgers verify, and hold each entry whose receipt the load was given, with its hash"
stop
LC_ALL=C sort -u "$dir/load.entries" >"$dir/load.sorted"
lookups=$(sed -n 's/.*"lookups": *\([0-9]*\).*/\1/p' "$dir/load.json")
[ "$(wc -l <"$dir/load.sorted")" = "$lookups" ] || die "$lookups answers have not as many entries"
for i in "$a" "$b"; do
  out=$(verify "${data[$i]}")
  echo "$out"
  [ "$(tail -n 1 <<<"$out")" = "exit 0" ] || die "node $((i + 1)) does not verify"
  bin/custos-tools export --data "${data[$i]}" --out "$dir/entries.ndjson"
  sed 's/^{"seq":\([0-9]*\),"hash":"\([0-9a-f]*\)".*/\1 \2/' "$dir/entries.ndjson" | LC_ALL=C sort -u >"$dir/entries"
  lost=$(LC_ALL=C comm -23 "$dir/load.sorted" "$dir/entries" | wc -l)
  [ "$lost" = 0 ] || die "node $((i + 1)) lacks $lost entries of the load's answers"
  echo "$lookups of $lookups"
done

say "nothing that was answered was lost"
rm -rf "$dir" "$dir.log"
