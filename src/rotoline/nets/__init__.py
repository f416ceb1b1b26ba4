"""Networks only: constructors take numbers, forward passes take and return tensors."""
