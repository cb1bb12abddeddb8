// Attention with a running softmax, never a full matrix of scores (Milakov and Gimelshein 2018; Dao et al.
// 2022, algorithm 1). Included by kernels_impl.h.

enum {
    // Queries and keys that meet at once: their scores stay in a core's own cache.
    ATTENTION_ROWS = refinery_attention_rows,
    ATTENTION_KEYS = 256,
};

/// A score below any.
static const float LOWEST = -3e38f;

/// 2^x to about 1 ulp for x <= 0; below -126 it is 2^-126, which is nothing beside a row's largest, 1.
/// x = n + r, |r| <= 1/2, and the polynomial of degree 6 whose largest relative error there is least (2e-9).
static inline vec power_of_two(vec x) {
    x = larger(x, (vec)-126.0f);
    // Adding 1.5 * 2^23 leaves n in the last bits.
    vec shifted = x + 12582912.0f;
    vec r = x - (shifted - 12582912.0f);
    vec p = (vec)1.5345820e-4f;
    p = p * r + 1.3399937e-3f;
    p = p * r + 9.6184891e-3f;
    p = p * r + 5.5503286e-2f;
    p = p * r + 2.4022646e-1f;
    p = p * r + 6.9314718e-1f;
    p = p * r + 1.0f;
    return (vec)((ivec)p + ((ivec)shifted << 23));
}

void KERNEL(pack_values)(
    float *out, size_t panel_stride, const float *in, size_t rows, size_t padded_rows,
    size_t stride, size_t columns) {
    for (size_t c = 0; c < columns; c += PRODUCT_COLUMNS) {
        size_t n = columns - c;
        for (size_t r = 0; r < padded_rows; r++) {
            float *to = out + c / PRODUCT_COLUMNS * panel_stride + r * PRODUCT_COLUMNS;
            for (size_t i = 0; i < PRODUCT_COLUMNS; i += LANES) {
                bool any = r < rows && i < n;
                store(to + i, any ? load_some(in + r * stride + c + i, n - i) : (vec)0.0f);
            }
        }
    }
}

size_t KERNEL(attention_scratch)(size_t columns) {
    return ATTENTION_ROWS * (2 * columns + ATTENTION_KEYS + LANES + 1);
}

/// Scores of one row become weights, relative to the row's highest so far. Returns by how much what was
/// summed before must shrink.
static inline float weigh_row(float *scores, size_t keys, float *so_far, float *sums) {
    float top = highest(scores, keys, *so_far);
    vec total = 0;
    for (size_t k = 0; k < keys; k += LANES) {
        vec weight = power_of_two(load(scores + k) - top);
        total += weight;
        store(scores + k, weight);
    }
    if (top == *so_far) {
        store(sums, load(sums) + total);
        return 1;
    }
    float shrink = power_of_two((vec)(*so_far - top))[0];
    store(sums, load(sums) * shrink + total);
    *so_far = top;
    return shrink;
}

void KERNEL(attend)(
    float *out, size_t out_stride, const float *queries, size_t query_stride, size_t rows,
    const float *keys, const float *values, size_t value_stride, size_t key_count,
    size_t columns, float *scratch) {
    float *scaled = scratch, *sums = scaled + ATTENTION_ROWS * columns;
    float *scores = sums + ATTENTION_ROWS * columns;
    float *totals = scores + ATTENTION_ROWS * ATTENTION_KEYS;
    float *tops = totals + ATTENTION_ROWS * LANES;
    // Softmax with powers of two: log2(e) goes into the scale.
    float scale = 1.44269504088896341f / sqrtf((float)columns);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c += LANES) {
            size_t n = columns - c;
            store_some(scaled + r * columns + c, load_some(queries + r * query_stride + c, n) * scale, n);
        }
        store(totals + r * LANES, (vec)0.0f);
        tops[r] = LOWEST;
    }
    for (size_t first = 0; first < key_count; first += ATTENTION_KEYS) {
        size_t count = key_count - first < ATTENTION_KEYS ? key_count - first : ATTENTION_KEYS;
        size_t padded = (count + PRODUCT_COLUMNS - 1) / PRODUCT_COLUMNS * PRODUCT_COLUMNS;
        KERNEL(packed_product)(
            scores, ATTENTION_KEYS, scaled, columns, keys + first * columns, rows, padded, columns,
            false, NULL);
        for (size_t r = 0; r < rows; r++) {
            // Keys that a panel lacks weigh 2^-126, nothing beside the highest, and their values are zeros.
            for (size_t k = count; k < padded; k++) {
                scores[r * ATTENTION_KEYS + k] = LOWEST;
            }
            float shrink =
                weigh_row(scores + r * ATTENTION_KEYS, padded, tops + r, totals + r * LANES);
            if (first > 0 && shrink != 1) {
                float *row = sums + r * columns;
                for (size_t c = 0; c < columns; c += LANES) {
                    size_t n = columns - c;
                    store_some(row + c, load_some(row + c, n) * shrink, n);
                }
            }
        }
        for (size_t c = 0; c < columns; c += PRODUCT_COLUMNS) {
            size_t n = columns - c < PRODUCT_COLUMNS ? columns - c : PRODUCT_COLUMNS;
            KERNEL(packed_product)(
                sums + c, columns, scores, ATTENTION_KEYS,
                values + c / PRODUCT_COLUMNS * value_stride + first * PRODUCT_COLUMNS, rows, n,
                padded, first > 0, NULL);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        float share = 1.0f / sum(load(totals + r * LANES));
        for (size_t c = 0; c < columns; c += LANES) {
            size_t n = columns - c;
            store_some(out + r * out_stride + c, load_some(sums + r * columns + c, n) * share, n);
        }
    }
}
