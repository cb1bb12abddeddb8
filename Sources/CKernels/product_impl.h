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

/// LANES elements of LANES rows, which are `row_bytes` apart, column by column. Half as wide, elements are
/// quicker to move: they are widened last.
static inline __attribute__((always_inline)) void widen_square(
    vec out[LANES], const uint8_t *in, refinery_dtype dtype, size_t row_bytes) {
    if (dtype == refinery_dtype_float32) {
        vec rows[LANES];
#pragma unroll
        for (size_t i = 0; i < LANES; i++) {
            rows[i] = load((const float *)(in + i * row_bytes));
        }
        transpose(out, rows);
        return;
    }
    half_bits rows[LANES], columns[LANES];
#pragma unroll
    for (size_t i = 0; i < LANES; i++) {
        rows[i] = *(const half_bits_unaligned *)(in + i * row_bytes);
    }
    transpose_halves(columns, rows);
    if (dtype == refinery_dtype_float16) {
#pragma unroll
        for (size_t i = 0; i < LANES; i++) {
            out[i] = widen_half(columns + i);
        }
    } else {
#pragma unroll
        for (size_t i = 0; i < LANES; i++) {
            out[i] = widen_bfloat(columns + i);
        }
    }
}

/// The same of `n` rows and `depth` elements, as many as there are; the rest is zeros.
static __attribute__((noinline)) void widen_rectangle(
    vec out[LANES], const uint8_t *in, refinery_dtype dtype, size_t row_bytes, size_t n,
    size_t depth) {
    size_t size = element_size(dtype);
    uint8_t square[LANES * LANES * sizeof(float)] = {0};
    for (size_t i = 0; i < LANES && i < n; i++) {
        memcpy(square + i * LANES * size, in + i * row_bytes, depth * size);
    }
    widen_square(out, square, dtype, LANES * size);
}

/// Column by column: elements [column, column + depth) of LANES rows from `first`, of which there are `n`
/// and the rest are zeros. Rows are `stride` elements apart.
static inline __attribute__((always_inline)) void widen_transposed(
    vec out[LANES], const void *in, refinery_dtype dtype, size_t first, size_t n, size_t stride,
    size_t column, size_t depth) {
    size_t size = element_size(dtype);
    const uint8_t *from = (const uint8_t *)in + (first * stride + column) * size;
    if (n >= LANES && depth == LANES) {
        widen_square(out, from, dtype, stride * size);
    } else {
        widen_rectangle(out, from, dtype, stride * size, n, depth);
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

/// How far what lies ahead has been fetched.
typedef struct {
    size_t start, row, byte;
    /// Lines beside each CACHE_LINE of depth.
    size_t share;
} ahead_place;

static inline void fetch_ahead(const refinery_ahead *ahead, ahead_place *place) {
    for (size_t lines = place->share; lines > 0 && place->start < ahead->count; lines--) {
        __builtin_prefetch(
            (const char *)ahead->starts[place->start] + place->row * ahead->stride + place->byte, 0, 2);
        place->byte += CACHE_LINE * sizeof(float);
        if (place->byte >= ahead->byte_count) {
            place->byte = 0;
            if (++place->row == ahead->rows) {
                place->row = 0;
                place->start++;
            }
        }
    }
}

/// `height`, at least as much as `rows`, is a constant wherever this goes, so that the sums stay in registers.
static inline __attribute__((always_inline)) void product_block(
    size_t height, float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel,
    size_t rows, size_t columns, size_t depth, bool adds, const refinery_ahead *ahead,
    ahead_place *place) {
    const float *row[PRODUCT_ROWS];
    vec sums[PRODUCT_ROWS][2];
#pragma unroll
    for (size_t i = 0; i < height; i++) {
        row[i] = a + (i < rows ? i : rows - 1) * a_stride;
        sums[i][0] = sums[i][1] = (vec)0.0f;
    }
    for (size_t first = 0; first < depth; first += CACHE_LINE) {
        // The next rows lie too far apart for the hardware to guess, and come from beyond the core's own
        // cache where a layer has many inputs.
#pragma unroll
        for (size_t i = 0; i < height; i++) {
            __builtin_prefetch(row[i] + height * a_stride + first, 0, 2);
        }
        if (place->share) {
            fetch_ahead(ahead, place);
        }
        size_t end = first + CACHE_LINE < depth ? first + CACHE_LINE : depth;
        for (size_t k = first; k < end; k++) {
            vec b0 = load(panel + k * PRODUCT_COLUMNS);
            vec b1 = load(panel + k * PRODUCT_COLUMNS + LANES);
#pragma unroll
            for (size_t i = 0; i < height; i++) {
                sums[i][0] += row[i][k] * b0;
                sums[i][1] += row[i][k] * b1;
            }
        }
    }
#pragma unroll
    for (size_t i = 0; i < height; i++) {
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
    size_t columns, size_t depth, bool adds, const refinery_ahead *ahead) {
    ahead_place place = {0};
    if (ahead && rows && depth) {
        // Spread evenly: a core waits for more than some dozen lines on their way.
        size_t blocks = (rows + PRODUCT_ROWS - 1) / PRODUCT_ROWS;
        size_t places = blocks * ((depth + CACHE_LINE - 1) / CACHE_LINE);
        size_t line = CACHE_LINE * sizeof(float);
        size_t lines = ahead->count * ahead->rows * ((ahead->byte_count + line - 1) / line);
        place.share = (lines + places - 1) / places;
    }
#define BLOCK(height)                                                                              \
    product_block(                                                                                 \
        height, c + r * c_stride + j, c_stride, a + r * a_stride, a_stride, panels + j * depth, m, \
        n, depth, adds, ahead, &place)
    for (size_t r = 0; r < rows; r += PRODUCT_ROWS) {
        size_t m = rows - r < PRODUCT_ROWS ? rows - r : PRODUCT_ROWS;
        for (size_t j = 0; j < columns; j += PRODUCT_COLUMNS) {
            size_t n = columns - j < PRODUCT_COLUMNS ? columns - j : PRODUCT_COLUMNS;
            // The last block as low as its rows allow: texts have 77.
            if (m <= PRODUCT_ROWS / 4) {
                BLOCK(PRODUCT_ROWS / 4);
            } else if (m <= PRODUCT_ROWS / 2) {
                BLOCK(PRODUCT_ROWS / 2);
            } else if (m <= PRODUCT_ROWS * 3 / 4) {
                BLOCK(PRODUCT_ROWS * 3 / 4);
            } else {
                BLOCK(PRODUCT_ROWS);
            }
        }
    }
#undef BLOCK
}
