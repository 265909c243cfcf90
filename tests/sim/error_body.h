/* SPDX-License-Identifier: MIT */
/*
 * error_body.h - what the Hub, TGI and the providers say when they refuse.
 */
#ifndef TESTS_SIM_ERROR_BODY_H
#define TESTS_SIM_ERROR_BODY_H

#include "base/span.h"
#include "tests/sim/bytes.h"
#include "tests/sim/scenario.h"

/* Append the body for <status> in <shape>; <model> is named where the Hub names it. */
void error_body_add(struct bytes *out, int status, enum sim_body shape, struct span model);

/* The media type that goes with it. */
const char *error_body_type(int status, enum sim_body shape);

/* The reason phrase of a status line. */
const char *error_reason(int status);

#endif
