#!/bin/sh
# The last three stages of the weights that ship (CARD.md): two trainings, and the mean.
#
#   sh runs/train_mean.sh DATA
#
# DATA is laid out as in docs/how-to/train.md. Needs a checkout with the history of the repository.
# Each training resumes where it was interrupted when this script is run again.
#
# The episodes of stage 6 are those of commit 97d90fd, in which a fifth and a quarter of them have
# parts of objects that come into view; run there, its result is benchmarks/weights/recipe-16/all.
#
# Time:     1.5 to 1.9 s a step on one core: half an hour, and three quarters of an hour.
# Memory:   9 GB.
# Disk:     120 MB: checkpoints, logs and weights.
# Expected: J&F of two networks made in this way, on 30 clips that they have not seen, is in
#           docs/results.md#the-weights-that-ship.
set -eu
DATA=${1:?"usage: sh runs/train_mean.sh DATA"}

mkdir -p runs/mean
for end in safetensors json; do
    git show "10bbf98:src/rotoline/weights/fast.$end" >"runs/mean/before.$end"
done

# Stages 6 and 7.
rotoline train fast --data "$DATA" --output runs/stage6 --start runs/mean/before.safetensors \
    --set steps=1200 --set seed=11 --set stroke_share=0.25 \
    --set optimiser.learning_rate=5e-4 --set optimiser.backbone_learning_rate=2.5e-5
rotoline train fast --data "$DATA" --output runs/stage7 --start runs/stage6/fast.safetensors \
    --set steps=1500 --set seed=12 --set stroke_share=0.25 \
    --set optimiser.learning_rate=5e-4 --set optimiser.backbone_learning_rate=2.5e-5

# Stage 8.
rotoline weights average runs/stage7/fast.safetensors runs/stage6/fast.safetensors \
    runs/mean/before.safetensors --output runs/mean/fast.safetensors
