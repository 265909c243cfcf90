/* SPDX-License-Identifier: MIT */
/*
 * confine_privileges.c - user, groups, capabilities.
 *
 * capset(2) and not libcap: two calls are all that is needed.
 */
/* For setresuid() and its kin. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/confine_internal.h"

#define CAPABILITY_WORDS 2

bool confine_become(const struct config_user *user)
{
    uid_t real;
    uid_t effective;
    uid_t saved;

    if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0) {
        return false;
    }
    /* The one call of which success has been seen to mean nothing: look, and try the way back. */
    if (getresuid(&real, &effective, &saved) != 0 || real != user->uid || effective != user->uid ||
        saved != user->uid || (user->uid != 0 && setuid(0) == 0)) {
        errno = EPERM;
        return false;
    }
    return true;
}

void confine_bound_capabilities(uint64_t keep)
{
    /* Needs CAP_SETPCAP; without it no_new_privs has the same effect. */
    for (unsigned long bit = 0; prctl(PR_CAPBSET_READ, bit, 0, 0, 0) >= 0; bit++) {
        if (bit >= 64 || (keep >> bit & 1) == 0) {
            (void)prctl(PR_CAPBSET_DROP, bit, 0, 0, 0);
        }
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

void confine_keep_capabilities(uint64_t keep)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[CAPABILITY_WORDS] = {{0}, {0}};

    if (syscall(SYS_capget, &header, sets) != 0) {
        return; /* no capabilities in this kernel at all */
    }
    for (unsigned i = 0; i < CAPABILITY_WORDS; i++) {
        uint32_t word = (uint32_t)(keep >> (32 * i));
        sets[i].permitted &= word;
        sets[i].effective &= word;
        sets[i].inheritable = 0;
    }
    (void)syscall(SYS_capset, &header, sets); /* giving up needs no right */
}

bool confine_seal(void)
{
    /* A change of user makes a process dumpable or not as the system's setting has it. */
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}
