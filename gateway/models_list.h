/* SPDX-License-Identifier: MIT */
/*
 * models_list.h - the models of the conf file as GET /v1/models tells them. Pure.
 *
 *   {"object":"list","data":[{"id":"...","object":"model","created":0,"owned_by":"..."}],
 *    "patterns":["Qwen*"]}
 *
 * Listed is what can be asked for by exactly that name: the rows of models.allow without
 * wildcards, and the aliases; less what is retired. A row with wildcards stands for names
 * nobody here knows, so it is told as it is, in a member of its own.
 */
#ifndef GATEWAY_MODELS_LIST_H
#define GATEWAY_MODELS_LIST_H

#include <stddef.h>

#include "base/attrs.h"
#include "gateway/config.h"

/* The whole list, NUL-terminated, to be freed by the caller. NULL: no memory. */
char *models_list_new(const struct config *config, size_t *length) MUST_USE;

/* Room for one model's object. */
#define MODELS_LIST_ENTRY_BYTES_MAX 512

/* Write the object of "publisher/name[:provider]" to <out>; returns its length. */
size_t models_list_entry_render(const char *model, char out[MODELS_LIST_ENTRY_BYTES_MAX]) MUST_USE;

#endif
