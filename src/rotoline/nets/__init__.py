"""Networks only: constructors take numbers, forward passes take and give tensors."""
