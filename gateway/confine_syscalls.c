/* SPDX-License-Identifier: MIT */
/*
 * confine_syscalls.c - seccomp: what is left of the kernel.
 *
 * Three answers. What an event loop with open sockets needs is allowed. What only
 * somebody who has taken over the process would ask for kills it, so that he gets one
 * try and the supervisor's log has a line. Everything else "is not implemented": a C
 * library or OpenSSL of tomorrow that tries a newer call then does what it does on an
 * older kernel, and an upgrade of theirs is not an outage of ours.
 *
 * libseccomp and not a program of our own for the kernel's filter machine: it knows the
 * numbers of every architecture, leaves out what one does not have, refuses the calls
 * of foreign ones and compares all 64 bits of an argument.
 */
/* For CLONE_VM. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway/confine_internal.h"

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Cheap for the kernel: it remembers that these pass whatever their arguments are. */
static const int allowed[] = {
    /* sockets that are open, or come by accept */
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pwritev2), /* log_sink.c, where others only have writev */
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(close),
    /* waiting */
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(futex),
    /* clocks, where the C library cannot read them without the kernel */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    /* memory; mmap and mprotect are below */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(getrandom),
    /* signals of its own, and its end */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* who am I */
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    /* files, of which Landlock leaves few; open is below */
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(stat),
    SCMP_SYS(statx),
    SCMP_SYS(lseek),
    SCMP_SYS(pread64),
    SCMP_SYS(getrusage),
    SCMP_SYS(getdents64),
};

/* What a worker has no use for and an intruder has. */
static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(open_by_handle_at),
};

/* The same, but a sanitizer stops and reads its own process through a sister thread. */
static const int deadly_unless_sanitized[] = {SCMP_SYS(ptrace), SCMP_SYS(clone)};

static const int for_sanitizer[] = {
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getdents),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(pipe2),
    SCMP_SYS(pipe),
    SCMP_SYS(tkill),
};

/* libseccomp is told of a comparison as of a struct; the operand is 64 bits wide. */
static struct scmp_arg_cmp is_equal(unsigned argument, uint64_t value)
{
    return (struct scmp_arg_cmp){.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value};
}

static struct scmp_arg_cmp has_none_of(unsigned argument, uint64_t bits)
{
    return (struct scmp_arg_cmp){
        .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = 0};
}

static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = seccomp_rule_add(filter, action, calls[i], 0);
        if (error != 0 && error != -EDOM) { /* EDOM: this architecture has no such call */
            errno = -error;
            return false;
        }
    }
    return true;
}

static bool allow_if(scmp_filter_ctx filter, int call, struct scmp_arg_cmp condition)
{
    int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &condition);

    if (error != 0 && error != -EDOM) {
        errno = -error;
        return false;
    }
    return true;
}

/* Each of these values of one argument is let through. */
static bool allow_values(scmp_filter_ctx filter, int call, unsigned argument, const int *values,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!allow_if(filter, call, is_equal(argument, (uint64_t)values[i]))) {
            return false;
        }
    }
    return true;
}

/* Memory is never executable that was not from the start, and what is mapped never becomes so. */
static bool add_memory(scmp_filter_ctx filter)
{
    return allow_if(filter, SCMP_SYS(mmap), has_none_of(2, PROT_EXEC)) &&
           allow_if(filter, SCMP_SYS(mprotect), has_none_of(2, PROT_EXEC));
}

static bool add_descriptors(scmp_filter_ctx filter)
{
    static const int fcntls[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC};
    static const int ioctls[] = {FIONREAD, FIONBIO, TCGETS};

    return allow_values(filter, SCMP_SYS(fcntl), 1, fcntls, LENGTH_OF(fcntls)) &&
           allow_values(filter, SCMP_SYS(ioctl), 1, ioctls, LENGTH_OF(ioctls)) &&
           /* abort() and raise(): nobody else is signalled */
           allow_if(filter, SCMP_SYS(tgkill), is_equal(0, (uint64_t)getpid()));
}

static bool add_open(scmp_filter_ctx filter, bool may_write)
{
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND;
    static const int calls[] = {SCMP_SYS(openat), SCMP_SYS(open)};

    if (may_write) {
        return add_all(filter, SCMP_ACT_ALLOW, calls, LENGTH_OF(calls));
    }
    return allow_if(filter, SCMP_SYS(openat), has_none_of(2, writing)) &&
           allow_if(filter, SCMP_SYS(open), has_none_of(1, writing));
}

/* Upstreams and name servers; no local service, no raw packet, no netlink. */
static bool add_connect(scmp_filter_ctx filter)
{
    static const int families[] = {AF_INET, AF_INET6};
    static const int calls[] = {SCMP_SYS(connect)};

    return allow_values(filter, SCMP_SYS(socket), 0, families, LENGTH_OF(families)) &&
           add_all(filter, SCMP_ACT_ALLOW, calls, LENGTH_OF(calls));
}

static bool add_sanitizer(scmp_filter_ctx filter)
{
    struct scmp_arg_cmp shares_memory = {
        .arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = CLONE_VM, .datum_b = CLONE_VM};

    return add_all(filter, SCMP_ACT_ALLOW, for_sanitizer, LENGTH_OF(for_sanitizer)) &&
           allow_if(filter, SCMP_SYS(clone), shares_memory);
}

static bool add_rules(scmp_filter_ctx filter, const struct confine_plan *plan)
{
    return add_all(filter, SCMP_ACT_ALLOW, allowed, LENGTH_OF(allowed)) &&
           add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, LENGTH_OF(deadly)) &&
           add_memory(filter) && add_descriptors(filter) && add_open(filter, plan->reopens_log) &&
           (!plan->connects || add_connect(filter)) &&
           (plan->is_sanitized ? add_sanitizer(filter)
                               : add_all(filter, SCMP_ACT_KILL_PROCESS, deadly_unless_sanitized,
                                         LENGTH_OF(deadly_unless_sanitized)));
}

/* Failures of these only cost time or precision. */
static void set_preferences(scmp_filter_ctx filter)
{
    (void)seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree of calls */
    /* Kernels before 5.16 slow a filtered process down against Spectre 4, for what a JIT would do. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
}

bool confine_syscalls_exist(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

enum confine_result confine_syscalls(const struct confine_plan *plan)
{
    scmp_filter_ctx filter;
    enum confine_result result = CONFINE_OK;
    int error;

    if (!confine_syscalls_exist()) {
        return CONFINE_ABSENT;
    }
    filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL) {
        errno = ENOMEM;
        return CONFINE_FAILED;
    }
    set_preferences(filter);
    if (!add_rules(filter, plan)) {
        result = CONFINE_FAILED;
    } else if ((error = seccomp_load(filter)) != 0) {
        errno = -error;
        result = CONFINE_FAILED;
    }
    seccomp_release(filter);
    return result;
}
