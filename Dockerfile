# Serves an exported model (tools/export.py) by ONNX Runtime: no torch, no compiler, not root, nothing written.
#
#   docker build -t segloop .
#   docker run --rm --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 -v "$PWD/shore.onnx:/model.onnx:ro" segloop
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" --entrypoint python segloop \
#     /app/tools/predict.py /data/shore.onnx /data/photos --to mmseg --out /data/predicted

FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONPATH=/app/src:/app

# What it needs changes seldom, so it is a layer of its own.
COPY requirements/serve.txt /app/requirements/serve.txt
RUN pip install --no-cache-dir --disable-pip-version-check -r /app/requirements/serve.txt

COPY src /app/src
COPY data_converters /app/data_converters
COPY tools/serve.py tools/predict.py /app/tools/

# A number, not a name: then an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=2)"]

# Inside the container every address is listened to; what is published is said by `docker run -p`.
ENTRYPOINT ["python", "/app/tools/serve.py"]
CMD ["/model.onnx", "--host", "0.0.0.0", "--port", "8000"]
