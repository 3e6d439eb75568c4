/* SPDX-License-Identifier: Apache-2.0 */
#include "job/tensor/device.h"

enum { PIECE = 1 << 16 }; /* elements that are converted at once, on the stack */

void device_write_floats(struct device *d, struct array to, const float *host)
{
    uint32_t piece[PIECE]; /* no format is wider */
    for (size_t first = 0; first < to.count; first += PIECE) {
        size_t count = to.count - first < PIECE ? to.count - first : PIECE;
        format_encode(to.format, piece, host + first, count);
        d->write(d, array_part(to, first, count).data, piece, format_bytes(to.format, count));
    }
}

void device_read_floats(struct device *d, float *host, struct array from)
{
    uint32_t piece[PIECE];
    for (size_t first = 0; first < from.count; first += PIECE) {
        size_t count = from.count - first < PIECE ? from.count - first : PIECE;
        d->read(d, piece, array_part(from, first, count).data, format_bytes(from.format, count));
        format_decode(from.format, host + first, piece, count);
    }
}
