"""The actions that there are: what each does, what it needs to be told, and whether it takes capacity away while it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """`needs` are parameters that a binding must give; `removes` what leaves the rotation; `advice` is never executed."""

    name: str
    title: str
    does: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    removes: str = ""  # replica | region
    advice: bool = False


def _by_name(*kinds: Kind) -> dict[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS: Mapping[str, Kind] = _by_name(
    Kind("tighten_admission", "Tighten admission", "The gateway admits fewer requests of a tag at once.", ("limits",)),
    Kind("scale_out", "Scale out", "More replicas; they load and warm up first.", ("replicas",)),
    Kind("warm_restart", "Warm restart", "One replica's process is replaced.", ("replica",), removes="replica"),
    Kind("rollback", "Roll back", "The checkpoint before this one serves again.", may=("version",)),
    Kind("switch_variant", "Switch the variant", "A tag is served by another variant of the model.",
         ("tag", "bits"), ("version",)),
    Kind("drain", "Drain a replica", "One replica gets no more requests.", ("replica",), removes="replica"),
    Kind("fail_over", "Fail a region over", "A region gets no more requests.", ("region",), removes="region"),
    Kind("freeze_deploys", "Freeze deploys", "Nothing is rolled out until the freeze ends."),
    Kind("page_vendor", "Page the vendor", "Whoever runs the machines is told.", may=("message",)),
    Kind("limit_tenant", "Limit a tenant", "One tenant gets a quota of tokens.", advice=True),
    Kind("check_power", "Check power and cooling", "Somebody looks at power caps and heat of the GPUs.", advice=True),
)  # fmt: skip

#: What a parameter may say instead of a value, and what it becomes when the action is proposed.
WORST, CHOOSE = "worst", "choose"
