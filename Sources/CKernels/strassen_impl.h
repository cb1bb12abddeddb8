// The sums of quarters that Strassen's products are made of, in Winograd's order of 7 products and 15
// additions (Strassen 1969; Higham 2002, Accuracy and Stability, equation 23.6). Included by
// kernels_impl.h.

void KERNEL(strassen_inputs)(
    float *out, size_t plane_stride, const float *in, size_t columns, size_t half_rows,
    size_t rows, size_t first, size_t count) {
    size_t half = columns / 2;
    for (size_t r = first; r < first + count; r++) {
        const float *upper = in + r * columns;
        // An odd number of rows: the last has none below it.
        bool paired = half_rows + r < rows;
        const float *lower = paired ? upper + half_rows * columns : upper;
        float *to = out + r * half;
        for (size_t c = 0; c < half; c += LANES) {
            size_t n = half - c;
            vec a11 = load_some(upper + c, n), a12 = load_some(upper + half + c, n);
            vec a21 = paired ? load_some(lower + c, n) : (vec)0.0f;
            vec a22 = paired ? load_some(lower + half + c, n) : (vec)0.0f;
            vec s1 = a21 + a22, s2 = s1 - a11;
            store_some(to + c, s1, n);
            store_some(to + plane_stride + c, s2, n);
            store_some(to + 2 * plane_stride + c, a11 - a21, n);
            store_some(to + 3 * plane_stride + c, a12 - s2, n);
        }
    }
}

void KERNEL(strassen_weights)(
    float *out, size_t plane_stride, const void *left, const void *right, refinery_dtype dtype,
    size_t rows, size_t right_rows, size_t columns, size_t first_input, size_t inputs) {
    size_t half = columns / 2;
    for (size_t first = 0; first < PRODUCT_COLUMNS; first += LANES) {
        size_t n = rows > first ? rows - first : 0;
        size_t right_n = right_rows > first ? right_rows - first : 0;
        for (size_t place = 0; place < inputs; place += LANES) {
            size_t k = first_input + place;
            size_t depth = inputs - place < LANES ? inputs - place : LANES;
            // Quarters of the weights' transpose: the upper ones are of the first half of the inputs.
            vec b11[LANES], b12[LANES], b21[LANES], b22[LANES];
            widen_transposed(b11, left, dtype, first, n, columns, k, depth);
            widen_transposed(b12, right, dtype, first, right_n, columns, k, depth);
            widen_transposed(b21, left, dtype, first, n, columns, half + k, depth);
            widen_transposed(b22, right, dtype, first, right_n, columns, half + k, depth);
            for (size_t i = 0; i < depth; i++) {
                float *to = out + (place + i) * PRODUCT_COLUMNS + first;
                vec t1 = b12[i] - b11[i], t2 = b22[i] - t1;
                store(to, b11[i]);
                store(to + plane_stride, b21[i]);
                store(to + 2 * plane_stride, b22[i]);
                store(to + 3 * plane_stride, t1);
                store(to + 4 * plane_stride, t2);
                store(to + 5 * plane_stride, b22[i] - b12[i]);
                // Negated, as its product is subtracted.
                store(to + 6 * plane_stride, b21[i] - t2);
            }
        }
    }
}

static inline vec with_bias(vec v, const float *bias, size_t c, size_t n) {
    return bias ? v + load_some(bias + c, n) : v;
}

/// LANES columns of one row, from column `c`.
static inline void strassen_place(
    const refinery_strassen_outputs_place *place, size_t row, size_t c, vec left, vec right) {
    size_t at = row * place->stride + c, n = place->columns - c;
    size_t right_n = place->right_columns > c ? place->right_columns - c : 0;
    left = with_bias(left, place->left_bias, c, n);
    right = with_bias(right, place->right_bias, c, right_n);
    if (place->gated) {
        store_some(place->left + at, left * gelu(right), n);
        return;
    }
    left = activated(left, place->activation);
    if (place->left_residual) {
        left += load_some(place->left_residual + at, n);
    }
    store_some(place->left + at, left, n);
    if (right_n) {
        right = activated(right, place->activation);
        if (place->right_residual) {
            right += load_some(place->right_residual + at, right_n);
        }
        store_some(place->right + at, right, right_n);
    }
}

void KERNEL(strassen_outputs)(
    const refinery_strassen_outputs_place *place, const float *products, size_t stride,
    size_t upper_rows, size_t lower_rows) {
    for (size_t r = 0; r < upper_rows; r++) {
        for (size_t c = 0; c < place->columns; c += LANES) {
            size_t n = place->columns - c;
            const float *p = products + r * place->columns + c;
            vec p1 = load_some(p, n), p2 = load_some(p + stride, n),
                p3 = load_some(p + 2 * stride, n), p5 = load_some(p + 3 * stride, n),
                p6 = load_some(p + 4 * stride, n), p7 = load_some(p + 5 * stride, n),
                p4 = load_some(p + 6 * stride, n);
            vec u2 = p1 + p6, u3 = u2 + p7;
            strassen_place(place, r, c, p1 + p2, u2 + p5 + p3);
            if (r < lower_rows) {
                strassen_place(place, upper_rows + r, c, u3 + p4, u3 + p5);
            }
        }
    }
}
