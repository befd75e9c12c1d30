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
