#!/usr/bin/env bash
# What Snakemake asks of a scheduler that it does not know (profiles/generic/config.yaml):
#
#   scheduler.sh submit THREADS MEGABYTES MINUTES GPUS RULE SCRIPT   prints the job's number
#   scheduler.sh status NUMBER                                       prints running, success or failed
#
# EDIT the two functions below; as they stand they are for PBS and Torque. How a job ended is not asked of the
# scheduler, which may have forgotten it: the job writes it beside its script. A job that the scheduler does not
# know any more and that wrote nothing was killed, by its time limit say.
set -euo pipefail

# Hands in the file of commands and prints the job's number, nothing else
submit() {
  local threads=$1 megabytes=$2 minutes=$3 gpus=$4 rule=$5 file=$6 time nodes
  time=$(printf '%d:%02d:00' $((minutes / 60)) $((minutes % 60)))
  nodes=1:ppn=$threads
  if ((gpus > 0)); then nodes+=:gpus=$gpus; fi
  qsub -V -N "$rule" -o /dev/null -e /dev/null -l "nodes=$nodes,mem=${megabytes}mb,walltime=$time" "$file"
  # PBS Pro:     the same, but -l "select=1:ncpus=$threads:mem=${megabytes}mb:ngpus=$gpus" -l "walltime=$time"
  # Grid Engine: qsub -terse -V -N "$rule" -o /dev/null -j y -pe smp "$threads" \
  #                -l "h_rt=$time,h_vmem=$((megabytes / threads))M" "$file"
  # LSF:         bsub -J "$rule" -o /dev/null -n "$threads" -R "span[hosts=1] rusage[mem=${megabytes}MB]" \
  #                -W "$minutes" <"$file" | sed 's/[^<]*<\([0-9]*\)>.*/\1/'
}

# Whether the scheduler has the job, waiting or running
is_alive() {
  qstat -f "$1" 2>/dev/null | grep -q 'job_state = [QRHWTESB]'
  # Grid Engine: qstat -j "$1" >/dev/null 2>&1
  # LSF:         bjobs -noheader -o stat "$1" 2>/dev/null | grep -qE 'PEND|RUN|SUSP|PROV|WAIT'
}

# Hands in a file that runs Snakemake's script in this folder, with a log, and tells how it ended
hand_in() {
  local script=${*: -1} logs=$PWD/.snakemake/generic_logs number
  mkdir -p "$logs"
  rm -f "$script.end"
  {
    echo '#!/bin/bash'
    printf 'cd %q\n' "$PWD"
    printf 'bash %q >>%q 2>&1\n' "$script" "$logs/$(basename "$script" .sh).log"
    printf 'echo $? >%q\n' "$script.end"
  } >"$script.job"
  number=$(submit "${@:1:5}" "$script.job")
  # the number leads back to the script; both lie in a folder that Snakemake removes at its end
  printf '%s\n' "$script" >"$(dirname "$script")/number.$number"
  echo "$number"
}

ended() {
  [[ -s $1.end ]] || return 1
  if [[ $(<"$1.end") == 0 ]]; then echo success; else echo failed; fi
}

tell() {
  local file script
  for file in .snakemake/tmp.*/"number.$1"; do script=$(<"$file"); done
  ended "$script" && return
  if is_alive "$1"; then
    echo running
  else
    # it may have ended just now, and a network file system shows it late
    sleep 10
    ended "$script" || echo failed
  fi
}

case ${1:-} in
  submit) hand_in "${@:2}" ;;
  status) tell "$2" ;;
  *)
    echo "usage: $0 submit THREADS MEGABYTES MINUTES GPUS RULE SCRIPT | status NUMBER" >&2
    exit 2
    ;;
esac
