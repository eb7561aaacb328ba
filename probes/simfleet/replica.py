"""One replica of a simulated service: a process with its release, its engine, its pages and its GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from probes.exposition import Page
from probes.simfleet import mig, sglang, vllm
from probes.simfleet.config import ServiceConfig
from probes.simfleet.engine import NEVER, Engine
from probes.simfleet.gpu import MEMORY_RATIO, Gpu

if TYPE_CHECKING:
    from probes.simfleet.pool import Pool

PAGES = {"vllm": vllm.Page, "sglang": sglang.Page}


@dataclass(frozen=True, slots=True)
class Release:
    """What runs on a replica. quality 1.0 is the reference; speed 0.85 means steps take 0.85 of the time."""

    version: str
    quality: float = 1.0
    step_ratio: float = 1.0
    cache_dtype: str = "auto"
    kv_ratio: float = 1.0  # of the profile's KV blocks: a longer context leaves fewer
    by_slice: tuple[tuple[str, float], ...] = ()  # quality of slices that differ
    failing: float = 0.0  # share of requests that it cannot compute: no number comes out
    broken_calls: float = 0.0  # share of tool calls under another schema
    unsafe: float = 0.0  # share of answers that tell what they must not
    crowding: float = 0.0  # each further replica of this release makes a step longer by so much: they share something
    places: int = 0  # sequences in a batch; 0: as the profile has it
    longest_context: int = 0  # tokens; 0: as the profile has it
    memory_ratio: float = MEMORY_RATIO  # of the GPU's memory that it takes
    deadly_prompt: int = 0  # a prompt longer than this takes more memory than is left; 0: none does

    def quality_of(self, slice_name: str) -> float:
        return dict(self.by_slice).get(slice_name, self.quality)


class Replica:
    def __init__(
        self,
        *,
        name: str,
        config: ServiceConfig,
        release: Release,
        started: float,
        seen_from: float,
        index: int,
        pool: Pool,
    ) -> None:
        self.name, self.config, self.index = name, config, index
        self.region = config.region_of(index)
        self.up = True
        self.outages = 0
        self.handicap = 1.0  # a step takes so many times as long as elsewhere
        self.crowded = 1.0  # and this is from what it shares with others of its release
        self.unseen = False  # its pages do not answer; its requests are served
        self.stale_gauges = False  # the KV gauge is written by steps alone: an idle engine shows the last one's
        self.mig = 0  # instances that the GPU is cut into
        self._kv_shown = 0.0
        self.release = release
        profile = config.engine
        self.engine = Engine(
            profile=profile,
            started=started,
            noise_at=(index * 331 + len(config.name) * 37) % 1024,
            on_finish=pool.finished,
            itl_bounds=PAGES[config.speaks].INTER_TOKEN,
        )
        self.engine.timeout_seconds = config.timeout_seconds
        self.gpu = Gpu(
            host=f"node-{name}", model=profile.gpu_model, memory_mib=profile.gpu_memory_mib, seen_from=seen_from
        )
        self.begin(release, at=started, loading_seconds=profile.restart_seconds / 2)

    def begin(self, release: Release, *, at: float, loading_seconds: float = 0.0) -> None:
        """A new process: counters at zero, process_start_time_seconds and every _created moved."""
        profile = self.config.engine
        self.up = True
        self.release = release
        self.started, self.created = at, at + loading_seconds
        self.engine.profile = profile = replace(
            profile,
            kv_tokens=max(1, int(profile.kv_tokens * release.kv_ratio)),
            max_num_seqs=release.places or profile.max_num_seqs,
            max_model_len=release.longest_context or profile.max_model_len,
        )
        self.engine.failing = release.failing
        self.engine.deadly_prompt = release.deadly_prompt or NEVER
        self.engine.reset()
        self.clock()
        self.page = PAGES[self.config.speaks](
            model=self.config.model,
            max_model_len=profile.max_model_len,
            kv_blocks=profile.kv_tokens // profile.block_size,
            block_size=profile.block_size,
            cache_dtype=release.cache_dtype,
        )
        self._cpu_at_start = self.engine.busy_seconds

    def clock(self) -> None:
        """Speed as release and clocks have it."""
        cap = self.gpu.cap
        slow = self.handicap * self.crowded
        self.engine.decode_factor = slow * self.release.step_ratio / (cap.memory_clock_ratio if cap else 1.0)
        self.engine.prefill_factor = slow / (cap.sm_clock_ratio if cap else 1.0)

    def state(self) -> vllm.State:
        engine = self.engine
        return vllm.State(
            running=engine.running,
            waiting=len(engine.waiting),
            kv_ratio=self._kv(),
            started=self.started,
            created=self.created,
            cpu_seconds=15.0 + 1.3 * (engine.busy_seconds - self._cpu_at_start),
            cache_dtype=self.release.cache_dtype,
        )

    def _kv(self) -> float:
        if self.engine.running or not self.stale_gauges:
            self._kv_shown = self.engine.kv_ratio
        return self._kv_shown

    def samples(self, at: float) -> Page:
        self.engine.sync(at)
        return self.page.samples(self.engine.counters, self.state())

    def text(self, at: float) -> str:
        self.engine.sync(at)
        return self.page.text(self.engine.counters, self.state())

    def gpu_samples(self, at: float) -> Page:
        self.engine.sync(at)
        page = self.gpu.samples(
            at=at,
            busy_seconds=self.engine.busy_seconds,
            prefill_seconds=self.engine.prefill_seconds,
            up=self.up,
            memory_ratio=self.release.memory_ratio,
        )
        return mig.cut(page, instances=self.mig) if self.mig else page


def quantised(release: Release) -> Release:
    """The same model in 8-bit weights and KV: steps 12 % shorter, answers worse."""
    return replace(release, version=f"{release.version}-int8", quality=0.0, step_ratio=0.88, cache_dtype="fp8")
