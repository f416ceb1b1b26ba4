"""`rotoline info`."""


def info() -> None:
    """Show versions, machine, presets with their weights, and which kernels run and why."""
    from rich.table import Table

    from rotoline.cli.terminal import console
    from rotoline.io.run_record import device, versions
    from rotoline.kernels import propagation
    from rotoline.kernels.dispatch import choose
    from rotoline.presets import PRESETS
    from rotoline.weights.files import read_weights, shipped_weights

    table = Table(show_header=False, box=None)
    table.add_column()
    table.add_column(overflow="fold")  # a hash must stay whole
    for name, value in versions().items():
        table.add_row(name, value)
    machines = {name: device(preset.device()) for name, preset in PRESETS.items()}
    for key in ("machine", "system", "threads"):
        table.add_row(key, str(next(iter(machines.values()))[key]))
    for name, preset in PRESETS.items():
        table.add_row(f"preset {name}", f"runs on: {machines[name]['device']}")
        if preset.weights is None:
            table.add_row("  weights", "none ship; give a file: --weights FILE")
            continue
        path = shipped_weights(preset.weights)
        record, _ = read_weights(path)
        table.add_row("  weights", f"{record.name} ({path})")
        table.add_row("  sha256", record.sha256)
        table.add_row("  licence", record.licence)
    candidates = propagation.candidates()
    table.add_row("kernel propagation", f"{choose(candidates)} runs")
    for candidate in candidates:
        table.add_row(f"  {candidate.name}", candidate.refusal or "can run here")
    console().print(table)
