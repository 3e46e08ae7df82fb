#include "cantaor/vibrato.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cantaor {
namespace {

constexpr double kMinHz = 4, kMaxHz = 9;
constexpr double kReversal = 10;             // cents back that make an extreme a turning point
constexpr double kWidest = 400;              // cents from trough to peak
constexpr double kFlattest = 0.16;           // mean square over peak square: a sine has 0.5,
constexpr double kSquarest = 0.58;           // a triangle 0.33, two alternating notes 1
constexpr double kAlike = 0.5;               // least ratio of neighbouring extents
constexpr double kDrift = 1.0 / 6;           // most a centre moves in a half cycle, in extents
constexpr double kDriftFloor = 6;            // cents that it may move in any case
constexpr double kLevel = 30;                // cents within which the centre is one pitch
constexpr double kEdge = 1.2;                // how far beyond the extent an incomplete cycle goes
constexpr double kSteep = 2.4;               // slope of an incomplete cycle: a sine has pi / 2
constexpr double kJitter = 5;                // cents that neighbouring frames differ by anyway
constexpr std::size_t kWholeHalfCycles = 2;  // that make vibrato,
constexpr double kHalfCycles = 2.75;         // with the incomplete ones at its ends
constexpr std::int64_t kBlock = 1 << 16;     // frames between two looks at the control

struct Point {
  std::int64_t frame;
  double cents;
};

struct HalfCycle {
  double centre, extent;  // cents; extent from trough to peak
  std::int64_t frames;
};

struct Limits {
  double shortest, longest;  // frames of a half cycle
};

/// Turning points of the voiced run that begins at `begin`; returns the frame after the run.
///
/// Between two of them pitch goes one way; the extreme at the end of the run is one too.
std::int64_t find_turning_points(std::span<const double> cents, std::int64_t begin,
                                 std::vector<Point>& points) {
  const auto frames = static_cast<std::int64_t>(cents.size());
  const auto at = [&](std::int64_t i) { return cents[static_cast<std::size_t>(i)]; };
  points.clear();
  Point high{begin, at(begin)}, low = high;
  std::int64_t i = begin + 1;
  // Every comparison with NaN is false, so that the loops end where the run does.
  while (i < frames && at(i) > high.cents - kReversal && at(i) < low.cents + kReversal) {
    if (at(i) > high.cents) high = {i, at(i)};
    if (at(i) < low.cents) low = {i, at(i)};
    ++i;
  }
  if (i == frames || std::isnan(at(i))) return i;
  bool rising = at(i) >= low.cents + kReversal;
  points.push_back(rising ? low : high);
  while (true) {
    // Falling is rising upside down.
    const double sign = rising ? 1 : -1;
    double best = sign * at(i);
    std::int64_t where = i++;
    for (; i < frames; ++i) {
      const double value = sign * at(i);
      if (!(value > best - kReversal)) break;
      // Selected, not branched on: near an extreme the branch would be a coin's toss.
      where = value > best ? i : where;
      best = value > best ? value : best;
    }
    points.push_back({where, sign * best});
    if (i == frames || std::isnan(at(i))) return i;
    rising = !rising;
  }
}

class Flattener {
 public:
  Flattener(std::span<double> cents, double hop_s)
      : cents_(cents), hop_s_(hop_s), limits_{0.5 / kMaxHz / hop_s, 0.5 / kMinHz / hop_s} {}

  /// Flattens the vibrato among the turning points of one voiced run, [begin, end).
  ///
  /// What is read is not yet flattened, but for frames before `free_from_`, where what is found is
  /// cut off anyway.
  void take(std::span<const Point> points, std::int64_t begin, std::int64_t end) {
    run_begin_ = free_from_ = begin;
    run_end_ = end;
    cycles_.clear();
    std::size_t first = 0;
    for (std::size_t i = 0; i + 1 < points.size(); ++i) {
      const bool whole = is_half_cycle(points[i], points[i + 1]);
      const HalfCycle cycle{0.5 * (points[i].cents + points[i + 1].cents),
                            std::abs(points[i + 1].cents - points[i].cents),
                            points[i + 1].frame - points[i].frame};
      if (!cycles_.empty() && !(whole && goes_on(cycles_.back(), cycle))) {
        keep(points, first);
        cycles_.clear();
      }
      if (!whole) continue;
      if (cycles_.empty()) first = i;
      cycles_.push_back(cycle);
    }
    if (!cycles_.empty()) keep(points, first);
  }

  Vibrato finish() { return std::move(out_); }

 private:
  bool is_half_cycle(Point from, Point to) const {
    const auto frames = static_cast<double>(to.frame - from.frame);
    // Turning points lie on whole frames, so that either may be off by half a frame.
    if (frames < limits_.shortest - 1 || frames > limits_.longest + 1) return false;
    const double centre = 0.5 * (from.cents + to.cents);
    const double half = 0.5 * std::abs(to.cents - from.cents);
    if (2 * half > kWidest) return false;
    // The trapezoidal rule: the ends count half, which makes 0.5 of a sine at any length.
    double sums[2] = {half * half, 0};
    for (std::int64_t i = from.frame + 1; i < to.frame; ++i) {
      const double away = at(i) - centre;
      sums[i & 1] += away * away;
    }
    const double roundness = (sums[0] + sums[1]) / (frames * half * half);
    return roundness >= kFlattest && roundness <= kSquarest;
  }

  static bool goes_on(const HalfCycle& one, const HalfCycle& next) {
    const auto [less, more] = std::minmax(one.extent, next.extent);
    const double drift = std::abs(next.centre - one.centre);
    return less >= kAlike * more && drift <= std::max(kDriftFloor, kDrift * 0.5 * (less + more));
  }

  void keep(std::span<const Point> points, std::size_t first) {
    if (cycles_.size() < kWholeHalfCycles) return;
    const std::size_t last = first + cycles_.size();
    const auto begin = std::max(edge(points, first, -1, cycles_.front()), free_from_);
    const auto end = edge(points, last, 1, cycles_.back());
    const auto frames = static_cast<double>(points[last].frame - points[first].frame);
    const auto half_cycles =
        static_cast<double>((end - begin) * static_cast<std::int64_t>(cycles_.size())) / frames;
    if (half_cycles < kHalfCycles) return;
    level();
    replace(points, first, begin, end);
    double extent = 0;
    for (const auto& cycle : cycles_) extent += cycle.extent;
    const auto count = static_cast<double>(cycles_.size());
    out_.first.push_back(begin);
    out_.last.push_back(end);
    out_.rate_hz.push_back(0.5 * count / (frames * hop_s_));
    out_.extent_cents.push_back(0.5 * extent / count);
    free_from_ = end + 1;
  }

  /// The outermost frame of an incomplete cycle beyond turning point `at_point`: all of a half
  /// cycle that stays within the vibrato's range, else as much of one as could be this vibrato.
  std::int64_t edge(std::span<const Point> points, std::size_t at_point, int step,
                    const HalfCycle& cycle) const {
    const Point here = points[at_point];
    const bool is_end = step < 0 ? at_point == 0 : at_point + 1 == points.size();
    const std::int64_t border = step < 0 ? run_begin_ : run_end_ - 1;
    const Point next =
        is_end ? Point{border, at(border)} : points[step < 0 ? at_point - 1 : at_point + 1];
    const auto frames = static_cast<double>(std::abs(next.frame - here.frame));
    if (frames <= limits_.longest &&
        std::abs(next.cents - cycle.centre) <= kEdge * 0.5 * cycle.extent)
      return next.frame;
    const double range = kEdge * 0.5 * cycle.extent;
    const double steepest = kSteep * cycle.extent / static_cast<double>(cycle.frames) + kJitter;
    std::int64_t frame = here.frame;
    while (frame != next.frame && std::abs(frame - here.frame) < cycle.frames &&
           std::abs(at(frame + step) - cycle.centre) <= range &&
           std::abs(at(frame + step) - at(frame)) <= steepest)
      frame += step;
    return frame;
  }

  /// One centre for a note that hardly drifts: else its wobble may cross a cluster's edge.
  void level() {
    const auto below = [](const HalfCycle& a, const HalfCycle& b) { return a.centre < b.centre; };
    const auto [low, high] = std::minmax_element(cycles_.begin(), cycles_.end(), below);
    if (high->centre - low->centre > kLevel) return;
    double sum = 0;
    for (const auto& cycle : cycles_) sum += cycle.centre;
    for (auto& cycle : cycles_) cycle.centre = sum / static_cast<double>(cycles_.size());
  }

  /// The centre between the middles of the half cycles, level beyond the first and the last.
  void replace(std::span<const Point> points, std::size_t first, std::int64_t begin,
               std::int64_t end) {
    const auto middle = [&](std::size_t j) {
      return 0.5 * static_cast<double>(points[first + j].frame + points[first + j + 1].frame);
    };
    std::int64_t i = begin;
    const auto fill = [&](double until, double from, double centre, double slope) {
      const auto stop = std::min(static_cast<std::int64_t>(std::ceil(until)) - 1, end);
      for (; i <= stop; ++i)
        cents_[static_cast<std::size_t>(i)] = centre + (static_cast<double>(i) - from) * slope;
    };
    fill(middle(0), 0, cycles_[0].centre, 0);
    for (std::size_t j = 0; j + 1 < cycles_.size(); ++j) {
      const double from = middle(j), to = middle(j + 1);
      fill(to, from, cycles_[j].centre, (cycles_[j + 1].centre - cycles_[j].centre) / (to - from));
    }
    fill(static_cast<double>(end + 1), 0, cycles_.back().centre, 0);
  }

  double at(std::int64_t frame) const { return cents_[static_cast<std::size_t>(frame)]; }

  std::span<double> cents_;
  double hop_s_;
  Limits limits_;
  std::vector<HalfCycle> cycles_;
  std::int64_t run_begin_ = 0, run_end_ = 0, free_from_ = 0;
  Vibrato out_;
};

}  // namespace

Vibrato flatten_vibrato(std::span<double> cents, double hop_s, Control& control) {
  Flattener flattener(cents, hop_s);
  std::vector<Point> points;
  const auto frames = static_cast<std::int64_t>(cents.size());
  std::int64_t polled = 0;
  for (std::int64_t i = 0; i < frames;) {
    if (i >= polled) {
      control.poll_now();
      polled = i + kBlock;
    }
    if (std::isnan(cents[static_cast<std::size_t>(i)])) {
      ++i;
      continue;
    }
    const std::int64_t begin = i;
    i = find_turning_points(cents, begin, points);
    flattener.take(points, begin, i);
  }
  return flattener.finish();
}

}  // namespace cantaor
