#!/usr/bin/env bash
# A real Slurm of one node on the loopback interface, for tests/test_slurm.py.
#
#   slurm_up.sh install      Debian's packages, where they are missing (root)
#   slurm_up.sh up FOLDER    start; prints the environment (NAME=value) that its commands need
#   slurm_up.sh down FOLDER  stop what was started there
#
# Everything of it lies in FOLDER, the configuration too: nothing of a Slurm that this machine may have is
# touched, and nothing is left in /etc. No root, no systemd, no cgroups and no database are needed to run it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
# slurm-wlm-torque: qsub and qstat as PBS has them, for profiles/generic
PACKAGES=(slurmctld slurmd slurm-client munge slurm-wlm-torque)
COMMANDS=(slurmctld slurmd sbatch srun squeue scontrol munged qsub)

install_packages() {
  local command missing=()
  for command in "${COMMANDS[@]}"; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  [[ ${#missing[@]} == 0 ]] && return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "slurm_up.sh: ${missing[*]} missing; only root can install them, with apt-get" >&2
    return 1
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${PACKAGES[@]}" >/dev/null
}

configure() {
  local folder=$1 host user memory
  host=$(hostname -s)
  user=$(id -un)
  memory=$(awk '/^MemTotal/ {print int($2 / 1024) - 512}' /proc/meminfo)
  mkdir -p "$folder"/{state,spool,log,bin}
  chmod 755 "$folder"
  head -c 1024 /dev/urandom >"$folder/munge.key"
  chmod 400 "$folder/munge.key"
  cat >"$folder/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${SLURM_TEST_PORT:-16817}
SlurmdPort=$((${SLURM_TEST_PORT:-16817} + 1))
NodeName=$host NodeAddr=127.0.0.1 CPUs=${SLURM_TEST_CPUS:-$(nproc)} RealMemory=$memory Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
GresTypes=gpu
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
# a job that is queued again waits as long as a credential is valid
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=15
CredType=cred/munge
SlurmUser=$user
SlurmdUser=$user
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
# memory is watched: who takes more than the job asked for is killed
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=2
# between SIGTERM and SIGKILL, at the time limit
KillWait=10
# squeue tells of jobs for this long after their end
MinJobAge=900
AccountingStorageType=accounting_storage/none
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
CONF
  # pretended GPUs: Slurm wants a device file for each
  printf 'NodeName=%s Name=gpu File=/dev/null\n' "$host" >"$folder/gres.conf"
  printf 'NodeName=%s Name=gpu File=/dev/zero\n' "$host" >>"$folder/gres.conf"
  # within a job Snakemake's plugin calls srun without SLURM_CONF
  printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$folder/slurm.conf" "$(command -v srun)" >"$folder/bin/srun"
  chmod 755 "$folder/bin/srun"
}

up() {
  local folder=$1
  configure "$folder"
  export SLURM_CONF=$folder/slurm.conf
  # --force: the folder may lie in one that is its user's alone
  munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" --num-threads=2 \
    --pid-file="$folder/munged.pid" --log-file="$folder/log/munged.log" --seed-file="$folder/munge.seed" \
    >"$folder/log/munged.out" 2>&1
  slurmctld -f "$SLURM_CONF"
  slurmd -f "$SLURM_CONF"
  for _ in $(seq 60); do
    if [[ $(sinfo --noheader --format=%T 2>/dev/null) == idle ]]; then
      printf '%s\n' "SLURM_CONF=$SLURM_CONF" "PATH=$folder/bin:$PATH"
      return 0
    fi
    sleep 0.5
  done
  echo "slurm_up.sh: the node did not become idle" >&2
  tail -n 20 "$folder"/log/* >&2
  down "$folder"
  return 1
}

down() {
  local folder=$1 file pid
  export SLURM_CONF=$folder/slurm.conf
  [[ -e $SLURM_CONF ]] && { scancel --quiet --user="$(id -un)" 2>/dev/null || true; }
  for file in slurmd slurmctld munged; do
    [[ -s $folder/$file.pid ]] || continue
    pid=$(<"$folder/$file.pid")
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 40); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.25
    done
  done
}

case ${1:-} in
  install) install_packages ;;
  up) up "${2:?a folder is needed}" ;;
  down) down "${2:?a folder is needed}" ;;
  *)
    echo "usage: $0 install | up FOLDER | down FOLDER" >&2
    exit 2
    ;;
esac
