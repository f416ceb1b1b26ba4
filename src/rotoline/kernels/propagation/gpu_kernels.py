"""The Triton kernels of `gpu.py`, in a module of their own: importing Triton takes seconds.

Maps are images times channels, flattened. Maps with the same gates form a set, whose number is
that of its gates, image times channel of them: map n of the `shared` maps of a set is number
`set * across + n * gate_channels`. Every map is contiguous. As in `reference.py`, a scan passes
over columns, and the places in a column are its rows, also where columns are rows of the image.
"""

import triton
import triton.language as tl

# Left alone, Triton compiles again for sizes of 1 and for multiples of 16. UNIT says all it needs.
_SIZES = [
    "height",
    "width",
    "maps",
    "shared",
    "across",
    "gate_channels",
    "image_stride",
    "direction_stride",
    "neighbour_stride",
    "channel_stride",
    "source_stride",
]


@triton.jit(do_not_specialize=_SIZES)
def scan(  # noqa: PLR0913
    source,
    gates,
    result,
    height,
    width,
    maps,
    shared,
    across,
    gate_channels,
    image_stride,
    direction_stride,
    neighbour_stride,
    channel_stride,
    source_stride,
    ADJOINT: tl.constexpr,
    MAPS: tl.constexpr,
    STEPS: tl.constexpr,
    ROWS_ACROSS: tl.constexpr,
    ROWS_DOWN: tl.constexpr,
    UNIT: tl.constexpr,
    UNIT_DOWN: tl.constexpr,
    STAGES: tl.constexpr,
):
    """Scan MAPS maps of one set in one direction, or that scan's adjoint.

    The adjoint turns the gradient by h into theta, the derivative by h. It is the same recurrence
    from the last column to the first: a pixel gets from those it gave to, through their gates.
    """
    blocks = tl.cdiv(shared, MAPS)
    direction = tl.program_id(0) % 4  # fastest: programs that read the same x run together
    gate_set = tl.program_id(0) // 4 // blocks
    first = tl.program_id(0) // 4 % blocks * MAPS
    backwards = (direction % 2 == 1) != ADJOINT

    plane = (height * width).to(tl.int64)
    offset = _gate_offset(gate_set, gate_channels, image_stride, channel_stride)
    gates += tl.multiple_of(offset + direction.to(tl.int64) * direction_stride, UNIT)
    offset = (gate_set * across + first * gate_channels) * plane
    source += tl.multiple_of(offset + direction.to(tl.int64) * source_stride, UNIT)
    result += tl.multiple_of(offset + direction * (maps * plane), UNIT)

    sizes = (height, width, shared - first)
    strides = (neighbour_stride, gate_channels * plane)
    if direction < 2:
        _scan(
            source, gates, result, sizes, strides, backwards,
            ADJOINT, MAPS, STEPS, ROWS_ACROSS, UNIT, STAGES, ACROSS=True,
        )  # fmt: skip
    else:
        _scan(
            source, gates, result, sizes, strides, backwards,
            ADJOINT, MAPS, STEPS, ROWS_DOWN, UNIT_DOWN, STAGES, ACROSS=False,
        )  # fmt: skip


@triton.jit
def _scan(  # noqa: PLR0913
    source,
    gates,
    result,
    sizes,
    strides,
    backwards,
    ADJOINT: tl.constexpr,
    MAPS: tl.constexpr,
    STEPS: tl.constexpr,
    ROWS: tl.constexpr,
    UNIT: tl.constexpr,
    STAGES: tl.constexpr,
    ACROSS: tl.constexpr,
):
    height, width, maps = sizes
    neighbour_stride, map_stride = strides
    width = width // UNIT * UNIT  # the same, but the compiler knows what divides it
    neighbour_stride = neighbour_stride // UNIT * UNIT
    map_stride = map_stride // UNIT * UNIT
    rows, columns = (height, width) if ACROSS else (width, height)
    row_stride, column_stride = (width, 1) if ACROSS else (1, width)

    # One line per row and map.
    line = tl.arange(0, MAPS * ROWS)
    row = line % ROWS
    inside = (row < rows) & (line // ROWS < maps)
    place = line // ROWS * map_stride + row * row_stride

    DTYPE: tl.constexpr = tl.float64 if source.dtype.element_ty == tl.float64 else tl.float32
    h = tl.zeros([MAPS * ROWS], DTYPE)
    weights = (h, h, h)
    tiles = tl.cdiv(columns, STEPS)
    for i in tl.range(tiles, num_stages=STAGES):
        # Tiles start at multiples of STEPS in either direction, where rows are aligned.
        start = tl.where(backwards, tiles - 1 - i, i) * STEPS
        offset = (start + tl.arange(0, STEPS)) * column_stride
        exists = start + tl.arange(0, STEPS) < columns
        x_tile = _load(source, place[:, None] + offset, inside, exists)
        gate_strides = (neighbour_stride, row_stride)
        gate_tiles = _load_gates(gates, rows, gate_strides, offset, exists, ADJOINT, ROWS)
        hs = ()
        for k in tl.static_range(STEPS):
            t = start + tl.where(backwards, STEPS - 1 - k, k)
            x = _pick(x_tile, k, backwards).to(DTYPE)
            own_gates = _pick_gates(gate_tiles, k, backwards, row, rows, MAPS, DTYPE)
            if not ADJOINT:
                weights = own_gates
                share = 1.0 - weights[0] - weights[1] - weights[2]
                x *= tl.where(t == tl.where(backwards, columns - 1, 0), 1.0, share)
            h = _advance(h, x, weights, ROWS)
            weights = own_gates
            if ACROSS:
                hs += (h.to(result.dtype.element_ty),)  # type: ignore[assignment]
            else:
                mask = tl.where(t < columns, inside, False)  # noqa: FBT003 (a mask of one value)
                tl.store(result + (place + t * width), h.to(result.dtype.element_ty), mask)
        if ACROSS:
            _store(result, place[:, None] + offset, inside, exists, hs, backwards)


@triton.jit
def _gate_offset(gate_set, gate_channels, image_stride, channel_stride):
    image = (gate_set // gate_channels).to(tl.int64)
    channel = (gate_set % gate_channels).to(tl.int64)
    return image * image_stride + channel * channel_stride


@triton.jit
def _load(plane, place, inside, exists):
    return _columns(tl.load(plane + place, inside[:, None] & exists, 0.0))


@triton.jit
def _load_gates(  # noqa: PLR0913
    gates, rows, strides, offset, exists, ADJOINT: tl.constexpr, ROWS: tl.constexpr
):
    neighbour_stride, row_stride = strides
    # The adjoint takes the gates of the rows above and below, of which one points here.
    SHIFT: tl.constexpr = 1 if ADJOINT else 0
    row = tl.arange(0, ROWS)
    place = row[:, None] * row_stride + offset
    same = gates + neighbour_stride
    above = same + (neighbour_stride - row_stride if ADJOINT else -neighbour_stride)
    below = same + (row_stride - neighbour_stride if ADJOINT else neighbour_stride)
    return (
        _load(above, place, (row >= SHIFT) & (row < rows), exists),
        _load(same, place, row < rows, exists),
        _load(below, place, row + SHIFT < rows, exists),
    )


@triton.jit
def _store(plane, place, inside, exists, hs, backwards):
    ordered = ()
    for k in tl.static_range(len(hs)):
        ordered += (_pick(hs, k, backwards),)
    tl.store(plane + place, _tile(ordered), inside[:, None] & exists)


@triton.jit
def _columns(tile):
    # A tile cannot be indexed. Splitting it costs nothing once a thread holds all of a row, which
    # the compiler sees to when it reads the tile from shared memory.
    LINES: tl.constexpr = tile.shape[0]
    STEPS: tl.constexpr = tile.shape[1]
    if STEPS == 2:
        columns = tl.split(tile)
    else:
        even, odd = tl.split(tl.reshape(tile, [LINES, STEPS // 2, 2]))
        evens, odds = _columns(even), _columns(odd)
        columns = ()
        for k in tl.static_range(STEPS // 2):
            columns += (evens[k], odds[k])
    return columns


@triton.jit
def _tile(columns):
    # The opposite of _columns.
    if len(columns) == 2:
        tile = tl.join(columns[0], columns[1])
    else:
        pairs = tl.join(_tile(columns[::2]), _tile(columns[1::2]))
        tile = tl.reshape(pairs, [pairs.shape[0], len(columns)])
    return tile


@triton.jit
def _pick(columns, k: tl.constexpr, backwards):
    return tl.where(backwards, columns[len(columns) - 1 - k], columns[k])


@triton.jit
def _pick_gates(  # noqa: PLR0913
    tiles, k: tl.constexpr, backwards, row, rows, MAPS: tl.constexpr, DTYPE: tl.constexpr
):
    above = _repeat(_pick(tiles[0], k, backwards), MAPS).to(DTYPE)
    same = _repeat(_pick(tiles[1], k, backwards), MAPS).to(DTYPE)
    below = _repeat(_pick(tiles[2], k, backwards), MAPS).to(DTYPE)
    # Outside the map there is nothing. As masks these would keep loads from being vectorised.
    return tl.where(row > 0, above, 0.0), same, tl.where(row < rows - 1, below, 0.0)


@triton.jit
def _repeat(column, MAPS: tl.constexpr):
    ROWS: tl.constexpr = column.shape[0]
    return tl.reshape(tl.broadcast_to(column[None, :], [MAPS, ROWS]), [MAPS * ROWS])


@triton.jit
def _advance(h, x, weights, ROWS: tl.constexpr):
    # One gather for both neighbours: one exchange a step. Where there is none the weight is 0.
    LINES: tl.constexpr = h.shape[0]
    place = tl.arange(0, 2 * LINES)
    row = place // 2 % ROWS
    neighbour = tl.minimum(tl.maximum(row + place % 2 * 2 - 1, 0), ROWS - 1)
    both = tl.gather(h, place // 2 - row + neighbour, 0)
    above, below = tl.split(tl.reshape(both, [LINES, 2]))
    return x + weights[0] * above + weights[1] * h + weights[2] * below


@triton.jit(do_not_specialize=_SIZES)
def differentiate(  # noqa: PLR0913
    theta,
    x,
    gates,
    h,
    dx,
    dg,
    height,
    width,
    maps,
    shared,
    across,
    gate_channels,
    image_stride,
    direction_stride,
    neighbour_stride,
    channel_stride,
    BLOCK: tl.constexpr,
):
    """Turn theta into the derivatives by x and by gates, at BLOCK pixels of all maps of a set."""
    plane = height * width
    blocks = tl.cdiv(plane, BLOCK)
    gate_set = tl.program_id(0) // blocks
    pixel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)
    inside = pixel < plane
    direction = tl.arange(0, 4)[:, None, None]
    k = tl.arange(0, 4)[None, :, None]  # three neighbours; sizes must be powers of two

    previous = direction % 2 * 2 - 1
    row = pixel // width + tl.where(direction < 2, k - 1, previous)
    column = pixel % width + tl.where(direction < 2, previous, k - 1)
    exists = inside & (k < 3) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    neighbour = row * width + column

    DTYPE: tl.constexpr = tl.float64 if x.dtype.element_ty == tl.float64 else tl.float32
    gates += _gate_offset(gate_set, gate_channels, image_stride, channel_stride)
    gates += direction.to(tl.int64) * direction_stride + k.to(tl.int64) * neighbour_stride
    share = 1.0 - tl.sum(tl.load(gates + pixel, exists, 0.0).to(DTYPE), 1)
    by_gates = tl.zeros([4, 4, BLOCK], DTYPE)
    for n in range(shared):
        number = (gate_set * across + n * gate_channels).to(tl.int64)
        in_direction = (direction * maps + number) * plane
        x_n = tl.load(x + number * plane + pixel, inside, 0.0).to(DTYPE)
        h_n = tl.load(h + in_direction + neighbour, exists, 0.0).to(DTYPE)
        theta_n = tl.load(theta + in_direction + pixel, inside, 0.0).to(DTYPE)
        by_gates += theta_n * (h_n - x_n)
        by_x = tl.sum(share * tl.reshape(theta_n, [4, BLOCK]), 0)
        tl.store(dx + number * plane + pixel, by_x.to(dx.dtype.element_ty), inside)
    by_gates = tl.where(exists, by_gates, 0.0).to(dg.dtype.element_ty)
    number = (gate_set // gate_channels * 12 + direction * 3 + k) * gate_channels
    at = (number + gate_set % gate_channels).to(tl.int64) * plane
    tl.store(dg + at + pixel, by_gates, inside & (k < 3))
