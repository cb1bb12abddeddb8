#pragma once
#include <stddef.h>
#include <stdint.h>

/// libpng reports errors with longjmp, which must not cross a Swift frame: all of it stays in here.

enum {
    REFINERY_PNG_OK = 0,
    REFINERY_PNG_OUT_OF_MEMORY = 1,
    /// libpng refused; the message says why.
    REFINERY_PNG_REFUSED = 2,
    /// The file ends too early.
    REFINERY_PNG_TRUNCATED = 3,
};

enum { REFINERY_PNG_MESSAGE_BYTES = 128 };

typedef struct refinery_png {
    /// The encoded picture, on success; the caller frees it with refinery_png_free.
    uint8_t *bytes;
    size_t byte_count;
    size_t capacity;
    /// Empty unless libpng refused.
    char message[REFINERY_PNG_MESSAGE_BYTES];
} refinery_png;

/// Encodes 8-bit RGB, `pixels` is [height, width, 3], rows without gaps. The same input gives the
/// same bytes: fixed level, strategy and filter, and no time chunk.
///
/// `texts` holds `text_count` pairs of a keyword (Latin-1, 1 to 79 bytes) and a text (UTF-8), each
/// ended by a NUL; they become iTXt chunks ahead of the pixels. The caller has checked the sizes.
/// Returns one of the codes above; `png` is filled in either way and must be freed.
int refinery_png_encode(const uint8_t *pixels, uint32_t width, uint32_t height, const char *texts,
                        size_t text_count, refinery_png *png);

void refinery_png_free(refinery_png *png);

/// Decodes a PNG of any kind to 8-bit RGB. What is transparent becomes white; 16 bits are rounded to
/// 8; colours are taken as they are, whatever profile or gamma the file names.
///
/// `pixels` gets [height, width, 3]. `width` and `height` are the file's own, read off its header and
/// granted by the caller; libpng refuses a file that then says something else. On an error `pixels`
/// hold anything. Returns one of the codes above; `message` is a C string, empty unless libpng refused.
int refinery_png_decode(const uint8_t *bytes, size_t byte_count, uint32_t width, uint32_t height,
                        uint8_t *pixels, char message[REFINERY_PNG_MESSAGE_BYTES]);
