// The kernels, written once over generic vectors and compiled three times: KERNEL(name) adds the
// suffix of the instruction set, LANES is its vectors' width. Included by kernels_*.c only.

#include "CKernels.h"

#include <math.h>
#include <string.h>

typedef float vec __attribute__((ext_vector_type(LANES)));
// Numbers of a file may begin at any byte of it.
typedef float vec_unaligned __attribute__((ext_vector_type(LANES), aligned(1)));
typedef int32_t ivec __attribute__((ext_vector_type(LANES)));
typedef uint16_t half_bits __attribute__((ext_vector_type(LANES)));
typedef uint16_t half_bits_unaligned __attribute__((ext_vector_type(LANES), aligned(1)));

static inline vec load(const float *p) {
    return *(const vec_unaligned *)p;
}

static inline void store(float *p, vec v) {
    *(vec_unaligned *)p = v;
}

/// The last `n` < LANES elements, zero-filled.
static inline vec load_tail(const float *p, size_t n) {
    vec v = 0;
    memcpy(&v, p, n * sizeof(float));
    return v;
}

static inline void store_tail(float *p, vec v, size_t n) {
    memcpy(p, &v, n * sizeof(float));
}

/// All LANES elements where there are as many, else the last `n`.
static inline vec load_some(const float *p, size_t n) {
    return n >= LANES ? load(p) : load_tail(p, n);
}

static inline void store_some(float *p, vec v, size_t n) {
    if (n >= LANES) {
        store(p, v);
    } else {
        store_tail(p, v, n);
    }
}

/// `b` where either is not a number: one instruction, where the rule of fmax takes three.
static inline vec larger(vec a, vec b) {
    return a > b ? a : b;
}

static inline float sum(vec v) {
    for (int width = LANES / 2; width > 0; width /= 2) {
        for (int i = 0; i < width; i++) {
            v[i] += v[i + width];
        }
    }
    return v[0];
}

/// e^x to about 1 ulp: x = n ln 2 + r, |r| <= ln 2 / 2, and the Taylor polynomial of degree 7 for
/// e^r (its remainder is below 6e-9). Arguments are held to [-87.3, 88.3]; NaN stays NaN.
static inline vec exponential(vec x) {
    vec held = larger(x, (vec)-87.3f);
    held = held < 88.3f ? held : (vec)88.3f;
    vec n = __builtin_elementwise_roundeven(held * 1.44269504088896341f);
    vec r = held - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vec p = (vec)(1.0f / 5040);
    p = p * r + (1.0f / 720);
    p = p * r + (1.0f / 120);
    p = p * r + (1.0f / 24);
    p = p * r + (1.0f / 6);
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    ivec bits = (__builtin_convertvector(n, ivec) + 127) << 23;
    vec result = p * (vec)bits;
    ivec ordered = x == x;
    return ordered ? result : x;
}

static inline vec sigmoid(vec x) {
    return 1.0f / (1.0f + exponential(-x));
}

/// Abramowitz and Stegun 7.1.26: |error| <= 1.5e-7.
static inline vec error_function(vec x) {
    vec magnitude = __builtin_elementwise_abs(x);
    vec t = 1.0f / (1.0f + 0.3275911f * magnitude);
    vec p = (vec)1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    vec y = 1.0f - p * t * exponential(-magnitude * magnitude);
    return __builtin_elementwise_copysign(y, x);
}

static inline vec gelu(vec x) {
    return 0.5f * x * (1.0f + error_function(x * 0.70710678118654752f));
}

static inline vec activated(vec x, refinery_activation activation) {
    switch (activation) {
    case refinery_activation_none:
        return x;
    case refinery_activation_silu:
        return x * sigmoid(x);
    case refinery_activation_gelu:
        return gelu(x);
    case refinery_activation_quick_gelu:
        return x * sigmoid(1.702f * x);
    }
    return x;
}

static inline size_t element_size(refinery_dtype dtype) {
    return dtype == refinery_dtype_float32 ? sizeof(float) : sizeof(uint16_t);
}

static inline vec widen_half(const void *p) {
    typedef _Float16 halves __attribute__((ext_vector_type(LANES)));
    half_bits bits = *(const half_bits_unaligned *)p;
    return __builtin_convertvector((halves)bits, vec);
}

static inline vec widen_bfloat(const void *p) {
    half_bits bits = *(const half_bits_unaligned *)p;
    ivec wide = __builtin_convertvector(bits, ivec) << 16;
    return (vec)wide;
}

void KERNEL(widen)(float *out, const void *in, refinery_dtype dtype, size_t count) {
    if (dtype == refinery_dtype_float32) {
        memcpy(out, in, count * sizeof(float));
        return;
    }
    const uint8_t *bytes = in;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        store(out + i, dtype == refinery_dtype_float16 ? widen_half(bytes + 2 * i)
                                                       : widen_bfloat(bytes + 2 * i));
    }
    if (i < count) {
        half_bits tail = 0;
        memcpy(&tail, bytes + 2 * i, 2 * (count - i));
        store_tail(out + i, dtype == refinery_dtype_float16 ? widen_half(&tail) : widen_bfloat(&tail),
                   count - i);
    }
}

void KERNEL(widen_filters)(
    float *out, const void *in, refinery_dtype dtype, size_t rows, size_t channels, size_t taps,
    size_t tap_stride, float *scratch) {
    size_t element = element_size(dtype);
    for (size_t r = 0; r < rows; r++) {
        const uint8_t *row = (const uint8_t *)in + r * channels * taps * element;
        KERNEL(widen)(scratch, row, dtype, channels * taps);
        for (size_t t = 0; t < taps; t++) {
            float *to = out + t * tap_stride + r * channels;
            const float *from = scratch + t;
            for (size_t c = 0; c < channels; c++) {
                to[c] = from[c * taps];
            }
        }
    }
}

void KERNEL(epilogue)(
    float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows, size_t columns,
    const float *bias, const float *residual, refinery_activation activation) {
    for (size_t r = 0; r < rows; r++) {
        float *to = out + r * out_stride;
        const float *from = in + r * in_stride;
        const float *more = residual ? residual + r * out_stride : NULL;
        size_t c = 0;
        for (; c + LANES <= columns; c += LANES) {
            vec v = load(from + c);
            if (bias) {
                v += load(bias + c);
            }
            v = activated(v, activation);
            if (more) {
                v += load(more + c);
            }
            store(to + c, v);
        }
        if (c < columns) {
            size_t n = columns - c;
            vec v = load_tail(from + c, n);
            if (bias) {
                v += load_tail(bias + c, n);
            }
            v = activated(v, activation);
            if (more) {
                v += load_tail(more + c, n);
            }
            store_tail(to + c, v, n);
        }
    }
}

void KERNEL(geglu)(float *out, const float *in, size_t rows, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *to = out + r * columns;
        const float *a = in + r * 2 * columns;
        const float *gate = a + columns;
        size_t c = 0;
        for (; c + LANES <= columns; c += LANES) {
            store(to + c, load(a + c) * gelu(load(gate + c)));
        }
        if (c < columns) {
            size_t n = columns - c;
            store_tail(to + c, load_tail(a + c, n) * gelu(load_tail(gate + c, n)), n);
        }
    }
}

void KERNEL(activate)(float *data, size_t count, refinery_activation activation) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        store(data + i, activated(load(data + i), activation));
    }
    if (i < count) {
        store_tail(data + i, activated(load_tail(data + i, count - i), activation), count - i);
    }
}

void KERNEL(add)(float *out, const float *in, size_t count) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        store(out + i, load(out + i) + load(in + i));
    }
    for (; i < count; i++) {
        out[i] += in[i];
    }
}

void KERNEL(layer_norm)(
    float *out, const float *in, size_t rows, size_t columns, const float *weight,
    const float *bias, float epsilon) {
    size_t whole = columns / LANES * LANES, n = columns - whole;
    for (size_t r = 0; r < rows; r++) {
        const float *from = in + r * columns;
        float *to = out + r * columns;
        vec total = 0;
        for (size_t c = 0; c < whole; c += LANES) {
            total += load(from + c);
        }
        if (n) {
            total += load_tail(from + whole, n);
        }
        float mean = sum(total) / (float)columns;
        vec squares = 0;
        for (size_t c = 0; c < whole; c += LANES) {
            vec d = load(from + c) - mean;
            squares += d * d;
        }
        float square = sum(squares);
        for (size_t c = whole; c < columns; c++) {
            float d = from[c] - mean;
            square += d * d;
        }
        float scale = 1.0f / sqrtf(square / (float)columns + epsilon);
        for (size_t c = 0; c < whole; c += LANES) {
            store(to + c, (load(from + c) - mean) * scale * load(weight + c) + load(bias + c));
        }
        for (size_t c = whole; c < columns; c++) {
            to[c] = (from[c] - mean) * scale * weight[c] + bias[c];
        }
    }
}

void KERNEL(group_moments)(
    const float *in, size_t rows, size_t channels, size_t groups, double *mean, double *deviation,
    float *scratch) {
    size_t width = channels / groups;
    double count = (double)(rows * width);
    memset(scratch, 0, channels * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        KERNEL(add)(scratch, in + r * channels, channels);
    }
    for (size_t g = 0; g < groups; g++) {
        double total = 0;
        for (size_t c = 0; c < width; c++) {
            total += scratch[g * width + c];
        }
        mean[g] = total / count;
        deviation[g] = 0;
    }
    // The second pass finds the block in cache. Columns are taken LANES at a time, so that the sum
    // stays in a register down all rows.
    for (size_t c = 0; c < channels; c += LANES) {
        size_t n = channels - c < LANES ? channels - c : LANES;
        vec middle = 0, squares = 0;
        for (size_t k = 0; k < n; k++) {
            middle[k] = (float)mean[(c + k) / width];
        }
        for (size_t r = 0; r < rows; r++) {
            const float *from = in + r * channels + c;
            vec d = (n == LANES ? load(from) : load_tail(from, n)) - middle;
            squares += d * d;
        }
        for (size_t k = 0; k < n; k++) {
            deviation[(c + k) / width] += squares[k];
        }
    }
}

void KERNEL(normalize)(
    float *out, const float *in, size_t rows, size_t channels, const float *mean,
    const float *scale, const float *bias, refinery_activation activation) {
    for (size_t r = 0; r < rows; r++) {
        const float *from = in + r * channels;
        float *to = out + r * channels;
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES) {
            vec v = (load(from + c) - load(mean + c)) * load(scale + c) + load(bias + c);
            store(to + c, activated(v, activation));
        }
        if (c < channels) {
            size_t n = channels - c;
            vec v = (load_tail(from + c, n) - load_tail(mean + c, n)) * load_tail(scale + c, n) +
                    load_tail(bias + c, n);
            store_tail(to + c, activated(v, activation), n);
        }
    }
}

static inline float highest_lane(vec v) {
    for (int width = LANES / 2; width > 0; width /= 2) {
        for (int i = 0; i < width; i++) {
            v[i] = v[i] > v[i + width] ? v[i] : v[i + width];
        }
    }
    return v[0];
}

/// The highest of `count` numbers and `least`.
static inline float highest(const float *p, size_t count, float least) {
    size_t whole = count / LANES * LANES;
    vec most = (vec)least;
    for (size_t i = 0; i < whole; i += LANES) {
        most = larger(load(p + i), most);
    }
    float top = highest_lane(most);
    for (size_t i = whole; i < count; i++) {
        top = p[i] > top ? p[i] : top;
    }
    return top;
}

void KERNEL(softmax)(
    float *data, size_t rows, size_t columns, float scale, ptrdiff_t causal_start) {
    for (size_t r = 0; r < rows; r++) {
        float *row = data + r * columns;
        size_t seen = columns;
        if (causal_start >= 0 && (size_t)causal_start + r + 1 < columns) {
            seen = (size_t)causal_start + r + 1;
        }
        size_t whole = seen / LANES * LANES;
        float top = highest(row, seen, row[0]);
        vec total = 0;
        for (size_t c = 0; c < whole; c += LANES) {
            vec e = exponential((load(row + c) - top) * scale);
            total += e;
            store(row + c, e);
        }
        float whole_total = sum(total);
        if (whole < seen) {
            size_t n = seen - whole;
            vec e = exponential((load_tail(row + whole, n) - top) * scale);
            store_tail(row + whole, e, n);
            for (size_t k = 0; k < n; k++) {
                whole_total += e[k];
            }
        }
        float inverse = 1.0f / whole_total;
        for (size_t c = 0; c < whole; c += LANES) {
            store(row + c, load(row + c) * inverse);
        }
        for (size_t c = whole; c < seen; c++) {
            row[c] *= inverse;
        }
        memset(row + seen, 0, (columns - seen) * sizeof(float));
    }
}

bool KERNEL(all_finite)(const float *data, size_t count) {
    // x - x is 0 for a finite x and NaN otherwise.
    vec bad = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec v = load(data + i);
        bad += v - v;
    }
    if (i < count) {
        vec v = load_tail(data + i, count - i);
        bad += v - v;
    }
    return sum(bad) == 0;
}

void KERNEL(to_pixels)(uint8_t *out, const float *in, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t n = count - i < LANES ? count - i : LANES;
        vec v = load_tail(in + i, n) / 2.0f + 0.5f;
        v = __builtin_elementwise_max(__builtin_elementwise_min(v, (vec)1.0f), (vec)0.0f);
        v = __builtin_elementwise_roundeven(v * 255.0f);
        for (size_t k = 0; k < n; k++) {
            out[i + k] = (uint8_t)v[k];
        }
    }
}

void KERNEL(from_pixels)(float *out, const uint8_t *in, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)in[i] / 255.0f * 2.0f - 1.0f;
    }
}

#include "product_impl.h"
#include "attention_impl.h"
#include "strassen_impl.h"
#include "winograd_impl.h"
