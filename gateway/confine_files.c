/* SPDX-License-Identifier: MIT */
/*
 * confine_files.c - Landlock: what is left of the file system, and of TCP.
 *
 * Left are the trust roots, of which OpenSSL reads single files when it first needs
 * them, and what libevent may read to resolve a name. A rule holds for the file that a
 * path leads to, so links are followed here, at the start: certificates that are
 * linked into the store later are seen after a reload, like all changes of the conf.
 *
 * The system's header is older than the kernel: what it does not know stands here.
 */
/* For O_PATH. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/x509.h>

#include "gateway/access_log.h"
#include "gateway/confine_internal.h"
#include "upstream/upstream.h"

/* linux/landlock.h of Linux 6.12; the number behind V is Landlock's version. */
#define FS_TRUNCATE_V3 (UINT64_C(1) << 14)
#define FS_IOCTL_DEV_V5 (UINT64_C(1) << 15)
#define NET_BIND_TCP_V4 (UINT64_C(1) << 0)
#define NET_CONNECT_TCP_V4 (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET_V6 (UINT64_C(1) << 0)
#define SCOPE_SIGNAL_V6 (UINT64_C(1) << 1)
#define RULE_NET_PORT_V4 2

struct ruleset_attr {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct net_port_attr {
    uint64_t allowed;
    uint64_t port;
};

#define READ_FILES LANDLOCK_ACCESS_FS_READ_FILE
#define READ_TREE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_LOG (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG)

int confine_files_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

    return version > 0 ? (int)version : 0;
}

static int new_ruleset(int version)
{
    struct ruleset_attr attr = {.handled_fs = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1};

    if (version >= 2) {
        attr.handled_fs |= LANDLOCK_ACCESS_FS_REFER;
    }
    if (version >= 3) {
        attr.handled_fs |= FS_TRUNCATE_V3;
    }
    if (version >= 4) {
        attr.handled_net = NET_BIND_TCP_V4 | NET_CONNECT_TCP_V4;
    }
    if (version >= 5) {
        attr.handled_fs |= FS_IOCTL_DEV_V5;
    }
    if (version >= 6) {
        attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET_V6 | SCOPE_SIGNAL_V6;
    }
    /* An older kernel takes the longer struct as long as what it does not know is zero. */
    return (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0U);
}

/* What cannot be opened needs no rule. A file has no rights of a directory. */
static void allow_path(int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    struct stat status;

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return;
    }
    if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode)) {
        rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
    }
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
    (void)close(rule.parent_fd);
}

/* -- trust roots -- */

/* A store of certificates is full of links to where they really are. */
static void allow_links_of(int ruleset, const char *directory)
{
    char path[PATH_MAX];
    struct dirent *entry;
    DIR *entries = opendir(directory);

    if (entries == NULL) {
        return;
    }
    while ((entry = readdir(entries)) != NULL) {
        bool may_be_link = entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;
        if (may_be_link &&
            snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path)) {
            allow_path(ruleset, path, READ_FILES);
        }
    }
    (void)closedir(entries);
}

static const char *from_environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value == NULL ? otherwise : value;
}

/* The store of OpenSSL: one file, and directories with ":" between. */
static void allow_system_roots(int ruleset)
{
    const char *directories =
        from_environment(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    char *copy = strdup(directories);
    char *rest = copy;

    allow_path(ruleset,
               from_environment(X509_get_default_cert_file_env(), X509_get_default_cert_file()),
               READ_FILES);
    for (char *one = strsep(&rest, ":"); one != NULL; one = strsep(&rest, ":")) {
        allow_path(ruleset, one, READ_TREE);
        allow_links_of(ruleset, one);
    }
    free(copy);
}

/* -- what the plan needs -- */

static void allow_upstreams(int ruleset, const struct config *config, int version)
{
    bool has_system_roots = false;

    for (size_t i = 0; i < config->upstream_count; i++) {
        const struct config_upstream *upstream = &config->upstreams[i];
        struct net_port_attr rule = {.allowed = NET_CONNECT_TCP_V4,
                                     .port = upstream_url_port(upstream->url)};
        if (version >= 4) {
            (void)syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT_V4, &rule, 0U);
        }
        has_system_roots = has_system_roots || upstream->ca_file[0] == '\0';
    }
    if (has_system_roots) {
        allow_system_roots(ruleset);
    }
    allow_path(ruleset, "/etc/resolv.conf", READ_FILES);
    allow_path(ruleset, "/etc/hosts", READ_FILES);
}

/* A log that was renamed is made anew, so the directory is what has to be writable. */
static void allow_log(int ruleset, const char *where)
{
    char *copy = access_log_is_file(where) ? strdup(where) : NULL;

    if (copy != NULL) {
        allow_path(ruleset, dirname(copy), WRITE_LOG);
        free(copy);
    }
}

/* A report names functions and looks at every mapping. */
static void allow_sanitizer(int ruleset)
{
    static const char *const paths[] = {"/proc", "/usr", "/lib", "/lib64", "/proc/self/exe"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        allow_path(ruleset, paths[i], READ_TREE);
    }
}

enum confine_result confine_files(const struct confine_plan *plan)
{
    int version = confine_files_version();
    int ruleset = version > 0 ? new_ruleset(version) : -1;
    enum confine_result result = CONFINE_OK;

    if (version == 0) {
        return CONFINE_ABSENT;
    }
    if (ruleset < 0) {
        return CONFINE_FAILED;
    }
    if (plan->connects) {
        allow_upstreams(ruleset, plan->config, version);
    }
    if (plan->reopens_log) {
        allow_log(ruleset, plan->config->log_access);
    }
    if (plan->is_sanitized) {
        allow_sanitizer(ruleset);
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0U) != 0) {
        result = CONFINE_FAILED;
    }
    (void)close(ruleset);
    return result;
}
