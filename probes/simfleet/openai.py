"""The OpenAI API's documents as vLLM gives them: completions and chat, streamed and whole, models, errors. Pure.

BadRequest      what a client sent cannot be answered: HTTP status and a sentence
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from probes.simfleet import answers
from probes.simfleet.fleet import SimCompletion


class BadRequest(ValueError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Ask:
    chat: bool
    prompt: str
    max_tokens: int
    stream: bool
    include_usage: bool
    model: str
    version: str | None  # "llama-8b-instruct@2026.11.1" asks a release that ran before


def parse(body: bytes, *, chat: bool, model: str) -> Ask:
    try:
        document = json.loads(body)
    except ValueError:
        raise BadRequest(400, "The body is not JSON.") from None
    if not isinstance(document, dict):
        raise BadRequest(400, "The body is not a JSON object.")
    asked, _, version = str(document.get("model") or model).partition("@")
    if asked != model:
        raise BadRequest(404, f"The model `{asked}` does not exist.")
    max_tokens = document.get("max_tokens", document.get("max_completion_tokens", 16 if not chat else 1024))
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise BadRequest(400, f"max_tokens must be at least 1, got {max_tokens!r}.")
    options = document.get("stream_options")
    return Ask(
        chat=chat,
        prompt=_chat_prompt(document) if chat else _prompt(document),
        max_tokens=max_tokens,
        stream=bool(document.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        model=model,
        version=version or None,
    )


def _prompt(document: dict[str, Any]) -> str:
    prompt = document.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str) or not prompt:
        raise BadRequest(400, "prompt must be a text.")
    return prompt


def _chat_prompt(document: dict[str, Any]) -> str:
    messages = document.get("messages")
    if not isinstance(messages, list) or not messages or not isinstance(messages[-1], dict):
        raise BadRequest(400, "messages must be a list with at least one message.")
    content = messages[-1].get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not isinstance(content, str) or not content:
        raise BadRequest(400, "The last message has no content.")
    return content


def whole(ask: Ask, answer: SimCompletion, *, name: str, created: int) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": answer.finish_reason}
    if ask.chat:
        choice["message"] = {"role": "assistant", "content": answer.text}
    else:
        choice["text"] = answer.text
    kind = "chat.completion" if ask.chat else "text_completion"
    return {**_head(ask, name, created, kind), "choices": [choice], "usage": _usage(answer)}


def chunks(ask: Ask, answer: SimCompletion, *, name: str, created: int) -> Iterator[tuple[float, bytes]]:
    """Server-sent events with the second, since the request came, at which each is due; the last is [DONE]."""
    head = _head(ask, name, created, "chat.completion.chunk" if ask.chat else "text_completion")
    pieces = answers.pieces(answer.text)
    last = len(pieces) - 1
    if ask.chat:
        opening = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
        yield answer.token_seconds[0], _event({**head, "choices": [opening]})
    for at, (due, piece) in enumerate(zip(answer.token_seconds, pieces, strict=False)):
        choice: dict[str, Any] = {"index": 0, "finish_reason": answer.finish_reason if at == last else None}
        choice |= {"delta": {"content": piece}} if ask.chat else {"text": piece, "logprobs": None}
        yield due, _event({**head, "choices": [choice]})
    end = answer.token_seconds[-1]
    if answer.retrieved is not None:
        yield end, _event({**head, "choices": [], "passages": list(answer.retrieved)})
    if ask.include_usage:
        yield end, _event({**head, "choices": [], "usage": _usage(answer)})
    yield end, b"data: [DONE]\n\n"


def models(model: str, *, version: str, max_model_len: int, created: int) -> dict[str, Any]:
    """vLLM's /v1/models; `root` is the path of the weights, and so tells the release."""
    card = {
        "id": model,
        "object": "model",
        "created": created,
        "owned_by": "vllm",
        "root": f"registry/{model}@{version}",
        "parent": None,
        "max_model_len": max_model_len,
    }
    return {"object": "list", "data": [card]}


def offers(model: str, *, versions: tuple[str, ...], created: int) -> dict[str, Any]:
    """A router's /v1/models: the plain name, then name@version for each release that can be asked."""
    names = (model, *(f"{model}@{version}" for version in versions))
    cards = [{"id": name, "object": "model", "created": created, "owned_by": "simfleet"} for name in names]
    return {"object": "list", "data": cards}


def error(status: int, message: str) -> dict[str, Any]:
    kinds = {400: "BadRequestError", 404: "NotFoundError", 408: "Timeout", 503: "ServiceUnavailableError"}
    return {
        "error": {"message": message, "type": kinds.get(status, "InternalServerError"), "param": None, "code": status}
    }


def _head(ask: Ask, name: str, created: int, kind: str) -> dict[str, Any]:
    return {
        "id": f"{'chatcmpl' if ask.chat else 'cmpl'}-{name}",
        "object": kind,
        "created": created,
        "model": ask.model,
    }


def _usage(answer: SimCompletion) -> dict[str, int]:
    generated = len(answer.token_seconds)
    total = answer.prompt_tokens + generated
    return {"prompt_tokens": answer.prompt_tokens, "completion_tokens": generated, "total_tokens": total}


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False).encode() + b"\n\n"
