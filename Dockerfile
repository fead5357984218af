# maint as an image: docker build --tag registry.example.com/maint:0.1.0 .
# Who wants the same bytes each time puts a digest behind the tags: python:3.13-slim@sha256:…
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements/run.txt requirements/
# Every package once, by its hash; from here on nothing is fetched.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip download --quiet --no-cache-dir --only-binary :all: --require-hashes \
    --requirement requirements/run.txt --dest wheels
COPY LICENSE README.md pyproject.toml maint.tom[l] ./
COPY src src
RUN /opt/build/bin/pip install --quiet --no-index --find-links wheels hatchling editables \
 && /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheels .
# Nothing that only the building wanted.
RUN python -m venv --without-pip /opt/maint \
 && /opt/build/bin/pip --python /opt/maint/bin/python install --quiet --no-index \
    --find-links wheels 'maintcli[mail,storage]'
# The settings, if there is a maint.toml beside this file. Secrets come as variables, not in there.
RUN install -d /opt/settings \
 && if [ -f maint.toml ]; then install -m 644 maint.toml /opt/settings; fi

FROM python:3.13-slim
COPY --from=build /opt/maint /opt/maint
COPY --from=build /opt/settings /etc/maint
# Nothing is ever written: the modules are compiled already, and the log goes to standard error.
ENV PATH=/opt/maint/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# maint.toml is read from here; Kubernetes lays a ConfigMap over it.
WORKDIR /etc/maint
USER 65532:65532
HEALTHCHECK NONE
ENTRYPOINT ["maint"]
