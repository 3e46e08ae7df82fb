// Depth-first growth of prefixes with work shared between threads, for the engines that grow
// patterns symbol by symbol. An engine decides what a pattern's entries are and how they grow:
//
//   struct Engine {
//     using Index = ...;                     // read-only, shared by all threads
//     Engine(const Index&, InterruptPoller&);
//     // Appends the children worth growing (ascending codes) and says whether the pattern is
//     // closed. `threshold`: least support of interest. `grow`: whether children are wanted.
//     bool expand(std::span<const std::uint32_t> pattern, const Branch& branch,
//                  std::int64_t threshold, bool grow, Arena&, std::vector<Branch>& children);
//   };
//
// Patterns leave each task in lexicographic order, and a task only ever gives away the subtrees
// it would have visited last, so tasks ordered by their prefix give the order of a serial run.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "cantaor/mining.hpp"
#include "cantaor/pattern_collector.hpp"

namespace cantaor {

/// One symbol that extends a prefix: its support and the entries of the longer pattern.
struct Branch {
  std::uint32_t code = 0;
  std::uint32_t support = 0;
  std::span<const std::uint32_t> entries;
};

/// The branches a search begins with, and their entries, grouped by symbol.
struct Roots {
  std::vector<std::uint32_t> entries;
  std::vector<Branch> branches;
};

/// `counts` entries of every code, which `visit(put)` hands out by `put(code, entry)`, those of one
/// code in order.
template <class Visit>
Roots group_roots(std::span<const std::uint32_t> counts, std::span<const std::uint32_t> support,
                  Visit visit) {
  std::vector<std::size_t> fill(counts.size() + 1, 0);
  for (std::size_t code = 0; code < counts.size(); ++code)
    fill[code + 1] = fill[code] + counts[code];
  Roots roots{std::vector<std::uint32_t>(fill.back()), {}};
  for (std::uint32_t code = 0; code < counts.size(); ++code)
    roots.branches.push_back(
        {code, support[code], std::span(roots.entries).subspan(fill[code], counts[code])});
  visit([&](std::uint32_t code, std::uint32_t entry) { roots.entries[fill[code]++] = entry; });
  return roots;
}

/// Stack of arrays that never move.
class Arena {
 public:
  struct Mark {
    std::size_t block = 0, used = 0;
  };
  Mark mark() const { return {block_, used_}; }
  void rewind(Mark mark) {
    block_ = mark.block;
    used_ = mark.used;
  }
  std::uint32_t* allocate(std::size_t size) {
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < size) next_block();
    if (block_ == blocks_.size()) {
      const std::size_t capacity = std::max(size, kBlock);
      blocks_.push_back({std::make_unique_for_overwrite<std::uint32_t[]>(capacity), capacity});
    }
    used_ += size;
    return blocks_[block_].data.get() + used_ - size;
  }

 private:
  static constexpr std::size_t kBlock = 1 << 16;
  struct Block {
    std::unique_ptr<std::uint32_t[]> data;
    std::size_t size;
  };
  void next_block() {
    ++block_;
    used_ = 0;
  }
  std::vector<Block> blocks_;
  std::size_t block_ = 0, used_ = 0;
};

/// The subtree below one pattern, to be searched by whoever is free.
struct SearchTask {
  std::vector<std::uint32_t> pattern;
  Branch branch;  // entries point into `owned` or into the index
  std::vector<std::uint32_t> owned;
};

/// Hands tasks to threads; the search ends when all of them wait.
class TaskPool {
 public:
  TaskPool(int threads, Control& control) : threads_(threads), control_(control) {}

  bool hungry() const { return hungry_.load(std::memory_order_relaxed); }

  void give(SearchTask&& task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    hungry_.store(waiting_ > static_cast<int>(tasks_.size()), std::memory_order_relaxed);
    arrived_.notify_one();
  }

  /// False once nothing is left to do. Throws what Control throws.
  bool take(SearchTask& task, InterruptPoller& poller) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    while (tasks_.empty()) {
      if (waiting_ == threads_) {
        arrived_.notify_all();
        return false;
      }
      hungry_.store(true, std::memory_order_relaxed);
      arrived_.wait_for(lock, std::chrono::milliseconds(5));
      if (waiting_ == threads_ && tasks_.empty()) continue;
      lock.unlock();
      poller.poll();
      lock.lock();
    }
    --waiting_;
    task = std::move(tasks_.front());
    tasks_.pop_front();
    hungry_.store(waiting_ > static_cast<int>(tasks_.size()), std::memory_order_relaxed);
    return true;
  }

  /// Keeps the first failure that is not just an echo of another one, and stops all threads.
  void fail(std::exception_ptr error) {
    control_.stop();
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  void rethrow() {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const int threads_;
  Control& control_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<SearchTask> tasks_;
  std::exception_ptr error_;
  int waiting_ = 0;
  std::atomic<bool> hungry_{false};
};

/// One thread's part of a search.
template <class Engine>
class SearchWorker {
 public:
  SearchWorker(const Engine::Index& index, std::span<const std::int32_t> symbols,
               PatternCollector& collector, TaskPool& pool, Control& control, bool calling_thread)
      : poller_(control, calling_thread),
        engine_(index, poller_),
        symbols_(symbols),
        collector_(collector),
        pool_(pool) {}

  void run() {
    SearchTask task;
    try {
      while (pool_.take(task, poller_)) search(task);
    } catch (const WorkLimitReached&) {
      // The patterns of the chunks are whole: each was added after all about it was known.
    }
  }
  std::vector<PatternChunk>& chunks() { return chunks_; }

 private:
  struct Frame {
    std::size_t first, cursor, last;  // children still to visit
    Arena::Mark mark;
  };

  void search(const SearchTask& task) {
    pattern_ = task.pattern;
    chunks_.push_back({task.pattern, {}, {}, {}});
    spelled_.clear();
    for (const auto code : pattern_) spelled_.push_back(symbols_[code]);
    enter(task.branch);
    while (!frames_.empty()) {
      Frame& frame = frames_.back();
      if (frame.cursor == frame.last) {
        leave();
        continue;
      }
      const Branch child = children_[frame.cursor++];
      if (child.support < collector_.threshold()) continue;
      if (pool_.hungry()) share(task.pattern.size());
      pattern_.push_back(child.code);
      spelled_.push_back(symbols_[child.code]);
      enter(child);
    }
  }

  void enter(const Branch& branch) {
    poller_.spend(branch.entries.size() + 16);
    poller_.control().advance();
    poller_.control().check_limit();
    const Frame frame{children_.size(), children_.size(), 0, arena_.mark()};
    const bool closed = engine_.expand(pattern_, branch, collector_.threshold(),
                                       collector_.may_grow(pattern_.size()), arena_, children_);
    if (closed) collector_.add(chunks_.back(), spelled_, branch.support);
    frames_.push_back(frame);
    frames_.back().last = children_.size();
  }

  void leave() {
    children_.resize(frames_.back().first);
    arena_.rewind(frames_.back().mark);
    frames_.pop_back();
    pattern_.pop_back();
    spelled_.pop_back();
  }

  // Gives away the later half of the shallowest open children: the largest subtrees, and the
  // ones this task would visit last.
  void share(std::size_t root_length) {
    for (std::size_t depth = 0; depth < frames_.size(); ++depth) {
      Frame& frame = frames_[depth];
      const std::size_t open = frame.last - frame.cursor;
      if (open == 0) continue;
      for (std::size_t i = 0; i < (open + 1) / 2; ++i)
        give(children_[--frame.last], root_length + depth);
      return;
    }
  }

  void give(const Branch& child, std::size_t prefix_length) {
    SearchTask task;
    task.pattern.assign(pattern_.begin(),
                        pattern_.begin() + static_cast<std::ptrdiff_t>(prefix_length));
    task.pattern.push_back(child.code);
    task.owned.assign(child.entries.begin(), child.entries.end());
    task.branch = {child.code, child.support, task.owned};
    pool_.give(std::move(task));
  }

  InterruptPoller poller_;
  Engine engine_;
  std::span<const std::int32_t> symbols_;
  PatternCollector& collector_;
  TaskPool& pool_;
  Arena arena_;
  std::vector<Branch> children_;
  std::vector<Frame> frames_;
  std::vector<std::uint32_t> pattern_;
  std::vector<std::int32_t> spelled_;
  std::vector<PatternChunk> chunks_;
};

/// Searches below every root; the calling thread works too, and alone looks at the Control's
/// callback. Whatever a thread throws reaches the caller after all threads have ended.
template <class Engine>
Patterns search_prefixes(const typename Engine::Index& index, const std::vector<Branch>& roots,
                         std::span<const std::int32_t> symbols, const MiningOptions& options,
                         Control& control) {
  PatternCollector collector(options);
  TaskPool pool(options.threads, control);
  for (const auto& root : roots)
    if (root.support >= options.min_support) pool.give({{root.code}, root, {}});
  std::vector<std::vector<PatternChunk>> found(static_cast<std::size_t>(options.threads));
  const auto work = [&](std::size_t who) {
    try {
      SearchWorker<Engine> worker(index, symbols, collector, pool, control, who == 0);
      worker.run();
      found[who] = std::move(worker.chunks());
    } catch (const Stopped&) {
      // Another thread failed and has recorded why.
    } catch (...) {
      pool.fail(std::current_exception());
    }
  };
  {
    std::vector<std::jthread> helpers;
    try {
      for (std::size_t who = 1; who < found.size(); ++who) helpers.emplace_back(work, who);
    } catch (...) {
      pool.fail(std::current_exception());
    }
    work(0);
  }
  pool.rethrow();
  std::vector<PatternChunk> chunks;
  for (auto& part : found)
    for (auto& chunk : part)
      if (!chunk.lengths.empty()) chunks.push_back(std::move(chunk));
  Patterns out = collector.finish(std::move(chunks));
  out.partial = control.limit_reached();
  return out;
}

/// Runs `pass(options)` with its least support lowered step by step from the number of sequences
/// until the best k are found: the best are found before the many are looked at.
template <class Pass>
Patterns lower_until_found(MiningOptions options, std::int64_t sequences, const Pass& pass) {
  if (options.top_k == MiningOptions::kUnlimited) return pass(options);
  const std::int64_t least = options.min_support;
  for (options.min_support = std::max(least, sequences);;) {
    Patterns found = pass(options);
    const bool enough = static_cast<std::int64_t>(found.size()) >= options.top_k;
    if (enough || found.partial || options.min_support == least) return found;
    options.min_support = std::max(least, options.min_support * 7 / 10);
  }
}

}  // namespace cantaor
