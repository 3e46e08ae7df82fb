// Mining and occurrences: numpy in, compressed sparse rows out.
#include <pybind11/stl.h>

#include <limits>
#include <optional>

#include "arrays.hpp"
#include "cantaor/bide.hpp"
#include "cantaor/contiguous.hpp"
#include "cantaor/gapped.hpp"
#include "cantaor/occurrences.hpp"

namespace cantaor::python {
namespace {

SequencesView rows(const py::array& values, const py::array& offsets, const char* name) {
  const SequencesView out{view<std::int32_t>(values, name), view<std::int64_t>(offsets, "offsets")};
  const auto& bounds = out.offsets;
  if (bounds.empty() || bounds.front() != 0 ||
      bounds.back() != static_cast<std::int64_t>(out.values.size()))
    throw py::value_error(std::string(name) + ": offsets must go from 0 to the number of values");
  for (std::size_t i = 1; i < bounds.size(); ++i)
    if (bounds[i] < bounds[i - 1])
      throw py::value_error(std::string(name) + ": offsets must not descend");
  if (out.values.size() >= (std::size_t{1} << 31) || bounds.size() > (std::size_t{1} << 31))
    throw py::value_error(std::string(name) + ": at most 2^31 - 1 symbols and sequences");
  return out;
}

MiningOptions options(std::int64_t min_support, std::int64_t min_length,
                      std::optional<std::int64_t> max_length, std::optional<std::int64_t> top_k,
                      std::optional<std::int64_t> max_patterns, int threads) {
  const auto limit = [](std::optional<std::int64_t> value) {
    return value.value_or(MiningOptions::kUnlimited);
  };
  const MiningOptions out{min_support,  min_length,          limit(max_length),
                          limit(top_k), limit(max_patterns), threads};
  if (min_support < 1 || out.top_k < 1 || out.max_patterns < 1 || threads < 1)
    throw py::value_error("min_support, top_k, max_patterns and threads must be at least 1");
  return out;
}

// Runs a kernel without the GIL. That is safe because the kernel sees only memory of arrays that
// the caller's arguments keep alive, and its callback takes the GIL back while it runs.
template <class Kernel>
auto run(const py::object& progress, const Kernel& kernel) {
  Control control(keep_responsive(progress));
  const py::gil_scoped_release released;
  return kernel(control);
}

py::tuple to_numpy(Patterns&& patterns) {
  return py::make_tuple(take(std::move(patterns.values)), take(std::move(patterns.offsets)),
                        take(std::move(patterns.support)), patterns.partial);
}

py::tuple to_numpy(OccurrenceTable&& table) {
  return py::make_tuple(take(std::move(table.offsets)), take(std::move(table.sequence)),
                        take(std::move(table.start)), take(std::move(table.end)));
}

void check_gap(std::int64_t low, std::int64_t high) {
  if (low < 0 || high < low) throw py::value_error("gap must be 0 <= low <= high");
}

using Limit = std::optional<std::int64_t>;

// Bounds on the work of a search, and who is told of it.
struct Work {
  py::object progress;
  Limit max_nodes;
  std::optional<double> max_seconds;
};

template <class Mine>
py::tuple mine(const py::array& values, const py::array& offsets, const MiningOptions& chosen,
               const Work& work, const Mine& kernel) {
  const auto sequences = rows(values, offsets, "sequences");
  return to_numpy(run(work.progress, [&](Control& control) {
    control.limit(work.max_nodes.value_or(MiningOptions::kUnlimited),
                  work.max_seconds.value_or(std::numeric_limits<double>::infinity()));
    try {
      return kernel(sequences, chosen, control);
    } catch (const WorkLimitReached&) {  // before anything was found
      Patterns nothing;
      nothing.partial = true;
      return nothing;
    }
  }));
}

Layout layout_named(const std::string& name) {
  if (name == "automatic") return Layout::automatic;
  if (name == "bitmaps") return Layout::bitmaps;
  if (name == "lists") return Layout::lists;
  throw py::value_error("layout must be automatic, bitmaps or lists, not " + name);
}

}  // namespace

void bind_motifs(py::module_& m) {
  py::register_exception<TooManyPatterns>(m, "TooManyPatterns", PyExc_RuntimeError);
  m.def(
      "mine_any_gap",
      [](const py::array& values, const py::array& offsets, std::int64_t min_support,
         std::int64_t min_length, Limit max_length, Limit top_k, Limit max_patterns, int threads,
         const py::object& progress, const std::string& layout, Limit max_nodes,
         std::optional<double> max_seconds) {
        const auto chosen =
            options(min_support, min_length, max_length, top_k, max_patterns, threads);
        const auto named = layout_named(layout);
        return mine(
            values, offsets, chosen, {progress, max_nodes, max_seconds},
            [named](const SequencesView& sequences, const MiningOptions& with, Control& control) {
              return mine_any_gap(sequences, with, control, named);
            });
      },
      py::arg("values"), py::arg("offsets"), py::arg("min_support"), py::arg("min_length"),
      py::arg("max_length"), py::arg("top_k"), py::arg("max_patterns"), py::arg("threads"),
      py::arg("progress"), py::arg("layout") = "automatic", py::arg("max_nodes") = py::none(),
      py::arg("max_seconds") = py::none());

  m.def(
      "mine_gapped",
      [](const py::array& values, const py::array& offsets, std::int64_t min_support,
         std::int64_t min_length, Limit max_length, Limit top_k, Limit max_patterns, int threads,
         const py::object& progress, std::int64_t low, std::int64_t high, const std::string& layout,
         Limit max_nodes, std::optional<double> max_seconds) {
        check_gap(low, high);
        const auto named = layout_named(layout);
        const auto chosen =
            options(min_support, min_length, max_length, top_k, max_patterns, threads);
        return mine(
            values, offsets, chosen, {progress, max_nodes, max_seconds},
            [=](const SequencesView& sequences, const MiningOptions& with, Control& control) {
              return mine_gapped(sequences, with, low, high, control, named);
            });
      },
      py::arg("values"), py::arg("offsets"), py::arg("min_support"), py::arg("min_length"),
      py::arg("max_length"), py::arg("top_k"), py::arg("max_patterns"), py::arg("threads"),
      py::arg("progress"), py::arg("low"), py::arg("high"), py::arg("layout") = "automatic",
      py::arg("max_nodes") = py::none(), py::arg("max_seconds") = py::none());

  m.def(
      "mine_contiguous",
      [](const py::array& values, const py::array& offsets, std::int64_t min_support,
         std::int64_t min_length, Limit max_length, Limit top_k, Limit max_patterns, int threads,
         const py::object& progress, bool right_side_only, Limit max_nodes,
         std::optional<double> max_seconds) {
        const auto chosen =
            options(min_support, min_length, max_length, top_k, max_patterns, threads);
        const auto closure = right_side_only ? Closure::right_side : Closure::both_sides;
        return mine(
            values, offsets, chosen, {progress, max_nodes, max_seconds},
            [closure](const SequencesView& sequences, const MiningOptions& with, Control& control) {
              return mine_contiguous(sequences, with, closure, control);
            });
      },
      py::arg("values"), py::arg("offsets"), py::arg("min_support"), py::arg("min_length"),
      py::arg("max_length"), py::arg("top_k"), py::arg("max_patterns"), py::arg("threads"),
      py::arg("progress"), py::arg("right_side_only") = false, py::arg("max_nodes") = py::none(),
      py::arg("max_seconds") = py::none());

  m.def(
      "find_occurrences",
      [](const py::array& pattern_values, const py::array& pattern_offsets, const py::array& values,
         const py::array& offsets, std::int64_t low, std::int64_t high,
         const py::object& progress) {
        check_gap(low, high);
        const auto patterns = rows(pattern_values, pattern_offsets, "motifs");
        const auto sequences = rows(values, offsets, "sequences");
        for (std::size_t i = 0; i < patterns.size(); ++i)
          if (patterns[i].empty()) throw py::value_error("motifs must not be empty");
        return to_numpy(run(progress, [&](Control& control) {
          return high == 0 ? find_contiguous(patterns, sequences, control)
                           : find_minimal_windows(patterns, sequences, low, high, control);
        }));
      },
      py::arg("motif_values"), py::arg("motif_offsets"), py::arg("values"), py::arg("offsets"),
      py::arg("low"), py::arg("high"), py::arg("progress"));
}

}  // namespace cantaor::python
