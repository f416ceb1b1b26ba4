"""Find the frames of a finished run that are worth correcting first: `rotoline report`.

measures   label maps and pictures, one frame after the other, as numbers
findings   numbers in, findings out: what looks wrong, in which frame, and why
ranking    findings in, the frames to correct first out, spread over the clip
strips     the numbers of an object over time, as an SVG drawing
page       all of it as one HTML page
table      the same as CSV
report     the command: reads the run, writes both files
"""
