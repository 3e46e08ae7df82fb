# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Copying of spans of a signal into the rows of one buffer, counting of values in bins; no GIL.

The caller has checked spans, ranges and shapes; nothing here can raise.
"""
from libc.math cimport floor, isnan
from libc.string cimport memcpy, memset


def gather_rows(
    const float[::1] samples,
    const long long[::1] starts,
    const long long[::1] lengths,
    float[:, ::1] out,
):
    """Copy ``samples[starts[i]:starts[i] + lengths[i]]`` into row ``i`` and zero its rest."""
    cdef Py_ssize_t row
    cdef Py_ssize_t rows = out.shape[0]
    cdef Py_ssize_t width = out.shape[1]
    cdef Py_ssize_t length
    if width == 0 or rows == 0:
        return
    with nogil:
        for row in range(rows):
            length = lengths[row]
            if length > 0:
                memcpy(&out[row, 0], &samples[starts[row]], length * sizeof(float))
            if length < width:
                memset(&out[row, length], 0, (width - length) * sizeof(float))


def add_to_bins(
    const double[::1] values,
    const long long[::1] weights,
    long long lowest,
    int fraction,
    int inside,
    long long[:, ::1] bins,
):
    """Add values in fixed point to ``bins`` (3, n): weights, and sums and squares of offsets.

    Fixed point has ``fraction`` bits below one, of which the last ``inside`` lie within a bin;
    ``lowest`` is the first bin's number. NaN is passed over. One weight is that of all values.
    """
    cdef Py_ssize_t i
    cdef Py_ssize_t last = bins.shape[1] - 1
    cdef Py_ssize_t step = 0 if weights.shape[0] == 1 else 1
    cdef double unit = <double>(1 << fraction)
    cdef long long fixed, index, offset, weight
    with nogil:
        for i in range(values.shape[0]):
            if isnan(values[i]):
                continue
            fixed = <long long>floor(values[i] * unit + 0.5)
            # A value just under the upper end may round up to it.
            index = min((fixed >> inside) - lowest, last)
            offset = fixed - ((index + lowest) << inside)
            weight = weights[step * i]
            bins[0, index] += weight
            bins[1, index] += weight * offset
            bins[2, index] += weight * offset * offset
