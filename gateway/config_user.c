/* SPDX-License-Identifier: MIT */
/*
 * config_user.c - the user that workers run as, from the text of the conf file.
 */
#include "gateway/config_user.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "gateway/config_value.h"

#define NAME_BYTES_MAX 64
#define NOBODY 65534            /* what Linux shows for owners that it cannot name */
#define ID_MAX (UINT32_MAX - 1) /* the last one means "leave as it is" to setresuid() */

static bool is_id(const char *text, int64_t *id)
{
    return config_parse_count(text, id) == CONFIG_VALUE_OK && *id >= 0 && *id <= ID_MAX;
}

static bool find_user(const char *text, struct config_user *user)
{
    int64_t id = 0;
    bool is_number = is_id(text, &id);
    const struct passwd *entry = is_number ? getpwuid((uid_t)id) : getpwnam(text);

    if (entry != NULL) {
        *user = (struct config_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
        return true;
    }
    if (is_number) {
        *user = (struct config_user){.uid = (uid_t)id, .gid = (gid_t)id};
    }
    return is_number;
}

static bool find_group(const char *text, gid_t *gid)
{
    int64_t id = 0;
    const struct group *entry;

    if (is_id(text, &id)) {
        *gid = (gid_t)id;
        return true;
    }
    entry = getgrnam(text);
    if (entry != NULL) {
        *gid = entry->gr_gid;
    }
    return entry != NULL;
}

bool config_user_find(const char *text, struct config_user *user)
{
    struct config_user found = {.uid = NOBODY, .gid = NOBODY};
    const char *colon = strchr(text, ':');
    size_t name_length = colon == NULL ? strlen(text) : (size_t)(colon - text);
    char name[NAME_BYTES_MAX + 1] = "";

    if (text[0] != '\0') {
        if (name_length > NAME_BYTES_MAX) {
            return false;
        }
        (void)snprintf(name, sizeof(name), "%.*s", (int)name_length, text);
        if (!find_user(name, &found) || (colon != NULL && !find_group(colon + 1, &found.gid))) {
            return false;
        }
    }
    *user = found;
    return true;
}
