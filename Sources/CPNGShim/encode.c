#include "CPNGShim.h"
#include "allocation.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/// All that lives across a longjmp, outside the frame that calls setjmp.
typedef struct {
    refinery_png *out;
    png_structp png;
    png_infop info;
    png_text *texts;
    /// See allocation.h.
    bool lacks_memory;
    int code;
} encoder;

static void on_error(png_structp png, png_const_charp message) {
    encoder *e = png_get_error_ptr(png);
    if (e->code == REFINERY_PNG_OK) {
        e->code = e->lacks_memory ? REFINERY_PNG_OUT_OF_MEMORY : REFINERY_PNG_REFUSED;
        strncpy(e->out->message, message, sizeof e->out->message - 1);
    }
    png_longjmp(png, 1);
}

/// Nothing that we write is worth a warning which is not an error too.
static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void on_write(png_structp png, png_bytep data, size_t length) {
    encoder *e = png_get_io_ptr(png);
    refinery_png *out = e->out;
    if (length > out->capacity - out->byte_count) {
        size_t capacity = out->capacity ? out->capacity : 64 * 1024;
        while (capacity - out->byte_count < length && capacity <= SIZE_MAX / 2) capacity *= 2;
        uint8_t *grown =
            capacity - out->byte_count < length ? NULL : realloc(out->bytes, capacity);
        if (!grown) {
            e->code = REFINERY_PNG_OUT_OF_MEMORY;
            png_error(png, "out of memory");
        }
        out->bytes = grown;
        out->capacity = capacity;
    }
    memcpy(out->bytes + out->byte_count, data, length);
    out->byte_count += length;
}

static void on_flush(png_structp png) { (void)png; }

static void set_texts(encoder *e, const char *texts, size_t count) {
    char no_language[] = "";
    for (size_t i = 0; i < count; i++) {
        png_text *text = &e->texts[i];
        text->compression = PNG_ITXT_COMPRESSION_NONE;
        text->key = (png_charp)texts;
        texts += strlen(texts) + 1;
        text->text = (png_charp)texts;
        texts += strlen(texts) + 1;
        text->lang = no_language;
        text->lang_key = no_language;
    }
    if (count > 0) png_set_text(e->png, e->info, e->texts, (int)count);
}

/// The only frame that libpng jumps to.
static void write_picture(encoder *e, const uint8_t *pixels, uint32_t width, uint32_t height,
                          const char *texts, size_t text_count) {
    if (setjmp(png_jmpbuf(e->png))) return;
    png_set_write_fn(e->png, e, on_write, on_flush);
    // At this setting a photo is as small as at libpng's default and takes a sixth of the time.
    png_set_compression_level(e->png, 1);
    png_set_compression_strategy(e->png, Z_RLE);
    png_set_filter(e->png, PNG_FILTER_TYPE_BASE, PNG_FILTER_SUB);
    png_set_IHDR(e->png, e->info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    set_texts(e, texts, text_count);
    png_write_info(e->png, e->info);
    for (uint32_t row = 0; row < height; row++) {
        png_write_row(e->png, pixels + (size_t)row * width * 3);
    }
    png_write_end(e->png, NULL);
}

int refinery_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, const char *texts,
                        size_t text_count, refinery_png *out) {
    memset(out, 0, sizeof *out);
    encoder e = {.out = out, .code = REFINERY_PNG_OK};
    e.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &e, on_error, on_warning,
                                     &e.lacks_memory, allocate, give_back);
    e.info = e.png ? png_create_info_struct(e.png) : NULL;
    e.texts = calloc(text_count + 1, sizeof *e.texts);
    if (e.info && e.texts) {
        write_picture(&e, pixels, width, height, texts, text_count);
    } else {
        e.code = REFINERY_PNG_OUT_OF_MEMORY;
    }
    free(e.texts);
    png_destroy_write_struct(&e.png, &e.info);
    return e.code;
}

void refinery_png_free(refinery_png *png) {
    free(png->bytes);
    memset(png, 0, sizeof *png);
}
