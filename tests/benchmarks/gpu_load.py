"""A small random transformer that generates without end and serves itself: `python -m tests.benchmarks.gpu_load --port 8300`.

No benchmark of its own: gpu_check starts it. Needs torch and nothing else. /metrics has vLLM's names for what it does, /v1/completions
streams as OpenAI does, /duty?busy=2&idle=2 makes it work two seconds and rest two.
"""

from __future__ import annotations

import argparse
import importlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CONTEXT, VOCABULARY, SEED = 128, 512, 5


class Model:
    """Random weights: what it says means nothing, what it costs is a transformer's."""

    def __init__(self, *, device: str, width: int, layers: int, batch: int) -> None:
        torch = self._torch = importlib.import_module("torch")
        torch.manual_seed(SEED)
        kind = torch.float32 if device == "cpu" else torch.bfloat16
        layer = torch.nn.TransformerEncoderLayer(
            width, max(1, width // 64), 4 * width, batch_first=True, norm_first=True
        )
        self._body = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).to(device, kind).eval()
        self._in = torch.nn.Embedding(VOCABULARY, width).to(device, kind)
        self._out = torch.nn.Linear(width, VOCABULARY).to(device, kind)
        self._seen = torch.randint(VOCABULARY, (batch, CONTEXT), device=device)
        self._lock = threading.Lock()
        self.batch, self.tokens = batch, 0

    def step(self) -> None:
        """One token for each of the batch; it has been computed when this returns."""
        torch = self._torch
        with self._lock, torch.inference_mode():
            following = self._out(self._body(self._in(self._seen))[:, -1]).argmax(-1, keepdim=True)
            self._seen = torch.cat([self._seen[:, 1:], following], 1)
            following[0].item()
            self.tokens += self.batch


class Loop(threading.Thread):
    def __init__(self, model: Model) -> None:
        super().__init__(daemon=True)
        self.model, self.busy, self.idle = model, 1.0, 0.0

    def run(self) -> None:
        rest = threading.Event()
        while True:
            end = time.monotonic() + self.busy
            while time.monotonic() < end:
                self.model.step()
            if self.idle:
                rest.wait(self.idle)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, loop: Loop) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.loop = loop


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        url, loop = urlsplit(self.path), self.server.loop
        if url.path == "/duty":
            asked = {name: float(found[0]) for name, found in parse_qs(url.query).items()}
            loop.busy, loop.idle = asked["busy"], asked["idle"]
        elif url.path != "/metrics":
            self.send_error(404)
            return
        self._text(
            f'vllm:num_requests_running{{model_name="random"}} {loop.model.batch}\n'
            f'vllm:generation_tokens_total{{model_name="random"}} {loop.model.tokens}\n'
        )

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for at in range(int(asked["max_tokens"])):
            self.server.loop.model.step()
            self._event({"choices": [{"text": f"{at} ", "finish_reason": None}]})
        self._event({"choices": [{"text": "", "finish_reason": "length"}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, found: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(found)}\n\n".encode())

    def _text(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, cpu")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32)
    asked = parser.parse_args()
    loop = Loop(Model(device=asked.device, width=asked.width, layers=asked.layers, batch=asked.batch))
    loop.start()
    Server(asked.port, loop).serve_forever()


if __name__ == "__main__":
    main()
