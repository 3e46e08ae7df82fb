#include "cantaor/tracking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace cantaor {
namespace {

constexpr float kNever = 1e30f;
constexpr float kFarBelow = 60;             // dB; further below makes no difference
constexpr float kSilence = -190.0f;         // dB; below this nothing was there
constexpr std::size_t kSettleEvery = 1024;  // frames between two looks for a final part

}  // namespace

Tracker::Tracker(const TrackerSettings& settings, int candidates, double min_hz, double hop_s)
    : settings_(settings),
      candidates_(candidates),
      min_hz_(min_hz),
      // Boersma's correction for the time step: costs are stated for steps of 10 ms.
      jump_(static_cast<float>(settings.octave_jump_cost * 0.01 / hop_s / 1200)),
      change_(static_cast<float>(settings.voicing_cost * 0.01 / hop_s)),
      block_frames_(std::max<std::int64_t>(1, std::llround(0.25 / hop_s))),
      look_blocks_(std::max<std::int64_t>(1, std::llround(settings.look_s / 0.25))),
      before_(static_cast<std::size_t>(std::lround(settings.before_s / hop_s))),
      after_(static_cast<std::size_t>(std::lround(settings.after_s / hop_s))),
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
  frames_.push_back(frame);
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

/// The loudest level around a block, and the strength that makes its loudest frames voiced.
Tracker::Around Tracker::around(std::size_t block) const {
  const auto look = static_cast<std::size_t>(look_blocks_);
  const std::size_t first = block > look ? block - look : 0;
  const std::size_t last = std::min(block + look + 1, blocks_.size());
  float low = std::numeric_limits<float>::max(), high = std::numeric_limits<float>::lowest();
  for (std::size_t i = first; i < last; ++i) {
    if (blocks_[i].low > kSilence) low = std::min(low, blocks_[i].low);
    high = std::max(high, blocks_[i].high);
  }
  // Noise takes a share of every frame's strength, so a voice in it has less. But where the level
  // hardly changes, in noise alone or in one long note, it cannot tell the two apart.
  const float noisy = std::clamp((35 - (high - low)) / 15, 0.0f, 1.0f);
  const float steady = std::clamp((9 - (high - low)) / 3, 0.0f, 1.0f);
  return {high, static_cast<float>(settings_.voicing + settings_.noisy_voicing * noisy +
                                   settings_.steady_voicing * steady)};
}

/// Searches the frames of one block, whose window is all of blocks_.
void Tracker::search_block(std::size_t index) {
  const Around window = around(index);
  for (std::int64_t i = 0; i < blocks_[index].frames; ++i, ++next_)
    search(frames_[next_], voicing_at(next_, window));
  if (next_ > 4096) {
    const std::size_t gone = next_ - before_;
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(gone));
    next_ = before_;
  }
}

/// Strength at which a frame is as likely voiced as not.
float Tracker::voicing_at(std::size_t frame, const Around& window) const {
  const std::size_t first = frame > before_ ? frame - before_ : 0;
  const std::size_t last = std::min(frame + after_ + 1, frames_.size());
  const float level = frames_[frame].level;
  float before = level, after = level;
  for (std::size_t i = first; i < frame; ++i) before = std::max(before, frames_[i].level);
  for (std::size_t i = frame + 1; i < last; ++i) after = std::max(after, frames_[i].level);
  const auto below = [level](float loudest) { return std::min(loudest - level, kFarBelow); };
  return window.voicing + static_cast<float>(settings_.level_slope) * below(window.loudest) +
         static_cast<float>(settings_.before_slope) * below(before) +
         static_cast<float>(settings_.after_slope) * below(after);
}

void Tracker::search(const Frame& frame, float voicing) {
  Step step{frame.cents, frame.strength, {}};
  std::array<float, kStates> local;
  for (std::size_t k = 0; k < kMaxCandidates; ++k)
    local[k] = frame.strength[k] > 0 ? voicing - frame.strength[k] : kNever;
  local[kUnvoiced] = 0;
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
