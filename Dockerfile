# One image for all services, and for what provisions and migrates. `make images` puts the wheels of the lock file,
# verified by their hashes, where this file finds them: the build itself asks no registry.
FROM python:3.11-slim-bookworm AS libraries
COPY requirements-image.lock /
COPY var/images/wheels /wheels
RUN python3 -m venv /opt/berdaya \
 && /opt/berdaya/bin/python -m pip install --quiet --disable-pip-version-check --no-index --find-links /wheels \
      --require-hashes -r /requirements-image.lock \
 && /opt/berdaya/bin/python -m pip uninstall --quiet --yes setuptools pip

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home berdaya && mkdir -p /var/lib/berdaya && chown berdaya /var/lib/berdaya
COPY --from=libraries /opt/berdaya /opt/berdaya
COPY shared /app/shared
COPY services /app/services
COPY deploy /app/deploy
ENV PATH=/opt/berdaya/bin:/usr/local/bin:/usr/bin:/bin PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BERDAYA_LOG=kafka BERDAYA_HOST=0.0.0.0 BERDAYA_PORT=8000 BERDAYA_VAR=/var/lib/berdaya
RUN python -m compileall -q /app
WORKDIR /app
USER berdaya
EXPOSE 8000
CMD ["python", "-c", "import os; print('Berdaya', os.environ['BERDAYA_VERSION'], os.environ['BERDAYA_COMMIT'])"]
# Last: what changes with every commit makes no layer but the last anew.
ARG VERSION=unknown
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="Berdaya" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$COMMIT"
ENV BERDAYA_VERSION=$VERSION BERDAYA_COMMIT=$COMMIT
