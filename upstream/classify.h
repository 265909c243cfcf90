/* SPDX-License-Identifier: MIT */
/*
 * classify.h - what a provider's error answer means.
 *
 * Hugging Face and the providers behind it use a dozen shapes, and neither the
 * status nor the content type can be trusted alone. Pure.
 */
#ifndef UPSTREAM_CLASSIFY_H
#define UPSTREAM_CLASSIFY_H

#include "base/json.h"
#include "base/span.h"
#include "upstream/failure.h"

/*
 * An HTTP answer other than a usable 200.
 *
 * status  100 to 599.
 * body    what was read of the body, capped by the caller; any bytes.
 */
enum upstream_failure classify_answer(struct json_doc *doc, int status, struct span body);

/*
 * An error object inside a stream: <event> is the event's parsed data, or the
 * document is NULL when the data was not JSON. <status> receives an HTTP-like code
 * when the error names one, else 0.
 */
enum upstream_failure classify_event(const struct json_doc *event, int *status);

/* Retry-After in seconds (RFC 9110 section 10.2.3: seconds or a date); -1 when unusable. */
long classify_retry_after(struct span value, long long now_unix_s);

/*
 * RateLimit of the Hub, for example "api";r=0;t=55: the seconds until the last policy
 * that has nothing left is renewed; -1 when there is none.
 */
long classify_rate_limit(struct span value);

#endif
