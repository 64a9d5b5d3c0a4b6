#!/usr/bin/env bash
# Measures a nation on one node: NATION_PLANS plans, NATION_SCHOOLS schools and
# NATION_ROWS enrolment rows through the interface, the node's memory on the way,
# and large lists read before the rows and after them. NATION_PREPARE is a command
# that is run first, with the demo's environment: it may set another policy, as
# that of keeping enrolments.
. "$(dirname "$0")/lib.sh"

dir=.demo-nation-$$
say "a nation: ${NATION_PLANS:=200000} plans, ${NATION_SCHOOLS:=24000} schools, ${NATION_ROWS:=12000000} enrolment rows"
start "$dir"
export CUSTOS_DIR=$dir
eval "${NATION_PREPARE:-}"
bin/custos-tools bench nation --dir "$dir" --url "$CUSTOS_URL" --plans "$NATION_PLANS" --schools "$NATION_SCHOOLS" --rows "$NATION_ROWS" -o json
echo "$(du -sm "$CUSTOS_DATA" | cut -f1) MiB on the disk"
stop
rm -rf "$dir" "$dir.log"
