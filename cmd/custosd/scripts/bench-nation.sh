#!/usr/bin/env bash
# Measures a nation on one node: NATION_PLANS plans, NATION_SCHOOLS schools and
# NATION_ROWS enrolment rows through the interface, the node's memory on the way,
# and large lists read before the rows and after them. With NATION_LINKS=yes the
# rows of children without a plan are kept, sealed, as policy may allow; otherwise
# they are not kept.
. "$(dirname "$0")/lib.sh"

dir=.demo-nation-$$
say "a nation: ${NATION_PLANS:=200000} plans, ${NATION_SCHOOLS:=24000} schools, ${NATION_ROWS:=12000000} enrolment rows, links kept: ${NATION_LINKS:=no}"
start "$dir"
if [ "$NATION_LINKS" = yes ]; then
  CUSTOS_TOKEN=$T_OPERATOR bin/custos-tools policy set --url "$CUSTOS_URL" --place E92000001 --from "$(date -u +%F)" \
    --links yes --dpia "made up" --reason "to be measured"
fi
bin/custos-tools bench nation --dir "$dir" --url "$CUSTOS_URL" --plans "$NATION_PLANS" --schools "$NATION_SCHOOLS" --rows "$NATION_ROWS" -o json
echo "$(du -sm "$CUSTOS_DATA" | cut -f1) MiB on the disk"
stop
echo "verified up to level 3:"
bin/custos-tools bench verify --data "$CUSTOS_DATA" --keys "$CUSTOS_KEYS" --level 3 -o json
rm -rf "$dir" "$dir.log"
