/* SPDX-License-Identifier: MIT */
/*
 * confine_internal.h - the three parts of confine.c; private to it.
 *
 *   confine_privileges.c  user, groups, capabilities
 *   confine_files.c       Landlock: what is left of the file system, and of TCP
 *   confine_syscalls.c    seccomp: what is left of the kernel
 */
#ifndef GATEWAY_CONFINE_INTERNAL_H
#define GATEWAY_CONFINE_INTERNAL_H

#include <stdint.h>

#include "gateway/config_user.h"
#include "gateway/confine.h"

enum confine_result {
    CONFINE_OK = 0,
    CONFINE_ABSENT, /* this kernel does not have it */
    CONFINE_FAILED, /* it has, but does not let us; errno says why */
};

/* -- confine_privileges.c -- */

/* Other user and group, no further groups. errno on failure: the process then stays as it is. */
bool confine_become(const struct config_user *user) MUST_USE;

/* No program that is executed gets more than this bit set; before the user changes. */
void confine_bound_capabilities(uint64_t keep);

/* And this process has no more. */
void confine_keep_capabilities(uint64_t keep);

/* No program gives privileges any more; no core file, no look into this process. */
bool confine_seal(void) MUST_USE;

/* -- confine_files.c -- */

/* Landlock's version; 0: the kernel has none. */
int confine_files_version(void);

enum confine_result confine_files(const struct confine_plan *plan) MUST_USE;

/* -- confine_syscalls.c -- */

bool confine_syscalls_exist(void);

enum confine_result confine_syscalls(const struct confine_plan *plan) MUST_USE;

#endif
