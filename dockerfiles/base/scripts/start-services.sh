#!/bin/bash
# Starts every service of the image and keeps it running: OpenCode, the ACP gateway, and those of the add-ons.
# SIGTERM ends all of them.
set -uo pipefail

readonly SOCKET=/tmp/supervisor.sock

# supervisord stops one program after the other. Told all at once, they need the time of the slowest.
stop_services() {
  local service
  trap '' TERM INT
  kill -TERM "$supervisor" 2>/dev/null
  for service in $(pgrep --parent "$supervisor"); do kill -TERM -- "-$service" 2>/dev/null; done
  wait "$supervisor"
  exit 0
}

# A restarted container still has the socket of its last run.
rm -f "$SOCKET"
supervisord --configuration /etc/supervisor/supervisord.conf &
supervisor=$!
trap stop_services TERM INT
# It first looks at its programs a second after its own start, unless somebody speaks to it before.
for _ in {1..60}; do
  if curl --silent --max-time 1 --output /dev/null --unix-socket "$SOCKET" http://localhost/; then break; fi
  sleep 0.05
done
wait "$supervisor"
