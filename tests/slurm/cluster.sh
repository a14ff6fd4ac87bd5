# A SLURM of its own on one machine: munged, slurmctld and slurmd with their files, key and ports in a directory that the
# test has made. Sourced by the tests; started by cluster_start, ended by cluster_stop, which ends only what was started.
# shellcheck shell=bash

# Why there can be no SLURM here; empty when there can.
cluster_lacks() {
  local program
  if [[ $EUID -ne 0 ]]; then
    echo "that needs root"
    return
  fi
  for program in munged slurmctld slurmd sbatch srun mpirun; do
    if ! PATH=$PATH:/usr/sbin command -v "$program" >/dev/null; then
      echo "there is no $program (scripts/setup.sh --slurm)"
      return
    fi
  done
}

# A port of this machine on which no program listens.
free_port() {
  local port
  for port in $(shuf -i 20000-32000 -n 50); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
}

# cluster_start DIRECTORY CPUS
cluster_start() {
  cluster=$1
  local host
  host=$(hostname -s)
  export PATH=$PATH:/usr/sbin SLURM_CONF=$cluster/slurm.conf
  mkdir -p "$cluster"/{munge,state,spool}
  chmod 755 "$cluster" "$cluster/munge"
  (umask 077 && head -c 1024 /dev/urandom >"$cluster/munge/key")
  cat >"$SLURM_CONF" <<END
ClusterName=lockstep
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$cluster/munge/socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
MailProg=/bin/true
KillWait=2
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
END
  munged --num-threads=1 --key-file="$cluster/munge/key" --socket="$cluster/munge/socket" \
    --pid-file="$cluster/munge/pid" --log-file="$cluster/munge/log" --seed-file="$cluster/munge/seed"
  slurmctld -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for _ in $(seq 100); do
    [[ $(sinfo --noheader --format %T 2>/dev/null) != idle ]] || return 0
    sleep 0.1
  done
  tail -n 20 "$cluster"/*.log "$cluster/munge/log"
  echo "SLURM did not come up" >&2
  return 1
}

# Ends one daemon by the number that it wrote down, if it is still the one that was started.
end_daemon() {
  local file=$1 pid
  pid=$(cat "$file" 2>/dev/null) || return 0
  grep -qaF -- "$cluster" "/proc/$pid/cmdline" 2>/dev/null || return 0
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 50); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
}

cluster_stop() {
  [[ -n ${cluster:-} && -e $cluster/slurm.conf ]] || return 0
  scancel --user root 2>/dev/null || true
  for _ in $(seq 50); do
    [[ -n $(squeue --noheader 2>/dev/null) ]] || break
    sleep 0.1
  done
  end_daemon "$cluster/slurmd.pid"
  end_daemon "$cluster/slurmctld.pid"
  end_daemon "$cluster/munge/pid"
}
