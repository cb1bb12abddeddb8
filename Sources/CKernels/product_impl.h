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

static inline void interleave_rows(vec out[LANES], const vec in[LANES]) {
#pragma unroll
    for (int i = 0; i < LANES / 2; i++) {
        out[2 * i] = INTERLEAVE(in[i], in[i + LANES / 2], 0);
        out[2 * i + 1] = INTERLEAVE(in[i], in[i + LANES / 2], LANES / 2);
    }
}

/// Rows become columns. Interleaving each row with the one half the rows further on rotates the bits of
/// all elements' places by one; done for each bit of a row's number, it has exchanged the two numbers.
static inline void transpose(vec out[LANES], const vec in[LANES]) {
    vec one[LANES], other[LANES];
    interleave_rows(other, in);
    interleave_rows(out, other);
    if (LANES >= 8) {
        interleave_rows(one, out);
        if (LANES == 8) {
            memcpy(out, one, sizeof one);
        } else {
            interleave_rows(out, one);
        }
    }
}

/// LANES elements of `dtype` from element `i`, or the last `n` of them with zeros behind.
static inline vec widen_some(const void *p, refinery_dtype dtype, size_t i, size_t n) {
    if (dtype == refinery_dtype_float32) {
        const float *from = (const float *)p + i;
        return n >= LANES ? load(from) : load_tail(from, n);
    }
    const uint8_t *from = (const uint8_t *)p + 2 * i;
    half_bits tail = 0;
    if (n < LANES) {
        memcpy(&tail, from, 2 * n);
        from = (const uint8_t *)&tail;
    }
    return dtype == refinery_dtype_float16 ? widen_half(from) : widen_bfloat(from);
}

/// Column by column: elements [column, column + depth) of LANES rows from `first`, of which there are `n`
/// and the rest are zeros. Rows are `stride` elements apart.
static inline void widen_transposed(
    vec out[LANES], const void *in, refinery_dtype dtype, size_t first, size_t n, size_t stride,
    size_t column, size_t depth) {
    vec rows[LANES];
    if (n >= LANES && depth == LANES) {
#pragma unroll
        for (size_t i = 0; i < LANES; i++) {
            rows[i] = widen_some(in, dtype, (first + i) * stride + column, LANES);
        }
    } else {
        for (size_t i = 0; i < LANES; i++) {
            rows[i] =
                i < n ? widen_some(in, dtype, (first + i) * stride + column, depth) : (vec)0.0f;
        }
    }
    transpose(out, rows);
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
    for (size_t k = 0; k < depth; k++) {
        vec b0 = load(panel + k * PRODUCT_COLUMNS), b1 = load(panel + k * PRODUCT_COLUMNS + LANES);
#pragma unroll
        for (size_t i = 0; i < PRODUCT_ROWS; i++) {
            sums[i][0] += row[i][k] * b0;
            sums[i][1] += row[i][k] * b1;
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
