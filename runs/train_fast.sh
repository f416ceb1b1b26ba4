#!/bin/sh
# Train weights of the preset fast: the first two of the eight stages of those that ship (CARD.md).
#
#   sh runs/train_fast.sh DATA
#
# DATA is laid out as in docs/how-to/train.md. The command needs the extra `train`
# (pip install 'rotoline[train]') and a checkout with the history of the repository. Each training
# resumes where it was interrupted when this script is run again.
#
# Their result shipped until 2026-11-26. The recipe has changed since: that of then is in the code of
# commit 12cd830, and time, memory and losses below are of the run of then. The third stage, 2,253
# steps of 16 episodes with 4,045 stills on a GPU, cannot be repeated: docs/log/2026-11-26-stills.md.
#
# Time:     3,000 steps of .55 s, half an hour on two CPU cores.
# Memory:   4 GB for DAVIS-2016 train at 480p.
# Disk:     60 MB: checkpoint, log and weights.
# Expected: the loss `propagated` falls from .93 (mean of the first tenth of the steps) to .62 (last
#           tenth), `refined` from .25 to .17, `classifier` from .46 to .36; the losses of every tenth
#           step of the original run are in benchmarks/results/2026-11-25-training-fast.jsonl, where
#           they are called propagated, fused and rule.
set -eu
DATA=${1:?"usage: sh runs/train_fast.sh DATA"}

# Stage 1 was 5,000 steps of version 0.1's recipe from ImageNet. Its code is gone; its weights
# are in the history of the repository, with the names of version 0.1. To do without it, leave out
# --start, and the defaults train 6,000 steps from ImageNet in 55 minutes.
if [ ! -f runs/start/fast.safetensors ]; then
    mkdir -p runs/start/version-0.1
    for file in fast.safetensors fast.json; do
        git show "8df8f29:src/rotoline/weights/$file" >"runs/start/version-0.1/$file"
    done
    rotoline weights convert runs/start/version-0.1/fast.safetensors runs/start/fast.safetensors
fi

# Stage 2.
rotoline train fast --data "$DATA" --output runs/fast --start runs/start/fast.safetensors \
    --set steps=3000 --set optimiser.learning_rate=1e-3 --set seed=1

# What these two stages reach on clips that the weights have not seen is measured with weights that are
# trained without the development split; those in benchmarks/weights have J&F .823 on its six
# sequences, with the settings of then (a few minutes).
rotoline experiment dev --data "$DATA" --output runs/fast-development \
    --weights benchmarks/weights/development.safetensors \
    --set tuning.steps=0 --set regions.method=last_visible
