#include "cantaor/tracking.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

constexpr float kNever = 1e30f;
constexpr float kNoPitch = std::numeric_limits<float>::quiet_NaN();
constexpr float kFarBelow = 60;      // dB; further below makes no difference
constexpr float kSilence = -190.0f;  // dB; below this nothing was there
constexpr double kSmooth = 0.06;     // s, time constant of the smoothed strength
// Smoothed strength stays below the first in white, pink and brown noise (0.39 to 0.47 at most) and
// passes the second wherever somebody sings (0.7 and more at 3 dB of noise).
constexpr float kNoise = 0.47f, kVoice = 0.55f;
// A frame fades if its pitch holds while its level falls. A tail is a fading frame that is still
// harmonic, this far below the loudest just before it, and falls no faster than reverberation lets
// it: 260 dB/s is 0.23 s per 60 dB. The share of tails is below the first limit in most dry
// recordings and above the second in most rooms of 0.6 s.
constexpr float kTailAbove = 12, kTailBelow = 35, kTailStrength = 0.5f;  // dB, dB, strength
constexpr double kSlowest = 20, kFastest = 260, kFadeBeside = 0.0174;    // dB/s, dB/s, s
constexpr float kHolds = 60, kCounts = 0.25f;                            // cents, strength
constexpr float kDry = 0.01f, kReverberant = 0.03f;
constexpr float kDirect = 6;                        // dB that a direct sound may fall
constexpr float kFloorEnds = 5, kFloorReaches = 2;  // dB above the quietest frame
// The strength that one candidate of noise in 200 passes falls by 0.06 (white) to 0.09 (pink) per
// octave above this: few harmonics are in the band, and all must be there by chance.
constexpr double kHighHz = 330;
constexpr double kEnough = 0.7;             // s of such frames within look_s
constexpr float kNear = 45;                 // cents
constexpr std::size_t kSettleEvery = 1024;  // frames between two looks for a final part

static_assert(kMaxCandidates == kLanes);

/// Cheapest way to each of eight candidates; `best` and `from` hold the way from "unvoiced".
CANTAOR_WIDE void relax(const float* cost, const float* before, const float* cents, float jump,
                        float* best, std::int32_t* from) {
  FloatLanes least, here;
  IntLanes source;
  load_lanes(least, best);
  load_lanes(here, cents);
  load_lanes(source, from);
  for (std::int32_t k = 0; k < kMaxCandidates; ++k) {
    const FloatLanes away = here - before[k];
    const FloatLanes way = cost[k] + jump * (away < 0 ? -away : away);
    source = way < least ? IntLanes{} + k : source;
    least = way < least ? way : least;
  }
  store_lanes(least, best);
  store_lanes(source, from);
}

/// Adds what candidates of a frame cost, `voicing` where they are silent; those that are missing
/// are never reached. Then takes the least of all costs away: only differences matter, and sums
/// stay small, however long the search.
CANTAOR_WIDE void add_local(const float* found, const float* strength, const float* cents,
                            float voicing, float high, float high_cents, const float* next,
                            float* cost) {
  FloatLanes there, strong, above, sum;
  load_lanes(there, found);
  load_lanes(strong, strength);
  load_lanes(above, cents);
  load_lanes(sum, next);
  above -= high_cents;
  above = above > 0 ? above : FloatLanes{};
  sum += voicing - strong - high * above;
  const FloatLanes never = FloatLanes{} + kNever;
  sum = ((there > 0) & (sum < kNever)) ? sum : never;
  const float unvoiced = next[kMaxCandidates], least = -std::max(largest_lane(-sum), -unvoiced);
  sum -= least;
  sum = sum < kNever ? sum : never;
  store_lanes(sum, cost);
  cost[kMaxCandidates] = std::min(unvoiced - least, kNever);
}

}  // namespace

Tracker::Tracker(const TrackerSettings& settings, int candidates, double min_hz, double hop_s)
    : settings_(settings),
      candidates_(candidates),
      min_hz_(min_hz),
      high_cents_(static_cast<float>(1200 * std::log2(kHighHz / min_hz))),
      lowest_cents_(static_cast<float>(1200 * std::log2(settings.lowest_hz / min_hz))),
      highest_cents_(static_cast<float>(1200 * std::log2(settings.highest_hz / min_hz))),
      // Boersma's correction for the time step: costs are stated for steps of 10 ms.
      jump_(static_cast<float>(settings.octave_jump_cost * 0.01 / hop_s / 1200)),
      change_(static_cast<float>(settings.voicing_cost * 0.01 / hop_s)),
      block_frames_(std::max<std::int64_t>(1, std::llround(0.25 / hop_s))),
      look_blocks_(std::max<std::int64_t>(1, std::llround(settings.look_s / 0.25))),
      before_(static_cast<std::size_t>(std::lround(settings.before_s / hop_s))),
      after_(static_cast<std::size_t>(std::lround(settings.after_s / hop_s))),
      beside_(static_cast<std::size_t>(std::max(1L, std::lround(kFadeBeside / hop_s)))),
      enough_(static_cast<float>(kEnough / hop_s)),
      slowest_(static_cast<float>(kSlowest * 2 * hop_s * static_cast<double>(beside_))),
      fastest_(static_cast<float>(kFastest * 2 * hop_s * static_cast<double>(beside_))),
      smoothing_(static_cast<float>(1 - std::exp(-hop_s / kSmooth))),
      octaves_(settings),
      sharpener_(settings.glide_cents, settings.sharpening, min_hz, hop_s) {}

void Tracker::push(const TrackerRows& rows, std::int64_t count) {
  std::array<std::int8_t, kMaxCandidates> above;
  Row between;
  above.fill(-1);
  between.fill(kUnknownDb);
  for (std::int64_t i = 0; i < count; ++i) {
    Frame& frame = frames_.emplace_back();
    std::copy_n(rows.cents + i * candidates_, candidates_, frame.cents.begin());
    std::copy_n(rows.strength + i * candidates_, candidates_, frame.strength.begin());
    std::copy_n(rows.above + i * candidates_, candidates_, above.begin());
    std::copy_n(rows.between_db + i * candidates_, candidates_, between.begin());
    frame.octaves = octaves_.read(frame.strength, {above.data(), between.data()});
    frame.level = rows.level_db[i];
    frame.drift = rows.drift[i];
    take();
  }
}

void Tracker::take() {
  const std::size_t last = frames_.size() - 1;
  Frame& frame = frames_[last];
  float loudest = frame.level;
  for (std::size_t i = last - std::min(before_, last); i < last; ++i)
    loudest = std::max(loudest, frames_[i].level);
  frame.below = std::min(loudest - frame.level, kFarBelow);
  if (frame.level > kSilence) open_.low = std::min(open_.low, frame.level);
  open_.silent |= frame.level <= kSilence;
  open_.high = std::max(open_.high, frame.level);
  if (frames_.size() > 2 * beside_) mark_fading(last - beside_);
  smooth_ += smoothing_ * (frame.strength[0] - smooth_);
  open_.harmonic = std::max(open_.harmonic, smooth_);
  if (frame.octaves.sure) {
    ++open_.sure;
    open_.sure_cents += static_cast<double>(frame.cents[0]);
  }
  if (++open_.frames == block_frames_) close_block();
}

/// Whether a frame has a candidate near this pitch.
bool Tracker::holds(const Frame& frame, float cents) {
  for (std::size_t k = 0; k < kMaxCandidates; ++k)
    if (frame.strength[k] > kCounts && std::abs(frame.cents[k] - cents) < kHolds) return true;
  return false;
}

/// Marks a frame that fades; counts it if it sounds like the tail of a note in a room.
void Tracker::mark_fading(std::size_t frame) {
  Frame& here = frames_[frame];
  const Frame &before = frames_[frame - beside_], &after = frames_[frame + beside_];
  const float fall = before.level - after.level;
  here.fading = fall > slowest_ && holds(before, here.cents[0]) && holds(after, here.cents[0]);
  open_.tails += here.fading && fall < fastest_ && here.strength[0] > kTailStrength &&
                 here.below > kTailAbove && here.below < kTailBelow;
}

void Tracker::close_block() {
  blocks_.push_back(open_);
  open_ = {};
  const auto look = static_cast<std::size_t>(look_blocks_);
  if (blocks_.size() > next_block_ + look) search_block(next_block_++);
  if (next_block_ > look) {
    blocks_.pop_front();
    --next_block_;
  }
}

/// All blocks of the window around a block as one.
Tracker::Block Tracker::window_around(std::size_t block) const {
  const auto look = static_cast<std::size_t>(look_blocks_);
  const std::size_t first = block > look ? block - look : 0;
  const std::size_t last = std::min(block + look + 1, blocks_.size());
  Block all;
  for (std::size_t i = first; i < last; ++i) {
    all.low = std::min(all.low, blocks_[i].low);
    all.high = std::max(all.high, blocks_[i].high);
    all.harmonic = std::max(all.harmonic, blocks_[i].harmonic);
    all.silent |= blocks_[i].silent;
    all.frames += blocks_[i].frames;
    all.tails += blocks_[i].tails;
    all.sure += blocks_[i].sure;
    all.sure_cents += blocks_[i].sure_cents;
  }
  return all;
}

Tracker::Around Tracker::around(std::size_t block) const {
  const Block all = window_around(block);
  // Noise takes a share of every frame's strength, so a voice in it has less, however loud; where
  // nobody sings, chance candidates must not count.
  const float noisy = std::clamp((35 - (all.high - all.low)) / 15, 0.0f, 1.0f);
  const float voiceless = std::clamp((kVoice - all.harmonic) / (kVoice - kNoise), 0.0f, 1.0f);
  const float tails = static_cast<float>(all.tails) / static_cast<float>(all.frames);
  const auto sure = static_cast<double>(all.sure);
  return {.loudest = all.high,
          .quietest = all.low,
          .noisy = noisy,
          .voicing = static_cast<float>(settings_.voicing + settings_.noisy_voicing * noisy +
                                        settings_.voiceless * voiceless),
          // Noise never stops: between stretches of silence the quietest frames are sung.
          .at_floor = all.silent ? 0.0f : static_cast<float>(settings_.floor_voicing) * noisy,
          .reverberant = std::clamp((tails - kDry) / (kReverberant - kDry), 0.0f, 1.0f),
          .usual = {static_cast<float>(all.sure_cents / std::max(1.0, sure)),
                    std::min(static_cast<float>(sure) / enough_, 1.0f)}};
}

/// Searches the frames of one block, whose window is all of blocks_.
void Tracker::search_block(std::size_t index) {
  const Around window = around(index);
  for (std::int64_t i = 0; i < blocks_[index].frames; ++i, ++next_)
    viterbi_step(frames_[next_], voicing_at(next_, window), window);
  if (next_ > before_ + 4096) {
    const std::size_t gone = next_ - before_;
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(gone));
    next_ = before_;
  }
}

/// Strength at which a frame is as likely voiced as not.
float Tracker::voicing_at(std::size_t frame, const Around& window) const {
  const float level = frames_[frame].level, before = frames_[frame].below;
  const std::size_t last = std::min(frame + after_ + 1, frames_.size());
  float after = level;
  for (std::size_t i = frame + 1; i < last; ++i) after = std::max(after, frames_[i].level);
  const auto below = [level](float loudest) { return std::min(loudest - level, kFarBelow); };
  const float above_floor = level - window.quietest;
  const float fading = frames_[frame].fading ? std::max(before - kDirect, 0.0f) : 0.0f;
  const float by_level = static_cast<float>(settings_.level_slope) * (1 - window.noisy);
  return window.voicing + by_level * below(window.loudest) +
         static_cast<float>(settings_.before_slope) * before +
         static_cast<float>(settings_.after_slope) * below(after) +
         static_cast<float>(settings_.reverberant_slope) * window.reverberant * fading +
         window.at_floor *
             std::clamp((kFloorEnds - above_floor) / (kFloorEnds - kFloorReaches), 0.0f, 1.0f);
}

void Tracker::viterbi_step(const Frame& frame, float voicing, const Around& around) {
  const float high = static_cast<float>(settings_.high_noise) * around.noisy / 1200;
  const WeighedStrengths strength =
      octaves_.weigh(frame.cents, frame.strength, frame.octaves, around.usual);
  std::array<float, kStates> next;
  std::array<std::int32_t, kStates> from;
  from.fill(kUnvoiced);
  next.fill(cost_[kUnvoiced] + change_);
  relax(cost_.data(), previous_cents_.data(), frame.cents.data(), jump_, next.data(), from.data());
  next[kUnvoiced] = cost_[kUnvoiced];
  for (std::size_t k = 0; k < kMaxCandidates; ++k)
    if (cost_[k] + change_ < next[kUnvoiced]) {
      next[kUnvoiced] = cost_[k] + change_;
      from[kUnvoiced] = static_cast<std::int32_t>(k);
    }
  add_local(frame.strength.data(), strength.in_context.data(), frame.cents.data(), voicing, high,
            high_cents_, next.data(), cost_.data());
  previous_cents_ = frame.cents;
  Step& step = steps_.emplace_back();
  step.cents = frame.cents;
  step.strength = frame.strength;
  step.alone = strength.alone;
  step.drift = frame.drift;
  for (std::size_t k = 0; k < kStates; ++k) step.from[k] = static_cast<std::uint8_t>(from[k]);
  if (steps_.size() % kSettleEvery == 0) settle();
}

/// A candidate with its drift, which is known of the strongest one, or of the pitch class of it.
PathFrame Tracker::path_frame(const Step& step, std::size_t chosen) const {
  const float cents = step.cents[chosen], strongest = step.cents[0];
  if (chosen == 0) return {cents, step.drift};
  const float apart = cents - strongest;
  for (const float ratio : {kOctave, kTwelfth})
    if (step.drift != 0 && std::abs(std::abs(apart) - ratio) < kNear)
      return {cents, step.drift + std::copysign(ratio, apart) - apart};
  return {cents, 0};
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
  const std::size_t start = track_.strength.size();
  track_.strength.resize(start + steps, 0.0f);
  track_.octave_confidence.resize(start + steps, 0.0f);
  std::vector<PathFrame> path(steps, PathFrame{kNoPitch, 0.0f});
  for (std::size_t i = steps; i-- > 0;) {
    const auto at = static_cast<std::size_t>(state);
    const Step& step = steps_[i];
    if (state != kUnvoiced && step.cents[at] >= lowest_cents_ && step.cents[at] <= highest_cents_) {
      path[i] = path_frame(step, at);
      track_.strength[start + i] = step.strength[at];
      track_.octave_confidence[start + i] = octaves_.confidence(step.cents, step.alone, at);
    }
    state = steps_[i].from[at];
  }
  for (const PathFrame& frame : path) write(frame);
  steps_.erase(steps_.begin(), steps_.begin() + static_cast<std::ptrdiff_t>(steps));
}

void Tracker::write(PathFrame frame) {
  float cents;
  if (sharpener_.push(frame, cents))
    track_.hz.push_back(
        std::isnan(cents) ? 0.0f : static_cast<float>(min_hz_ * std::exp2(cents / 1200.0)));
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
  for (std::size_t i = 0; i < sharpener_.lag(); ++i) write({kNoPitch, 0.0f});
}

}  // namespace cantaor
