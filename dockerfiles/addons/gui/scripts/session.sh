# What the programs of the desktop have in common. Sourced by bash, never run.

# Under /tmp and not in the home, which outlives the container.
export XDG_RUNTIME_DIR=/tmp/codeopen-gui
export DBUS_SESSION_BUS_ADDRESS="unix:path=$XDG_RUNTIME_DIR/bus"
# No accessibility bus runs, and without this GTK complains of it each time.
export NO_AT_BRIDGE=1
mkdir -p -m 0700 "$XDG_RUNTIME_DIR"

display_answers() { timeout 2 xdpyinfo -display "$DISPLAY" >/dev/null 2>&1; }

wait_for_display() {
  local deadline=$((SECONDS + 15))
  until display_answers; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "gui: no X server answers on $DISPLAY" >&2
      return 1
    fi
    sleep 0.1
  done
}

# An X server that was killed, or whose container was, leaves a lock with the id of a process that may be another now.
clear_display() {
  local number=${DISPLAY#:}
  number=${number%%.*}
  if display_answers; then
    echo "gui: an X server runs on $DISPLAY already" >&2
    return 1
  fi
  rm -f "/tmp/.X$number-lock" "/tmp/.X11-unix/X$number"
  # An X server that is not root's makes no such folder itself.
  mkdir -p -m 1777 /tmp/.X11-unix
}

# KasmVNC takes no other logins than these, and says so less clearly.
check_login() {
  local user=${KASMVNC_USERNAME:-opencode} password=${KASMVNC_PASSWORD:-} login
  if [ -z "$password" ]; then return; fi
  login="$user:$password"
  if [ "${#password}" -lt 6 ]; then echo "gui: KASMVNC_PASSWORD is shorter than 6 characters" >&2; return 1; fi
  if [ "${#login}" -gt 160 ]; then echo "gui: KASMVNC_USERNAME and KASMVNC_PASSWORD are too long" >&2; return 1; fi
  if [[ ! $user =~ ^[A-Za-z0-9._@-]+$ ]]; then
    echo "gui: KASMVNC_USERNAME has characters other than A-Za-z0-9._@-" >&2
    return 1
  fi
}
