/* SPDX-License-Identifier: MIT */
/*
 * judge.h - may this request head be served, and as what? Pure but for the clock.
 *
 * The checks of the contract in its order: method, token, query, path, media type.
 * Nothing of the body is needed, so a stranger's body is never read.
 */
#ifndef GATEWAY_JUDGE_H
#define GATEWAY_JUDGE_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/attrs.h"
#include "base/span.h"
#include "gateway/config.h"
#include "gateway/cors.h"
#include "gateway/end_reason.h"
#include "gateway/format.h"
#include "gateway/head_lexer.h"
#include "gateway/models.h"
#include "gateway/route.h"

struct judgement {
    struct route route;
    struct auth_identity identity;
    const struct format *format; /* static; NULL until chosen */
    struct models_choice model;  /* borrowed from the route, the conf, or model_room */
    char model_room[ROUTE_MODEL_BYTES_MAX + 1];
    const char *problem; /* static text for the log, or NULL */
    bool sent_token;     /* there was a bearer token */
    bool is_page_place;  /* the target is the playground's, and it is on */
    struct cors cors;    /* what is granted to the page that asks, if one does */
};

/*
 * END_DONE when every check of a chat holds, END_PAGE for the playground, else the first
 * check that does not hold. <judgement> keeps what
 * was learnt until then and must not move afterwards.
 */
enum end_reason judge_head(const struct config *config, struct auth_checker *checker,
                           const struct request_head *head, struct judgement *judgement) MUST_USE;

/*
 * For the door whose bodies name the model: the rest of the judgement. <name> is as the
 * client means it, escapes resolved.
 */
enum end_reason judge_model(const struct config *config, struct span name,
                            struct judgement *judgement) MUST_USE;

/*
 * How the answer is to be written: the route's way to tell of errors, and what pages of
 * other origins may read. All there is to know of a head that was refused half-way.
 */
void judge_manner(const struct config *config, const struct request_head *head,
                  struct judgement *judgement);

#endif
