#include "CPNGShim.h"
#include "allocation.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

enum {
    /// The most memory that one chunk may take, and how many may be kept: enough for a palette and
    /// its transparency, which are all that is read beside the pixels.
    CHUNK_BYTES = 64 << 10,
    CHUNK_COUNT = 4,
};

/// All that lives across a longjmp, outside the frame that calls setjmp.
typedef struct {
    const uint8_t *bytes;
    size_t byte_count;
    size_t position;
    uint8_t *pixels;
    uint32_t width, height;
    png_structp png;
    png_infop info;
    /// See allocation.h.
    bool lacks_memory;
    int code;
    char *message;
} decoder;

static void on_error(png_structp png, png_const_charp message) {
    decoder *d = png_get_error_ptr(png);
    if (d->code == REFINERY_PNG_OK) {
        d->code = d->lacks_memory ? REFINERY_PNG_OUT_OF_MEMORY : REFINERY_PNG_REFUSED;
        strncpy(d->message, message, REFINERY_PNG_MESSAGE_BYTES - 1);
    }
    png_longjmp(png, 1);
}

/// What is only a warning does not concern the pixels.
static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_read(png_structp png, png_bytep data, size_t length) {
    decoder *d = png_get_io_ptr(png);
    if (length > d->byte_count - d->position) {
        d->code = REFINERY_PNG_TRUNCATED;
        png_error(png, "the file ends too early");
    }
    memcpy(data, d->bytes + d->position, length);
    d->position += length;
}

static void set_limits(decoder *d) {
    png_set_user_limits(d->png, d->width, d->height);
    png_set_chunk_cache_max(d->png, CHUNK_COUNT);
    png_set_chunk_malloc_max(d->png, CHUNK_BYTES);
    // A wrong checksum is an error in any chunk, not only in the picture's own.
    png_set_crc_action(d->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    // Texts, colour profiles, times and the like are passed over unread; palette, transparency and
    // pixels are left.
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

/// Whatever the file holds becomes 8-bit RGB. Returns the number of passes over the rows.
static int set_transforms(decoder *d) {
    png_byte color = png_get_color_type(d->png, d->info);
    // Laid under the pixels once they have 8 bits.
    png_color_16 white = {.red = 255, .green = 255, .blue = 255, .gray = 255};
    int is_transparent =
        color & PNG_COLOR_MASK_ALPHA || png_get_valid(d->png, d->info, PNG_INFO_tRNS);
    png_set_expand(d->png);
    png_set_scale_16(d->png);
    if (!(color & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(d->png);
    if (is_transparent) {
        png_set_background(d->png, &white, PNG_BACKGROUND_GAMMA_FILE, 0, 1.0);
    }
    return png_set_interlace_handling(d->png);
}

/// The only frame that libpng jumps to.
static void read_picture(decoder *d) {
    if (setjmp(png_jmpbuf(d->png))) return;
    png_set_read_fn(d->png, d, on_read);
    set_limits(d);
    png_read_info(d->png, d->info);
    if (png_get_image_width(d->png, d->info) != d->width ||
        png_get_image_height(d->png, d->info) != d->height) {
        png_error(d->png, "its size is another one than its header says");
    }
    int passes = set_transforms(d);
    png_read_update_info(d->png, d->info);
    size_t row_bytes = (size_t)d->width * 3;
    if (png_get_rowbytes(d->png, d->info) != row_bytes) {
        png_error(d->png, "its pixels do not become 8-bit RGB");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t row = 0; row < d->height; row++) {
            png_read_row(d->png, d->pixels + row * row_bytes, NULL);
        }
    }
    // On to the end, so that a file that was cut off behind the pixels does not pass.
    png_read_end(d->png, NULL);
}

int refinery_png_decode(const uint8_t *bytes, size_t byte_count, uint32_t width, uint32_t height,
                        uint8_t *pixels, char message[REFINERY_PNG_MESSAGE_BYTES]) {
    memset(message, 0, REFINERY_PNG_MESSAGE_BYTES);
    decoder d = {
        .bytes = bytes,
        .byte_count = byte_count,
        .pixels = pixels,
        .width = width,
        .height = height,
        .code = REFINERY_PNG_OK,
        .message = message,
    };
    d.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning,
                                    &d.lacks_memory, allocate, give_back);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (d.info) {
        read_picture(&d);
    } else {
        d.code = REFINERY_PNG_OUT_OF_MEMORY;
    }
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return d.code;
}
