"""One replica: a discrete-event model of continuous batching that jumps between batch changes.

All running sequences gain one token a step, so a sequence that starts at step s with g tokens ends at step s + g - 1,
whatever happens between: a heap of end steps is the whole decode state. A *phase* is a run of equal steps (same batch,
same prefill); its k steps of b sequences are one weighted add of k * b inter-token latencies. A phase ends when a
sequence ends, a prefill ends, the KV cache is full, or an arrival wants to be scheduled at the next step boundary.
Three phases a request; 12 microseconds a request with its arrival, routing and accounting.

Prefill is chunked and in order of arrival: each step carries at most `chunk_tokens` of prompts beside the decodes.
A full KV cache preempts the newest sequence, which is prefilled again with what it had generated (vLLM's recompute).
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from probes.simfleet.config import EngineProfile
from probes.simfleet.request import Request
from probes.simfleet.vllm import INTER_TOKEN_BOUNDS, ITERATION_BOUNDS, EngineCounters

NEVER = math.inf
_NOISE_SIZE = 1024


def _noise() -> tuple[float, ...]:
    """Step-time jitter: sd 2 %, within 5 %. Fixed, so that two engines differ only by where they start in it."""
    rng = random.Random("step noise")
    return tuple(min(1.05, max(0.95, rng.gauss(1.0, 0.02))) for _ in range(_NOISE_SIZE))


NOISE = _noise()


class Engine:
    """A replica's scheduler. `run(to)` plays it up to a moment; `submit()` gives it a request; `sync(at)` accounts
    for the steps of the phase in progress, so that counters are exact at a scrape."""

    def __init__(
        self,
        *,
        profile: EngineProfile,
        started: float,
        noise_at: int,
        on_finish: Callable[[Request], None],
        itl_bounds: Sequence[float] = INTER_TOKEN_BOUNDS,
    ) -> None:
        self.profile, self.itl_bounds = profile, itl_bounds
        self.counters = EngineCounters(self.itl_bounds)
        self.on_finish = on_finish
        self.timed_out: list[Request] = []
        self.timeout_seconds = NEVER
        # What faults and versions change: a decode step takes decode_factor times as long, a prefill prefill_factor.
        self.decode_factor = 1.0
        self.prefill_factor = 1.0
        self.hung_at: float | None = None  # no step ends any more; its workers spin
        self.stall_seconds, self.stall_every, self.next_stall, self.stall_batch = 0.0, NEVER, NEVER, 0
        self.priority_every = 0  # each so many-th request comes before others: the newest sequence makes room for it
        self._yields = self._submitted = 0
        self.cold_requests = 0  # so many more find nothing in the prefix cache
        self.prefill_wait_seconds = (
            0.0  # each prompt waits so long within its prefill: for a store, an adapter, a kernel
        )
        self.failing = 0.0  # share of requests that it answers with an error
        self.deadly_prompt: float = NEVER  # a longer prompt takes more memory than is left
        self.killed = False  # one did; the process is dead and its pool has not heard of it yet
        self.waiting: deque[Request] = deque()
        self.outstanding = 0
        self.next_at = NEVER
        self.busy_seconds = 0.0
        self.prefill_seconds = 0.0
        self.kv_used = 0.0
        self._heap: list[tuple[int, int, Request]] = []
        self._steps = 0
        self._order = 0
        self._group: list[Request] = []  # prompts in prefill: one of any length, or several that fit one chunk
        self._prefill_left = 0
        self._prefill_step_seconds = 0.0
        self._chunk = 0
        self._noise_at = noise_at
        self._phase_start = started
        self._phase_steps = 0
        self._phase_done = 0
        self._dt = 0.0
        self._batch = 0
        self._itl_index = 0
        self._iteration_index = 0

    @property
    def running(self) -> int:
        return self.outstanding - len(self.waiting)

    @property
    def kv_ratio(self) -> float:
        return min(1.0, self.kv_used / self.profile.kv_tokens)

    @property
    def step_seconds(self) -> float:
        """A decode step as the replica is now, without prefill."""
        profile = self.profile
        base = profile.step_seconds * self.decode_factor * (1.0 + len(self._heap) / profile.batch_reference)
        return base + self.kv_used * profile.kv_seconds_per_token * self.decode_factor

    def expected_wait(self) -> float:
        """Seconds a request that came now would queue: those before it, at the rate at which places become free."""
        ahead = len(self.waiting)
        if not ahead:
            return 0.0
        left = sorted(entry[0] - self._steps for entry in self._heap)
        mean = sum(left) / len(left) if left else 1.0
        return ahead * 2.0 * mean * self.step_seconds / max(1, len(left))

    def submit(self, request: Request) -> bool:
        """False: the queue is full and the request is rejected."""
        if len(self.waiting) >= self.profile.max_queued:
            self.counters.rejections += 1
            return False
        at = request.arrived
        if self.priority_every:
            self._submitted += 1
            self._yields += self._submitted % self.priority_every == 0
        if self.cold_requests:
            self.cold_requests -= 1
            request.cached = 0
        self.waiting.append(request)
        self.outstanding += 1
        if not self._group:
            if self.next_at == NEVER:
                if self.hung_at is None and not self.killed:
                    self._plan(at)
            elif len(self._heap) < self.profile.max_num_seqs:
                steps = math.ceil((at - self._phase_start) / self._dt)
                if steps < self._phase_steps:
                    self._phase_steps = max(1, steps)
                    self.next_at = self._phase_start + self._phase_steps * self._dt
        return True

    def run(self, to: float) -> None:
        while self.next_at <= to:
            self._turn()

    def sync(self, at: float) -> None:
        if self.next_at == NEVER:
            if self.hung_at is not None:
                self.busy_seconds += max(0.0, at - self.hung_at)
                self.hung_at = max(at, self.hung_at)
            return
        done = min(self._phase_steps, int((at - self._phase_start) / self._dt))
        if done > self._phase_done:
            self._account(done - self._phase_done)
            self._phase_done = done

    def retime(self, at: float) -> None:
        """Clocks changed: end the phase at the next step boundary, so that the new speed holds from there."""
        if self.next_at == NEVER:
            return
        steps = max(1, self._phase_done, math.ceil((at - self._phase_start) / self._dt))
        if steps < self._phase_steps:
            self._phase_steps = steps
            self.next_at = self._phase_start + steps * self._dt

    def hang(self, at: float) -> None:
        """A collective waits for ever: the step in progress never ends, nothing is scheduled, the GPU is busy."""
        self.sync(at)
        self.hung_at, self.next_at = at, NEVER

    def resume(self, at: float) -> None:
        """The step that hung ends now."""
        if self.hung_at is None:
            return
        self.sync(at)
        self.hung_at = None
        if self.outstanding:
            self._plan(at)

    def abandoned(self, *, since: float, before: float) -> list[Request]:
        """Requests that came in that time and are still here. An engine that hangs does not notice that their clients left."""
        here = [*self.waiting, *(entry[2] for entry in self._heap), *self._group]
        return [request for request in here if since <= request.arrived < before]

    def cancel(self, at: float, *, before: float) -> list[Request]:
        """Clients of all that came before then are gone, and the engine hears of it: their blocks are free at once."""
        self.sync(at)
        self._steps += self._phase_done
        self._prefill_left -= self._phase_done
        self._phase_steps = self._phase_done = 0
        gone = self.abandoned(since=-NEVER, before=before)
        for end, _, request in self._heap:
            if request.arrived < before:
                self.kv_used -= request.prompt + request.generated - (end - self._steps)
        self.kv_used -= sum(one.prompt + one.emitted for one in self._group if one.arrived < before)
        self._heap = [entry for entry in self._heap if entry[2].arrived >= before]
        heapify(self._heap)
        self._group = [request for request in self._group if request.arrived >= before]
        self.waiting = deque(request for request in self.waiting if request.arrived >= before)
        self.outstanding -= len(gone)
        self.counters.aborts += len(gone)
        if self.hung_at is None:
            self._plan(at)
        return gone

    def stall(self, *, every: float, seconds: float, at: float, batch: int = 0) -> None:
        """Each so many seconds one step of `batch` sequences or more takes `seconds`; every=NEVER ends it."""
        self.stall_every, self.stall_seconds, self.stall_batch = every, seconds, batch
        self.next_stall = at + every

    def drop_all(self) -> list[Request]:
        """The process dies: whatever was running or waiting is lost and returned."""
        lost = [entry[2] for entry in self._heap]
        lost += self._group
        lost.extend(self.waiting)
        self.reset()
        return lost

    def reset(self) -> None:
        """A new process: nothing runs, every counter is zero."""
        self.counters = EngineCounters(self.itl_bounds)
        self.waiting.clear()
        self.outstanding = 0
        self.next_at = NEVER
        self.hung_at = None
        self.killed = False
        self.kv_used = 0.0
        self._heap = []
        self._group = []
        self._phase_steps = self._phase_done = 0

    def _account(self, steps: int) -> None:
        counters = self.counters
        seconds = steps * self._dt
        self.busy_seconds += seconds
        if self._group:
            self.prefill_seconds += seconds
        counters.iteration_counts[self._iteration_index] += steps
        counters.iteration_sum += steps * (self._batch + self._chunk)
        tokens = steps * self._batch
        if tokens:
            counters.itl_counts[self._itl_index] += tokens
            counters.itl_sum += tokens * self._dt
            counters.generation_tokens += tokens
            self.kv_used += tokens

    def _turn(self) -> None:
        at = self.next_at
        steps = self._phase_steps
        self._account(steps - self._phase_done)
        self._steps += steps
        heap = self._heap
        now_step = self._steps
        while heap and heap[0][0] <= now_step:
            self._finish(heappop(heap)[2], at)
        if self._group:
            self._prefill_left -= steps
            if self._prefill_left <= 0:
                group, self._group = self._group, []
                for request in group:
                    self._first_token(request, at)
        self._plan(at)

    def _first_token(self, request: Request, at: float) -> None:
        counters = self.counters
        if request.emitted == 0:
            request.first_token = at
            counters.ttft.append(at - request.arrived + self.profile.overhead_seconds)
            counters.prompt_tokens += request.prompt
            counters.cached_tokens += request.cached
            request.emitted = 1
        else:
            request.emitted += 1
        counters.generation_tokens += 1
        self.kv_used += 1
        left = request.generated - request.emitted
        if left <= 0:
            self._finish(request, at)
        else:
            self._order += 1
            heappush(self._heap, (self._steps + left, self._order, request))

    def _finish(self, request: Request, at: float) -> None:
        request.finished = at
        self.outstanding -= 1
        self.kv_used -= request.prompt + request.generated
        self.counters.done.append(request)
        self.on_finish(request)

    def _admit(self, at: float) -> None:
        """Schedule from the head of the queue while places and KV blocks are free: one prompt of any length, or several
        that share one chunk. Requests whose clients gave up are dropped."""
        waiting, profile, group = self.waiting, self.profile, self._group
        limit, places = 0.99 * profile.kv_tokens, profile.max_num_seqs - len(self._heap)
        compute = 0
        while waiting:
            request = waiting[0]
            need = request.prompt + request.emitted
            late = at - request.arrived > self.timeout_seconds and not request.emitted
            if late or need > limit:
                waiting.popleft()
                self.outstanding -= 1
                self.timed_out.append(request)
                continue
            own = max(1, need - request.cached)
            if len(group) >= places or self.kv_used + need > limit or (group and compute + own > profile.chunk_tokens):
                break
            waiting.popleft()
            if not request.emitted:
                request.scheduled = at
            self.killed |= need > self.deadly_prompt
            self.kv_used += need
            group.append(request)
            compute += own
            if compute >= profile.chunk_tokens:
                break
        if group:
            chunks = -(-compute // profile.chunk_tokens)
            if self.prefill_wait_seconds:
                chunks += math.ceil(self.prefill_wait_seconds / self.step_seconds)
            self._prefill_left = chunks
            self._chunk = compute // chunks
            self._prefill_step_seconds = compute / chunks / profile.prefill_tokens_per_second

    def _preempt(self) -> None:
        """The newest sequence gives its blocks back and goes to the head of the queue."""
        heap = self._heap
        newest = max(heap, key=lambda entry: entry[1])
        heap.remove(newest)
        heapify(heap)
        request = newest[2]
        request.emitted = request.generated - (newest[0] - self._steps)
        request.preemptions += 1
        self.counters.preemptions += 1
        self.kv_used -= request.prompt + request.emitted
        self.waiting.appendleft(request)

    def _plan(self, at: float) -> None:
        """Begin the next phase."""
        heap, profile = self._heap, self.profile
        if self.waiting and not self._group:
            self._admit(at)
        if self.killed:
            self.next_at = NEVER
            return
        if self._yields and len(heap) > 1:
            self._yields -= 1
            self._preempt()
        batch = len(heap)
        room = profile.kv_tokens - self.kv_used
        if batch and room < batch:
            while len(heap) > 1 and profile.kv_tokens - self.kv_used < len(heap):
                self._preempt()
            batch = len(heap)
            room = profile.kv_tokens - self.kv_used
        self._phase_start = at
        self._phase_done = 0
        self._batch = batch
        if not batch and not self._group:
            self.next_at = NEVER
            self._phase_steps = 0
            return
        noise = NOISE[self._noise_at]
        self._noise_at = (self._noise_at + 1) & (_NOISE_SIZE - 1)
        slow = self.decode_factor * noise
        dt = profile.step_seconds * slow * (1.0 + batch / profile.batch_reference)
        dt += self.kv_used * profile.kv_seconds_per_token * slow
        if not batch:
            dt *= 0.5  # nothing to decode: the step is the prefill and the launch overhead
        steps = heap[0][0] - self._steps if batch else 1 << 60
        if self._group:
            dt += self._prefill_step_seconds * self.prefill_factor
            if self._prefill_left < steps:
                steps = self._prefill_left
        else:
            self._chunk = 0
        if batch and room < batch * steps:
            steps = max(1, int(room / batch))
        if at >= self.next_stall and batch >= self.stall_batch:
            self.next_stall = at + self.stall_every
            steps, dt = 1, dt + self.stall_seconds
        self._phase_steps = steps
        self._dt = dt
        self.next_at = at + steps * dt
        self._itl_index = bisect_left(self.itl_bounds, dt)
        self._iteration_index = bisect_left(ITERATION_BOUNDS, batch + self._chunk)
