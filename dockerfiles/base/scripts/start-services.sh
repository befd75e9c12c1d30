#!/bin/bash
# Starts every service of /etc/codeopen/services.d, one shell fragment each, and keeps it running: a service that ends
# is started again after 1 s, then 2, 4 … 30 s; ten seconds of life reset the wait. SIGTERM ends all of them.
set -uo pipefail

readonly LONGEST_WAIT=30
supervisors=()

log() { printf '{"time":"%s","service":"%s","event":"%s"}\n' "$(date -u +%FT%TZ)" "$1" "$2"; }

supervise() {
  local service=$1 child=0 wait=1 started
  trap 'trap "" TERM; [ "$child" -eq 0 ] || kill -TERM "$child" 2>/dev/null; wait; exit 0' TERM
  while true; do
    started=$SECONDS
    log "$service" start
    bash "/etc/codeopen/services.d/$service" &
    child=$!
    wait "$child"
    log "$service" "ended with code $?; next start in ${wait}s"
    if [ $((SECONDS - started)) -ge 10 ]; then wait=1; fi
    sleep "$wait" &
    child=$!
    wait "$child"
    wait=$((wait * 2 > LONGEST_WAIT ? LONGEST_WAIT : wait * 2))
  done
}

stop_all() {
  trap '' TERM INT
  kill -TERM "${supervisors[@]}" 2>/dev/null
  wait
  exit 0
}

trap stop_all TERM INT
for fragment in /etc/codeopen/services.d/*; do
  [ -f "$fragment" ] || continue
  supervise "$(basename "$fragment")" &
  supervisors+=("$!")
done
wait
