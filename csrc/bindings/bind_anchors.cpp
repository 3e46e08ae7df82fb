#include "arrays.hpp"
#include "cantaor/anchors.hpp"

namespace cantaor::python {

void bind_anchors(py::module_& m) {
  m.def(
      "find_anchors",
      [](const py::array& samples, std::int64_t window, std::int64_t spread,
         std::int64_t min_values) {
        const auto signal = view<float>(samples, "samples");
        if (window < 1) throw py::value_error("window must be at least 1");
        if (spread < 1) throw py::value_error("spread must be at least 1");
        if (min_values < 0) throw py::value_error("min_values must not be negative");
        const py::object no_progress = py::none();
        Anchors found;
        {
          // Only the span is read, which `samples` keeps alive; the callback takes the GIL itself.
          py::gil_scoped_release release;
          Control control(keep_responsive(no_progress));
          found = find_anchors(signal, static_cast<std::size_t>(window),
                               static_cast<std::size_t>(spread),
                               static_cast<std::size_t>(min_values), control);
        }
        return py::make_tuple(take(std::move(found.hashes)), take(std::move(found.positions)));
      },
      py::arg("samples"), py::arg("window"), py::arg("spread"), py::arg("min_values"));
}

}  // namespace cantaor::python
