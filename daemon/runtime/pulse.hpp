#pragma once

#include <chrono>

/// Signs of life of the threads that do the work, for the watchdog: a thread that neither gives a
/// sign nor is in a declared wait hangs.
namespace zohosyncd::pulse {

/// This thread works until the object goes away. One at a time on each thread.
class Worker {
public:
    Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();
};

/// A declared wait of this thread, one that ends by itself or on stop. They may be nested.
class Rest {
public:
    Rest();
    Rest(const Rest&) = delete;
    Rest& operator=(const Rest&) = delete;
    ~Rest();
};

/// This thread has come further. Does nothing on a thread that is no Worker.
void sign();

/// For how long the most silent worker that does not rest has given no sign. Thread-safe.
std::chrono::milliseconds longest_silence();

} // namespace zohosyncd::pulse
