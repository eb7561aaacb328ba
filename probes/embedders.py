"""Embedders that know meaning: a /v1/embeddings endpoint, or a sentence-transformers model. An edge.

The port and the lexical one are in probes.embed.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from operator import mul
from pathlib import Path
from threading import Lock
from typing import Any

import httpx

from probes.config import EmbedderConfig
from probes.embed import Embedder, EmbedderFailed, HashedNgrams

REMEMBERED = 4096  # vectors of references, which are compared again and again
Dense = tuple[float, ...]


class DenseEmbedder:
    """Any source of dense vectors. `vectors` takes texts and gives one vector each, or raises EmbedderFailed."""

    lexical = False

    def __init__(self, name: str, vectors: Callable[[Sequence[str]], list[Dense]]) -> None:
        self.name = name
        self._vectors = vectors
        self._kept: OrderedDict[str, Dense] = OrderedDict()
        self._lock = Lock()

    def similarities(self, answer: str, references: Sequence[str]) -> list[float]:
        with self._lock:
            known = {text: self._kept[text] for text in references if text in self._kept}
        unknown = [text for text in dict.fromkeys((answer, *references)) if text not in known]
        known |= dict(zip(unknown, map(_unit, self._vectors(unknown)), strict=True))
        if len({len(vector) for vector in known.values()}) != 1:
            raise EmbedderFailed(f"{self.name}: vectors of different length")
        with self._lock:
            self._kept.update((text, known[text]) for text in references)
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return [_cosine(known[answer], known[text]) for text in references]


def build(config: EmbedderConfig) -> Embedder:
    if config.kind == "endpoint":
        return DenseEmbedder(f"{config.model}@endpoint", _Endpoint(config))
    if config.kind == "sentence-transformers":
        return DenseEmbedder(f"{config.model}@sentence-transformers", _SentenceTransformers(config.model))
    return HashedNgrams()


class _Endpoint:
    """POST /v1/embeddings, as OpenAI, vLLM, TEI and others answer it."""

    def __init__(self, config: EmbedderConfig) -> None:
        self._config = config
        self._client = httpx.Client(timeout=config.timeout_seconds, trust_env=False)

    def __call__(self, texts: Sequence[str]) -> list[Dense]:
        config, url = self._config, f"{self._config.url}/v1/embeddings"
        try:
            headers = {}
            if config.api_key_file is not None:
                headers["authorization"] = "Bearer " + Path(config.api_key_file).read_text("utf-8").strip()
            answer = self._client.post(url, json={"model": config.model, "input": list(texts)}, headers=headers)
            if answer.status_code != 200:
                raise EmbedderFailed(f"{url}: HTTP status {answer.status_code}")
            rows = sorted(answer.json()["data"], key=lambda row: row["index"])
            vectors = [tuple(float(value) for value in row["embedding"]) for row in rows]
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
            raise EmbedderFailed(f"{url}: {problem or type(problem).__name__}") from None
        except (ValueError, KeyError, TypeError):
            raise EmbedderFailed(f"{url}: no list of embeddings under data") from None
        if len(vectors) != len(texts):
            raise EmbedderFailed(f"{url}: {len(vectors)} embeddings for {len(texts)} texts")
        return vectors


class _SentenceTransformers:
    """Loaded at the first answer; the extra `embeddings` installs it."""

    def __init__(self, model: str) -> None:
        self._name = model
        self._model: Any = None
        self._lock = Lock()

    def __call__(self, texts: Sequence[str]) -> list[Dense]:
        with self._lock:
            if self._model is None:
                self._model = _load(self._name)
            return [tuple(float(value) for value in vector) for vector in self._model.encode(list(texts))]


def _load(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise EmbedderFailed("sentence-transformers is not installed: pip install 'tailwatch[embeddings]'") from None
    try:
        return SentenceTransformer(model)
    except (OSError, ValueError) as problem:
        raise EmbedderFailed(f"sentence-transformers model {model}: {problem}") from None


def _unit(vector: Dense) -> Dense:
    length = math.sqrt(sum(value * value for value in vector))
    if not math.isfinite(length):
        raise EmbedderFailed("a vector that is no number")
    return tuple(value / length for value in vector) if length else vector


def _cosine(one: Dense, other: Dense) -> float:
    product: float = sum(map(mul, one, other))
    return max(-1.0, min(1.0, product))
