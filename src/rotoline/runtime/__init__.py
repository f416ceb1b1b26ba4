"""What surrounds the computation: devices, timing, threads, progress."""
