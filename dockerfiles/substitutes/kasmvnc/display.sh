#!/bin/bash
# Runs TigerVNC's X server and the web page of its screen; when one of them ends, so does the other.
set -euo pipefail

. /usr/local/lib/codeopen/gui/session.sh
clear_display
check_login

# VNC itself is reached through a socket of this user only, and not over the network.
socket=$XDG_RUNTIME_DIR/vnc.sock
rm -f "$socket"
trap 'trap "" TERM; kill 0; wait' EXIT
env -u KASMVNC_PASSWORD Xtigervnc "$DISPLAY" -geometry "${WIDTH}x$HEIGHT" -depth 24 -desktop Desktop -nolisten tcp \
  -rfbport -1 -rfbunixpath "$socket" -rfbunixmode 0600 -SecurityTypes None -AlwaysShared &
wait_for_display
node /opt/codeopen/gui/web.mjs "$socket" &
wait -n
