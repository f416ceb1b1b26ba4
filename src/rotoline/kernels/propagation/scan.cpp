// Propagation in one direction, forward and backward. See reference.py for the meaning.
//
// Compiled once per instruction set. It must not use inline functions of the standard library: the
// linker could pick their AVX2 copies for every processor.

#include "columns.hpp"

namespace rotoline {
namespace ROTOLINE_ISA {
namespace {

// h_t = rest x_t + sum_k g_k h_{t-1}(. + k)
template <typename T>
void step(const PanelGates<T>& gates, Index t, Index rows, const T* RESTRICT x,
          const T* RESTRICT before, T* RESTRICT h) {
    const T* RESTRICT above = gates.above[t];
    const T* RESTRICT same = gates.same[t];
    const T* RESTRICT below = gates.below[t];
    const T* RESTRICT rest = gates.rest[t];
    Index end = rows - 1;
    h[0] = rest[0] * x[0] + same[0] * before[0];
    if (end == 0) return;
    h[0] += below[0] * before[1];
    for (Index j = 1; j < end; ++j)
        h[j] = rest[j] * x[j] + above[j] * before[j - 1] + same[j] * before[j] +
               below[j] * before[j + 1];
    h[end] = rest[end] * x[end] + above[end] * before[end - 1] + same[end] * before[end];
}

template <typename T>
void merge_into(Merge merge, Index direction, const Walk& walk, Columns<T> h, Panel panel,
                const View<T>& map) {
    if (merge == Merge::none || direction == 0)
        write(walk, h, panel, map, Set());
    else if (merge == Merge::max)
        write(walk, h, panel, map, Greater());
    else if (direction < 3)
        write(walk, h, panel, map, Add());
    else
        write(walk, h, panel, map, AddAndQuarter());
}

template <typename T>
void forward(const Forward<T>& p, Task task, T* scratch) {
    Walk walk(p.size, task.direction);
    Index block = PANEL * walk.rows;
    T *x_scratch = scratch + 4 * block, *h_scratch = x_scratch + block, *carries = h_scratch + block;
    bool in_place = !walk.across && p.merge == Merge::none;

    for (Index i = 0; i * PANEL < walk.columns; ++i) {
        Panel panel = panel_at(i, walk.columns, walk.forwards);
        PanelGates<T> gates(walk, p.gates, task, panel, scratch);
        for (Index c = task.first; c < task.last; ++c) {
            T* carry = carries + (c - task.first) * walk.rows;  // the column before the panel
            View<T> h_map = view(p.h, task, c);
            Columns<const T> x = read(walk, view(p.x, task, c), panel, x_scratch);
            Columns<T> h = place(in_place, walk, h_map, panel, h_scratch);
            const T* before = carry;
            for (Index n = 0; n < panel.count; ++n) {
                Index t = panel.at(n, walk.forwards);
                if (walk.is_start(t))
                    copy(x[t], walk.rows, h[t]);
                else
                    step(gates, t, walk.rows, x[t], before, h[t]);
                before = h[t];
            }
            copy(before, walk.rows, carry);
            if (!in_place) merge_into(p.merge, task.direction, walk, h, panel, h_map);
        }
    }
}

// dg_k += theta_t (h_{t-1}(. + k) - x_t), where that neighbour exists
template <typename T>
void add_to_gates(const PanelSums<T>& sums, Index t, Index rows, const T* RESTRICT theta,
                  const T* RESTRICT before, const T* RESTRICT x) {
    T* RESTRICT above = sums.above[t];
    T* RESTRICT same = sums.same[t];
    T* RESTRICT below = sums.below[t];
    Index end = rows - 1;
    same[0] += theta[0] * (before[0] - x[0]);
    if (end == 0) return;
    below[0] += theta[0] * (before[1] - x[0]);
    for (Index j = 1; j < end; ++j) {
        above[j] += theta[j] * (before[j - 1] - x[j]);
        same[j] += theta[j] * (before[j] - x[j]);
        below[j] += theta[j] * (before[j + 1] - x[j]);
    }
    above[end] += theta[end] * (before[end - 1] - x[end]);
    same[end] += theta[end] * (before[end] - x[end]);
}

// What column t gives to the derivative by h_{t-1}, whose row j went to rows j + 1, j and j - 1.
template <typename T>
void pass_on(const PanelGates<T>& gates, Index t, Index rows, const T* RESTRICT theta,
             T* RESTRICT inflow) {
    const T* RESTRICT above = gates.above[t];
    const T* RESTRICT same = gates.same[t];
    const T* RESTRICT below = gates.below[t];
    Index end = rows - 1;
    inflow[0] = same[0] * theta[0];
    if (end == 0) return;
    inflow[0] += above[1] * theta[1];
    for (Index j = 1; j < end; ++j)
        inflow[j] =
            above[j + 1] * theta[j + 1] + same[j] * theta[j] + below[j - 1] * theta[j - 1];
    inflow[end] = same[end] * theta[end] + below[end - 1] * theta[end - 1];
}

template <typename T>
void backward(const Backward<T>& p, Task task, T* scratch) {
    Walk walk(p.size, task.direction);
    Index block = PANEL * walk.rows;
    T *sums_scratch = scratch + 4 * block, *gradient_scratch = sums_scratch + 3 * block;
    T *x_scratch = gradient_scratch + block, *h_scratch = x_scratch + block;
    T *dx_scratch = h_scratch + block, *theta = dx_scratch + block, *inflows = theta + walk.rows;
    for (Index j = 0; j < (task.last - task.first) * walk.rows; ++j) inflows[j] = T(0);

    for (Index i = 0; i * PANEL < walk.columns; ++i) {
        Panel panel = panel_at(i, walk.columns, !walk.forwards);
        PanelGates<T> gates(walk, p.gates, task, panel, scratch);
        PanelSums<T> sums(walk, panel, sums_scratch);
        for (Index c = task.first; c < task.last; ++c) {
            T* inflow = inflows + (c - task.first) * walk.rows;  // from the panel after
            View<T> dx_map = view(p.dx, task, c);
            Columns<const T> gradient =
                read(walk, view(p.gradient, task, c), panel, gradient_scratch);
            Columns<const T> x = read(walk, view(p.x, task, c), panel, x_scratch);
            Columns<const T> h = read(walk, view(p.h, task, c), walk.before(panel), h_scratch);
            Columns<T> dx = place(!walk.across, walk, dx_map, panel, dx_scratch);
            for (Index n = 0; n < panel.count; ++n) {
                Index t = panel.at(n, !walk.forwards);
                for (Index j = 0; j < walk.rows; ++j) theta[j] = gradient[t][j] + inflow[j];
                if (walk.is_start(t)) {
                    copy<T>(theta, walk.rows, dx[t]);
                    break;
                }
                scale(gates.rest[t], theta, walk.rows, dx[t]);
                add_to_gates<T>(sums, t, walk.rows, theta, h[walk.before(t)], x[t]);
                pass_on<T>(gates, t, walk.rows, theta, inflow);
            }
            if (walk.across) write(walk, dx, panel, dx_map, Set());
        }
        sums.write_to(walk, p.dg, task, panel);
    }
}

}  // namespace

void scan(const Forward<float>& p, Task task, float* scratch) { forward(p, task, scratch); }
void scan(const Forward<double>& p, Task task, double* scratch) { forward(p, task, scratch); }
void scan_backward(const Backward<float>& p, Task task, float* scratch) {
    backward(p, task, scratch);
}
void scan_backward(const Backward<double>& p, Task task, double* scratch) {
    backward(p, task, scratch);
}

}  // namespace ROTOLINE_ISA
}  // namespace rotoline
