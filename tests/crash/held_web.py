"""The platform's own WSGI application, whose first answer is held back: what it says is committed, and nobody hears it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from observability.wsgi import application as platform


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    kept: list[Any] = []

    def keep(*given: Any) -> Any:
        kept.append(given)

    body = b"".join(platform(environ, keep))
    told = Path(os.environ["HELD_ANSWER"])
    if not told.exists():
        told.write_text(str(os.getpid()), encoding="utf-8")
        threading.Event().wait(60)
    start_response(*kept[0])
    return [body]
