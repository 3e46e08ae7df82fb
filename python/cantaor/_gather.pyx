# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""Copying of many spans of one signal into the rows of one buffer, without the GIL.

The caller has checked the spans and the shapes; nothing here can raise.
"""
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
