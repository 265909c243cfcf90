/* SPDX-License-Identifier: MIT */
/*
 * confine.c - what a process gives up before the first byte of a stranger reaches it.
 *
 * The order is forced: capabilities go while we may still take them from ourselves,
 * files before system calls because Landlock is a system call.
 */
#include "gateway/confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret_variable.h"
#include "gateway/confine_internal.h"
#include "gateway/log.h"

#define WORKER_UMASK 027

/* A build that must write files at its end, such as one that counts coverage. */
#ifdef TIDEGATE_UNCONFINED
#define IS_UNCONFINED true
#else
#define IS_UNCONFINED false
#endif

static bool refuse(const char *part, const char *problem)
{
    struct log_line line;

    log_begin(&line, LOG_ERROR, "not_confined");
    log_string(&line, "part", part);
    log_string(&line, "problem", problem);
    log_end(&line);
    return false;
}

static void warn(const char *part, const char *problem)
{
    struct log_line line;

    log_begin(&line, LOG_WARN, "not_confined");
    log_string(&line, "part", part);
    log_string(&line, "problem", problem);
    log_end(&line);
}

/* -- privileges -- */

/*
 * Without a user in the conf, a root that may not change its user - one of a container
 * that dropped CAP_SETUID, or of a user namespace that has no other - stays what it is,
 * which is little enough. A user that is named is meant.
 */
static bool change_user(const struct config *config)
{
    struct config_user user;

    if (geteuid() != 0) {
        return true;
    }
    if (!config_user_find(config->user, &user)) {
        return refuse("user", "no such user or group");
    }
    if (!confine_become(&user)) {
        if (config->user[0] != '\0') {
            return refuse("user", strerror(errno));
        }
        warn("user", strerror(errno));
    }
    return true;
}

/* The kernel forgets with the user that we are to end with our parent. */
static void keep_death_signal(int death_signal, pid_t parent)
{
    if (death_signal == 0) {
        return;
    }
    (void)prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0);
    if (getppid() != parent) { /* it died before the line above */
        (void)raise(death_signal);
    }
}

static bool drop_privileges(const struct confine_plan *plan)
{
    int death_signal = 0;
    pid_t parent = getppid();

    (void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    confine_bound_capabilities(0); /* a right of the user that goes next */
    if (!change_user(plan->config)) {
        return false;
    }
    confine_keep_capabilities(0);
    keep_death_signal(death_signal, parent);
    if (!confine_seal()) {
        return refuse("privileges", strerror(errno));
    }
    return true;
}

void confine_supervisor(void)
{
    /*
     * Sockets below 1024 at a reload, secrets and logs of any owner, children of another
     * user to make, to bound and to signal.
     */
    static const unsigned needed[] = {
        CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SETGID,
        CAP_SETPCAP,          CAP_KILL};
    uint64_t keep = 0;

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        keep |= UINT64_C(1) << needed[i];
    }
    confine_bound_capabilities(keep);
    confine_keep_capabilities(keep);
}

/* -- sandbox -- */

/* True when the process may go on with this result. */
static bool may_go_on(const struct confine_plan *plan, const char *part, enum confine_result result)
{
    const char *problem = result == CONFINE_ABSENT ? "the kernel does not have it" : NULL;

    if (result == CONFINE_OK) {
        return true;
    }
    if (problem == NULL) {
        problem = strerror(errno);
    }
    if (plan->config->sandbox == CONFIG_SANDBOX_ON) {
        return refuse(part, problem);
    }
    if (result == CONFINE_FAILED) {
        warn(part, problem); /* confine_announce() has warned of what is absent */
    }
    return true;
}

bool confine(const struct confine_plan *plan)
{
    (void)umask(WORKER_UMASK);
    secret_variables_forget(); /* only who reads the conf needs them */
    if (IS_UNCONFINED) {
        return true;
    }
    if (!drop_privileges(plan)) {
        return false;
    }
    return plan->config->sandbox == CONFIG_SANDBOX_OFF ||
           (may_go_on(plan, "files", confine_files(plan)) &&
            may_go_on(plan, "syscalls", confine_syscalls(plan)));
}

static const char *sandbox_name(enum config_sandbox sandbox)
{
    switch (sandbox) {
    case CONFIG_SANDBOX_AUTO:
        return "auto";
    case CONFIG_SANDBOX_ON:
        return "on";
    case CONFIG_SANDBOX_OFF:
        return "off";
    }
    return "off";
}

static void announce_user(const struct config *config, struct log_line *line)
{
    struct config_user user = {.uid = geteuid(), .gid = getegid()};

    if (geteuid() == 0 && !config_user_find(config->user, &user)) {
        return; /* the conf was checked a moment ago */
    }
    log_int(line, "uid", (int64_t)user.uid);
    log_int(line, "gid", (int64_t)user.gid);
}

bool confine_announce(const struct config *config)
{
    bool is_wanted = config->sandbox != CONFIG_SANDBOX_OFF && !IS_UNCONFINED;
    int files = is_wanted ? confine_files_version() : 0;
    bool syscalls = is_wanted && confine_syscalls_exist();
    struct log_line line;

    log_begin(&line, LOG_INFO, "confinement");
    announce_user(config, &line);
    log_string(&line, "sandbox", sandbox_name(config->sandbox));
    log_string(&line, "syscalls", syscalls ? "filtered" : "all");
    log_int(&line, "landlock", files);
    log_end(&line);
    if (geteuid() != 0 && config->user[0] != '\0') {
        log_event(LOG_WARN, "user_ignored", "problem", "only root can become another user");
    }
    if (config->sandbox == CONFIG_SANDBOX_ON && !syscalls) {
        return refuse("syscalls", "the kernel has no seccomp filters");
    }
    if (config->sandbox == CONFIG_SANDBOX_ON && files == 0) {
        return refuse("files", "the kernel has no Landlock");
    }
    if (is_wanted && !syscalls) {
        warn("syscalls", "the kernel has no seccomp filters");
    }
    if (is_wanted && files == 0) {
        log_event(LOG_DEBUG, "not_confined", "part", "files"); /* common, and the smaller part */
    }
    return true;
}
