// The best path through pitch candidates, with an explicit unvoiced state.
//
// Viterbi search as in Boersma (1993), section 2.8 of "Accurate short-term analysis of the
// fundamental frequency": candidates earn their strength, pitch jumps cost by octave, changes
// between voiced and unvoiced cost a constant. Whether a frame may be voiced also depends on its
// level above the recording's noise floor, taken over a fixed window around the frame.
//
// Frames may be pushed in portions of any size: a part of the path is final as soon as all
// surviving paths share it, so memory stays small and the result is that of one whole search.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "cantaor/salience.hpp"

namespace cantaor {

struct TrackerSettings {
  double voicing = 0.42;         // strength at which voiced and unvoiced cost the same
  double octave_jump_cost = 0.35;// per octave and 10 ms
  double voicing_cost = 0.14;    // per change between voiced and unvoiced and 10 ms
  double octave_cost = 0.01;     // per octave below max: among equals, prefers the higher
  double look_s = 4;             // half of the window in which the noise floor is taken, seconds
  double floor_margin_db = 6;    // a voiced frame should be this far above the noise floor
  double range_db = 45;          // and at most this far below the loudest frame of the window
  double level_weight = 0.3;     // cost of being 10 dB below either
};

struct Track {
  std::vector<float> hz;        // 0 where unvoiced
  std::vector<float> strength;  // of the chosen candidate, 0 where unvoiced
};

class Tracker {
 public:
  Tracker(const TrackerSettings& settings, int candidates, double min_hz, double max_hz,
          double hop_s);

  /// Takes `count` rows of candidates (as Salience gives them).
  void push(const float* cents, const float* strength, const float* level_db, std::int64_t count);
  /// Ends the search; `track` is then complete.
  void finish();

  Track& track() { return track_; }

 private:
  static constexpr int kStates = kMaxCandidates + 1;  // the last one is "unvoiced"
  static constexpr int kUnvoiced = kMaxCandidates;

  struct Frame {
    std::array<float, kMaxCandidates> cents{}, strength{};
    float level = 0;
  };
  struct Step {
    std::array<float, kMaxCandidates> cents{}, strength{};
    std::array<std::uint8_t, kStates> from{};
  };
  struct Block {
    float low, high;
    std::int64_t frames;
  };

  void take(const Frame& frame);
  void close_block();
  void search_block(std::size_t index);
  void search(const Frame& frame, float threshold);
  void settle();
  void emit(std::size_t steps, int state);

  TrackerSettings settings_;
  int candidates_;
  double min_hz_;
  float span_octaves_;
  float jump_, change_;           // costs per frame
  std::int64_t block_frames_, look_blocks_;
  std::deque<Frame> waiting_;     // frames whose look-ahead is not complete
  std::deque<Block> blocks_;      // the window of blocks around the next one to be searched
  std::size_t next_block_ = 0;    // index in blocks_ of the next one to be searched
  Block open_;
  std::array<float, kStates> cost_{};
  std::array<float, kMaxCandidates> previous_cents_{};
  bool started_ = false;
  std::vector<Step> steps_;       // trace-back of what is not final
  Track track_;
};

}  // namespace cantaor
