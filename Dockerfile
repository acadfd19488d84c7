# Serves the model that is mounted at /model; see docs/guide/serve.md.
FROM python:3.11-slim
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
# Linux gets a PyTorch for NVIDIA GPUs, several gigabytes, unless this names the index of the CPU builds:
# docker build --build-arg PIP_EXTRA_INDEX_URL=... (the address is on PyTorch's install page).
ARG PIP_EXTRA_INDEX_URL
RUN pip install --no-cache-dir --constraint constraints.txt torch \
    && pip install --no-cache-dir --constraint constraints.txt ".[serve]" \
    && useradd --create-home multitide
USER multitide
EXPOSE 8000
ENTRYPOINT ["multitide", "serve", "/model", "--host", "0.0.0.0"]
