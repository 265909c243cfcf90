/* SPDX-License-Identifier: MIT */
/*
 * old_kernel.c - run a program as on a kernel that lacks what the sandbox is made of.
 *
 * usage: old_kernel [--no-seccomp] [--no-landlock] PROGRAM ARGUMENT...
 *
 * A filter of its own makes the kernel deny that it knows the calls. It sets no
 * no_new_privs, which would be seen on the program, so it has to be started as root.
 */
#include <errno.h>
#include <linux/prctl.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_CANNOT 125

static int deny(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
}

static int deny_seccomp(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp sets_a_filter = {
        .arg = 0, .op = SCMP_CMP_EQ, .datum_a = PR_SET_SECCOMP};
    int error = deny(filter, SCMP_SYS(seccomp));

    return error != 0 ? error
                      : seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                               &sets_a_filter);
}

int main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int error = filter == NULL ? -ENOMEM : seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    int next = 1;

    for (; error == 0 && next < argc && strncmp(argv[next], "--", 2) == 0; next++) {
        if (strcmp(argv[next], "--no-seccomp") == 0) {
            error = deny_seccomp(filter);
        } else if (strcmp(argv[next], "--no-landlock") == 0) {
            error = deny(filter, SCMP_SYS(landlock_create_ruleset));
        } else {
            error = -EINVAL;
        }
    }
    if (error == 0) {
        error = seccomp_load(filter);
    }
    if (error != 0 || next >= argc) {
        (void)fprintf(stderr, "old_kernel: %s\n", error != 0 ? strerror(-error) : "no program");
        return EXIT_CANNOT;
    }
    (void)execv(argv[next], &argv[next]);
    (void)fprintf(stderr, "old_kernel: %s: %s\n", argv[next], strerror(errno));
    return EXIT_CANNOT;
}
