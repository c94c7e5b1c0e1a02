# SPDX-License-Identifier: Apache-2.0
"""Claims about recorded hardware and energy; nvidia-smi and the RAPL files are stand-ins."""

import os

import pytest

from r1repro.audit import devices, energy
from r1repro.audit.devices import cpu_model, node_count, read_hardware
from r1repro.audit.energy import EnergyMeter, RaplCounter

H800 = ["0, GPU-aa, NVIDIA H800", "1, GPU-bb, NVIDIA H800"]


def nvidia_smi(folder, monkeypatch, lines, power=None, exit_code=0):
    """Put a stand-in on PATH that answers the two queries we make."""
    folder.mkdir(exist_ok=True)
    (folder / "names").write_text("".join(f"{line}\n" for line in lines))
    (folder / "power").write_text("".join(f"{line}\n" for line in power or []))
    program = folder / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$1" >> "{folder}/calls"\n'
        f'case "$1" in *power.draw*) cat "{folder}/power";; *) cat "{folder}/names";; esac\n'
        f"exit {exit_code}\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def test_a_gpu_is_named_exactly_as_nvidia_smi_prints_it(tmp_path, monkeypatch):
    nvidia_smi(tmp_path / "bin", monkeypatch, ["0, GPU-aa, NVIDIA A100-SXM4-80GB"])
    held = read_hardware(1, {})
    assert (held.device, held.device_uuids) == ("NVIDIA A100-SXM4-80GB", ("GPU-aa",))
    assert (held.nodes, held.gpus_per_node) == (1, 1)


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [("1", ("GPU-bb",)), ("1,0", ("GPU-bb", "GPU-aa")), ("GPU-b", ("GPU-bb",))],
)
def test_cuda_visible_devices_narrows_the_list(tmp_path, monkeypatch, visible, uuids):
    nvidia_smi(tmp_path / "bin", monkeypatch, H800)
    assert read_hardware(len(uuids), {"CUDA_VISIBLE_DEVICES": visible}).device_uuids == uuids


def test_gpus_that_cannot_be_seen_are_unknown_and_never_guessed(tmp_path, monkeypatch):
    """Fewer visible than granted, no nvidia-smi, or one that fails."""
    nvidia_smi(tmp_path / "bin", monkeypatch, H800)
    assert read_hardware(3, {}).device == "unknown"
    nvidia_smi(tmp_path / "bin", monkeypatch, H800, exit_code=9)
    assert read_hardware(1, {}).device == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_hardware(1, {}).device == "unknown"


def test_gpus_of_two_models_have_a_name_that_no_price_matches(tmp_path, monkeypatch):
    nvidia_smi(tmp_path / "bin", monkeypatch, [H800[0], "1, GPU-bb, NVIDIA H200"])
    assert read_hardware(2, {}).device == "NVIDIA H800 + NVIDIA H200"


def test_a_cpu_attempt_does_not_ask_for_gpus(tmp_path, monkeypatch):
    """A laptop with a GPU that was told to use the CPU records the CPU."""
    folder = nvidia_smi(tmp_path / "bin", monkeypatch, H800)
    held = read_hardware(0, {})
    assert held.device == cpu_model() and held.gpus_per_node == 0
    assert not (folder / "calls").exists()


@pytest.mark.parametrize(
    ("threads", "cores"), [("1", 1), ("2", 2), ("64", 3), ("", 3), ("0", 3), ("1,2", 3)]
)
def test_a_stage_holds_the_cores_that_its_rule_gave_it(threads, cores, monkeypatch):
    """Two stages side by side on a machine do not each hold all of it."""
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 4, 7}, raising=False)
    assert read_hardware(0, {"OMP_NUM_THREADS": threads}).cpu_cores == cores


def test_gpus_that_slurm_holds_are_recorded_though_the_program_uses_none(tmp_path, monkeypatch):
    """Eight reserved GPUs cost the same when a CPU stage leaves them idle."""
    nvidia_smi(tmp_path / "bin", monkeypatch, [f"{n}, GPU-{n}, NVIDIA H800" for n in range(8)])
    slurm = {"SLURM_GPUS_ON_NODE": "8", "SLURM_JOB_NUM_NODES": "64", "SLURM_JOB_ID": "4711"}
    held = read_hardware(0, slurm)
    assert (held.device, held.nodes, held.gpus_per_node) == ("NVIDIA H800", 64, 8)
    assert held.slurm_job_id == "4711"


@pytest.mark.parametrize(
    ("environment", "nodes"),
    [
        ({}, 1),
        ({"SLURM_JOB_NUM_NODES": "64"}, 64),
        ({"SLURM_NNODES": "2"}, 2),
        ({"WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}, 2),
        ({"SLURM_JOB_NUM_NODES": "many"}, 1),
    ],
)
def test_nodes_come_from_torchrun_or_slurm(environment, nodes):
    assert node_count(environment) == nodes


def test_gpus_are_spread_over_the_nodes(tmp_path, monkeypatch):
    """512 GPUs on 64 nodes are 8 per node: two fields, never one number."""
    nvidia_smi(tmp_path / "bin", monkeypatch, [f"{n}, GPU-{n}, NVIDIA H800" for n in range(8)])
    held = read_hardware(512, {"SLURM_JOB_NUM_NODES": "64"})
    assert (held.nodes, held.gpus_per_node, len(held.device_uuids)) == (64, 8, 8)


def test_the_cpu_is_named_from_cpuinfo(tmp_path, monkeypatch):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: Some  CPU @ 2.00GHz\n")
    assert cpu_model(path) == "Some CPU @ 2.00GHz"
    monkeypatch.setattr(devices.platform, "processor", lambda: "")
    monkeypatch.setattr(devices.platform, "system", lambda: "Linux")
    assert cpu_model(tmp_path / "absent") == "unknown"


def rapl(root, name, folder, value, span=262_143_328_850):
    """Write one fake RAPL domain."""
    path = root / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / "name").write_text(f"{name}\n")
    (path / "energy_uj").write_text(f"{value}\n")
    (path / "max_energy_range_uj").write_text(f"{span}\n")
    return path / "energy_uj"


def test_packages_and_memory_are_added_and_nothing_twice(tmp_path):
    """Core lies inside the package and psys around it: 100 + 7 count, 1000 and 5000 do not."""
    package = rapl(tmp_path, "package-0", "intel-rapl:0", 1000)
    dram = rapl(tmp_path, "dram", "intel-rapl:0:2", 50)
    core = rapl(tmp_path, "core", "intel-rapl:0:0", 0)
    psys = rapl(tmp_path, "psys", "intel-rapl:1", 0)
    mmio = rapl(tmp_path, "package-0", "intel-rapl-mmio:0", 0)
    counter = RaplCounter(tmp_path)
    for path, value in ((package, 1100), (dram, 57), (core, 1000), (psys, 5000), (mmio, 900)):
        path.write_text(f"{value}\n")
    assert counter.read() == 107


def test_a_counter_that_starts_again_is_followed(tmp_path):
    """From 90 over the end at 99 to 4: 9 steps to 99, one to 0, four to 4, together 14."""
    path = rapl(tmp_path, "package-0", "intel-rapl:0", 90, span=99)
    counter = RaplCounter(tmp_path)
    path.write_text("4\n")
    assert counter.read() == 14
    path.write_text("6\n")
    assert counter.read() == 16


def test_a_machine_without_readable_counters_has_unknown_energy(tmp_path):
    meter = EnergyMeter(read_hardware(0, {}), tmp_path)
    assert meter.read() == energy.Energy(None, "unknown")
    path = rapl(tmp_path, "package-0", "intel-rapl:0", 1)
    meter = EnergyMeter(read_hardware(0, {}), tmp_path)
    path.write_text("3\n")
    assert meter.read() == energy.Energy(2, "measured", 2)
    path.unlink()
    assert meter.read().source == "unknown"
    rapl(tmp_path, "package-0", "intel-rapl:0", 9)
    assert meter.read().source == "unknown"  # the gap stays unknown


def test_gpu_power_is_integrated_and_called_an_estimate(tmp_path, monkeypatch):
    """100 W, then 300 W ten seconds later: 200 W on average, 2000 J, and 5 uJ of the CPU."""
    smi = nvidia_smi(tmp_path / "bin", monkeypatch, H800, ["GPU-aa, 100.0", "GPU-bb, 999.0"])
    path = rapl(tmp_path / "rapl", "package-0", "intel-rapl:0", 0)
    held = read_hardware(1, {})
    meter = EnergyMeter(held, tmp_path / "rapl")
    clock = iter([10.0])
    meter.gpu.at, meter.gpu.clock = 0.0, lambda: next(clock)
    (smi / "power").write_text("GPU-aa, 300.0\nGPU-bb, 999.0\n")
    path.write_text("5\n")
    assert meter.read() == energy.Energy(2_000_000_005, "estimated", 5, 2_000_000_000)


@pytest.mark.parametrize("power", ["[N/A]", "[Not Supported]"])
def test_a_gpu_that_tells_no_power_has_unknown_energy(tmp_path, monkeypatch, power):
    nvidia_smi(tmp_path / "bin", monkeypatch, H800, [f"GPU-aa, {power}"])
    rapl(tmp_path / "rapl", "package-0", "intel-rapl:0", 0)
    assert EnergyMeter(read_hardware(1, {}), tmp_path / "rapl").read().microjoules is None


def test_energy_of_several_nodes_is_unknown(tmp_path, monkeypatch):
    """This process can read one node only; the others are not guessed."""
    nvidia_smi(tmp_path / "bin", monkeypatch, H800, ["GPU-aa, 100", "GPU-bb, 100"])
    rapl(tmp_path / "rapl", "package-0", "intel-rapl:0", 0)
    held = read_hardware(4, {"SLURM_JOB_NUM_NODES": "2"})
    assert EnergyMeter(held, tmp_path / "rapl").read() == energy.Energy(None, "unknown")
