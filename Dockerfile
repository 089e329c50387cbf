# syntax=docker/dockerfile:1
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
WORKDIR /app
COPY requirements.lock requirements-installer.lock ./
COPY deploy/install.sh deploy/install.sh
RUN python -m venv /venv && bash deploy/install.sh /venv/bin

FROM python:3.12-slim-bookworm
# What weasyprint draws with; everything else comes in the wheels.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home millrace
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DATA_DIR=/data HOST=0.0.0.0 PORT=8000
USER millrace
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Workers have no port: compose.yaml turns this off for them, their heartbeats are in /api/health.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-m", "config.site"]
# The whole site in one container; compose.yaml runs web and workers apart.
CMD ["python", "manage.py", "up"]
