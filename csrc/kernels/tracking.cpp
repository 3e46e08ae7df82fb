#include "cantaor/tracking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cantaor {
namespace {

constexpr float kNever = 1e30f;
constexpr float kSilence = -190.0f;      // dB; below this nothing was there
constexpr std::size_t kSettleEvery = 1024;  // frames between two looks for a final part

}  // namespace

Tracker::Tracker(const TrackerSettings& settings, int candidates, double min_hz, double max_hz,
                 double hop_s)
    : settings_(settings),
      candidates_(candidates),
      min_hz_(min_hz),
      span_octaves_(static_cast<float>(std::log2(max_hz / min_hz))),
      // Boersma's correction for the time step: costs are stated for steps of 10 ms.
      jump_(static_cast<float>(settings.octave_jump_cost * 0.01 / hop_s / 1200)),
      change_(static_cast<float>(settings.voicing_cost * 0.01 / hop_s)),
      block_frames_(std::max<std::int64_t>(1, std::llround(0.25 / hop_s))),
      look_blocks_(std::max<std::int64_t>(1, std::llround(settings.look_s / 0.25))),
      open_{std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(), 0} {}

void Tracker::push(const float* cents, const float* strength, const float* level_db,
                   std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    Frame frame;
    std::copy_n(cents + i * candidates_, candidates_, frame.cents.begin());
    std::copy_n(strength + i * candidates_, candidates_, frame.strength.begin());
    frame.level = level_db[i];
    take(frame);
  }
}

void Tracker::take(const Frame& frame) {
  waiting_.push_back(frame);
  open_.low = std::min(open_.low, frame.level);
  open_.high = std::max(open_.high, frame.level);
  if (++open_.frames == block_frames_) close_block();
}

void Tracker::close_block() {
  blocks_.push_back(open_);
  open_ = {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest(), 0};
  const auto look = static_cast<std::size_t>(look_blocks_);
  if (blocks_.size() > next_block_ + look) search_block(next_block_++);
  if (next_block_ > look) {
    blocks_.pop_front();
    --next_block_;
  }
}

/// Searches the frames of one block, whose window is all of blocks_.
void Tracker::search_block(std::size_t index) {
  const auto look = static_cast<std::size_t>(look_blocks_);
  const std::size_t first = index > look ? index - look : 0;
  const std::size_t last = std::min(index + look + 1, blocks_.size());
  float low = std::numeric_limits<float>::max(), high = std::numeric_limits<float>::lowest();
  for (std::size_t i = first; i < last; ++i) {
    if (blocks_[i].low > kSilence) low = std::min(low, blocks_[i].low);
    high = std::max(high, blocks_[i].high);
  }
  const auto margin = static_cast<float>(settings_.floor_margin_db);
  const auto range = static_cast<float>(settings_.range_db);
  // In a window without a pause the lowest level is a voice's: never ask for more than half the
  // range below the loudest frame.
  const float threshold = std::min(std::max(low + margin, high - range), high - range / 2);
  for (std::int64_t i = 0; i < blocks_[index].frames; ++i) {
    search(waiting_.front(), threshold);
    waiting_.pop_front();
  }
}

void Tracker::search(const Frame& frame, float threshold) {
  Step step{frame.cents, frame.strength, {}};
  const float below = std::clamp((threshold - frame.level) / 10, 0.0f, 10.0f);
  const float quiet = static_cast<float>(settings_.level_weight) * below;
  const auto octave_cost = static_cast<float>(settings_.octave_cost);
  std::array<float, kStates> local;
  for (std::size_t k = 0; k < kMaxCandidates; ++k)
    local[k] = frame.strength[k] > 0
                   ? 1 - frame.strength[k] + quiet +
                         octave_cost * (span_octaves_ - frame.cents[k] / 1200)
                   : kNever;
  local[kUnvoiced] = 1 - static_cast<float>(settings_.voicing);
  std::array<float, kStates> next;
  for (std::size_t to = 0; to < kStates; ++to) {
    float best = cost_[kUnvoiced] + (to == kUnvoiced ? 0 : change_);
    std::uint8_t from = kUnvoiced;
    for (std::size_t k = 0; k < kMaxCandidates; ++k) {
      const float transition =
          to == kUnvoiced ? change_ : jump_ * std::abs(frame.cents[to] - previous_cents_[k]);
      const float candidate = cost_[k] + transition;
      if (candidate < best) {
        best = candidate;
        from = static_cast<std::uint8_t>(k);
      }
    }
    next[to] = std::min(best + local[to], kNever);
    step.from[to] = from;
  }
  // Only differences matter; taking the least away keeps the sums small, however long the search.
  const float least = *std::min_element(next.begin(), next.end());
  for (std::size_t k = 0; k < kStates; ++k) cost_[k] = std::min(next[k] - least, kNever);
  previous_cents_ = frame.cents;
  steps_.push_back(step);
  if (steps_.size() % kSettleEvery == 0) settle();
}

/// Hands out the part of the path that all surviving states share.
void Tracker::settle() {
  std::array<bool, kStates> alive;
  alive.fill(true);
  for (std::size_t step = steps_.size(); step-- > 0;) {
    std::array<bool, kStates> before{};
    for (std::size_t k = 0; k < kStates; ++k)
      if (alive[k]) before[steps_[step].from[k]] = true;
    alive = before;
    if (std::count(alive.begin(), alive.end(), true) == 1 && step > 0) {
      const auto state = std::find(alive.begin(), alive.end(), true) - alive.begin();
      emit(step, static_cast<int>(state));
      return;
    }
  }
}

/// Writes the path of the first `steps` frames, which ends in `state`, and forgets them.
void Tracker::emit(std::size_t steps, int state) {
  const std::size_t start = track_.hz.size();
  track_.hz.resize(start + steps, 0.0f);
  track_.strength.resize(start + steps, 0.0f);
  for (std::size_t i = steps; i-- > 0;) {
    const auto at = static_cast<std::size_t>(state);
    if (state != kUnvoiced) {
      track_.hz[start + i] = static_cast<float>(min_hz_ * std::exp2(steps_[i].cents[at] / 1200.0));
      track_.strength[start + i] = steps_[i].strength[at];
    }
    state = steps_[i].from[at];
  }
  steps_.erase(steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(steps));
}

void Tracker::finish() {
  if (open_.frames > 0) {
    blocks_.push_back(open_);
    open_.frames = 0;
  }
  while (next_block_ < blocks_.size()) search_block(next_block_++);
  if (steps_.empty()) return;
  const auto best = std::min_element(cost_.begin(), cost_.end()) - cost_.begin();
  emit(steps_.size(), static_cast<int>(best));
}

}  // namespace cantaor
