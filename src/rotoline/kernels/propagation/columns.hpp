// How a scan sees an image: as columns t of rows j, panel by panel, in the order of its direction.
//
// For vertical scans the columns are rows of the image, contiguous in memory, used in place. For
// horizontal scans a panel of PANEL columns is transposed into scratch memory, and results back; so
// every inner loop reads contiguously, memory is touched in whole cache lines, and no transposed
// copy of a map is made.

#pragma once

#include "scan.hpp"

namespace rotoline {
namespace ROTOLINE_ISA {
namespace {

template <typename T>
View<T> view(const Maps<T>& maps, Task task, Index channel) {
    return {maps.data + task.direction * maps.direction + task.image * maps.image +
                channel * maps.channel,
            maps.row};
}

template <typename T>
View<T> view(const Gates<T>& gates, Task task, Index neighbour) {
    return {gates.data + task.image * gates.image + task.direction * gates.direction +
                neighbour * gates.neighbour + task.first * gates.channel,
            gates.row};
}

// Columns first, first + 1, ... of the image.
struct Panel {
    Index first, count;

    Index end() const { return first + count; }
    // The i-th column, from the first or from the last one.
    Index at(Index i, bool forwards) const { return forwards ? first + i : end() - 1 - i; }
};

// The i-th panel of a map, from the first or from the last one.
inline Panel panel_at(Index i, Index columns, bool forwards) {
    Index panels = (columns + PANEL - 1) / PANEL;
    Index first = (forwards ? i : panels - 1 - i) * PANEL;
    return {first, columns - first < PANEL ? columns - first : PANEL};
}

// Where a direction goes, and how long its columns are.
struct Walk {
    bool across;  // along the width, so that panels must be transposed
    bool forwards;
    Index rows, columns;

    Walk(Size size, Index direction)
        : across(direction < 2),
          forwards(direction % 2 == 0),
          rows(across ? size.height : size.width),
          columns(across ? size.width : size.height) {}

    bool is_start(Index t) const { return t == (forwards ? 0 : columns - 1); }
    Index before(Index t) const { return forwards ? t - 1 : t + 1; }
    // The columns before those of a panel, as far as there are any.
    Panel before(Panel panel) const {
        Index first = before(panel.first), end = before(panel.end());
        if (first < 0) first = 0;
        if (end > columns) end = columns;
        return {first, end - first};
    }
};

// Some columns of a map, in the image itself or in scratch memory; t counts from the image's edge.
template <typename T>
struct Columns {
    T* data;
    Index stride, origin;

    T* operator[](Index t) const { return data + (t - origin) * stride; }
};

// Ways to put a value, or eight of them, where another may be already.
struct Set {
    template <typename V>
    void operator()(V& to, V value) const { to = value; }
};
struct Greater {
    template <typename V>
    void operator()(V& to, V value) const { to = value > to ? value : to; }
};
struct Add {
    template <typename V>
    void operator()(V& to, V value) const { to += value; }
};
struct AddAndQuarter {
    template <typename V>
    void operator()(V& to, V value) const { to = (to + value) * 0.25f; }
};

// Transpose 8 x 8 elements in registers: pairs, pairs of pairs, halves.
template <typename T, typename Put>
void transpose_eight(const T* from, Index from_row, T* to, Index to_row, Put put) {
    typedef T Eight __attribute__((vector_size(8 * sizeof(T))));
    Eight a[8], b[8];
    for (Index i = 0; i < 8; ++i) __builtin_memcpy(&a[i], from + i * from_row, sizeof(Eight));
    for (Index i = 0; i < 8; i += 2) {
        b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (Index i = 0; i < 8; i += 4)
        for (Index n = 0; n < 2; ++n) {
            a[i + 2 * n] = __builtin_shufflevector(b[i + n], b[i + n + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 2 * n + 1] =
                __builtin_shufflevector(b[i + n], b[i + n + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (Index i = 0; i < 4; ++i) {
        b[i] = __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        b[i + 4] = __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
    for (Index i = 0; i < 8; ++i) {
        Eight old;
        __builtin_memcpy(&old, to + i * to_row, sizeof(Eight));
        put(old, b[i]);
        __builtin_memcpy(to + i * to_row, &old, sizeof(Eight));
    }
}

template <typename T>
void copy(const T* RESTRICT from, Index count, T* RESTRICT to) {
    for (Index j = 0; j < count; ++j) to[j] = from[j];
}

template <typename T>
void scale(const T* RESTRICT factor, const T* RESTRICT value, Index count, T* RESTRICT to) {
    for (Index j = 0; j < count; ++j) to[j] = factor[j] * value[j];
}

// Transpose `rows` x `columns` elements; `put(to, value)` sets, adds or compares, one or eight.
template <typename T, typename Put>
void transpose(const T* from, Index from_row, Index rows, Index columns, T* to, Index to_row,
               Put put) {
    for (Index i = 0; i < rows; i += 8)
        for (Index j = 0; j < columns; j += 8) {
            const T* source = from + i * from_row + j;
            T* target = to + j * to_row + i;
            if (i + 8 <= rows && j + 8 <= columns) {
                transpose_eight(source, from_row, target, to_row, put);
                continue;
            }
            for (Index m = 0; m < rows - i && m < 8; ++m)
                for (Index n = 0; n < columns - j && n < 8; ++n)
                    put(target[n * to_row + m], source[m * from_row + n]);
        }
}

// The columns of a panel: in place, or transposed into scratch memory.
template <typename T>
Columns<const T> read(const Walk& walk, View<const T> map, Panel panel, T* scratch) {
    if (!walk.across) return {map.data, map.row, 0};
    transpose(map.data + panel.first, map.row, walk.rows, panel.count, scratch, walk.rows, Set());
    return {scratch, walk.rows, panel.first};
}

// Where the columns of a result go: in place, or into scratch memory for `write`.
template <typename T>
Columns<T> place(bool in_place, const Walk& walk, View<T> map, Panel panel, T* scratch) {
    if (in_place) return {map.data, map.row, 0};
    return {scratch, walk.rows, panel.first};
}

// Bring columns from scratch memory into the map; `put(to, value)` sets, adds or compares.
template <typename T, typename Put>
void write(const Walk& walk, Columns<T> columns, Panel panel, View<T> map, Put put) {
    if (walk.across) {
        transpose<T>(columns[panel.first], walk.rows, panel.count, walk.rows,
                     map.data + panel.first, map.row, put);
        return;
    }
    for (Index t = panel.first; t < panel.end(); ++t) {
        T* RESTRICT to = map.data + t * map.row;
        const T* RESTRICT from = columns[t];
        for (Index j = 0; j < walk.rows; ++j) put(to[j], from[j]);
    }
}

// The gates of a panel, and what they leave for x: also the share of neighbours that do not exist.
template <typename T>
struct PanelGates {
    Columns<const T> above, same, below;
    Columns<T> rest;

    PanelGates(const Walk& walk, const Gates<const T>& gates, Task task, Panel panel, T* scratch)
        : above(read(walk, view(gates, task, 0), panel, scratch)),
          same(read(walk, view(gates, task, 1), panel, scratch + PANEL * walk.rows)),
          below(read(walk, view(gates, task, 2), panel, scratch + 2 * PANEL * walk.rows)),
          rest{scratch + 3 * PANEL * walk.rows, walk.rows, panel.first} {
        for (Index t = panel.first; t < panel.end(); ++t) {
            const T *a = above[t], *s = same[t], *b = below[t];
            T* RESTRICT r = rest[t];
            Index end = walk.rows - 1;
            for (Index j = 0; j <= end; ++j) r[j] = T(1) - a[j] - s[j] - b[j];
            r[0] = T(1) - s[0] - (end > 0 ? b[0] : T(0));
            if (end > 0) r[end] = T(1) - a[end] - s[end];
        }
    }
};

// Sums of the gates' gradients over the channels that share them.
template <typename T>
struct PanelSums {
    Columns<T> above, same, below;

    PanelSums(const Walk& walk, Panel panel, T* scratch)
        : above{scratch, walk.rows, panel.first},
          same{scratch + PANEL * walk.rows, walk.rows, panel.first},
          below{scratch + 2 * PANEL * walk.rows, walk.rows, panel.first} {
        for (Index j = 0; j < 3 * PANEL * walk.rows; ++j) scratch[j] = T(0);
    }

    void write_to(const Walk& walk, const Gates<T>& dg, Task task, Panel panel) const {
        write(walk, above, panel, view(dg, task, 0), Set());
        write(walk, same, panel, view(dg, task, 1), Set());
        write(walk, below, panel, view(dg, task, 2), Set());
    }
};

}  // namespace
}  // namespace ROTOLINE_ISA
}  // namespace rotoline
