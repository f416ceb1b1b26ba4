#!/bin/sh
# Train weights of the preset fast on several machines together.
#
#   HOST=10.0.0.1 MACHINES=2 sh runs/train_machines.sh DATA [option of rotoline train fast ...]
#
# on each machine, with the address of one of them as HOST; or in a job of Slurm, which tells both:
#
#   sbatch --nodes 2 --ntasks-per-node 1 --gpus-per-node 4 \
#       --wrap 'srun sh runs/train_machines.sh DATA'
#
# DATA is laid out as in docs/how-to/train.md, on each machine. OUTPUT (runs/machines) must be on a
# drive that all machines share: the first process writes there, and all go on from what it wrote.
# PROCESSES is the number of processes of a machine: one a GPU (gpu) unless it is given. PORT (29400)
# must be open between the machines.
#
# Time:     that of one machine for a step; a step has as many batches as there are processes.
# Disk:     60 MB: checkpoint, log and weights.
# Expected: the same weights as one machine with as many processes gives; tested with two processes.
set -eu
DATA=${1:?"usage: sh runs/train_machines.sh DATA"}
shift
MACHINES=${MACHINES:-${SLURM_JOB_NUM_NODES:-1}}
if [ -z "${HOST:-}" ]; then
    HOST=localhost
    if [ "$MACHINES" -gt 1 ]; then
        HOST=$(scontrol show hostnames "${SLURM_JOB_NODELIST:?"give HOST"}" | head -n 1)
    fi
fi

exec torchrun --nnodes "$MACHINES" --nproc-per-node "${PROCESSES:-gpu}" \
    --rdzv-backend c10d --rdzv-endpoint "$HOST:${PORT:-29400}" --rdzv-id "rotoline-${SLURM_JOB_ID:-0}" \
    -m rotoline -- train fast --data "$DATA" --output "${OUTPUT:-runs/machines}" "$@"
