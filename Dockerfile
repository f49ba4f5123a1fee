# syntax=docker/dockerfile:1
# One target per role, with only what the role needs; without a target, an image that runs everything.
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS source
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# `collect worker,api` makes wheels of what these extras depend on, without Segue itself: rebuilt only when they change.
COPY --chmod=755 <<'COLLECT' /usr/local/bin/collect
#!/bin/sh
set -e
EXTRAS="$1" python -c "import os, tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = [project['optional-dependencies'][extra] for extra in os.environ['EXTRAS'].split(',') if extra]; \
print(*project['dependencies'], *sum(extras, []), sep='\n')" > requirements.txt
pip wheel --no-cache-dir --wheel-dir /wheels --constraint constraints.txt --requirement requirements.txt
COLLECT

FROM source AS worker-wheels
RUN collect worker

FROM source AS dashboard-wheels
RUN collect dashboard

FROM source AS batch-wheels
RUN collect batch

FROM source AS api-wheels
RUN collect api

FROM source AS all-wheels
# Which parts the image without a target can run.
ARG EXTRAS=worker,dashboard,batch,api
RUN collect "${EXTRAS}"

FROM source AS segue-wheel
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /segue .

FROM python:${PYTHON} AS base
RUN useradd --create-home --uid 10001 segue
ENV PYTHONUNBUFFERED=1
WORKDIR /home/segue
ENTRYPOINT ["segue"]

# segue worker, segue webhooks
FROM base AS worker
RUN --mount=type=bind,from=worker-wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=segue-wheel,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl /segue/*.whl && pip check
USER 10001

# segue dashboard
FROM base AS dashboard
RUN --mount=type=bind,from=dashboard-wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=segue-wheel,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl /segue/*.whl && pip check
USER 10001

# segue migrate, segue drift, and every command of an operator
FROM base AS batch
RUN --mount=type=bind,from=batch-wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=segue-wheel,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl /segue/*.whl && pip check
USER 10001

# segue api, segue clock
FROM base AS api
RUN --mount=type=bind,from=api-wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=segue-wheel,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl /segue/*.whl && pip check
USER 10001

FROM base AS all
RUN --mount=type=bind,from=all-wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=segue-wheel,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl /segue/*.whl && pip check
USER 10001
