#include "cantaor/contour.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cantaor {
namespace {

constexpr std::int64_t kBlock = 1 << 16;  // frames between two looks at the control

struct Run {
  std::int64_t first = 0, last = 0, frames = 0;
  double sum = 0;
  std::int32_t cluster = -1;
};

/// Collects runs into segments and phrases.
class SegmentBuilder {
 public:
  SegmentBuilder(const ContourSettings& settings, bool merge)
      : settings_(settings), merge_(merge) {}

  void close(Run& run) {
    if (run.frames > 0 && run.frames >= settings_.min_frames) keep(run);
    run = Run{};
  }

  void end_phrase() {
    flush();
    const auto segments = static_cast<std::int64_t>(out_.cluster.size());
    if (segments > out_.phrases.back()) out_.phrases.push_back(segments);
  }

  Segments finish() {
    end_phrase();
    return std::move(out_);
  }

 private:
  void keep(const Run& run) {
    if (merge_ && pending_.frames > 0 && pending_.cluster == run.cluster) {
      pending_.last = run.last;
      pending_.frames += run.frames;
      pending_.sum += run.sum;
      return;
    }
    flush();
    pending_ = run;
  }

  void flush() {
    if (pending_.frames == 0) return;
    out_.cluster.push_back(pending_.cluster);
    out_.cents.push_back(pending_.sum / static_cast<double>(pending_.frames));
    out_.first.push_back(pending_.first);
    out_.last.push_back(pending_.last);
    pending_ = Run{};
  }

  const ContourSettings& settings_;
  bool merge_;
  Run pending_;
  Segments out_;
};

/// Says whether a frame still belongs to the run, and starts runs in a cluster.
class ByCluster {
 public:
  ByCluster(std::span<const double> edges, double hysteresis)
      : edges_(edges), hysteresis_(hysteresis) {}

  bool belongs(const Run&, double cents) const { return cents >= low_ && cents < high_; }

  std::int32_t start(double cents) {
    const auto above = std::upper_bound(edges_.begin(), edges_.end(), cents);
    const auto cluster = static_cast<std::size_t>(above - edges_.begin());
    low_ = cluster > 0 ? edges_[cluster - 1] - hysteresis_ : -kInfinity;
    high_ = cluster < edges_.size() ? edges_[cluster] + hysteresis_ : kInfinity;
    return static_cast<std::int32_t>(cluster);
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::span<const double> edges_;
  double hysteresis_;
  double low_ = 0, high_ = 0;
};

class ByMargin {
 public:
  explicit ByMargin(double margin) : margin_(margin) {}

  bool belongs(const Run& run, double cents) const {
    const auto frames = static_cast<double>(run.frames);
    return std::abs(cents * frames - run.sum) <= margin_ * frames;
  }

  std::int32_t start(double) { return -1; }

 private:
  double margin_;
};

template <typename Rule>
Segments segments(std::span<const double> cents, Rule rule, bool merge,
                  const ContourSettings& settings, Control& control) {
  SegmentBuilder builder(settings, merge);
  Run run;
  std::int64_t gap = 0;
  const auto frames = static_cast<std::int64_t>(cents.size());
  for (std::int64_t begin = 0; begin < frames; begin += kBlock) {
    control.poll_now();
    const std::int64_t end = std::min(begin + kBlock, frames);
    for (std::int64_t i = begin; i < end; ++i) {
      const double value = cents[static_cast<std::size_t>(i)];
      if (std::isnan(value)) {
        if (++gap == settings.max_gap + 1) {
          builder.close(run);
          builder.end_phrase();
        }
        continue;
      }
      gap = 0;
      if (run.frames == 0 || !rule.belongs(run, value)) {
        builder.close(run);
        run.cluster = rule.start(value);
        run.first = i;
      }
      run.last = i;
      run.sum += value;
      ++run.frames;
    }
  }
  builder.close(run);
  return builder.finish();
}

}  // namespace

Segments segments_in_clusters(std::span<const double> cents, std::span<const double> edges,
                              const ContourSettings& settings, Control& control) {
  return segments(cents, ByCluster(edges, settings.hysteresis), true, settings, control);
}

Segments segments_within_margin(std::span<const double> cents, double margin,
                                const ContourSettings& settings, Control& control) {
  return segments(cents, ByMargin(margin), false, settings, control);
}

}  // namespace cantaor
