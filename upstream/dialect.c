/* SPDX-License-Identifier: MIT */
/*
 * dialect.c - the choice of a dialect.
 */
#include "upstream/dialect.h"

#include <stddef.h>

const struct dialect *dialect_find(enum upstream_dialect which)
{
    switch (which) {
    case UPSTREAM_DIALECT_CHAT:
        return &dialect_chat;
    case UPSTREAM_DIALECT_TGI:
        return &dialect_tgi;
    }
    return &dialect_chat;
}
