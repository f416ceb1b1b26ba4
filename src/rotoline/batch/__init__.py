"""Many clips on one machine or many: `rotoline batch` without its output on the terminal.

    manifest ─► driver ─► engine (local, Ray) ─► item ─► worker ─► child: segment_to_folder

    manifest, planning      what is to be segmented
    driver, batch_record    which items are left, retries, `batch.json` and `batch.html`
    local, cluster          where items run: processes of this machine, or tasks of Ray
    item                    one item: ledger, claim, files in, segment, files out
    ledger, claims          whether an item is done, and who works on it
    worker, child           the process that segments, and the one that watches it
    storage, scratch        files anywhere that fsspec reaches, and their copies on this machine

The outputs are the only ledger. An item is done when its `run.json` says so and was made of the
same inputs, so any number of drivers can be started on one manifest, again and at once.
"""
