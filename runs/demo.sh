#!/bin/sh
# The bundled clip from video to masks, overlay and J&F.
#
#   sh runs/demo.sh [OUTPUT]
#
# Time:     a minute for the 132 frames on two CPU cores, the overlay video included. Nothing is
#           downloaded.
# Disk:     6 MB.
# Expected: J&F .953 on six frames that were masked by hand (bunny .930, boulders .941, slab .988),
#           printed at the end and in OUTPUT/report.md.
set -eu
output=${1:-runs/demo}

rotoline demo --output "$output"
