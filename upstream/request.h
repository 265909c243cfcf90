/* SPDX-License-Identifier: MIT */
/*
 * request.h - one HTTP request on one connection. Internal to upstream/.
 */
#ifndef UPSTREAM_REQUEST_H
#define UPSTREAM_REQUEST_H

#include <stdbool.h>

#include "base/attrs.h"

struct connection;
struct upstream;

/*
 * Put <call>'s request on <connection>, which connects first when it is OPENING.
 * Nothing is told to the call inside; a refusal that is known at once comes from
 * the loop. False when memory is out: then the connection is dead and the call
 * does not know it.
 */
bool request_send(struct connection *connection, struct upstream *call) MUST_USE;

#endif
