#!/bin/sh
# The bundled clip from video to masks, overlay and J&F.
#
#   sh runs/demo.sh [OUTPUT]
#
# Time:     .12 s per frame with three objects on two CPU cores, 16 s for the 132 frames, and then the
#           overlay video. Nothing is downloaded.
# Disk:     6 MB.
# Expected: J&F .950 on six frames that were masked by hand (bunny .928, boulders .938, slab .986),
#           printed at the end and in OUTPUT/report.md.
set -eu
output=${1:-runs/demo}

rotoline demo --output "$output"
