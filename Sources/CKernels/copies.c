// Kernels that only move rows: memcpy is already the best instruction set's.
#include "CKernels.h"

#include <string.h>

void refinery_gather_tap(
    float *out, const float *image, size_t height, size_t width, size_t channels, size_t out_width,
    size_t stride, ptrdiff_t dy, ptrdiff_t dx, bool upsample, size_t first, size_t count) {
    size_t shift = upsample ? 1 : 0;
    size_t source_width = (width + shift) >> shift;
    size_t bytes = channels * sizeof(float);
    for (size_t done = 0; done < count;) {
        size_t x = (first + done) % out_width, y = (first + done) / out_width;
        size_t run = out_width - x < count - done ? out_width - x : count - done;
        float *to = out + done * channels;
        done += run;
        ptrdiff_t source_y = (ptrdiff_t)(y * stride) + dy;
        if (source_y < 0 || source_y >= (ptrdiff_t)height) {
            memset(to, 0, run * bytes);
            continue;
        }
        const float *row = image + ((size_t)source_y >> shift) * source_width * channels;
        if (stride == 1 && !upsample) {
            // One copy for the whole run, less what lies outside on either side.
            ptrdiff_t begin = (ptrdiff_t)x + dx, end = begin + (ptrdiff_t)run;
            size_t before = begin < 0 ? (size_t)-begin : 0;
            size_t after = end > (ptrdiff_t)width ? (size_t)(end - (ptrdiff_t)width) : 0;
            before = before < run ? before : run;
            after = after < run - before ? after : run - before;
            memset(to, 0, before * bytes);
            if (before + after < run) {
                memcpy(to + before * channels, row + (begin + (ptrdiff_t)before) * (ptrdiff_t)channels,
                       (run - before - after) * bytes);
            }
            memset(to + (run - after) * channels, 0, after * bytes);
            continue;
        }
        for (size_t i = 0; i < run; i++, to += channels) {
            ptrdiff_t source_x = (ptrdiff_t)((x + i) * stride) + dx;
            if (source_x < 0 || source_x >= (ptrdiff_t)width) {
                memset(to, 0, bytes);
            } else {
                memcpy(to, row + ((size_t)source_x >> shift) * channels, bytes);
            }
        }
    }
}

void refinery_concatenate(
    float *out, const float *left, size_t left_channels, const float *right, size_t right_channels,
    size_t rows) {
    for (size_t r = 0; r < rows; r++) {
        memcpy(out, left + r * left_channels, left_channels * sizeof(float));
        memcpy(out + left_channels, right + r * right_channels, right_channels * sizeof(float));
        out += left_channels + right_channels;
    }
}
