#!/bin/bash
# half|all
cd /work/main
C="--set steps=1500 --set seed=12 --set stroke_share=0.25 --set optimiser.learning_rate=5e-4 --set optimiser.backbone_learning_rate=2.5e-5"
case $1 in odd) L="--leave-out even";; even) L="--leave-out odd";; all) L="";; esac
OMP_NUM_THREADS=1 exec .venv/bin/rotoline train fast --data data $L --start benchmarks/weights/recipe-16/$1.safetensors --output runs/n_$1 $C
