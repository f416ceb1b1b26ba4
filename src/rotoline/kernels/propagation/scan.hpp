// What the compiled scans are given, and their entry points.
//
// A tensor is a pointer to its first element and strides in elements; the last axis is contiguous.

#pragma once

#include <cstddef>

#define RESTRICT __restrict

namespace rotoline {

using Index = std::ptrdiff_t;

constexpr Index PANEL = 16;  // columns that are worked on together: 64 bytes of a float32 row

struct Size {
    Index batch, channels, height, width;
};

// One piece of work: a direction of one image, for the channels from `first` to `last` - 1. Where
// every channel has gates of its own, that is one channel.
struct Task {
    Index image, direction, first, last;
};

// One map: rows of contiguous elements.
template <typename T>
struct View {
    T* data;
    Index row;
};

// (direction, batch, channel, row, column); direction stride 0 where there is but one for all.
template <typename T>
struct Maps {
    T* data;
    Index direction, image, channel, row;
};

// (batch, direction, neighbour, channel, row, column); strides of 0 for what is shared.
template <typename T>
struct Gates {
    T* data;
    Index image, direction, neighbour, channel, row;
};

enum class Merge { none, max, mean };

template <typename T>
struct Forward {
    Size size;
    Maps<const T> x;
    Gates<const T> gates;
    Maps<T> h;
    Merge merge;
};

template <typename T>
struct Backward {
    Size size;
    Maps<const T> gradient, x;
    Gates<const T> gates;
    Maps<const T> h;
    Maps<T> dx;
    Gates<T> dg;
};

// Maps (batch, row, column, channel) with channels in groups of eight and gates shared by all.
constexpr Index LANES = 8;

template <typename T>
struct ChannelsLast {
    Size size;
    const T* x;
    Gates<const T> gates;
    T* result;
    Merge merge;
};

#define ROTOLINE_ENTRIES(isa)                                             \
    namespace isa {                                                       \
    void scan_lanes(const ChannelsLast<float>&, Task, float* scratch);    \
    void scan_lanes(const ChannelsLast<double>&, Task, double* scratch);  \
    void scan(const Forward<float>&, Task, float* scratch);               \
    void scan(const Forward<double>&, Task, double* scratch);             \
    void scan_backward(const Backward<float>&, Task, float* scratch);     \
    void scan_backward(const Backward<double>&, Task, double* scratch);   \
    }

ROTOLINE_ENTRIES(baseline)
#ifdef ROTOLINE_AVX2
ROTOLINE_ENTRIES(avx2)
#endif

}  // namespace rotoline
