#!/bin/bash
# Runs TigerVNC's X server and the web page of its screen; when one of them ends, so does the other.
set -euo pipefail

. /usr/local/lib/codeopen/gui/session.sh

# After a SIGKILL of this script its programs still hold the display and the port.
end_last_run() {
  local last=$XDG_RUNTIME_DIR/display.group group _
  if group=$(cat "$last" 2>/dev/null) && pgrep --pgroup "$group" --full 'Xtigervnc|web.mjs' >/dev/null; then
    kill -KILL -- "-$group"
    for _ in {1..40}; do
      pgrep --pgroup "$group" >/dev/null || break
      sleep 0.05
    done
  fi
  echo $$ >"$last"
}

end_last_run
clear_display
check_login
address=$(codeopen-bind-address KASMVNC)

# VNC itself is reached through a socket of this user only, and not over the network.
socket=$XDG_RUNTIME_DIR/vnc.sock
rm -f "$socket"
trap 'trap "" TERM; kill 0; wait' EXIT
env -u KASMVNC_PASSWORD Xtigervnc "$DISPLAY" -geometry "${WIDTH}x$HEIGHT" -depth 24 -desktop Desktop -nolisten tcp \
  -rfbport -1 -rfbunixpath "$socket" -rfbunixmode 0600 -SecurityTypes None -AlwaysShared &
wait_for_display
node /opt/codeopen/gui/web.mjs "$socket" "$address" &
wait -n
