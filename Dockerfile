FROM python:3.11-slim AS dependencies
# Where torch's CPU build is looked for, beside the index that pip knows; empty for that one alone.
ARG TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/thaw
WORKDIR /src
COPY constraints.txt ./
RUN /opt/thaw/bin/pip install --no-cache-dir -c constraints.txt "torch==2.13.0+cpu" \
    ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"}
COPY pyproject.toml ./
# The dependencies alone, so that a change of the code does not install them again.
RUN mkdir model training service && touch README.md model/__init__.py training/__init__.py service/__init__.py \
    && /opt/thaw/bin/pip install --no-cache-dir -c constraints.txt . \
    && /opt/thaw/bin/pip uninstall --yes thaw

FROM python:3.11-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md ./
COPY model model
COPY training training
COPY service service
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:3.11-slim
RUN groupadd --gid 10001 thaw && useradd --uid 10001 --gid thaw --home-dir /data --no-create-home thaw \
    && install -d -o thaw -g thaw /data
COPY --from=dependencies /opt/thaw /opt/thaw
COPY --from=wheel /wheel /wheel
RUN /opt/thaw/bin/pip install --no-cache-dir --no-deps --no-index /wheel/thaw-*.whl
ENV PATH=/opt/thaw/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/tmp/huggingface \
    THAW_HOST=0.0.0.0 \
    THAW_CHECKPOINT=/data/checkpoint \
    THAW_STORE_URL=sqlite:////data/thaw.sqlite \
    THAW_CACHE_DIR=/data/cache
USER thaw
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=600s --retries=3 CMD ["thaw", "health"]
ENTRYPOINT ["thaw"]
CMD ["serve", "--train-demo"]
