#pragma once
#include <stddef.h>

/// CLIP's byte-pair merges, one a line after a version line, as in the published `merges.txt`.
const char *refinery_merges(size_t *byte_count);
