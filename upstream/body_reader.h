/* SPDX-License-Identifier: MIT */
/*
 * body_reader.h - reads a chunked answer past evhttp.
 *
 * evhttp asks the kernel how much there is, reads that into a buffer, looks for a line end
 * by copying, moves each whole chunk into another buffer and hands it out: a third of what a
 * token cost. So once the head has been read, and says "chunked", the body is read here:
 * one recv() into memory that all streams share, walked once by framing.c, each run of data
 * given to the call where it lies. When the last chunk has come, evhttp is given a last
 * chunk, too: it ends the request and keeps the connection, and knows of nothing else.
 *
 *   head -> start -> take_early -> (readable: recv, walk, call_on_bytes)* -> last chunk
 *
 * Over TLS the bufferevent goes on reading, and its bytes are taken from its input.
 * Bodies of other framing are evhttp's, as is this one where no reader could be made.
 */
#ifndef UPSTREAM_BODY_READER_H
#define UPSTREAM_BODY_READER_H

#include <stdbool.h>

#include "base/attrs.h"

struct connection;

/*
 * The connection is open. The reader stays on the socket until it is closed: evhttp takes
 * its own off and on again for each request, which the kernel need not be told.
 */
void body_reader_init(struct connection *connection);

/*
 * Inside the head callback, before connection_begin_body(): what follows is a chunked body,
 * and is_direct from here on, unless there is no reader: then evhttp reads it.
 */
void body_reader_start(struct connection *connection);

/*
 * Inside the head callback, as its last act: what came together with the head. False: the
 * connection is lost. Does nothing for a body that evhttp reads.
 */
bool body_reader_take_early(struct connection *connection) MUST_USE;

#endif
