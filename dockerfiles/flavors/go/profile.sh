# Login shells begin with a PATH of their own; what `go install` installs comes first.
case ":$PATH:" in
  *":$HOME/go/bin:"*) ;;
  *) PATH="$HOME/go/bin:$PATH" ;;
esac
