#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The engine's element-wise loops. Activations are token-major: row r of a [rows, channels] matrix
// starts at `data + r * channels`, and channels are contiguous. Every kernel exists for AVX-512,
// AVX2 + FMA + F16C and plain SSE2; the CPU's best is chosen at the first call.

typedef enum : int32_t {
    refinery_dtype_float32 = 0,
    refinery_dtype_float16 = 1,
    refinery_dtype_bfloat16 = 2,
} refinery_dtype;

typedef enum : int32_t {
    refinery_isa_portable = 0,
    refinery_isa_avx2 = 1,
    refinery_isa_avx512 = 2,
} refinery_isa;

/// The best this CPU can run.
refinery_isa refinery_isa_available(void);
/// The one that this thread's kernels use.
refinery_isa refinery_isa_current(void);
/// Forces one on this thread, for tests; false when this CPU cannot run it.
bool refinery_isa_force(refinery_isa isa);

typedef enum : int32_t {
    refinery_activation_none = 0,
    refinery_activation_silu = 1,
    /// Exact GELU: x * Phi(x).
    refinery_activation_gelu = 2,
    /// CLIP-L's x * sigmoid(1.702 x).
    refinery_activation_quick_gelu = 3,
} refinery_activation;

/// `count` elements of `dtype` at any alignment, as float32.
void refinery_widen(float *out, const void *in, refinery_dtype dtype, size_t count);

/// Filters of a k x k convolution, [rows, channels, taps] of `dtype` at any alignment, as `taps`
/// float32 matrices [rows, channels], `tap_stride` floats apart. `scratch`: channels * taps floats.
void refinery_widen_filters(
    float *out, const void *in, refinery_dtype dtype, size_t rows, size_t channels, size_t taps,
    size_t tap_stride, float *scratch);

/// What follows a product, while its tile is in cache: out = activation(in + bias) + residual.
/// `bias` ([columns]) and `residual` (laid out as `out`) may be NULL; `in` may be `out`.
void refinery_epilogue(
    float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows, size_t columns,
    const float *bias, const float *residual, refinery_activation activation);

/// out = a * gelu(gate) for rows [a, gate] of 2 * columns each.
void refinery_geglu(float *out, const float *in, size_t rows, size_t columns);

void refinery_activate(float *data, size_t count, refinery_activation activation);

/// out += in
void refinery_add(float *out, const float *in, size_t count);

/// Layer norm of each row, with population variance. `out` may be `in`.
void refinery_layer_norm(
    float *out, const float *in, size_t rows, size_t columns, const float *weight,
    const float *bias, float epsilon);

/// Mean and sum of squared deviations of each channel group over `rows` tokens.
/// `scratch`: `channels` floats.
void refinery_group_moments(
    const float *in, size_t rows, size_t channels, size_t groups, double *mean, double *deviation,
    float *scratch);

/// out = activation((in - mean) * scale + bias), each [channels]. `out` may be `in`.
void refinery_normalize(
    float *out, const float *in, size_t rows, size_t channels, const float *mean,
    const float *scale, const float *bias, refinery_activation activation);

/// Softmax of each row of `scale * data`. With `causal_start` >= 0, row r sees only its first
/// `causal_start + r + 1` columns and the rest become 0.
void refinery_softmax(
    float *data, size_t rows, size_t columns, float scale, ptrdiff_t causal_start);

/// One tap's input of a convolution for output tokens [first, first + count) of an image:
/// out[i] = the input token under (y * stride + dy, x * stride + dx), zeros outside the picture.
/// With `upsample` 1 the picture is twice as large, each token standing for 2 x 2 (or as much of
/// them as `height` and `width`, the enlarged size, have).
void refinery_gather_tap(
    float *out, const float *image, size_t height, size_t width, size_t channels, size_t out_width,
    size_t stride, ptrdiff_t dy, ptrdiff_t dx, bool upsample, size_t first, size_t count);

// Products with packed weights. A panel is refinery_product_columns() rows of weights, transposed:
// [depth, columns of the product]. The last panel is filled up with zeros.

/// Rows of weights in a panel; it depends on the instruction set.
size_t refinery_product_columns(void);

/// Columns [first, first + count) of up to a panel of rows of `dtype` at any alignment, `stride` elements
/// apart, as one panel [count, panel].
void refinery_pack_weights(
    float *out, const void *in, refinery_dtype dtype, size_t rows, size_t stride, size_t first,
    size_t count);

/// What will be read next from where it takes long: `rows` runs of `byte_count`, `stride` bytes apart, from
/// each of the first `count` starts.
typedef struct {
    const void *starts[4];
    size_t count;
    size_t rows, byte_count, stride;
} refinery_ahead;

/// c = a * panels, or added to c. `a`: [rows, depth], `c`: [rows, columns], their rows `a_stride` and
/// `c_stride` floats apart; `panels`: as many as `columns` fill. Meanwhile what lies `ahead`, which may be
/// NULL, is fetched into the core's own cache.
void refinery_packed_product(
    float *c, size_t c_stride, const float *a, size_t a_stride, const float *panels, size_t rows,
    size_t columns, size_t depth, bool adds, const refinery_ahead *ahead);

// Attention of one head, a few queries at a time. `columns` is the head's dimension.

/// The most queries of one call of refinery_attend.
enum { refinery_attention_rows = 64 };

/// Values, [rows, columns], `stride` floats apart, as panels of their columns, each [padded_rows, panel]
/// and `panel_stride` floats from the next; zeros where there are none.
void refinery_pack_values(
    float *out, size_t panel_stride, const float *in, size_t rows, size_t padded_rows,
    size_t stride, size_t columns);

/// Floats that one call of refinery_attend needs.
size_t refinery_attention_scratch(size_t columns);

/// out = softmax(queries keysᵀ / sqrt(columns)) values, for `rows` queries. `keys`: `key_count` keys
/// packed as weights, `values`: panels of as many rows, rounded up to whole panels of keys, their starts
/// `value_stride` floats apart.
void refinery_attend(
    float *out, size_t out_stride, const float *queries, size_t query_stride, size_t rows,
    const float *keys, const float *values, size_t value_stride, size_t key_count,
    size_t columns, float *scratch);

// Strassen's product of two matrices cut in quarters, in Winograd's form: 7 products of sums of quarters
// in place of 8. Planes are those sums.

/// S1...S4 of [rows, columns] numbers, cut after `half_rows` rows and half the (even) columns: four planes
/// [half_rows, columns / 2], `plane_stride` floats apart. Writes rows [first, first + count) of each.
void refinery_strassen_inputs(
    float *out, size_t plane_stride, const float *in, size_t columns, size_t half_rows,
    size_t rows, size_t first, size_t count);

/// B11, B21, B22, T1...T3 and -T4 of the transpose of the weights [left, right], each of `columns` inputs of
/// `dtype` at any alignment: one panel of each, seven planes `plane_stride` floats apart. Of each half of
/// the inputs it takes [first_input, first_input + inputs). `left` has `rows` and `right` `right_rows`,
/// at most as many as a panel; what is missing is zeros.
void refinery_strassen_weights(
    float *out, size_t plane_stride, const void *left, const void *right, refinery_dtype dtype,
    size_t rows, size_t right_rows, size_t columns, size_t first_input, size_t inputs);

/// Where a tile's quarters go, and what follows the product. The left quarters have `columns`, the right
/// ones `right_columns`.
typedef struct {
    /// The tile's first row; rows are `stride` floats apart.
    float *left, *right;
    size_t stride;
    size_t columns, right_columns;
    /// [columns], [right_columns]; may be NULL.
    const float *left_bias, *right_bias;
    /// Laid out as the result, and may be it; may be NULL.
    const float *left_residual, *right_residual;
    refinery_activation activation;
    /// The right quarters are gates: left = values * gelu(gates), and nothing goes to the right.
    bool gated;
} refinery_strassen_outputs_place;

/// The tile from its seven products, [upper_rows, columns] each, `stride` floats apart and in the order of the
/// weights' planes: A11 B11, A12 B21, S4 B22, S1 T1, S2 T2, S3 T3, -A22 T4.
void refinery_strassen_outputs(
    const refinery_strassen_outputs_place *place, const float *products, size_t stride,
    size_t upper_rows, size_t lower_rows);

// Winograd's F(4x4, 3x3): a 4 x 4 tile of outputs from a 6 x 6 tile of inputs in 36 products a channel
// in place of 144 (Lavin and Gray 2016, section 4.3). Planes are the 36 places of a transformed tile.

/// How an image is cut into tiles of 4 x 4 outputs, row by row.
typedef struct {
    /// Of the outputs.
    size_t height, width;
    size_t tile_columns;
    /// Each input token stands for 2 x 2.
    bool upsample;
} refinery_winograd_grid;

/// Channels [first, first + count) of filters [rows, channels, 9] of `dtype`, at most as many as a panel
/// has, as 36 panels, `plane_stride` floats apart.
void refinery_winograd_filters(
    float *out, size_t plane_stride, const void *in, refinery_dtype dtype, size_t rows,
    size_t channels, size_t first, size_t count);

/// Input tiles [first, first + count) of an image as 36 planes [count, channels], `plane_stride`
/// floats apart; zeros around the picture.
void refinery_winograd_inputs(
    float *out, size_t plane_stride, const float *image, const refinery_winograd_grid *grid,
    size_t channels, size_t first, size_t count);

/// Output tiles [first, first + count) from 36 planes [count, columns], plus `bias` and, unless NULL,
/// `residual`, into `columns` channels of `out`, whose tokens (and `residual`'s) are `out_stride`
/// floats apart. `residual` may be `out`.
void refinery_winograd_outputs(
    float *out, size_t out_stride, const float *planes, size_t plane_stride,
    const refinery_winograd_grid *grid, size_t columns, const float *bias, const float *residual,
    size_t first, size_t count);

/// out[r] = [left[r], right[r]]
void refinery_concatenate(
    float *out, const float *left, size_t left_channels, const float *right, size_t right_channels,
    size_t rows);

/// Whether every element is finite.
bool refinery_all_finite(const float *data, size_t count);

/// 8-bit pixels of a decoded picture: (x / 2 + 0.5) clamped, times 255, half to even.
void refinery_to_pixels(uint8_t *out, const float *in, size_t count);

/// -1...1 of 8-bit pixels: x / 255 * 2 - 1.
void refinery_from_pixels(float *out, const uint8_t *in, size_t count);

// Small pictures of latents, which are [4, tokens] here.

/// What latents = picture * clean + noise * prediction say of the clean ones. No two may overlap.
void refinery_denoised(
    float *out, const float *latents, const float *prediction, size_t count, float picture,
    float noise);

/// For each of 4 channels its share in red, green and blue, then three constants.
enum { refinery_latent_colour_count = 15 };

/// [tokens, 3]: every latent as a pixel by itself, in about -1...1.
void refinery_latent_colours(
    float *out, const float *latents, size_t tokens,
    const float colours[refinery_latent_colour_count]);

/// A picture [height, width, 3] at another size: bilinear where it is enlarged, the mean of what lies under
/// a pixel and around it where it is reduced. `scratch`: height * out_width * 3 floats.
void refinery_resample(
    float *out, size_t out_height, size_t out_width, const float *in, size_t height, size_t width,
    float *scratch);

/// Elements [first, first + count) of an endless stream that `seed` names: each is one of the table's
/// 256 values, all equally likely.
void refinery_fill_random(
    uint16_t *out, const uint16_t table[256], uint64_t seed, size_t first, size_t count);

/// A fixed set of threads that shares out the tiles of one loop after another.
typedef struct refinery_team refinery_team;
typedef void (*refinery_team_body)(void *context, size_t index, size_t worker);

/// `threads` includes the caller of `refinery_team_run`; NULL when threads cannot be started.
refinery_team *refinery_team_create(size_t threads);
void refinery_team_destroy(refinery_team *team);
/// Calls `body` once for each index below `count`, in any order, from at most `threads` of the team's threads,
/// and returns when all are done. `worker` is below that number. One caller at a time.
void refinery_team_run(
    refinery_team *team, size_t threads, size_t count, refinery_team_body body, void *context);
