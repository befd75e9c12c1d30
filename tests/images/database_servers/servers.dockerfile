# Servers for the clients of the add-on databases, in that add-on's image. No package registry carries MongoDB's own:
# SecantusDB, which speaks its protocol and stores with its engine, stands in for it.
# Named build contexts: base (the add-on's image), package-archive.
FROM base
USER root
RUN --mount=type=bind,from=package-archive,target=/run/package-archive \
    /usr/local/lib/codeopen/install-packages.sh postgresql python3-venv redis-server
COPY requirements.lock /opt/servers/
RUN python3 -m venv /opt/servers/python \
 && /opt/servers/python/bin/pip install --no-cache-dir --require-hashes -r /opt/servers/requirements.lock
USER developer
