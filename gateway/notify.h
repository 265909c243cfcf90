/* SPDX-License-Identifier: MIT */
/*
 * notify.h - words to the service manager that started us, if it wants any.
 *
 * The protocol of sd_notify(3): one datagram to the socket named by NOTIFY_SOCKET.
 * Nothing is sent, and nothing fails, where there is none.
 */
#ifndef GATEWAY_NOTIFY_H
#define GATEWAY_NOTIFY_H

#include <sys/types.h>

/* Serving, for the first time or again after a reload. */
void notify_ready(void);

void notify_reloading(void);

void notify_stopping(void);

/* From now on <pid> is the service's main process. */
void notify_main_pid(pid_t pid);

#endif
