# Two stages: the first installs the pinned set, the second carries only what runs. One process per container, one
# event loop per process; scale out on PostgreSQL with more containers. SQLite wants exactly one container.
FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv /opt/registry \
 && /opt/registry/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY registry ./registry
COPY policies ./policies
RUN /opt/registry/bin/pip install --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/registry --create-home registry
COPY --from=build /opt/registry /opt/registry
COPY policies /opt/registry/policies
ENV PATH=/opt/registry/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    REGISTRY_DATA_DIR=/var/lib/registry \
    REGISTRY_POLICIES_DIR=/opt/registry/policies
# The root file system may be read-only: everything written goes to this volume (and /tmp, a tmpfs).
VOLUME ["/var/lib/registry"]
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/health/ready' % os.environ['PORT'], timeout=2)"]
STOPSIGNAL SIGTERM
# The schema is brought up to date first: forward only, harmless when it is current.
CMD ["registry", "serve", "--migrate"]
