#!/bin/sh
# Asks Interdict before something is fulfilled: decide.sh < transaction.json
# Exit codes: 0 go on; 1 prohibited; 75 hold, a person has to look, or nobody answered (EX_TEMPFAIL). Writes verdict and decision id.
# INTERDICT_URL: the decision API, default http://127.0.0.1:8080/v1/decide
set -u

answer=$(curl --silent --max-time 5 --write-out '\n%{http_code}' --header 'Content-Type: application/json' --data-binary @- \
    "${INTERDICT_URL:-http://127.0.0.1:8080/v1/decide}") || { echo "review: Interdict does not answer" >&2; exit 75; }
case $answer in
    *'
200') answer=${answer%200} ;;
    *) echo "review: Interdict answers with ${answer##*
}" >&2; exit 75 ;;
esac

# The decision's own verdict, not that of one of its items: `nexus`, `items` and `shadow` stand in brackets and are taken out first.
flat=$(printf %s "$answer" | tr -d '\n' | sed -e 's/\\"//g' -e ':a' -e 's/\[[^][]*\]//g' -e 'ta' -e 's/"nexus":{[^{}]*}//' -e 's/"request":{[^{}]*}//')
case $flat in
    '{'*'}') ;;
    *) echo "review: the answer cannot be read" >&2; exit 75 ;;
esac
verdict=$(printf %s "$flat" | sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p')
id=$(printf %s "$flat" | sed -n 's/.*"id":"\([0-9a-f-]*\)".*/\1/p')
[ -n "$id" ] || verdict=review
echo "$verdict ${id:-none}"
case $verdict in
    allow) exit 0 ;;
    block) exit 1 ;;
    *) exit 75 ;;
esac
