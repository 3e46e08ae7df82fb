// How a long kernel stays interruptible without knowing who called it.
//
// One Control is shared by all threads of a call. The calling thread polls: a few times a second
// it runs the caller's callback (which may throw, for example on Ctrl-C). Worker threads only look
// at a flag. Whoever throws first stops the others, and the exception reaches the caller.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <utility>

namespace cantaor {

/// Thrown inside worker threads once another thread has failed or been interrupted.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped by another thread"; }
};

/// Thrown in every thread once a call has done all the work it was allowed. What was found until
/// then stands: a search hands it over, marked as partial.
struct WorkLimitReached : std::exception {
  const char* what() const noexcept override { return "limit of work reached"; }
};

class Control {
 public:
  /// Called on the calling thread with the number of work units done so far; may throw.
  using Callback = std::function<void(std::int64_t done)>;

  Control() = default;
  explicit Control(Callback callback) : callback_(std::move(callback)) {}

  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  /// Bounds the work: units counted by advance(), and seconds from now.
  void limit(std::int64_t most_units, double seconds) {
    most_units_ = most_units;
    constexpr double kLongest = 1e9;  // thirty years, which a clock's counter still holds
    if (seconds < kLongest)
      deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(seconds));
  }
  bool limit_reached() const noexcept { return limit_reached_.load(std::memory_order_relaxed); }
  void check_limit() const {
    if (limit_reached()) throw WorkLimitReached();
  }

  /// For the calling thread. Cheap enough for inner loops: the clock is read every 256th call.
  void poll() {
    if ((++polls_ & 255u) == 0) poll_now();
  }

  void poll_now() {
    if (stopped()) throw Stopped();
    const auto now = Clock::now();
    if (now >= deadline_) reach_limit();
    check_limit();
    if (!callback_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(20);
    try {
      callback_(done());
    } catch (...) {
      stop();
      throw;
    }
  }

  /// For worker threads.
  void check() const {
    if (stopped()) throw Stopped();
    check_limit();
  }

  void stop() noexcept { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const noexcept { return stopped_.load(std::memory_order_relaxed); }

  void advance(std::int64_t units = 1) noexcept {
    if (done_.fetch_add(units, std::memory_order_relaxed) + units > most_units_) reach_limit();
  }
  std::int64_t done() const noexcept { return done_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  void reach_limit() noexcept { limit_reached_.store(true, std::memory_order_relaxed); }

  Callback callback_;
  Clock::time_point next_;
  Clock::time_point deadline_ = Clock::time_point::max();
  std::int64_t most_units_ = std::numeric_limits<std::int64_t>::max();
  std::atomic<bool> limit_reached_{false};
  std::uint32_t polls_ = 0;
  std::atomic<bool> stopped_{false};
  std::atomic<std::int64_t> done_{0};
};

}  // namespace cantaor
