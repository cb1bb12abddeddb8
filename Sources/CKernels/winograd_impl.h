// Winograd's F(4x4, 3x3) transforms, one vector of channels at a time. Included by kernels_impl.h.
//
// The interpolation points are 0, 1, -1, 2, -2 and infinity; B, G and A as in Lavin and Gray 2016.

enum { WINOGRAD_TILE = 4, WINOGRAD_SIDE = 6, WINOGRAD_PLANES = 36 };

/// Six numbers of a row or column of inputs, in place: B transposed times them.
static inline void winograd_input_line(vec *d, size_t step) {
    vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
        d5 = d[5 * step];
    d[0] = 4.0f * d0 - 5.0f * d2 + d4;
    vec even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1;
    d[step] = even + odd;
    d[2 * step] = even - odd;
    vec even2 = d4 - d2, odd2 = 2.0f * (d3 - d1);
    d[3 * step] = even2 + odd2;
    d[4 * step] = even2 - odd2;
    d[5 * step] = 4.0f * d1 - 5.0f * d3 + d5;
}

/// Three numbers of a filter to six: G times them.
static inline void winograd_filter_line(vec *out, size_t step, vec g0, vec g1, vec g2) {
    out[0] = 0.25f * g0;
    vec outer = (-1.0f / 6.0f) * (g0 + g2), middle = (1.0f / 6.0f) * g1;
    out[step] = outer - middle;
    out[2 * step] = outer + middle;
    vec outer2 = (1.0f / 24.0f) * g0 + (1.0f / 6.0f) * g2, middle2 = (1.0f / 12.0f) * g1;
    out[3 * step] = outer2 + middle2;
    out[4 * step] = outer2 - middle2;
    out[5 * step] = g2;
}

/// Six sums to four outputs: A transposed times them.
static inline void winograd_output_line(
    vec *out, size_t out_step, vec m0, vec m1, vec m2, vec m3, vec m4, vec m5) {
    vec sum1 = m1 + m2, difference1 = m1 - m2, sum2 = m3 + m4, difference2 = m3 - m4;
    out[0] = m0 + sum1 + sum2;
    out[out_step] = difference1 + 2.0f * difference2;
    out[2 * out_step] = sum1 + 4.0f * sum2;
    out[3 * out_step] = difference1 + 8.0f * difference2 + m5;
}

void KERNEL(winograd_filters)(
    float *out, size_t plane_stride, const void *in, refinery_dtype dtype, size_t rows,
    size_t channels, size_t first, size_t count) {
    enum { TAPS = 9 };
    for (size_t group = 0; group < PRODUCT_COLUMNS; group += LANES) {
        size_t n = rows > group ? rows - group : 0;
        for (size_t c = 0; c < count; c += LANES) {
            size_t together = count - c < LANES ? count - c : LANES;
            // [channel, tap][filter]: each tap of LANES filters side by side.
            vec taps[TAPS * LANES];
            size_t flat = (first + c) * TAPS;
            for (size_t t = 0; t < together * TAPS; t += LANES) {
                size_t depth = together * TAPS - t < LANES ? together * TAPS - t : LANES;
                widen_transposed(taps + t, in, dtype, group, n, channels * TAPS, flat + t, depth);
            }
            for (size_t k = 0; k < together; k++) {
                const vec *g = taps + k * TAPS;
                float *to = out + (c + k) * PRODUCT_COLUMNS + group;
                // Columns first: [6][3], then each of its rows: [6][6].
                vec half[WINOGRAD_SIDE * 3], whole[WINOGRAD_SIDE];
                for (size_t x = 0; x < 3; x++) {
                    winograd_filter_line(half + x, 3, g[x], g[3 + x], g[6 + x]);
                }
                for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
                    winograd_filter_line(whole, 1, half[3 * y], half[3 * y + 1], half[3 * y + 2]);
                    for (size_t x = 0; x < WINOGRAD_SIDE; x++) {
                        store(to + (y * WINOGRAD_SIDE + x) * plane_stride, whole[x]);
                    }
                }
            }
        }
    }
}

void KERNEL(winograd_inputs)(
    float *out, size_t plane_stride, const float *image, const refinery_winograd_grid *grid,
    size_t channels, size_t first, size_t count) {
    size_t shift = grid->upsample ? 1 : 0;
    size_t source_width = (grid->width + shift) >> shift;
    for (size_t i = 0; i < count; i++) {
        size_t tile = first + i;
        ptrdiff_t top = (ptrdiff_t)(tile / grid->tile_columns * WINOGRAD_TILE) - 1;
        ptrdiff_t left = (ptrdiff_t)(tile % grid->tile_columns * WINOGRAD_TILE) - 1;
        const float *pixels[WINOGRAD_PLANES];
        for (ptrdiff_t y = 0; y < WINOGRAD_SIDE; y++) {
            for (ptrdiff_t x = 0; x < WINOGRAD_SIDE; x++) {
                ptrdiff_t row = top + y, column = left + x;
                bool inside = row >= 0 && row < (ptrdiff_t)grid->height && column >= 0 &&
                              column < (ptrdiff_t)grid->width;
                size_t token =
                    inside ? ((size_t)row >> shift) * source_width + ((size_t)column >> shift) : 0;
                pixels[y * WINOGRAD_SIDE + x] = inside ? image + token * channels : NULL;
            }
        }
        for (size_t c = 0; c < channels; c += LANES) {
            size_t n = channels - c;
            vec d[WINOGRAD_PLANES];
            for (size_t p = 0; p < WINOGRAD_PLANES; p++) {
                d[p] = pixels[p] ? load_some(pixels[p] + c, n) : (vec)0.0f;
            }
            for (size_t x = 0; x < WINOGRAD_SIDE; x++) {
                winograd_input_line(d + x, WINOGRAD_SIDE);
            }
            for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
                winograd_input_line(d + y * WINOGRAD_SIDE, 1);
            }
            for (size_t p = 0; p < WINOGRAD_PLANES; p++) {
                store_some(out + p * plane_stride + i * channels + c, d[p], n);
            }
        }
    }
}

void KERNEL(winograd_outputs)(
    float *out, size_t out_stride, const float *planes, size_t plane_stride,
    const refinery_winograd_grid *grid, size_t columns, const float *bias, const float *residual,
    size_t first, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t tile = first + i;
        size_t top = tile / grid->tile_columns * WINOGRAD_TILE;
        size_t left = tile % grid->tile_columns * WINOGRAD_TILE;
        size_t high = grid->height - top < WINOGRAD_TILE ? grid->height - top : WINOGRAD_TILE;
        size_t across = grid->width - left < WINOGRAD_TILE ? grid->width - left : WINOGRAD_TILE;
        for (size_t c = 0; c < columns; c += LANES) {
            size_t n = columns - c;
            const float *m = planes + i * columns + c;
            // Columns first: [4][6], then each of its rows: [4][4].
            vec half[WINOGRAD_TILE * WINOGRAD_SIDE], line[WINOGRAD_TILE];
            for (size_t x = 0; x < WINOGRAD_SIDE; x++) {
                vec v[WINOGRAD_SIDE];
                for (size_t y = 0; y < WINOGRAD_SIDE; y++) {
                    v[y] = load_some(m + (y * WINOGRAD_SIDE + x) * plane_stride, n);
                }
                winograd_output_line(
                    half + x, WINOGRAD_SIDE, v[0], v[1], v[2], v[3], v[4], v[5]);
            }
            vec added = load_some(bias + c, n);
            for (size_t y = 0; y < high; y++) {
                const vec *h = half + y * WINOGRAD_SIDE;
                winograd_output_line(line, 1, h[0], h[1], h[2], h[3], h[4], h[5]);
                size_t token = (top + y) * grid->width + left;
                for (size_t x = 0; x < across; x++) {
                    size_t place = (token + x) * out_stride + c;
                    vec v = line[x] + added;
                    if (residual) {
                        v += load_some(residual + place, n);
                    }
                    store_some(out + place, v, n);
                }
            }
        }
    }
}
