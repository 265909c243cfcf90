/* SPDX-License-Identifier: MIT */
/*
 * fuzz_target.h - the one function that a fuzz target defines.
 */
#ifndef TESTS_FUZZ_FUZZ_TARGET_H
#define TESTS_FUZZ_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/* <data> is borrowed for the call. Returns 0; a finding aborts. libFuzzer's name for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
