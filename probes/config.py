"""probes.yaml: what to scrape, what to ask, where to listen. Pure: text in, frozen objects out, validated whole.

A file that differs raises `probes.shape.ShapeError` with the path, what was found and what was expected; nothing is half applied.
An example with every key: deploy/probes.example.yaml.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from probes import assertions, attribution, clientside, commands, prompts, references, shape, sources
from probes.attribution import Attribution
from probes.clientside import AccessLog, Otlp
from probes.commands import Commands
from probes.dialects import KINDS
from probes.dialects.translate import UNKNOWN
from probes.prompts import Prompt
from probes.references import ReferenceSet
from probes.sources import Source

APIS = ("completions", "chat")
EMBEDDERS = ("hashed-ngrams", "endpoint", "sentence-transformers")


@dataclass(frozen=True, slots=True)
class Target:
    """One /metrics page and who it speaks for."""

    name: str
    url: str
    service: str
    kind: str = "engine"  # engine | gateway | gpu | client
    model: str = ""  # empty: as the engine says
    version: str = UNKNOWN
    region: str = UNKNOWN
    replica: str = ""  # empty: the name
    gpus: tuple[str, ...] = ()  # UUIDs that this replica runs on
    image: str = ""  # container image and environment, for the inventory
    environment: str = ""
    pod: str = ""  # namespace/name, or the name alone: joins it to GPUs that a DCGM exporter shows with their pod
    only: tuple[
        tuple[str, tuple[str, ...]], ...
    ] = ()  # of a page that services share: a label and the values that are ours

    @property
    def label(self) -> str:
        return self.replica or self.name


@dataclass(frozen=True, slots=True)
class EmbedderConfig:
    """Where cosines come from; hashed n-grams need nothing."""

    kind: str = "hashed-ngrams"  # hashed-ngrams | endpoint | sentence-transformers
    model: str = ""
    url: str = ""  # of an endpoint, without /v1/embeddings
    api_key_file: str | None = None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Canary:
    """Prompts that are asked in turn, one each interval."""

    service: str
    url: str  # base URL; /v1/... is added
    model: str
    prompts: tuple[Prompt, ...]
    api: str = "completions"
    interval_seconds: float = 30.0
    timeout_seconds: float = 30.0
    max_tokens: int = 64
    api_key_file: str | None = None
    version: str | None = None  # None: the version that all engines of the service share, else "mixed"
    region: str | None = None
    replica: str = ""  # of a canary that is sent to a pod; empty: through whatever stands at `url`
    per_replica: bool = False  # each prompt also to one pod, another each time
    scale_to_zero: bool = False  # it may be: then it is asked only while an engine of it is up
    jitter_ratio: float = 0.0  # of the interval: how much later than planned a canary may go
    stall_seconds: float = 1.0  # a gap between tokens of so much or more is a stall
    headers: tuple[tuple[str, str], ...] = ()
    passages_path: str = ""  # where in a chunk retrieved passages are, as $.choices[0].delta.context.citations
    reference_set: ReferenceSet = field(default_factory=ReferenceSet)


@dataclass(frozen=True, slots=True)
class Tls:
    """Of the probe's own page: PEM files."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Auth:
    """Basic authentication of the probe's own page; the password is the file's text."""

    user: str
    password_file: str


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    targets: tuple[Target, ...] = ()
    targets_url: str | None = (
        None  # JSON list of targets, read again at each interval; replaces targets of the same name
    )
    discovery: tuple[Source, ...] = ()
    attribution: Attribution = attribution.NOTHING
    otlp: Otlp | None = None
    access_logs: tuple[AccessLog, ...] = ()
    scrape_interval_seconds: float = 15.0
    scrape_timeout_seconds: float = 5.0
    canaries: tuple[Canary, ...] = ()
    gpu: str = "auto"  # auto | on | off | simulated: this machine's own GPUs through NVML
    gpu_service: str = UNKNOWN  # label of those GPUs where no target names them
    gpu_region: str = UNKNOWN
    kubelet_socket: str = ""  # of pod-resources; empty: the kubelet is not asked
    tls: Tls | None = None
    auth: Auth | None = None
    host: str = "127.0.0.1"
    port: int = 9840
    embedder: EmbedderConfig = EmbedderConfig()
    false_alarm_days: float = 30.0  # of one drift test of one slice, at least so many in the mean
    requests_per_minute: float = 60.0  # of all canaries of this probe
    canaries_at_once: int = 4
    traffic_share: float = 0.01  # of a service's tokens
    floor_per_minute: float = 1.0  # canaries of a service that traffic_share does not stop
    bursts: tuple[str, ...] = ()  # services whose engines are read each second
    commands: Commands | None = None  # that the platform may have run here
    run_code: bool = False  # whether code in answers is run, to see if it passes its test


_TOP = (
    "targets",
    "targets_url",
    "discovery",
    "attribution",
    "otlp",
    "access_logs",
    "scrape_interval_seconds",
    "scrape_timeout_seconds",
    "canaries",
    "gpu",
    "gpu_service",
    "gpu_region",
    "kubelet_socket",
    "listen",
    "embedder",
    "false_alarm_days",
    "run_code",
    "commands",
    "requests_per_minute",
    "canaries_at_once",
    "traffic_share",
    "floor_per_minute",
    "bursts",
    "listen_tls",
    "listen_auth",
)
_TARGET = (
    "name",
    "url",
    "service",
    "kind",
    "model",
    "version",
    "region",
    "replica",
    "gpus",
    "pod",
    "only",
    "image",
    "environment",
)
_CANARY = (
    "service", "url", "model", "api", "interval_seconds", "timeout_seconds", "max_tokens", "api_key_file", "prompts",
    "prompts_file", "references_file", "version", "region",
    "per_replica", "scale_to_zero", "jitter_ratio", "stall_seconds", "headers", "passages_path",
)  # fmt: skip


def load(text: str, *, file: str, read_file: Callable[[str], str] | None = None) -> ProbeConfig:
    """The whole configuration; `read_file` gives the text of a file named in it."""
    top = shape.read(text, file=file).only(*_TOP)
    host, port = _listen(top["listen"])
    config = ProbeConfig(
        targets=tuple(_target(one) for one in top["targets"].each()) if top["targets"].given else (),
        targets_url=_url(top["targets_url"]) if top["targets_url"].given else None,
        discovery=sources.load(top["discovery"]),
        attribution=attribution.load(top["attribution"]),
        otlp=clientside.otlp(top["otlp"]),
        access_logs=clientside.access_logs(top["access_logs"]),
        scrape_interval_seconds=_number(top["scrape_interval_seconds"], 15.0, low=1, high=300),
        scrape_timeout_seconds=_number(top["scrape_timeout_seconds"], 5.0, low=0.1, high=60),
        canaries=tuple(_canary(one, read_file) for one in top["canaries"].each()) if top["canaries"].given else (),
        gpu=_gpu(top["gpu"]),
        gpu_service=_text(top["gpu_service"], UNKNOWN),
        gpu_region=_text(top["gpu_region"], UNKNOWN),
        kubelet_socket=_text(top["kubelet_socket"], ""),
        tls=_tls(top["listen_tls"]),
        auth=_auth(top["listen_auth"]),
        host=host,
        port=port,
        embedder=_embedder(top["embedder"]),
        false_alarm_days=_number(top["false_alarm_days"], 30.0, low=1, high=3650),
        run_code=_flag(top["run_code"], False),
        commands=commands.load(top["commands"]),
        requests_per_minute=_number(top["requests_per_minute"], 60.0, low=1, high=6000),
        canaries_at_once=int(_number(top["canaries_at_once"], 4, low=1, high=64)),
        traffic_share=_number(top["traffic_share"], 0.01, low=0, high=1),
        floor_per_minute=_number(top["floor_per_minute"], 1.0, low=0, high=60),
        bursts=top["bursts"].texts() if top["bursts"].given else (),
    )
    _once(file, "targets", (target.name for target in config.targets))
    for kind in ("engine", "gateway"):  # two that are labelled alike would overwrite each other's series
        alike = [target for target in config.targets if target.kind == kind]
        _once(file, "targets", (f"{kind} {target.service}/{target.label}" for target in alike))
    told = (
        config.targets or config.targets_url or config.discovery or config.canaries or config.otlp or config.access_logs
    )
    if not told and config.gpu == "off":
        top["targets"].wrong("at least one target, targets_url, discovery, canary, otlp, access log, or gpu: auto")
    return config


def targets(text: str, *, file: str) -> tuple[Target, ...]:
    """The JSON list that a targets_url answers. Keys that we do not know are ignored: the page is not ours."""
    known = shape.Node(file, "", _json(text, file)).each()
    found = tuple(
        _target(
            shape.Node(
                one.file,
                one.path,
                {
                    key: value.value
                    for key, value in one.items()
                    if key in _TARGET and value.value not in ("", None, [])
                },
            )
        )
        for one in known
    )
    _once(file, "targets", (target.name for target in found))
    return found


def _json(text: str, file: str) -> object:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise shape.ShapeError(file, "(whole file)", str(problem), "JSON") from None


def _once(file: str, path: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise shape.ShapeError(file, path, name, "each name once")
        seen.add(name)


def _target(node: shape.Node) -> Target:
    node.only(*_TARGET)
    return Target(
        name=node["name"].text(),
        url=_url(node["url"]),
        service=node["service"].text(),
        kind=node["kind"].one_of(KINDS) if node["kind"].given else "engine",
        model=_text(node["model"], ""),
        version=_text(node["version"], UNKNOWN),
        region=_text(node["region"], UNKNOWN),
        replica=_text(node["replica"], ""),
        gpus=node["gpus"].texts() if node["gpus"].given else (),
        pod=_text(node["pod"], ""),
        image=_text(node["image"], ""),
        environment=_text(node["environment"], ""),
        only=tuple((label, one.texts()) for label, one in node["only"].items()) if node["only"].given else (),
    )


def _canary(node: shape.Node, read_file: Callable[[str], str] | None) -> Canary:
    node.only(*_CANARY)
    text = _file(node["references_file"], read_file)
    stored = references.load(text, file=node["references_file"].text()) if text is not None else ReferenceSet()
    asked: tuple[Prompt, ...] = ()
    if (text := _file(node["prompts_file"], read_file)) is not None:
        asked = prompts.load(text, file=node["prompts_file"].text(), stored=stored.references)
    if node["prompts"].given or not asked:
        asked += prompts.read(node["prompts"], stored.references)
    prompts.check(asked, node["prompts"])
    return Canary(
        service=node["service"].text(),
        url=_url(node["url"]).rstrip("/"),
        model=node["model"].text(),
        prompts=asked,
        api=node["api"].one_of(APIS) if node["api"].given else "completions",
        interval_seconds=_number(node["interval_seconds"], 30.0, low=1, high=86_400),
        timeout_seconds=_number(node["timeout_seconds"], 30.0, low=0.1, high=600),
        max_tokens=int(_number(node["max_tokens"], 64, low=1, high=4096)),
        api_key_file=node["api_key_file"].text() if node["api_key_file"].given else None,
        version=node["version"].text() if node["version"].given else None,
        region=node["region"].text() if node["region"].given else None,
        per_replica=_flag(node["per_replica"], False),
        scale_to_zero=_flag(node["scale_to_zero"], False),
        jitter_ratio=_number(node["jitter_ratio"], 0.1, low=0, high=1),
        stall_seconds=_number(node["stall_seconds"], 1.0, low=0.01, high=60),
        headers=tuple((name, one.text()) for name, one in node["headers"].items()) if node["headers"].given else (),
        passages_path=assertions.path(node["passages_path"]) if node["passages_path"].given else "",
        reference_set=stored,
    )


def _file(node: shape.Node, read_file: Callable[[str], str] | None) -> str | None:
    """The text of a file that the configuration names."""
    if not node.given:
        return None
    name = node.text()
    if read_file is None:
        node.wrong("no file named here")
    try:
        return read_file(name)
    except (OSError, UnicodeDecodeError) as problem:
        node.wrong(f"a readable file ({problem})")


def _embedder(node: shape.Node) -> EmbedderConfig:
    if not node.given:
        return EmbedderConfig()
    node.only("kind", "model", "url", "api_key_file", "timeout_seconds")
    kind = node["kind"].one_of(EMBEDDERS)
    return EmbedderConfig(
        kind=kind,
        model=_text(node["model"], "") if kind == "hashed-ngrams" else node["model"].text(),
        url=_url(node["url"]).rstrip("/") if kind == "endpoint" else "",
        api_key_file=node["api_key_file"].text() if node["api_key_file"].given else None,
        timeout_seconds=_number(node["timeout_seconds"], 10.0, low=0.1, high=60),
    )


def _flag(node: shape.Node, default: bool) -> bool:
    if not node.given:
        return default
    return node.value if isinstance(node.value, bool) else node.wrong("true or false")


def _gpu(node: shape.Node) -> str:
    if isinstance(node.value, bool):  # YAML reads on and off as true and false
        return "on" if node.value else "off"
    return node.one_of(("auto", "on", "off", "simulated")) if node.given else "auto"


def _tls(node: shape.Node) -> Tls | None:
    if not node.given:
        return None
    node.only("certificate", "key")
    return Tls(node["certificate"].text(), node["key"].text())


def _auth(node: shape.Node) -> Auth | None:
    if not node.given:
        return None
    node.only("user", "password_file")
    user = node["user"].text()
    return Auth(user, node["password_file"].text()) if ":" not in user else node["user"].wrong("a name without a colon")


def _listen(node: shape.Node) -> tuple[str, int]:
    if not node.given:
        return "127.0.0.1", 9840
    host, _, port = node.text().rpartition(":")
    if not port.isdigit() or not 0 <= int(port) <= 65_535:
        node.wrong("address:port, as 127.0.0.1:9840")
    return host.strip("[]") or "127.0.0.1", int(port)


def _url(node: shape.Node) -> str:
    text = node.text()
    return text if text.startswith(("http://", "https://")) else node.wrong("a URL with http:// or https://")


def _text(node: shape.Node, default: str) -> str:
    return node.text() if node.given else default


def _number(node: shape.Node, default: float, *, low: float, high: float) -> float:
    return node.number(low=low, high=high) if node.given else default
