# Functions that every image's entrypoint shares. Sourced by bash, never run.

# The home is a volume that outlives the image, so it is completed at each start and never overwritten.
prepare_home() {
  export HOME="${HOME:-/home/developer}"
  mkdir -p "$WORKSPACE" "$HOME/.config" "$HOME/.local/share" "$HOME/.local/state" "$HOME/.cache" "$HOME/.local/bin"
  if [ ! -w "$WORKSPACE" ]; then
    echo "codeopen: $WORKSPACE is not writable by uid $(id -u): the volume belongs to somebody else" >&2
    return 1
  fi
}

# Agents run as the same user, and may read the variables of its processes. So a hash takes the password's place before
# any other program runs, and by its path: in a home that lasts, an agent may have put one of that name before it.
hide_gateway_password() {
  local password="${ACP_GATEWAY_PASSWORD:-}"
  unset ACP_GATEWAY_PASSWORD
  [[ $password =~ [^[:space:]] ]] || return 0
  if [ -n "${ACP_GATEWAY_PASSWORD_HASH:-}" ]; then
    echo "codeopen: ACP_GATEWAY_PASSWORD and ACP_GATEWAY_PASSWORD_HASH are both set; set one of the two" >&2
    return 1
  fi
  ACP_GATEWAY_PASSWORD_HASH=$(printf '%s' "$password" |
    /usr/local/bin/node /opt/codeopen/acp-gateway/dist/hash-password.js) || return 1
  export ACP_GATEWAY_PASSWORD_HASH
}
