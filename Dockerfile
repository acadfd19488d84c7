# Serves the model that is mounted at /model; see docs/guide/serve.md.
FROM python:3.11-slim
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt torch --index-url https://download.pytorch.org/whl/cpu \
    && pip install --no-cache-dir --constraint constraints.txt ".[serve]" \
    && useradd --create-home multitide
USER multitide
EXPOSE 8000
ENTRYPOINT ["multitide", "serve", "/model", "--host", "0.0.0.0"]
