#!/bin/sh
# Train the two networks of the preset paper that docs/results.md measures: the foreground network
# from random weights, and the spatial propagation network (SPN).
#
#   sh runs/train_paper.sh DATA
#
# DATA is laid out as in docs/how-to/train.md. vgg16-hed needs h5py (pip install 'rotoline[hed]').
# Each training resumes where it was interrupted when this script is run again.
#
# This is what two and a half hours on two CPU cores allowed, not the paper's schedule, which is the
# default of both commands: 100,000 steps from resnet101-imagenet and 60,000 steps from
# vgg16-imagenet, 2 to 4 and 4 to 8 hours on a GPU by estimate.
#
# Time:     45, 13 and 58 minutes for the foreground network, 21 and 18 minutes for the SPN, on two
#           CPU cores with bfloat16 instructions.
# Memory:   4 GB for the data.
# Disk:     2 GB: five checkpoints with momentum, and weights of 86 to 125 MB.
# Expected: mean loss of the first and of the last tenth of the steps: foreground .119 and .052, SPN
#           .336 and .214. J&F on the development split with 60 steps per object: .476, where the
#           preset fast has .823.
set -eu
DATA=${1:?"usage: sh runs/train_paper.sh DATA"}

# The foreground network. A start from random weights has to measure batch statistics, with a batch
# of 8, and takes large steps; with frozen statistics, learning rates from .03 on diverge
# (docs/decisions/0004-a-resnet-from-nothing.md).
foreground() {
    rotoline train paper-foreground --data "$DATA" --leave-out development "$@" \
        --set batch=8 --set optimiser.momentum=0.9 --set augmentation.scale=0.35 \
        --set augmentation.rotation=10 --set precision=bfloat16
}
foreground --output runs/foreground-1 --start nothing --set steps=1800 \
    --set crop.height=160 --set crop.width=288 --set optimiser.learning_rate=0.1 \
    --set optimiser.halve_every=450 --set measure_batch_statistics=true
foreground --output runs/foreground-2 --start runs/foreground-1/foreground.safetensors \
    --set steps=360 --set seed=1 \
    --set crop.height=192 --set crop.width=352 --set optimiser.learning_rate=0.003
foreground --output runs/foreground-3 --start runs/foreground-2/foreground.safetensors \
    --set steps=2000 --set seed=2 \
    --set crop.height=160 --set crop.width=288 --set optimiser.learning_rate=0.05 \
    --set optimiser.halve_every=500 --set measure_batch_statistics=true

# The SPN, with the encoder of an edge detector (55 MB; skipped if it has been fetched).
rotoline weights fetch vgg16-hed
spn() {
    rotoline train paper-spn --data "$DATA" --leave-out development "$@" \
        --set batch=2 --set crop.height=192 --set crop.width=192 --set short_side=256 \
        --set optimiser.max_gradient_norm=1.0 --set optimiser.weight_decay=5e-4 \
        --set precision=bfloat16
}
spn --output runs/spn-1 --foreground runs/foreground-2/foreground.safetensors --start vgg16-hed \
    --set steps=900 --set optimiser.learning_rate=0.01
spn --output runs/spn-2 --foreground runs/foreground-3/foreground.safetensors \
    --start runs/spn-1/paper.safetensors \
    --set steps=600 --set optimiser.learning_rate=0.005 --set seed=1

echo "Both networks: runs/spn-2/paper.safetensors, for rotoline segment --preset paper --weights"
