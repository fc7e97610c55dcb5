# The service: `digits serve` with the champion of the registry that MLFLOW_TRACKING_URI names. No TensorFlow, DVC or pip,
# and no user but one without rights. docs/how-to/deploy-with-compose.md explains how to run it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt requirements-serve.txt ./
RUN python -m venv --without-pip /opt/digits \
    && python -m pip --python /opt/digits install --no-cache-dir --no-compile --require-hashes -r requirements-serve.txt
# The build tool is the one of the lock, too.
RUN sed -n '/^setuptools==/,/[^\\]$/p' requirements.txt > requirements-build.txt \
    && python -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY digits digits
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && python -m pip --python /opt/digits install --no-cache-dir --no-compile --no-deps wheels/*.whl
# The libraries' own tests and headers, which nothing here imports
RUN find /opt/digits/lib -type d \( -name tests -o -path '*/site-packages/pyarrow/include' \) -prune -exec rm -rf {} + \
    && /opt/digits/bin/python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/digits/lib

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="digits" \
      org.opencontainers.image.description="Reads handwritten digits over HTTP" \
      org.opencontainers.image.licenses="MIT"
# The user's number is fixed, for the owner of a volume and for Kubernetes's runAsNonRoot.
RUN python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin digits
COPY --from=build /opt/digits /opt/digits
# The project's root: it is marked by .dvc, has the parameters, and the folders that are written
WORKDIR /srv/digits
COPY .dvc/config .dvc/config
COPY params.yaml .
RUN install --directory --owner=digits --group=digits .served feedback
ENV PATH=/opt/digits/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PROMETHEUS_MULTIPROC_DIR=/tmp/metrics \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true
USER 10001:10001
EXPOSE 5001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:5001/livez', timeout=4)"]
ENTRYPOINT ["digits"]
CMD ["serve", "--host", "0.0.0.0", "--port", "5001", "--api-key-file", "/run/secrets/digits_api_keys"]
