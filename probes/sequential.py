"""Has a mean fallen? A test that may be asked after every answer, with a stated rate of false alarms. Pure.

An e-detector (Shin, Ramdas, Rinaldo: "E-detectors: a nonparametric framework for sequential change detection", arXiv
2203.03532, section 2): a Shiryaev-Roberts sum of bets against "the mean is at least `least`", for values of at most 1:

    L = 1 + bet * (least - x) / (1 - least)     M = L * (M + 1)     alarm at M >= average_run_length

0 < bet < 1 keeps L above 0, and its expectation is at most 1 while the mean given the past is at least `least`, whatever the
distribution and however answers depend on each other. So M minus the number of answers is a supermartingale, and the expected
number of answers to a false alarm is at least `average_run_length`. M is the mean over four bets: a small fall is found by the
small ones, a large one at once by the large. `least` may differ from answer to answer, as baselines differ between prompts.

With least 0.95 a healthy 0.97 gives factors of 0.64 to 0.98, an answer at 0.80 factors of 1.15 to 3.7: at a run length of
10,000 such a fall is found at its 8th answer.
"""

from __future__ import annotations

BETS = (0.05, 0.2, 0.5, 0.9)
#: `least` comes no nearer to 1 than this: with 1 itself the first 0.9999 would be proof.
NEAREST = 0.005


class Detector:
    def __init__(self, *, average_run_length: float) -> None:
        self.average_run_length = average_run_length
        self._sums = [0.0] * len(BETS)

    @property
    def evidence(self) -> float:
        """Share of what an alarm needs."""
        return sum(self._sums) / len(BETS) / self.average_run_length

    def add(self, value: float, *, least: float) -> bool:
        """Whether this answer completes an alarm; the sum begins anew after one."""
        least = min(least, 1.0 - NEAREST)
        fall = (least - value) / (1.0 - least)
        self._sums = [(1.0 + bet * fall) * (total + 1.0) for bet, total in zip(BETS, self._sums, strict=True)]
        if self.evidence < 1.0:
            return False
        self._sums = [0.0] * len(BETS)
        return True
