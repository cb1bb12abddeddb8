#include "CVocabulary.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char merges[] = {
#embed "merges.txt"
};

const char *refinery_merges(size_t *byte_count) {
    *byte_count = sizeof merges;
    return merges;
}
