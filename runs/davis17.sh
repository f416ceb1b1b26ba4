#!/bin/sh
# DAVIS-2017 val with the shipped weights: masks in the submission layout, scores, table.
#
#   sh runs/davis17.sh DAVIS [OUTPUT]
#
# DAVIS is the unpacked "TrainVal, 480p" of https://davischallenge.org, with the folders JPEGImages,
# Annotations and ImageSets; its licence allows no commercial use.
#
# Time:     .24 s per frame with one object and 26 ms more for each further object on two CPU cores
#           (docs/results.md): ten minutes for the 2,000 frames of the 30 sequences.
# Disk:     20 MB for the masks; DAVIS itself has 1 GB.
# Expected: not measured yet. What networks of this kind reach on clips that they have not seen is in
#           docs/results.md. The paper reports .576 for its own system on DAVIS-2017 val.
set -eu
DAVIS=${1:?"usage: sh runs/davis17.sh DAVIS [OUTPUT]"}
O=${2:-runs/davis17}

rotoline benchmark "$DAVIS" --split val --output "$O"
