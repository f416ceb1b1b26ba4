// The Python module `_native`: checks arguments, cuts the work into tasks, runs them on threads.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "scan.hpp"

namespace nb = nanobind;

namespace rotoline {
namespace {

using Array = nb::ndarray<nb::device::cpu>;

// Let each thread take task after task, so that slower ones do not hold up the rest. Threads are
// started at each call: that costs microseconds, and leaves none behind to survive a fork.
template <typename T, typename Run>
void run_all(const std::vector<Task>& tasks, int threads, Index scratch, const Run& run) {
    std::atomic<std::size_t> next{0};
    std::size_t helpers = std::clamp<std::size_t>(threads, 1, tasks.size()) - 1;
    std::vector<T> memory((helpers + 1) * scratch);
    auto work = [&](std::size_t thread) {
        for (std::size_t i; (i = next++) < tasks.size();)
            run(tasks[i], memory.data() + thread * scratch);
    };
    std::vector<std::thread> started;
    try {
        for (std::size_t i = 0; i < helpers; ++i) started.emplace_back(work, i + 1);
    } catch (const std::system_error&) {
        // The system gives no more threads: fewer do the same work.
    }
    work(0);
    for (std::thread& thread : started) thread.join();
}

// Elements of scratch memory that a task needs, of any kind.
Index scratch_size(Size size, Index columns) {
    return (11 * PANEL + 1 + columns) * (std::max(size.height, size.width) + 2);
}

void expect(const Array& array, std::initializer_list<Index> shape, const Array& like) {
    bool fits = array.ndim() == shape.size() && array.dtype() == like.dtype() &&
                (array.size() == 0 || array.stride(array.ndim() - 1) == 1 ||
                 array.shape(array.ndim() - 1) == 1);
    std::size_t axis = 0;
    for (Index length : shape) {
        if (fits && length >= 0) fits = Index(array.shape(axis)) == length;
        ++axis;
    }
    if (!fits) throw std::invalid_argument("propagation: shapes, dtypes or layouts do not fit");
}

bool is_dense(const Array& array) {
    Index expected = 1;
    for (std::size_t axis = array.ndim(); axis-- > 0; expected *= array.shape(axis))
        if (array.shape(axis) > 1 && array.stride(axis) != expected) return false;
    return true;
}

Size size_of(const Array& x) {
    if (x.ndim() != 4) throw std::invalid_argument("propagation: x must be (B, C, H, W)");
    return {Index(x.shape(0)), Index(x.shape(1)), Index(x.shape(2)), Index(x.shape(3))};
}

template <typename T, typename Element = std::remove_const_t<T>>
Maps<T> maps(const Array& a) {
    Element* data = static_cast<Element*>(a.data());
    if (a.ndim() == 4) return {data, 0, a.stride(0), a.stride(1), a.stride(2)};
    return {data, a.stride(0), a.stride(1), a.stride(2), a.stride(3)};
}

template <typename T, typename Element = std::remove_const_t<T>>
Gates<T> gates_of(const Array& a) {
    return {static_cast<Element*>(a.data()),
            a.shape(0) > 1 ? Index(a.stride(0)) : 0,
            a.stride(1),
            a.stride(2),
            a.shape(3) > 1 ? Index(a.stride(3)) : 0,
            a.stride(4)};
}

// No more threads than have work for some hundred microseconds, which starting one costs.
int useful(int threads, Size size) {
    Index steps = 4 * size.batch * size.channels * size.height * size.width;
    return int(std::clamp<Index>(steps / 150000, 1, std::max(threads, 1)));
}

// Every direction and image on its own, and the channels in groups that share what is read of the
// gates; smaller groups, down to `least`, where there would be fewer tasks than threads.
std::vector<Task> cut(Size size, Index directions, Index group, Index least, int threads) {
    auto tasks_of = [&] { return size.batch * directions * ((size.channels + group - 1) / group); };
    while (group >= 2 * least && tasks_of() < threads) group = group / 2 / least * least;
    std::vector<Task> tasks;
    for (Index image = 0; image < size.batch; ++image)
        for (Index first = 0; first < size.channels; first += group)
            for (Index direction = 0; direction < directions; ++direction)
                tasks.push_back({image, direction, first, std::min(first + group, size.channels)});
    return tasks;
}

#ifdef ROTOLINE_AVX2
const bool HAS_AVX2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#define ROTOLINE_CALL(function, ...) \
    (HAS_AVX2 ? avx2::function(__VA_ARGS__) : baseline::function(__VA_ARGS__))
#else
#define ROTOLINE_CALL(function, ...) baseline::function(__VA_ARGS__)
#endif

// Where channels have gates of their own and images share them, the two trade places: gates are
// read once for several images, and what images add to their gradient stays in one thread.
bool are_traded(const Array& gates) { return gates.shape(0) == 1 && gates.shape(3) > 1; }

template <typename... Tensors>
void trade(Size& size, Tensors&... tensors) {
    std::swap(size.batch, size.channels);
    (std::swap(tensors.image, tensors.channel), ...);
}

template <typename T>
void forward(const Array& x, const Array& gates, const Array& h, Merge merge, int threads) {
    Size size = size_of(x);
    threads = useful(threads, size);
    Forward<T> p{size, maps<const T>(x), gates_of<const T>(gates), maps<T>(h), merge};
    if (are_traded(gates)) trade(p.size, p.x, p.gates, p.h);
    Index group = p.gates.channel ? 1 : 8;
    // Merged directions meet in the same place, so one thread takes all four.
    std::vector<Task> tasks = cut(p.size, merge == Merge::none ? 4 : 1, group, 1, threads);
    run_all<T>(tasks, threads, scratch_size(size, 8), [&](Task task, T* scratch) {
        if (merge == Merge::none) return ROTOLINE_CALL(scan, p, task, scratch);
        for (task.direction = 0; task.direction < 4; ++task.direction)
            ROTOLINE_CALL(scan, p, task, scratch);
    });
}

template <typename T>
void forward_lanes(const Array& x, const Array& gates, const Array& result, Merge merge,
                   int threads) {
    Size size{Index(x.shape(0)), Index(x.shape(3)), Index(x.shape(1)), Index(x.shape(2))};
    threads = useful(threads, size);
    ChannelsLast<T> p{size, static_cast<const T*>(x.data()), gates_of<const T>(gates),
                      static_cast<T*>(result.data()), merge};
    std::vector<Task> tasks = cut(size, 1, size.channels, LANES, threads);
    run_all<T>(tasks, threads, scratch_size(size, 2 * size.channels), [&](Task task, T* scratch) {
        for (task.direction = 0; task.direction < 4; ++task.direction)
            ROTOLINE_CALL(scan_lanes, p, task, scratch);
    });
}

template <typename T>
void backward(const Array& gradient, const Array& x, const Array& gates, const Array& h,
              const Array& dx, const Array& dg, int threads) {
    Size size = size_of(x);
    threads = useful(threads, size);
    Backward<T> p{size,
                  maps<const T>(gradient),
                  maps<const T>(x),
                  gates_of<const T>(gates),
                  maps<const T>(h),
                  maps<T>(dx),
                  gates_of<T>(dg)};
    if (are_traded(gates)) trade(p.size, p.gradient, p.x, p.gates, p.h, p.dx, p.dg);
    // Channels that share gates add to the same place, so one thread takes all of them.
    Index group = p.gates.channel ? 1 : p.size.channels;
    std::vector<Task> tasks = cut(p.size, 4, group, group, threads);
    run_all<T>(tasks, threads, scratch_size(size, group), [&](Task task, T* scratch) {
        ROTOLINE_CALL(scan_backward, p, task, scratch);
    });
}

template <typename Run>
void by_dtype(const Array& x, const Run& run) {
    nb::gil_scoped_release release;
    if (x.dtype() == nb::dtype<float>())
        run(float());
    else if (x.dtype() == nb::dtype<double>())
        run(double());
    else
        throw std::invalid_argument("propagation: dtype must be float32 or float64");
}

void scan_any(const Array& x, const Array& gates, const Array& h, int merge, int threads) {
    Size s = size_of(x);
    expect(x, {s.batch, s.channels, s.height, s.width}, x);
    expect(gates, {-1, 4, 3, -1, s.height, s.width}, x);
    if (Merge(merge) == Merge::none)
        expect(h, {4, s.batch, s.channels, s.height, s.width}, x);
    else
        expect(h, {s.batch, s.channels, s.height, s.width}, x);
    by_dtype(x, [&](auto zero) {
        forward<decltype(zero)>(x, gates, h, Merge(merge), threads);
    });
}

void scan_lanes_any(const Array& x, const Array& gates, const Array& result, int merge,
                    int threads) {
    Size s = size_of(x);  // here (batch, height, width, channels)
    if (!is_dense(x) || !is_dense(result) || s.width % LANES)
        throw std::invalid_argument("propagation: maps must be dense, of whole groups of channels");
    expect(x, {s.batch, s.channels, s.height, s.width}, x);
    expect(result, {s.batch, s.channels, s.height, s.width}, x);
    expect(gates, {-1, 4, 3, 1, s.channels, s.height}, x);
    by_dtype(x, [&](auto zero) {
        forward_lanes<decltype(zero)>(x, gates, result, Merge(merge), threads);
    });
}

void scan_backward_any(const Array& gradient, const Array& x, const Array& gates, const Array& h,
                       const Array& dx, const Array& dg, int threads) {
    Size s = size_of(x);
    for (const Array* maps : {&gradient, &h, &dx})
        expect(*maps, {4, s.batch, s.channels, s.height, s.width}, x);
    expect(x, {s.batch, s.channels, s.height, s.width}, x);
    expect(gates, {-1, 4, 3, -1, s.height, s.width}, x);
    Index images = are_traded(gates) ? 1 : s.batch;
    expect(dg, {images, 4, 3, Index(gates.shape(3)), s.height, s.width}, x);
    by_dtype(x, [&](auto zero) {
        backward<decltype(zero)>(gradient, x, gates, h, dx, dg, threads);
    });
}

}  // namespace
}  // namespace rotoline

NB_MODULE(_native, module) {
    module.doc() = "Spatial propagation in C++; called by rotoline.kernels.propagation.native.";
    module.def("scan", &rotoline::scan_any);
    module.def("scan_channels_last", &rotoline::scan_lanes_any);
    module.def("scan_backward", &rotoline::scan_backward_any);
}
