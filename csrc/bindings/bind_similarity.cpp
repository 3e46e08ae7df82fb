#include "arrays.hpp"
#include "cantaor/similarity.hpp"

namespace cantaor::python {

void bind_similarity(py::module_& m) {
  m.def(
      "find_near_figures",
      [](const py::array& text, const py::array& figure, std::int64_t max_edits) {
        const auto searched = view<std::int32_t>(text, "text");
        const auto sought = view<std::int32_t>(figure, "figure");
        if (sought.empty() || sought.size() > kMostSteps)
          throw py::value_error("figure must have 1 to 64 steps, not " +
                                std::to_string(sought.size()));
        for (const auto step : sought)
          if (step == 0) throw py::value_error("figure must not hold a step of 0");
        if (max_edits < 0 || static_cast<std::uint64_t>(max_edits) >= sought.size())
          throw py::value_error("max_edits must be from 0 to below the " +
                                std::to_string(sought.size()) + " steps of the figure, not " +
                                std::to_string(max_edits));
        const py::object no_progress = py::none();
        NearFigures found;
        {
          // Only the spans are read, which the arrays keep alive; the callback takes the GIL
          // itself.
          py::gil_scoped_release release;
          Control control(keep_responsive(no_progress));
          found = find_near_figures(searched, sought, static_cast<std::size_t>(max_edits), control);
        }
        return py::make_tuple(take(std::move(found.starts)), take(std::move(found.ends)),
                              take(std::move(found.edits)));
      },
      py::arg("text"), py::arg("figure"), py::arg("max_edits"));
}

}  // namespace cantaor::python
