/* SPDX-License-Identifier: MIT */
/*
 * file_limit.h - how many client connections the descriptors of this process allow.
 */
#ifndef GATEWAY_FILE_LIMIT_H
#define GATEWAY_FILE_LIMIT_H

#include <stddef.h>

#include "gateway/config.h"

/* The soft limit becomes the hard one, where the system lets it. */
void file_limit_raise(void);

/*
 * limits.connections, or fewer when this process may not open the descriptors that so
 * many would need: one for each connection, one more for each that is being served, and
 * what the process needs for itself. At least 1.
 */
size_t file_limit_connections(const struct config *config);

/* The same for <limit> descriptors. Pure. */
size_t file_limit_connections_within(const struct config *config, size_t limit);

/* Warn when the conf file asks for more than fits. */
void file_limit_report(const struct config *config);

#endif
