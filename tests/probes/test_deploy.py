"""The files that run a probe: without root, on a read-only root, within limits, with a configuration that is right."""

from __future__ import annotations

from pathlib import Path

import yaml

from probes import config

DEPLOY = Path(__file__).parents[2] / "deploy"


def kinds() -> dict[str, dict]:
    return {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "probe-daemonset.yaml").read_text("utf-8"))}


def test_the_pod_has_no_root_no_capability_and_nothing_to_write():
    spec = kinds()["DaemonSet"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["limits"]) == {"cpu", "memory"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    hosts = [one["hostPath"]["path"] for one in spec["volumes"] if "hostPath" in one]
    assert hosts == ["/var/lib/kubelet/pod-resources"]
    assert "nvidia.com/gpu" not in container["resources"]["limits"]  # it looks, it takes none


def test_it_may_read_pods_and_nothing_else():
    assert kinds()["ClusterRole"]["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def test_its_configuration_is_right():
    loaded = config.load(kinds()["ConfigMap"]["data"]["probes.yaml"], file="probes.yaml")
    assert (loaded.port, loaded.discovery[0].kind) == (9840, "kubernetes")


def test_the_container_runs_as_nobody_s_user():
    lines = (DEPLOY / "Containerfile.probe").read_text("utf-8").splitlines()
    assert "USER 65532:65532" in lines
    assert lines.index("USER 65532:65532") < next(at for at, line in enumerate(lines) if line.startswith("ENTRYPOINT"))


def test_the_unit_reloads_and_is_bounded():
    lines = (DEPLOY / "tailwatch-probe.service").read_text("utf-8").splitlines()
    for wanted in ("User=tailwatch-probe", "ExecReload=/bin/kill -HUP $MAINPID", "MemoryMax=256M", "CapabilityBoundingSet=",
                   "ProtectSystem=strict", "NoNewPrivileges=yes"):  # fmt: skip
        assert wanted in lines
    assert "PrivateDevices=yes" not in lines
