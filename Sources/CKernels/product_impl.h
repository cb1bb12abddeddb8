// Products with packed weights, and the packing. Included by kernels_impl.h.
//
// A panel is [depth, PRODUCT_COLUMNS]: PRODUCT_COLUMNS rows of weights, transposed. A block of
// PRODUCT_ROWS x PRODUCT_COLUMNS sums stays in registers while it goes down the whole depth, where each
// number of a row meets two vectors of the panel. Rows are read where they are: their next numbers share
// a cache line, so packing them would gain nothing.

enum {
    PRODUCT_COLUMNS = 2 * LANES,
    // As many sums as registers allow, beside the two vectors of weights.
    PRODUCT_ROWS = LANES == 16 ? 8 : 6,
    /// Floats.
    CACHE_LINE = 16,
};

#if LANES == 16
#define INTERLEAVE(a, b, o)                                                                        \
    __builtin_shufflevector(a, b, o, o + 16, o + 1, o + 17, o + 2, o + 18, o + 3, o + 19, o + 4,   \
                            o + 20, o + 5, o + 21, o + 6, o + 22, o + 7, o + 23)
#elif LANES == 8
#define INTERLEAVE(a, b, o)                                                                        \
    __builtin_shufflevector(a, b, o, o + 8, o + 1, o + 9, o + 2, o + 10, o + 3, o + 11)
#else
#define INTERLEAVE(a, b, o) __builtin_shufflevector(a, b, o, o + 4, o + 1, o + 5)
#endif

/// Rows become columns. Interleaving each row with the one half the rows further on rotates the bits of
/// all elements' places by one; done for each bit of a row's number, it has exchanged the two numbers.
#define DEFINE_TRANSPOSE(type, name)                                                               \
    static inline void name##_interleaved(type out[LANES], const type in[LANES]) {                 \
        _Pragma("unroll") for (int i = 0; i < LANES / 2; i++) {                                    \
            out[2 * i] = INTERLEAVE(in[i], in[i + LANES / 2], 0);                                  \
            out[2 * i + 1] = INTERLEAVE(in[i], in[i + LANES / 2], LANES / 2);                      \
        }                                                                                          \
    }                                                                                              \
    static inline void name(type out[LANES], const type in[LANES]) {                               \
        type one[LANES], other[LANES];                                                             \
        name##_interleaved(other, in);                                                             \
        name##_interleaved(out, other);                                                            \
        if (LANES >= 8) {                                                                          \
            name##_interleaved(one, out);                                                          \
            if (LANES == 8) {                                                                      \
                memcpy(out, one, sizeof one);                                                      \
            } else {                                                                               \
                name##_interleaved(out, one);                                                      \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_TRANSPOSE(vec, transpose)
DEFINE_TRANSPOSE(half_bits, transpose_halves)

/// Column by column: elements [column, column + depth) of LANES rows from `first`, of which there are `n`
/// and the rest are zeros. Rows are `stride` elements apart. Half as wide, elements are quicker to move:
/// they are widened last.
static inline void widen_transposed(
    vec out[LANES], const void *in, refinery_dtype dtype, size_t first, size_t n, size_t stride,
    size_t column, size_t depth) {
    bool whole = n >= LANES && depth == LANES;
    size_t start = first * stride + column;
    if (dtype == refinery_dtype_float32) {
        vec rows[LANES];
        const float *row = (const float *)in + start;
        for (size_t i = 0; i < LANES; i++, row += stride) {
            rows[i] = whole ? load(row) : i < n ? load_some(row, depth) : (vec)0.0f;
        }
        transpose(out, rows);
        return;
    }
    half_bits rows[LANES], columns[LANES];
    const uint8_t *row = (const uint8_t *)in + 2 * start;
    if (whole) {
#pragma unroll
        for (size_t i = 0; i < LANES; i++, row += 2 * stride) {
            memcpy(rows + i, row, sizeof *rows);
        }
    } else {
        memset(rows, 0, sizeof rows);
        for (size_t i = 0; i < LANES && i < n; i++, row += 2 * stride) {
            memcpy(rows + i, row, 2 * depth);
        }
    }
    transpose_halves(columns, rows);
#pragma unroll
    for (size_t i = 0; i < LANES; i++) {
        out[i] = dtype == refinery_dtype_float16 ? widen_half(columns + i) : widen_bfloat(columns + i);
    }
}

void KERNEL(pack_weights)(
    float *out, const void *in, refinery_dtype dtype, size_t rows, size_t stride, size_t first,
    size_t count) {
    for (size_t group = 0; group < PRODUCT_COLUMNS; group += LANES) {
        size_t n = rows > group ? rows - group : 0;
        for (size_t c = 0; c < count; c += LANES) {
            size_t depth = count - c < LANES ? count - c : LANES;
            vec part[LANES];
            widen_transposed(part, in, dtype, group, n, stride, first + c, depth);
            for (size_t i = 0; i < depth; i++) {
                store(out + (c + i) * PRODUCT_COLUMNS + group, part[i]);
            }
        }
    }
}

size_t KERNEL(product_columns)(void) {
    return PRODUCT_COLUMNS;
}

static inline void add_some(float *to, vec v, size_t n, bool adds) {
    store_some(to, adds ? load_some(to, n) + v : v, n);
}

static inline void product_block(
    float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel, size_t rows,
    size_t columns, size_t depth, bool adds) {
    const float *row[PRODUCT_ROWS];
    for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        row[i] = a + (i < rows ? i : rows - 1) * a_stride;
    }
    vec sums[PRODUCT_ROWS][2];
    for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        sums[i][0] = sums[i][1] = 0;
    }
    for (size_t first = 0; first < depth; first += CACHE_LINE) {
        // The next rows lie too far apart for the hardware to guess, and come from beyond the core's own
        // cache where a layer has many inputs.
#pragma unroll
        for (size_t i = 0; i < PRODUCT_ROWS; i++) {
            __builtin_prefetch(row[i] + PRODUCT_ROWS * a_stride + first, 0, 2);
        }
        size_t end = first + CACHE_LINE < depth ? first + CACHE_LINE : depth;
        for (size_t k = first; k < end; k++) {
            vec b0 = load(panel + k * PRODUCT_COLUMNS);
            vec b1 = load(panel + k * PRODUCT_COLUMNS + LANES);
#pragma unroll
            for (size_t i = 0; i < PRODUCT_ROWS; i++) {
                sums[i][0] += row[i][k] * b0;
                sums[i][1] += row[i][k] * b1;
            }
        }
    }
#pragma unroll
    for (size_t i = 0; i < PRODUCT_ROWS; i++) {
        if (i < rows) {
            float *to = c + i * c_stride;
            if (columns == PRODUCT_COLUMNS) {
                store(to, adds ? load(to) + sums[i][0] : sums[i][0]);
                store(to + LANES, adds ? load(to + LANES) + sums[i][1] : sums[i][1]);
            } else {
                add_some(to, sums[i][0], columns, adds);
                if (columns > LANES) {
                    add_some(to + LANES, sums[i][1], columns - LANES, adds);
                }
            }
        }
    }
}

void KERNEL(packed_product)(
    float *c, size_t c_stride, const float *a, size_t a_stride, const float *panels, size_t rows,
    size_t columns, size_t depth, bool adds) {
    for (size_t r = 0; r < rows; r += PRODUCT_ROWS) {
        size_t m = rows - r < PRODUCT_ROWS ? rows - r : PRODUCT_ROWS;
        for (size_t j = 0; j < columns; j += PRODUCT_COLUMNS) {
            size_t n = columns - j < PRODUCT_COLUMNS ? columns - j : PRODUCT_COLUMNS;
            product_block(
                c + r * c_stride + j, c_stride, a + r * a_stride, a_stride, panels + j * depth, m, n,
                depth, adds);
        }
    }
}
