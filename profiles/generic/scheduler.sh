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

# Reads the commands to run from standard input and prints the job's number
submit() {
  local threads=$1 megabytes=$2 minutes=$3 gpus=$4 rule=$5 time nodes
  time=$(printf '%d:%02d:00' $((minutes / 60)) $((minutes % 60)))
  nodes=1:ppn=$threads
  if ((gpus > 0)); then nodes+=:gpus=$gpus; fi
  qsub -V -N "$rule" -j oe -o "$logs" -l "nodes=$nodes,mem=${megabytes}mb,walltime=$time"
  # PBS Pro:     qsub -V -N "$rule" -j oe -o "$logs" -l "select=1:ncpus=$threads:mem=${megabytes}mb:ngpus=$gpus,walltime=$time"
  # Grid Engine: qsub -terse -V -cwd -N "$rule" -j y -o "$logs" -pe smp "$threads" \
  #                -l "h_rt=$time,h_vmem=$((megabytes / threads))M"
  # LSF:         bsub -J "$rule" -o "$logs/%J" -n "$threads" -R "span[hosts=1] rusage[mem=${megabytes}MB]" -W "$minutes" |
  #                sed 's/.*<\([0-9]*\)>.*/\1/'   (only the first <…> is the number)
}

# Whether the scheduler has the job, waiting or running
is_alive() {
  qstat -f "$1" 2>/dev/null | grep -q 'job_state = [QRHWTESB]'
  # Grid Engine: qstat -j "$1" >/dev/null 2>&1
  # LSF:         bjobs -noheader -o stat "$1" 2>/dev/null | grep -qE 'PEND|RUN|SUSP|PROV|WAIT'
}

ended() {
  [[ -s $1.end ]] || return 1
  if [[ $(<"$1.end") == 0 ]]; then echo success; else echo failed; fi
}

case ${1:-} in
  submit)
    script=${*: -1}
    logs=$PWD/.snakemake/generic_logs
    mkdir -p "$logs"
    rm -f "$script.end"
    number=$(printf 'cd %q\nbash %q\necho $? > %q\n' "$PWD" "$script" "$script.end" | submit "${@:2:5}")
    # the number leads back to the script; a folder in .snakemake that Snakemake removes at its end
    printf '%s\n' "$script" >"$(dirname "$script")/number.$number"
    echo "$number"
    ;;
  status)
    for file in .snakemake/tmp.*/"number.$2"; do script=$(<"$file"); done
    if ended "$script"; then
      :
    elif is_alive "$2"; then
      echo running
    else
      # it may have ended just now, and a network file system shows it late
      sleep 10
      ended "$script" || echo failed
    fi
    ;;
  *)
    echo "usage: $0 submit THREADS MEGABYTES MINUTES GPUS RULE SCRIPT | status NUMBER" >&2
    exit 2
    ;;
esac
