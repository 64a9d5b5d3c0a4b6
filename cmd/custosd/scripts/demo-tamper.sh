#!/usr/bin/env bash
# Flips one byte in a copy of a ledger, and rewrites an entry of another through
# the database, and watches verification name the entry; then cuts the end off a
# third copy, which verification calls incomplete.
. "$(dirname "$0")/lib.sh"

dir=.demo-tamper-$$
expect() { [ "$(tail -n 1 <<<"$2")" = "exit $1" ] || die "expected exit $1"; }

say "a ledger with one more lookup in it"
start "$dir"
read -r status seq < <(lookup "$CUSTOS_URL" "$T_CLINICIAN" "$NHS_CPP")
[ "$status" = 200 ] || die "the lookup answered $status"
curl -sS -m 5 -o "$dir/entry" -H "Authorization: Bearer $T_AUDITOR" "$CUSTOS_URL/v1/entries/$seq"
echo "entry $seq records it, in $(wc -c <"$dir/entry") bytes"
stop

say "the ledger as it is"
out=$(verify "$CUSTOS_DATA"); echo "$out"; expect 0 "$out"

say "one byte of entry $seq flipped in a copy: the store's checksum finds it"
cp -r "$CUSTOS_DATA" "$dir/flipped"
# Some bytes from the middle of the record: its salt and hashes stand nowhere else. grep goes by lines, so a
# stretch without a line end is looked for.
pattern=
for offset in $(seq 40 8 200); do
  hex=$(od -An -v -tx1 -j "$offset" -N 16 "$dir/entry" | tr -d '\n')
  case "$hex " in *' 0a '*) ;; *) pattern=${hex// /\\x}; break ;; esac
done
[ -n "$pattern" ] || die "the record has a line end in every stretch"
found=$(LC_ALL=C grep -obUaP "$pattern" "$dir"/flipped/ledger/*.sst /dev/null | head -n 1 | cut -d: -f1,2) || true
[ -n "$found" ] || die "the record was not found in the copy's tables"
file=${found%:*} at=${found##*:}
byte=$(od -An -tu1 -j "$at" -N 1 "$file")
printf "$(printf '\\x%02x' $((byte ^ 1)))" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
echo "byte $at of $(basename "$file"): $((byte)) is now $((byte ^ 1))"
out=$(verify "$dir/flipped"); echo "$out"; expect 1 "$out"
grep -qw "$seq" <<<"$out" || die "the verdict does not name entry $seq"
grep -q "is damaged" <<<"$out" || die "the verdict does not say that the entry is damaged"

say "entry $seq rewritten in a copy through the database, its checksum right: the hashes find it"
cp -r "$CUSTOS_DATA" "$dir/rewritten"
# The attacker is a test: no program that is delivered can rewrite an entry.
echo "building the test that rewrites it (with empty caches a minute or two)"
CUSTOS_REWRITE="$PWD/$dir/rewritten" CUSTOS_REWRITE_ENTRY="$seq" \
  "${GO:-go}" test -buildvcs=false -count=1 -run '^TestARewrittenRowIsFoundByItsHash$' ./tools >"$dir/rewrite.log" || { cat "$dir/rewrite.log" >&2; die "the copy was not rewritten"; }
out=$(verify "$dir/rewritten"); echo "$out"; expect 1 "$out"
grep -qw "$seq" <<<"$out" || die "the verdict does not name entry $seq"
! grep -q "is damaged" <<<"$out" || die "a checksum found it, and not a hash"

say "a copy that lost its end: killed, and the newest part of its write-ahead log gone"
start "$dir"
for _ in 1 2 3; do lookup "$CUSTOS_URL" "$T_CLINICIAN" "$NHS_CPP" >/dev/null; done
kill -KILL "${CUSTOS_PIDS%%,*}"
wait "$demo_pid" 2>/dev/null || true
cp -r "$CUSTOS_DATA" "$dir/cut"
for log in "$dir"/cut/ledger/*.log; do : >"$log"; done
out=$(verify "$dir/cut"); echo "$out"; expect 4 "$out"

say "verified, tampered with, incomplete: three different answers"
rm -rf "$dir" "$dir.log"
