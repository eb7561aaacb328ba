"""The kubelet's pod-resources answer, as bytes, to which pod holds which GPU. Pure.

Of k8s.io/kubelet/pkg/apis/podresources/v1 four messages and six of their fields are read, so no generated code is carried:

    ListPodResourcesResponse   1 pod_resources
    PodResources               1 name, 2 namespace, 3 containers
    ContainerResources         2 devices
    ContainerDevices           1 resource_name, 2 device_ids

Fields that it does not know are passed over, as protobuf asks: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

METHOD = "/v1.PodResourcesLister/List"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Held:
    """One pod and the device ids that its containers hold."""

    pod: str  # namespace/name
    devices: tuple[str, ...]


def read(body: bytes) -> tuple[Held, ...]:
    """The pods that hold NVIDIA devices. Raises ValueError where the bytes are no such answer."""
    held = []
    for pod in _messages(body, 1):
        fields = list(_fields(pod))
        names = {number: value.decode("utf-8") for number, value in fields if number in (1, 2)}
        devices = tuple(
            device.decode("utf-8")
            for number, container in fields
            if number == 3
            for given in _messages(container, 2)
            if _resource(given).startswith("nvidia.com/")
            for device in _messages(given, 2)
        )
        if devices:
            held.append(Held(f"{names.get(2, '')}/{names.get(1, '')}", devices))
    return tuple(held)


def pods(held: Iterable[Held], *, parts: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """GPU to the pod on it, and a sentence for each device that joins nothing. `parts`: a MIG instance's UUID to its name here.

    A GPU that is shared (time slicing, MPS: `GPU-1::0` and `GPU-1::1`) and held by several pods joins none of them.
    """
    holders: dict[str, list[str]] = {}
    unknown: list[str] = []
    for one in held:
        for device in one.devices:
            if (gpu := _gpu(device, parts)) is None:
                unknown.append(f"{device} of {one.pod}: no GPU here has that name")
            elif one.pod not in holders.setdefault(gpu, []):
                holders[gpu].append(one.pod)
    shared = [f"{gpu} is shared by {', '.join(owners)}: it joins none" for gpu, owners in holders.items() if owners[1:]]
    return {gpu: owners[0] for gpu, owners in holders.items() if not owners[1:]}, (*unknown, *shared)


def _gpu(device: str, parts: Mapping[str, str]) -> str | None:
    """`GPU-1::0` is GPU-1; `MIG-GPU-1/3/0` (drivers before 470) is GPU-1/3; `MIG-...` is what the driver says that it is."""
    name = device.partition("::")[0]
    if name.startswith("MIG-GPU-"):
        board, _, rest = name.removeprefix("MIG-").partition("/")
        return f"{board}/{rest.partition('/')[0]}" if rest else None
    return name if name.startswith("GPU-") else parts.get(name)


def _resource(given: bytes) -> str:
    return next((value.decode("utf-8") for value in _messages(given, 1)), "")


def _messages(message: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in _fields(message) if number == wanted)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each field that has bytes; numbers are passed over."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            continue
        length, at = {_FIXED64: (8, at), _FIXED32: (4, at)}.get(kind) or _length(message, at, kind)
        if at + length > len(message):
            raise ValueError(f"a field of {length} bytes at {at}, of {len(message)}")
        if kind == _BYTES:
            yield key >> 3, message[at : at + length]
        at += length


def _length(message: bytes, at: int, kind: int) -> tuple[int, int]:
    if kind != _BYTES:
        raise ValueError(f"a field of wire type {kind} at {at}")
    return _varint(message, at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number of more than ten bytes at {at}")
