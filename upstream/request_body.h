/* SPDX-License-Identifier: MIT */
/*
 * request_body.h - the JSON that is sent upstream, from validated pieces only.
 *
 * "model" stands first, because routers read it from a small prefix of the body.
 */
#ifndef UPSTREAM_REQUEST_BODY_H
#define UPSTREAM_REQUEST_BODY_H

#include <stddef.h>

#include "base/attrs.h"
#include "upstream/prompt_template.h"
#include "upstream/upstream.h"

/*
 * Render the request body of <call> in the dialect of <settings>. Returns owned
 * bytes (not NUL-terminated), their count in <length>; NULL when memory is out.
 */
char *request_body_render(const struct upstream_settings *settings,
                          const struct upstream_call *call, size_t *length) MUST_USE;

#endif
