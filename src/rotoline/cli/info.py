"""`rotoline info`."""


def info() -> None:
    """Show versions, device, threads, weights, and which kernels run and why."""
    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.io.run_record import device, versions
    from rotoline.weights.files import default_weights, load_weights
    from rotoline.kernels import propagation
    from rotoline.kernels.dispatch import choose

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow="fold")  # a hash must stay whole
    for name, value in (versions() | device()).items():
        table.add_row(name, str(value))
    path = default_weights()
    _, record = load_weights(path)
    table.add_row("weights", f"{record.name} ({path})")
    table.add_row("  sha256", record.sha256)
    table.add_row("  licence", record.licence)
    candidates = propagation.candidates()
    table.add_row("kernel propagation", f"{choose(candidates)} runs")
    for candidate in candidates:
        table.add_row(f"  {candidate.name}", candidate.refusal or "can run here")
    console().print(table)
