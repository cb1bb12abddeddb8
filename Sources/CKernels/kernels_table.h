// One row a kernel: result, name, parameters, arguments. It declares the three builds of each and
// defines the public function that calls the chosen one.
#define REFINERY_KERNELS(X)                                                                        \
    X(void, widen, (float *out, const void *in, refinery_dtype dtype, size_t count),               \
      (out, in, dtype, count))                                                                     \
    X(void, widen_filters,                                                                         \
      (float *out, const void *in, refinery_dtype dtype, size_t rows, size_t channels,             \
       size_t taps, size_t tap_stride, float *scratch),                                            \
      (out, in, dtype, rows, channels, taps, tap_stride, scratch))                                 \
    X(void, epilogue,                                                                              \
      (float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows,              \
       size_t columns, const float *bias, const float *residual, refinery_activation activation),  \
      (out, out_stride, in, in_stride, rows, columns, bias, residual, activation))                 \
    X(void, geglu, (float *out, const float *in, size_t rows, size_t columns),                     \
      (out, in, rows, columns))                                                                    \
    X(void, activate, (float *data, size_t count, refinery_activation activation),                 \
      (data, count, activation))                                                                   \
    X(void, add, (float *out, const float *in, size_t count), (out, in, count))                    \
    X(void, layer_norm,                                                                            \
      (float *out, const float *in, size_t rows, size_t columns, const float *weight,              \
       const float *bias, float epsilon),                                                          \
      (out, in, rows, columns, weight, bias, epsilon))                                             \
    X(void, group_moments,                                                                         \
      (const float *in, size_t rows, size_t channels, size_t groups, double *mean,                 \
       double *deviation, float *scratch),                                                         \
      (in, rows, channels, groups, mean, deviation, scratch))                                      \
    X(void, normalize,                                                                             \
      (float *out, const float *in, size_t rows, size_t channels, const float *mean,               \
       const float *scale, const float *bias, refinery_activation activation),                     \
      (out, in, rows, channels, mean, scale, bias, activation))                                    \
    X(void, softmax,                                                                               \
      (float *data, size_t rows, size_t columns, float scale, ptrdiff_t causal_start),             \
      (data, rows, columns, scale, causal_start))                                                  \
    X(size_t, product_columns, (void), ())                                                         \
    X(void, pack_weights,                                                                          \
      (float *out, const void *in, refinery_dtype dtype, size_t rows, size_t stride, size_t first, \
       size_t count),                                                                              \
      (out, in, dtype, rows, stride, first, count))                                                \
    X(void, packed_product,                                                                        \
      (float *c, size_t c_stride, const float *a, size_t a_stride, const float *panels,            \
       size_t rows, size_t columns, size_t depth, bool adds, const refinery_ahead *ahead),         \
      (c, c_stride, a, a_stride, panels, rows, columns, depth, adds, ahead))                       \
    X(void, pack_values,                                                                           \
      (float *out, size_t panel_stride, const float *in, size_t rows, size_t padded_rows,          \
       size_t stride, size_t columns),                                                             \
      (out, panel_stride, in, rows, padded_rows, stride, columns))                                 \
    X(size_t, attention_scratch, (size_t columns), (columns))                                      \
    X(void, attend,                                                                                \
      (float *out, size_t out_stride, const float *queries, size_t query_stride, size_t rows,      \
       const float *keys, const float *values, size_t value_stride, size_t key_count,              \
       size_t columns, float *scratch),                                                            \
      (out, out_stride, queries, query_stride, rows, keys, values, value_stride, key_count,        \
       columns, scratch))                                                                          \
    X(void, strassen_inputs,                                                                       \
      (float *out, size_t plane_stride, const float *in, size_t columns, size_t half_rows,         \
       size_t rows, size_t first, size_t count),                                                   \
      (out, plane_stride, in, columns, half_rows, rows, first, count))                             \
    X(void, strassen_weights,                                                                      \
      (float *out, size_t plane_stride, const void *left, const void *right, refinery_dtype dtype, \
       size_t rows, size_t right_rows, size_t columns, size_t first_input, size_t inputs),         \
      (out, plane_stride, left, right, dtype, rows, right_rows, columns, first_input, inputs))     \
    X(void, strassen_outputs,                                                                      \
      (const refinery_strassen_outputs_place *place, const float *products, size_t stride,         \
       size_t upper_rows, size_t lower_rows),                                                      \
      (place, products, stride, upper_rows, lower_rows))                                           \
    X(void, winograd_filters,                                                                      \
      (float *out, size_t plane_stride, const void *in, refinery_dtype dtype, size_t rows,         \
       size_t channels, size_t first, size_t count),                                               \
      (out, plane_stride, in, dtype, rows, channels, first, count))                                \
    X(void, winograd_inputs,                                                                       \
      (float *out, size_t plane_stride, const float *image, const refinery_winograd_grid *grid,    \
       size_t channels, size_t first, size_t count),                                               \
      (out, plane_stride, image, grid, channels, first, count))                                    \
    X(void, winograd_outputs,                                                                      \
      (float *out, size_t out_stride, const float *planes, size_t plane_stride,                    \
       const refinery_winograd_grid *grid, size_t columns, const float *bias,                      \
       const float *residual, size_t first, size_t count),                                         \
      (out, out_stride, planes, plane_stride, grid, columns, bias, residual, first, count))        \
    X(bool, all_finite, (const float *data, size_t count), (data, count))                          \
    X(void, to_pixels, (uint8_t *out, const float *in, size_t count), (out, in, count))            \
    X(void, from_pixels, (float *out, const uint8_t *in, size_t count), (out, in, count))
