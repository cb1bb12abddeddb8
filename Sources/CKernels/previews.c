// Small pictures of latents: some thousand numbers, so one plain form is enough.
#include "CKernels.h"

#include <math.h>
#include <string.h>

void refinery_denoised(
    float *restrict out, const float *restrict latents, const float *restrict prediction,
    size_t count, float picture, float noise) {
    float scale = 1.0f / picture;
    for (size_t i = 0; i < count; i++) out[i] = (latents[i] - noise * prediction[i]) * scale;
}

void refinery_latent_colours(
    float *restrict out, const float *restrict latents, size_t tokens,
    const float colours[restrict refinery_latent_colour_count]) {
    const float *constant = colours + 12;
    for (size_t t = 0; t < tokens; t++) {
        for (size_t c = 0; c < 3; c++) {
            float sum = constant[c];
            for (size_t k = 0; k < 4; k++) sum += latents[k * tokens + t] * colours[k * 3 + c];
            out[t * 3 + c] = sum;
        }
    }
}

/// out += weight * in, for `count` pixels, those of a column or row `stride` floats apart.
static void add_pixels(
    float *restrict out, size_t out_stride, const float *restrict in, size_t in_stride,
    size_t count, float weight) {
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < 3; c++) out[i * out_stride + c] += weight * in[i * in_stride + c];
    }
}

/// Lines (columns or rows) of `count` pixels, `out_lines` from `in_lines`: each is the mean of those under
/// a triangle around it, as wide as two lines of the coarser of both grids.
static void resample_lines(
    float *out, size_t out_lines, size_t out_line_stride, size_t out_stride, const float *in,
    size_t in_lines, size_t in_line_stride, size_t in_stride, size_t count) {
    float ratio = (float)in_lines / (float)out_lines;
    float reach = ratio > 1.0f ? ratio : 1.0f;
    for (size_t line = 0; line < out_lines; line++) {
        float centre = ((float)line + 0.5f) * ratio - 0.5f;
        ptrdiff_t first = (ptrdiff_t)ceilf(centre - reach);
        ptrdiff_t last = (ptrdiff_t)floorf(centre + reach);
        if (first < 0) first = 0;
        if (last > (ptrdiff_t)in_lines - 1) last = (ptrdiff_t)in_lines - 1;
        float sum = 0;
        for (ptrdiff_t i = first; i <= last; i++) sum += reach - fabsf((float)i - centre);
        for (ptrdiff_t i = first; i <= last; i++) {
            add_pixels(
                out + line * out_line_stride, out_stride, in + (size_t)i * in_line_stride,
                in_stride, count, (reach - fabsf((float)i - centre)) / sum);
        }
    }
}

void refinery_resample(
    float *out, size_t out_height, size_t out_width, const float *in, size_t height, size_t width,
    float *scratch) {
    memset(scratch, 0, height * out_width * 3 * sizeof *scratch);
    resample_lines(scratch, out_width, 3, out_width * 3, in, width, 3, width * 3, height);
    memset(out, 0, out_height * out_width * 3 * sizeof *out);
    resample_lines(
        out, out_height, out_width * 3, 3, scratch, height, out_width * 3, 3, out_width);
}
