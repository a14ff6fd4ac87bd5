"""What a measurement depends on beside the study: the machine, the program, its libraries, its flags."""
import os
import pathlib
import platform
import re
import subprocess

CPU_FILES = {  # what Linux lets one read of clocks and neighbours; absent on many virtual machines
    "governor": "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "boost": "/sys/devices/system/cpu/cpufreq/boost",
    "no_turbo": "/sys/devices/system/cpu/intel_pstate/no_turbo",
    "smt": "/sys/devices/system/cpu/smt/active",
    "huge_pages": "/sys/kernel/mm/transparent_hugepage/enabled",
}
VARIABLES = re.compile(r"^(OMP_|GOMP_|KMP_|DNNL_|ONEDNN_|OMPI_MCA_|MPICH_|I_MPI_|PMIX_MCA_|UCX_|SLURM_CPU)")
LSCPU = ("Architecture", "Model name", "CPU(s)", "Socket(s)", "Core(s) per socket", "Thread(s) per core", "CPU max MHz",
         "L1d cache", "L2 cache", "L3 cache", "NUMA node(s)", "Hypervisor vendor")


def output(words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL).stdout
    except OSError:
        return ""


def first_line(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip().split("\n")[0]
    except OSError:
        return None


def program_facts(program):
    """`lockstep --version`: its lines, the last two named."""
    lines = output([program, "--version"]).strip().split("\n")
    facts = {"libraries": ", ".join(line for line in lines if not line.startswith(("commit ", "flags ")))}
    for line in lines:
        for key in ("commit", "flags"):
            if line.startswith(key + " "):
                facts[key] = line[len(key) + 1:]
    return facts


def describe(program):
    """A flat table of texts. The same machine and program give the same table."""
    facts = {"host": platform.node(), "kernel": platform.release()}
    facts |= program_facts(program)
    cpu = dict(line.split(":", 1) for line in output(["lscpu"]).split("\n") if ":" in line)
    facts |= {key: cpu[key].strip() for key in LSCPU if key in cpu}
    facts["cores allowed"] = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    memory = first_line("/proc/meminfo")
    if memory:
        facts["memory"] = memory.split(":")[1].strip()
    facts |= {key: value for key, path in CPU_FILES.items() if (value := first_line(path)) is not None}
    facts |= {key: value for key, value in sorted(os.environ.items()) if VARIABLES.match(key)}
    return facts
