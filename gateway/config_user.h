/* SPDX-License-Identifier: MIT */
/*
 * config_user.h - the user that workers run as, from the text of the conf file.
 */
#ifndef GATEWAY_CONFIG_USER_H
#define GATEWAY_CONFIG_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/attrs.h"

struct config_user {
    uid_t uid;
    gid_t gid;
};

/*
 * "NAME", "NAME:GROUP", "UID" or "UID:GID", names and numbers mixed as one likes; ""
 * is nobody, by number, so that it needs no user database. Without a group the user's
 * own one is taken, or for a number that the database does not know, the same number.
 * False when there is no such user or group.
 */
bool config_user_find(const char *text, struct config_user *user) MUST_USE;

#endif
