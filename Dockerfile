# One image for every service, the operator and the landing page; the command picks.
# BASE_IMAGE is any image with Python 3.11 or newer, the same one below both stages, so that the
# environment finds its interpreter where it left it.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /source
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv --without-pip /app \
 && python3 -m venv /build \
 && /build/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-build.lock \
 && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-compile --disable-pip-version-check \
    --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY local local
COPY operator operator
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-compile --no-index --no-deps /wheels/*.whl
# The root filesystem is read-only where it runs, so the byte code has to be there already.
RUN /app/bin/python -m compileall -q -j 0 /app/lib

FROM ${BASE_IMAGE}
COPY --from=build /app /app
# Some libraries ask for the name of the user they run as.
RUN echo 'eventonight:x:10001:10001::/tmp:/usr/sbin/nologin' >>/etc/passwd
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
CMD ["python", "-m", "services", "--help"]
