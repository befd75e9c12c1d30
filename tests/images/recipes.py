"""How a new project of each kind is built and served: by the file that tells its kind. All without network."""

from __future__ import annotations

from dataclasses import dataclass

PORT = 3123
# Starts the server, asks until it answers, ends it. Plain text is taken as well: Tokio's starter speaks no HTTP.
_SERVE = """
{serve} >/tmp/server.log 2>&1 & server=$!
for attempt in $(seq 300); do
  answer=$(curl --silent --fail --http0.9 --max-time 5 http://127.0.0.1:{port}/) && [ -n "$answer" ] && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
kill "$server" 2>/dev/null
[ -n "$answer" ] || cat /tmp/server.log >&2
printf '%s' "$answer"
"""


@dataclass(frozen=True)
class Recipe:
    """``marker`` is the file; ``says`` stands in what the server answers, in lower case."""

    marker: str
    build: str
    serve: str = ""
    says: str = "hello"

    @property
    def script(self) -> str:
        serve = _SERVE.format(serve=self.serve, port=PORT) if self.serve else ""
        return f"set -e\n{self.build}\nset +e\n{serve}"


# The first that fits is taken.
RECIPES = (
    Recipe("server.js", "npm run build --if-present", f"env PORT={PORT} node server.js"),
    Recipe("package.json", "npm run build"),
    Recipe("go.mod", "go vet ./... && go build -o /tmp/served .", f"env PORT={PORT} /tmp/served"),
    Recipe("Cargo.toml", "cargo build --locked", f"env PORT={PORT} cargo run --quiet --locked"),
    Recipe(
        "manage.py",
        "python manage.py check && python manage.py migrate",
        f"python manage.py runserver --noreload 127.0.0.1:{PORT}",
        "install worked successfully",
    ),
    Recipe("main.py", "python -m compileall -q .", f"fastapi run --host 127.0.0.1 --port {PORT}"),
    Recipe("app.py", "python -m compileall -q .", f"flask run --port {PORT}"),
    Recipe("pom.xml", "mvn --batch-mode --quiet package"),
    Recipe("build.gradle", "gradle --no-daemon --quiet build"),
)
