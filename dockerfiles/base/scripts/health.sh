#!/usr/local/lib/codeopen/private/env -S -u ACP_GATEWAY_PASSWORD /bin/bash
# Exits 0 when every service of the image answers as the catalog says. Each line of a file in /etc/codeopen/health.d is
# `name port path status credential body-regex`, separated by tabs; `-` stands for no credential. A port may be
# `VARIABLE=number`: it is what the variable says, and the number where it says nothing.
# The Engine starts it with the container's variables, which agents could read: `private/env` drops the gateway's password.
set -uo pipefail

# The password goes through a pipe: command lines can be read by anyone.
request() {
  local url=$1 credential=$2 user password login=""
  user="${credential}_USERNAME"
  password="${credential}_PASSWORD"
  if [ "$credential" != - ] && [ -n "${!password:-}" ]; then
    login="${!user:-opencode}:${!password}"
    login=${login//\\/\\\\}
    login="user = \"${login//\"/\\\"}\""
  fi
  printf '%s\n' "$login" | curl --silent --max-time 5 --write-out '\n%{http_code}' --config - "$url"
}

failed=0
while IFS=$'\t' read -r name port path status credential body; do
  [ -n "$name" ] || continue
  variable=${port%=*}
  if [ "$variable" != "$port" ]; then port=${!variable:-${port#*=}}; fi
  answer=$(request "http://127.0.0.1:$port$path" "$credential")
  if [ "${answer##*$'\n'}" != "$status" ]; then
    echo "$name: port $port answered ${answer##*$'\n'} instead of $status" >&2
    failed=1
  elif ! grep -qP -- "$body" <<<"${answer%$'\n'*}"; then
    echo "$name: port $port answered without $body" >&2
    failed=1
  fi
done < <(cat /etc/codeopen/health.d/* 2>/dev/null)
exit "$failed"
