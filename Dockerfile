# syntax=docker/dockerfile:1
ARG PYTHON=3.11-slim-trixie

FROM python:${PYTHON} AS wheels
WORKDIR /src
COPY pyproject.toml constraints.txt ./
# Which parts the image can run; a worker alone needs only "worker".
ARG EXTRAS=worker,dashboard,batch
# Dependencies come first, on their own: they are rebuilt only when they change.
RUN python -c "import os, tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
      extras = [project['optional-dependencies'][extra] for extra in os.environ['EXTRAS'].split(',') if extra]; \
      print(*project['dependencies'], *sum(extras, []), sep='\n')" > requirements.txt \
    && pip wheel --no-cache-dir --wheel-dir /wheels --constraint constraints.txt --requirement requirements.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /segue .

FROM python:${PYTHON}
RUN useradd --create-home --uid 10001 segue
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --no-deps /wheels/*.whl
RUN --mount=type=bind,from=wheels,source=/segue,target=/segue \
    pip install --no-cache-dir --no-index --no-deps /segue/*.whl && pip check
ENV PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/segue
ENTRYPOINT ["segue"]
