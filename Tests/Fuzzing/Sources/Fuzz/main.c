// libFuzzer's entry points. Its own main is linked in; the target comes by name in FUZZ_TARGET.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int32_t refinery_fuzz_choose(const char *name);
void refinery_fuzz_run(const uint8_t *bytes, intptr_t count);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *name = getenv("FUZZ_TARGET");
    if (name == NULL || refinery_fuzz_choose(name) != 0) {
        fprintf(stderr, "FUZZ_TARGET names no target: see dev/fuzz --help\n");
        exit(2);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    refinery_fuzz_run(bytes, (intptr_t)count);
    return 0;
}
