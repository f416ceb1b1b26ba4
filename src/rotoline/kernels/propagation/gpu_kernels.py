"""The Triton kernels of `gpu.py`; apart from it because importing Triton takes seconds."""

import triton
import triton.language as tl


@triton.jit
def scan(  # noqa: PLR0913
    source,
    gates,
    result,
    strides,
    sizes,
    ADJOINT: tl.constexpr,
    MAPS: tl.constexpr,
    STEPS: tl.constexpr,
    ROWS_ACROSS: tl.constexpr,
    ROWS_DOWN: tl.constexpr,
    UNIT: tl.constexpr,
    STAGES: tl.constexpr,
):
    height = sizes[2]
    width = sizes[3] // UNIT * UNIT
    if tl.program_id(0) % 4 < 2:
        shape = (height, width, width, 1)
        _scan(source, gates, result, strides, sizes, shape, ADJOINT, MAPS, STEPS, ROWS_ACROSS, UNIT, STAGES)
    else:
        shape = (width, height, 1, width)
        _scan(source, gates, result, strides, sizes, shape, ADJOINT, MAPS, STEPS, ROWS_DOWN, UNIT, STAGES)


@triton.jit
def _scan(  # noqa: PLR0913
    source,
    gates,
    result,
    strides,
    sizes,
    shape,
    ADJOINT: tl.constexpr,
    MAPS: tl.constexpr,
    STEPS: tl.constexpr,
    ROWS: tl.constexpr,
    UNIT: tl.constexpr,
    STAGES: tl.constexpr,
):
    images, channels, _, _, sharing, _, _ = sizes
    source_d, source_b, source_c, gate_d, gate_k, gate_b, gate_c = strides
    rows, columns, row_stride, column_stride = shape
    program = tl.program_id(0)
    direction = (program % 4).to(tl.int64)
    backwards = (program % 2 == 1) != ADJOINT
    blocks = tl.cdiv(sharing, MAPS)
    gate_set = program // 4 // blocks

    line = tl.arange(0, MAPS * ROWS)
    row = line % ROWS
    n = program // 4 % blocks * MAPS + line // ROWS
    inside = (n < sharing) & (row < rows)
    image, channel = _map(gate_set, n, sizes)
    at = tl.multiple_of(direction * source_d + image * source_b + channel * source_c, UNIT)
    source += at + row * row_stride
    at = ((direction * images + image) * channels + channel) * (rows * columns)
    result += at + row * row_stride

    SHIFT: tl.constexpr = 1 if ADJOINT else 0
    gate_row = tl.arange(0, ROWS)
    image, channel = _map(gate_set, 0, sizes)
    at = tl.multiple_of(direction * gate_d + image * gate_b + channel * gate_c, UNIT)
    gate_k = gate_k // UNIT * UNIT
    same = gates + at + gate_k + gate_row * row_stride
    above = same + (gate_k - row_stride if ADJOINT else -gate_k)
    below = same + (row_stride - gate_k if ADJOINT else gate_k)
    has_same = gate_row < rows
    has_above = (gate_row >= SHIFT) & has_same
    has_below = gate_row + SHIFT < rows

    ACCUMULATOR: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    h = tl.zeros([MAPS * ROWS], ACCUMULATOR)
    weight_above = h
    weight_same = h
    weight_below = h
    tiles = tl.cdiv(columns, STEPS)
    for i in tl.range(tiles, num_stages=STAGES):
        start = tl.where(backwards, tiles - 1 - i, i) * STEPS
        column = start + tl.arange(0, STEPS)
        offset = column * column_stride
        exists = column < columns
        x = _columns(_load(source, offset, inside, exists))
        gates_above = _columns(_load(above, offset, has_above, exists))
        gates_same = _columns(_load(same, offset, has_same, exists))
        gates_below = _columns(_load(below, offset, has_below, exists))
        hs = ()
        for k in tl.static_range(STEPS):
            x_k = _pick(x, k, backwards).to(ACCUMULATOR)
            gate_above = tl.where(row > 0, _repeat(_pick(gates_above, k, backwards), MAPS), 0.0).to(ACCUMULATOR)
            gate_same = _repeat(_pick(gates_same, k, backwards), MAPS).to(ACCUMULATOR)
            gate_below = tl.where(row < rows - 1, _repeat(_pick(gates_below, k, backwards), MAPS), 0.0).to(ACCUMULATOR)
            if not ADJOINT:
                t = start + tl.where(backwards, STEPS - 1 - k, k)
                first = t == tl.where(backwards, columns - 1, 0)
                x_k *= tl.where(first, 1.0, 1.0 - gate_above - gate_same - gate_below)
                weight_above = gate_above
                weight_same = gate_same
                weight_below = gate_below
            h_above, h_below = _neighbours(h, ROWS)
            h = x_k + weight_above * h_above + weight_same * h + weight_below * h_below
            if ADJOINT:
                weight_above = gate_above
                weight_same = gate_same
                weight_below = gate_below
            hs = hs + (h.to(result.dtype.element_ty),)
        ordered = ()
        for k in tl.static_range(STEPS):
            ordered = ordered + (_pick(hs, k, backwards),)
        tl.store(result[:, None] + offset[None, :], _tile(ordered), inside[:, None] & exists[None, :])


@triton.jit
def _map(gate_set, n, sizes):
    across = sizes[5]
    gate_channels = sizes[6]
    image = gate_set // gate_channels + n // across
    channel = gate_set % gate_channels + n % across
    return image.to(tl.int64), channel.to(tl.int64)


@triton.jit
def _load(line, offset, inside, exists):
    return tl.load(line[:, None] + offset[None, :], inside[:, None] & exists[None, :], 0.0)


@triton.jit
def _pick(columns, k: tl.constexpr, backwards):
    return tl.where(backwards, columns[len(columns) - 1 - k], columns[k])


@triton.jit
def _repeat(values, MAPS: tl.constexpr):
    ROWS: tl.constexpr = values.shape[0]
    return tl.reshape(tl.broadcast_to(values[None, :], [MAPS, ROWS]), [MAPS * ROWS])


@triton.jit
def _columns(tile):
    LINES: tl.constexpr = tile.shape[0]
    K: tl.constexpr = tile.shape[1]
    if K == 2:
        return tl.split(tile)
    else:
        even, odd = tl.split(tl.reshape(tile, [LINES, K // 2, 2]))
        evens = _columns(even)
        odds = _columns(odd)
        columns = ()
        for k in tl.static_range(K // 2):
            columns = columns + (evens[k], odds[k])
        return columns


@triton.jit
def _tile(columns):
    K: tl.constexpr = len(columns)
    if K == 2:
        return tl.join(columns[0], columns[1])
    else:
        pairs = tl.join(_tile(columns[::2]), _tile(columns[1::2]))
        return tl.reshape(pairs, [pairs.shape[0], K])


@triton.jit
def _neighbours(h, ROWS: tl.constexpr):
    LINES: tl.constexpr = h.shape[0]
    target = tl.arange(0, 2 * LINES) // 2
    step = tl.arange(0, 2 * LINES) % 2 * 2 - 1
    row = target % ROWS
    source = target - row + tl.minimum(tl.maximum(row + step, 0), ROWS - 1)
    return tl.split(tl.reshape(tl.gather(h, source, 0), [LINES, 2]))


@triton.jit
def differentiate(  # noqa: PLR0913
    theta, x, gates, h, dx, dg, strides, sizes, BLOCK: tl.constexpr
):
    images, channels, height, width, sharing, _, gate_channels = sizes
    x_b, x_c, h_d, h_b, h_c, gate_d, gate_k, gate_b, gate_c = strides
    plane = height * width
    blocks = tl.cdiv(plane, BLOCK)
    gate_set = tl.program_id(0) // blocks
    pixel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < plane
    direction = tl.arange(0, 4)[:, None]
    k = tl.arange(0, 4)[None, :, None]

    across = direction[:, :, None] < 2
    previous = direction[:, :, None] % 2 * 2 - 1
    row = pixel // width + tl.where(across, k - 1, previous)
    column = pixel % width + tl.where(across, previous, k - 1)
    exists = inside & (k < 3) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    source = row * width + column

    ACCUMULATOR: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    image, channel = _map(gate_set, 0, sizes)
    at = gates + image * gate_b + channel * gate_c + direction.to(tl.int64) * gate_d
    gate = tl.load(at[:, :, None] + k.to(tl.int64) * gate_k + pixel, exists, 0.0)
    share = 1.0 - tl.sum(gate.to(ACCUMULATOR), 1)
    by_gates = tl.zeros([4, 4, BLOCK], ACCUMULATOR)
    for n in range(sharing):
        image, channel = _map(gate_set, n, sizes)
        x_n = tl.load(x + image * x_b + channel * x_c + pixel, inside, 0.0).to(ACCUMULATOR)
        at = h + image * h_b + channel * h_c + direction.to(tl.int64) * h_d
        h_n = tl.load(at[:, :, None] + source, exists, 0.0).to(ACCUMULATOR)
        at = (image * channels + channel) * plane
        of_direction = direction.to(tl.int64) * images * channels * plane
        theta_n = tl.load(theta + at + of_direction + pixel, inside, 0.0).to(ACCUMULATOR)
        by_gates += tl.expand_dims(theta_n, 1) * (h_n - x_n)
        by_x = tl.sum(share * theta_n, 0)
        tl.store(dx + at + pixel, by_x.to(dx.dtype.element_ty), inside)
    image, channel = _map(gate_set, 0, sizes)
    at = (((image * 4 + direction[:, :, None]) * 3 + k) * gate_channels + channel) * plane
    by_gates = tl.where(exists, by_gates, 0.0).to(dg.dtype.element_ty)
    tl.store(dg + at + pixel, by_gates, inside & (k < 3))
