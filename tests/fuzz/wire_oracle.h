/* SPDX-License-Identifier: MIT */
/*
 * wire_oracle.h - what the gateway may put on a wire, whatever came in.
 *
 * Written apart from the gateway's own parsers on purpose: it would be no witness
 * if it shared their mistakes.
 */
#ifndef TESTS_FUZZ_WIRE_ORACLE_H
#define TESTS_FUZZ_WIRE_ORACLE_H

#include <stdbool.h>

#include "base/span.h"

/*
 * Everything one client got: whole HTTP/1.1 answers one behind the other, the last of
 * which may be cut; plain field lines, none twice; errors are JSON; nothing after an
 * answer that says close. <asked_for_heads>: some request was a HEAD, so an answer
 * may lack the body that it tells the length of. NULL, or what is wrong.
 */
const char *wire_oracle_answers(struct span got, bool asked_for_heads);

/*
 * Everything one upstream connection got: requests of the one form the gateway makes,
 * each with a JSON body of exactly its Content-Length, the last one perhaps cut.
 */
const char *wire_oracle_requests(struct span got);

#endif
