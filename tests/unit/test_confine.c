/* SPDX-License-Identifier: MIT */
/*
 * test_confine.c - the filters bite, and do not bite what a worker does all day.
 *
 * Every case runs in a child that confines itself as a worker does (never as a
 * sanitizer build's worker does, which is let look into itself) and then tries one
 * thing. How the child ends is the answer: by its own exit status, an errno, or by
 * the signal of the filter.
 */
/* For pipe2() and the numbers of Linux. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/confine_internal.h"
#include "gateway/log.h"

#define SUCCEEDED 0
#define NOT_CONFINED 250
#define KILLED (-SIGSYS)
#define SKIPPED 77 /* tests/unit/CMakeLists.txt says so */

/* What the children inherit: opened before they are confined, as a worker's sockets are. */
static int listen_fd;
static in_port_t listen_port; /* network order; the port of the conf's upstream */
static int other_fd;
static in_port_t other_port;
static int epoll_fd;
static char log_folder[] = "/tmp/tidegate-confine-XXXXXX";
static char log_path[64];

static char url[64];
static char empty[] = "";
static struct config_upstream upstream = {.url = url, .ca_file = empty};
static struct config config = {.user = empty,
                               .sandbox = CONFIG_SANDBOX_AUTO,
                               .log_access = log_path,
                               .upstreams = &upstream,
                               .upstream_count = 1};

static const struct confine_plan worker = {.config = &config, .connects = true};
static const struct confine_plan reopening = {
    .config = &config, .connects = true, .reopens_log = true};
static const struct confine_plan admin = {.config = &config};

static int listen_on_loopback(in_port_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = address.sin_port;
    return fd;
}

static int open_all(void **state)
{
    (void)state;
    log_setup(LOG_ERROR, LOG_LOGFMT);
    listen_fd = listen_on_loopback(&listen_port);
    other_fd = listen_on_loopback(&other_port);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)ntohs(listen_port));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    assert_true(epoll_fd >= 0);
    assert_non_null(mkdtemp(log_folder));
    assert_int_equal(chmod(log_folder, 0777), 0); /* the child may have become nobody */
    (void)snprintf(log_path, sizeof(log_path), "%s/access", log_folder);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    (void)unlink(log_path);
    (void)rmdir(log_folder);
    (void)close(listen_fd);
    (void)close(other_fd);
    (void)close(epoll_fd);
    return 0;
}

/* Exit status of a confined child that does <act>, or minus the signal that ended it. */
static int outcome_of(const struct confine_plan *plan, int (*act)(void))
{
    int status = 0;
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(confine(plan) ? act() : NOT_CONFINED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* The result of a system call as an exit status. */
static int told(long result)
{
    return result < 0 ? errno : SUCCEEDED;
}

/* -- what an intruder would try -- */

static int executes(void)
{
    char *const arguments[] = {empty, NULL};

    return told(execve("/bin/true", arguments, arguments));
}

static int forks(void)
{
    return told(fork());
}

static int forks_the_old_way(void)
{
    return told(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int forks_the_new_way(void)
{
    return told(syscall(SYS_clone3, NULL, 0));
}

static int traces(void)
{
    return told(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int reads_other_memory(void)
{
    return told(syscall(SYS_process_vm_readv, getppid(), NULL, 0UL, NULL, 0UL, 0UL));
}

static int mounts(void)
{
    return told(mount("none", "/mnt", "tmpfs", 0, NULL));
}

static int unshares(void)
{
    return told(unshare(CLONE_NEWUSER));
}

static int sets_up_a_ring(void)
{
    return told(syscall(SYS_io_uring_setup, 1, NULL));
}

static int opens_packets(void)
{
    return told(socket(AF_PACKET, SOCK_RAW, 0));
}

static int opens_netlink(void)
{
    return told(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int opens_a_local_socket(void)
{
    return told(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int binds(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    return told(
        bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)));
}

static int connect_to(in_port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return errno;
    }
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS
               ? errno
               : SUCCEEDED;
}

static int connects_elsewhere(void)
{
    return connect_to(other_port);
}

static int connects_upstream(void)
{
    return connect_to(listen_port);
}

static int reads_a_file(void)
{
    return told(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int lists_a_directory(void)
{
    return told(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int reads_its_environment(void)
{
    return told(open("/proc/self/environ", O_RDONLY | O_CLOEXEC));
}

static int writes_a_file(void)
{
    return told(open("/dev/null", O_WRONLY | O_CLOEXEC));
}

static int makes_a_file(void)
{
    return told(open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

static int makes_a_file_elsewhere(void)
{
    return told(open("/tmp/tidegate-confine-elsewhere", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int removes_a_file(void)
{
    return told(unlink(log_path));
}

static int signals_its_parent(void)
{
    return told(kill(getppid(), 0));
}

static int signals_a_thread_of_its_parent(void)
{
    return told(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int asks_for_signals_elsewhere(void)
{
    return told(fcntl(listen_fd, F_SETOWN, getppid()));
}

static int becomes_dumpable(void)
{
    return told(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int becomes_root(void)
{
    return told(setuid(0));
}

static int maps_code(void)
{
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? errno : SUCCEEDED;
}

static int makes_code(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NOT_CONFINED : told(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

struct attempt {
    const char *name;
    int (*act)(void);
    int expected;
    int landlock; /* the version that it takes to refuse this; 0: any kernel does */
};

#define ATTEMPT(act, ...)                                                                          \
    {                                                                                              \
#act, act, __VA_ARGS__                                                                     \
    }

static const struct attempt attempts[] = {
    ATTEMPT(executes, KILLED, 0),
    ATTEMPT(forks, KILLED, 0),
    ATTEMPT(forks_the_old_way, KILLED, 0),
    ATTEMPT(forks_the_new_way, ENOSYS, 0),
    ATTEMPT(traces, KILLED, 0),
    ATTEMPT(reads_other_memory, KILLED, 0),
    ATTEMPT(mounts, KILLED, 0),
    ATTEMPT(unshares, KILLED, 0),
    ATTEMPT(sets_up_a_ring, KILLED, 0),
    ATTEMPT(opens_packets, ENOSYS, 0),
    ATTEMPT(opens_netlink, ENOSYS, 0),
    ATTEMPT(opens_a_local_socket, ENOSYS, 0),
    ATTEMPT(binds, ENOSYS, 0),
    ATTEMPT(connects_elsewhere, EACCES, 4),
    ATTEMPT(reads_a_file, EACCES, 1),
    ATTEMPT(lists_a_directory, EACCES, 1),
    ATTEMPT(reads_its_environment, EACCES, 1),
    ATTEMPT(writes_a_file, ENOSYS, 0),
    ATTEMPT(makes_a_file, ENOSYS, 0),
    ATTEMPT(removes_a_file, ENOSYS, 0),
    ATTEMPT(signals_its_parent, ENOSYS, 0),
    ATTEMPT(signals_a_thread_of_its_parent, ENOSYS, 0),
    ATTEMPT(asks_for_signals_elsewhere, ENOSYS, 0),
    ATTEMPT(becomes_dumpable, ENOSYS, 0),
    ATTEMPT(becomes_root, ENOSYS, 0),
    ATTEMPT(maps_code, ENOSYS, 0),
    ATTEMPT(makes_code, ENOSYS, 0),
};

static bool is_known_here(const struct attempt *attempt)
{
    return confine_files_version() >= attempt->landlock;
}

static void what_an_intruder_would_try_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        const struct attempt *attempt = &attempts[i];
        int outcome =
            is_known_here(attempt) ? outcome_of(&worker, attempt->act) : attempt->expected;
        if (outcome != attempt->expected) {
            fail_msg("%s: %d, expected %d", attempt->name, outcome, attempt->expected);
        }
    }
}

/* The same without the filters succeeds: the attempts are real ones. */
static void without_the_sandbox_the_attempts_succeed(void **state)
{
    static int (*const acts[])(void) = {executes,  forks,        connects_elsewhere,
                                        maps_code, reads_a_file, opens_a_local_socket,
                                        makes_code};

    (void)state;
    config.sandbox = CONFIG_SANDBOX_OFF;
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        int outcome = outcome_of(&worker, acts[i]);
        if (outcome != SUCCEEDED) {
            fail_msg("attempt %zu: %d", i, outcome);
        }
    }
    config.sandbox = CONFIG_SANDBOX_AUTO;
}

/* -- what a worker does all day -- */

/* As the DNS client does. */
static int asks_a_name_server(void)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    return told(sendto(fd, "?", 1, 0, (struct sockaddr *)&address, sizeof(address)));
}

static int works(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct stat status;
    char bytes[16] = "";
    int waiting = 0;
    int client =
        connects_upstream() == SUCCEEDED ? accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK) : -1;
    void *memory = malloc(1U << 24);

    if (client < 0 || memory == NULL || getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
        return 1;
    }
    free(memory);
    if (fcntl(client, F_SETFL, fcntl(client, F_GETFL) | O_NONBLOCK) != 0 ||
        fcntl(client, F_DUPFD_CLOEXEC, 0) < 0 || ioctl(client, FIONREAD, &waiting) != 0) {
        return 2;
    }
    if (write(client, "x", 1) != 1 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, client, &event) != 0 ||
        epoll_wait(epoll_fd, &event, 1, 0) != 0) {
        return 3;
    }
    if (fstat(client, &status) != 0 || shutdown(client, SHUT_RDWR) != 0 || close(client) != 0) {
        return 4;
    }
    log_event(LOG_DEBUG, "worked", NULL, NULL);
    return SUCCEEDED;
}

static void what_a_worker_does_all_day_works(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(&worker, works), SUCCEEDED);
    assert_int_equal(outcome_of(&worker, asks_a_name_server), SUCCEEDED);
}

static int aborts(void)
{
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

/* A failed assertion must read as one, and not as a break-in. */
static void abort_is_still_an_abort(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(&worker, aborts), -SIGABRT);
}

static void the_admin_process_connects_to_nothing(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(&admin, connects_upstream), ENOSYS);
}

static void without_a_supervisor_the_log_is_made_anew_and_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(outcome_of(&reopening, makes_a_file), SUCCEEDED);
    assert_int_equal(access(log_path, F_OK), 0);
    if (confine_files_version() > 0) {
        assert_int_equal(outcome_of(&reopening, makes_a_file_elsewhere), EACCES);
        assert_int_equal(outcome_of(&reopening, writes_a_file), EACCES);
    }
}

/* -- users -- */

static void users_are_found_by_name_and_number(void **state)
{
    static const struct {
        const char *text;
        bool is_found;
        uid_t uid;
        gid_t gid;
    } rows[] = {
        {"", true, 65534, 65534},
        {"root", true, 0, 0},
        {"0", true, 0, 0},
        {"root:12", true, 0, 12},
        {"4711", true, 4711, 4711},
        {"4711:815", true, 4711, 815},
        {"4711:root", true, 4711, 0},
        {"no-such-user", false, 0, 0},
        {"root:no-such-group", false, 0, 0},
        {"root:", false, 0, 0},
        {":0", false, 0, 0},
        {"-1", false, 0, 0},
        {"4294967295", false, 0, 0},
        {"4294967296", false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_user user = {.uid = 1, .gid = 1};
        bool is_found = config_user_find(rows[i].text, &user);
        if (is_found != rows[i].is_found ||
            (is_found && (user.uid != rows[i].uid || user.gid != rows[i].gid))) {
            fail_msg("\"%s\"", rows[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_intruder_would_try_is_refused),
        cmocka_unit_test(without_the_sandbox_the_attempts_succeed),
        cmocka_unit_test(what_a_worker_does_all_day_works),
        cmocka_unit_test(abort_is_still_an_abort),
        cmocka_unit_test(the_admin_process_connects_to_nothing),
        cmocka_unit_test(without_a_supervisor_the_log_is_made_anew_and_nothing_else),
        cmocka_unit_test(users_are_found_by_name_and_number),
    };

#ifdef TIDEGATE_UNCONFINED
    return SKIPPED;
#endif
    return confine_syscalls_exist() ? cmocka_run_group_tests(tests, open_all, close_all) : SKIPPED;
}
