/* SPDX-License-Identifier: MIT */
/*
 * notify.c - words to the service manager that started us, if it wants any.
 */
#include "gateway/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/log.h"

/* "/path" or "@name" (the abstract name space); 0 when it is neither or too long. */
static socklen_t set_address(const char *name, struct sockaddr_un *address)
{
    size_t length = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(address->sun_path)) {
        return 0;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@') {
        address->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* Never waits: a manager that does not read must not hold up the supervisor. */
static void say(const char *words)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t length = name == NULL ? 0 : set_address(name, &address);
    int fd;

    if (length == 0) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, words, strlen(words), MSG_DONTWAIT | MSG_NOSIGNAL,
                         (struct sockaddr *)&address, length) < 0) {
        log_event(LOG_WARN, "notify_failed", "problem", strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void notify_ready(void)
{
    say("READY=1\nSTATUS=serving");
}

/* systemd (Type=notify-reload) wants the time, to tell this from a reload before. */
void notify_reloading(void)
{
    char words[96];

    snprintf(words, sizeof(words), "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
             (long long)clock_now_us());
    say(words);
}

void notify_stopping(void)
{
    say("STOPPING=1\nSTATUS=draining");
}

void notify_main_pid(pid_t pid)
{
    char words[64];

    snprintf(words, sizeof(words), "MAINPID=%ld\nSTATUS=serving", (long)pid);
    say(words);
}
