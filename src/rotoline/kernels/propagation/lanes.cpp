// Propagation of channels-last maps, forward and merged: what networks hold while they run.
//
// Every pixel is a vector of eight channels, SIMD runs over the channels, and nothing is ever
// transposed. For horizontal scans a panel of columns is copied to scratch memory and back, because
// pixels of one column lie far apart in the map.

#include "columns.hpp"

namespace rotoline {
namespace ROTOLINE_ISA {
namespace {

template <typename T>
struct Vector {
    typedef T Type __attribute__((vector_size(LANES * sizeof(T))));
};
template <typename T>
using Lanes = typename Vector<T>::Type;

template <typename T>
Lanes<T> load(const T* from) {
    Lanes<T> lanes;
    __builtin_memcpy(&lanes, from, sizeof lanes);
    return lanes;
}

template <typename T>
void store(const Lanes<T>& lanes, T* to) {
    __builtin_memcpy(to, &lanes, sizeof lanes);
}

// The channels of a task at row j of column t of a map; steps in elements.
template <typename T>
struct Pixels {
    T* data;
    Index column, row;

    T* at(Index t, Index j) const { return data + t * column + j * row; }
};

// h_t = rest x_t + sum_k g_k h_{t-1}(. + k), merged into the result. Columns of h are contiguous in
// scratch memory, with a pixel of zeros above and below.
template <typename T, typename Put>
void step_lanes(const PanelGates<T>& gates, Index t, Index rows, Index channels, Pixels<const T> x,
                const T* RESTRICT before, T* RESTRICT h, Pixels<T> result, Put put) {
    const T *above = gates.above[t], *same = gates.same[t], *below = gates.below[t];
    const T* rest = gates.rest[t];
    for (Index c = 0; c < channels; c += LANES) {
        Lanes<T> higher = load(before + c - channels), level = load(before + c);
        for (Index j = 0; j < rows; ++j) {
            Lanes<T> lower = load(before + c + (j + 1) * channels);
            Lanes<T> sum = rest[j] * load(x.at(t, j) + c) + above[j] * higher + same[j] * level +
                           below[j] * lower;
            store<T>(sum, h + c + j * channels);
            T* to = result.at(t, j) + c;
            Lanes<T> merged = load(to);
            put(merged, sum);
            store<T>(merged, to);
            higher = level;
            level = lower;
        }
    }
}

template <typename T, typename Put>
void walk_lanes(const ChannelsLast<T>& p, Task task, T* scratch, Put put) {
    Walk walk(p.size, task.direction);
    Index pixel = p.size.channels, line = p.size.width * pixel, channels = task.last - task.first;
    Index offset = task.image * p.size.height * line + task.first;
    Index column = walk.across ? pixel : line, row = walk.across ? line : pixel;
    Pixels<const T> x{p.x + offset, column, row};
    Pixels<T> result{p.result + offset, column, row};
    Index padded = (walk.rows + 2) * channels;
    T *h = scratch + 4 * PANEL * walk.rows, *before = h + padded;
    for (Index i = 0; i < 2 * padded; ++i) h[i] = T(0);

    for (Index i = 0; i * PANEL < walk.columns; ++i) {
        Panel panel = panel_at(i, walk.columns, walk.forwards);
        PanelGates<T> gates(walk, p.gates, task, panel, scratch);
        for (Index n = 0; n < panel.count; ++n) {
            Index t = panel.at(n, walk.forwards);
            if (walk.is_start(t))  // x alone: what came before is 0
                for (Index j = 0; j < walk.rows; ++j) gates.rest[t][j] = T(1);
            step_lanes(gates, t, walk.rows, channels, x, before + channels, h + channels, result,
                       put);
            T* newest = h;
            h = before;
            before = newest;
        }
    }
}

template <typename T>
void forward_lanes(const ChannelsLast<T>& p, Task task, T* scratch) {
    if (task.direction == 0)
        walk_lanes(p, task, scratch, Set());
    else if (p.merge == Merge::max)
        walk_lanes(p, task, scratch, Greater());
    else if (task.direction < 3)
        walk_lanes(p, task, scratch, Add());
    else
        walk_lanes(p, task, scratch, AddAndQuarter());
}

}  // namespace

void scan_lanes(const ChannelsLast<float>& p, Task task, float* scratch) {
    forward_lanes(p, task, scratch);
}
void scan_lanes(const ChannelsLast<double>& p, Task task, double* scratch) {
    forward_lanes(p, task, scratch);
}

}  // namespace ROTOLINE_ISA
}  // namespace rotoline
