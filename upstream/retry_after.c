/* SPDX-License-Identifier: MIT */
/*
 * retry_after.c - how long a provider asks us to stay away: Retry-After, or RateLimit.
 *
 * Retry-After (RFC 9110 section 10.2.3) is seconds, or one of the three forms of HTTP-date (RFC 9110 section 5.6.7), matched
 * against a pattern each: strptime() depends on the locale and takes too much.
 */
#include <ctype.h>
#include <stdint.h>

#include "upstream/classify.h"

/* What asks for more than a year asks for a year: callers turn it into milliseconds. */
#define RETRY_AFTER_S_MAX (365L * 24 * 60 * 60)

struct date {
    int year;
    int month; /* 1 to 12 */
    int day;
    int hour;
    int minute;
    int second;
};

/* d day, o month's name, Y year, y two digits of one, h m s time; others stand for themselves. */
static const char *const patterns[] = {
    "dd ooo YYYY hh:mm:ss GMT", /* IMF-fixdate, behind "Sun, " */
    "dd-ooo-yy hh:mm:ss GMT",   /* RFC 850, behind "Sunday, " */
    "ooo dd hh:mm:ss YYYY",     /* asctime(), behind "Sun " */
};

/* 1 to 12, or 0 when <name> begins with no month's name. */
static int month_of(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int month = 0; month < 12; month++) {
        if (memcmp(name, names + (size_t)month * 3, 3) == 0) {
            return month + 1;
        }
    }
    return 0;
}

/* Where the digits of the pattern letter <kind> go; NULL when it is no such letter. */
static int *field_of(struct date *date, char kind)
{
    switch (kind) {
    case 'd':
        return &date->day;
    case 'Y':
    case 'y':
        return &date->year;
    case 'h':
        return &date->hour;
    case 'm':
        return &date->minute;
    case 's':
        return &date->second;
    default:
        return NULL;
    }
}

static bool match(const char *pattern, struct span text, struct date *date)
{
    if (text.length != strlen(pattern)) {
        return false;
    }
    *date = (struct date){.year = 0};
    for (size_t i = 0; i < text.length; i++) {
        int *field = field_of(date, pattern[i]);
        char c = text.data[i];
        if (pattern[i] == 'o') {
            date->month = month_of(text.data + i);
            i += 2; /* the length was compared: all of the name is there */
        } else if (field == NULL) {
            if (c != pattern[i]) {
                return false;
            }
        } else if (c >= '0' && c <= '9') {
            *field = *field * 10 + (c - '0');
        } else if (c != ' ' || pattern[i] != 'd' || *field != 0) {
            return false; /* only asctime()'s day may begin with a space */
        }
    }
    return date->month >= 1 && date->day >= 1 && date->day <= 31 && date->hour <= 23 &&
           date->minute <= 59 && date->second <= 60;
}

/* Days from 1970-01-01, proleptic Gregorian calendar, counted in years that begin in March. */
static long long days_of(const struct date *date)
{
    int year = date->month <= 2 ? date->year - 1 : date->year;
    int month = date->month <= 2 ? date->month + 9 : date->month - 3; /* 0 is March */
    long long leap_days = year / 4 - year / 100 + year / 400;

    return 365LL * year + leap_days + (153 * month + 2) / 5 + date->day - 1 - 719468;
}

static long long unix_time_of(const struct date *date)
{
    return days_of(date) * 86400 + date->hour * 3600LL + date->minute * 60LL + date->second;
}

/* Behind the day's name, which nobody needs: after a comma, or after the first space. */
static struct span skip_day_name(struct span value)
{
    while (!span_is_empty(value) && isalpha((unsigned char)value.data[0])) {
        value = span_skip(value, 1);
    }
    if (span_starts_with(value, ",")) {
        value = span_skip(value, 1);
    }
    return span_trim(value);
}

/* RFC 9110 section 5.6.7: two digits mean the nearest past, where 50 years ahead is too far. */
static int full_year(int two_digits, long long now_unix_s)
{
    int now_year = 1970 + (int)(now_unix_s / 31556952);
    int year = now_year - now_year % 100 + two_digits;

    return year > now_year + 50 ? year - 100 : year;
}

static long clamp(long long seconds)
{
    if (seconds < 0) {
        return 0;
    }
    return seconds > RETRY_AFTER_S_MAX ? RETRY_AFTER_S_MAX : (long)seconds;
}

static long parse_seconds(struct span value)
{
    long long seconds = 0;

    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return -1;
        }
        seconds = clamp(seconds * 10 + (value.data[i] - '0'));
    }
    return clamp(seconds);
}

long classify_retry_after(struct span value, long long now_unix_s)
{
    struct date date;

    value = span_trim(value);
    if (span_is_empty(value)) {
        return -1;
    }
    if (value.data[0] >= '0' && value.data[0] <= '9') {
        return parse_seconds(value);
    }
    value = skip_day_name(value);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        if (match(patterns[i], value, &date)) {
            date.year =
                strchr(patterns[i], 'y') != NULL ? full_year(date.year, now_unix_s) : date.year;
            return clamp(unix_time_of(&date) - now_unix_s);
        }
    }
    return -1;
}

/* Cut <text> at the first <mark>: returns what is before it, <text> keeps what is behind. */
static struct span split(struct span *text, char mark)
{
    const char *at = span_is_empty(*text) ? NULL : memchr(text->data, mark, text->length);
    size_t length = at == NULL ? text->length : (size_t)(at - text->data);
    struct span part = span_of(text->data, length);

    *text = span_skip(*text, at == NULL ? length : length + 1);
    return span_trim(part);
}

/* One policy, name;r=remaining;t=seconds: how long it is used up for, or -1 when it is not. */
static long used_up_for(struct span policy)
{
    long left = -1;
    long seconds = -1;

    (void)split(&policy, ';'); /* the policy's name */
    while (!span_is_empty(policy)) {
        struct span parameter = split(&policy, ';');
        struct span name = split(&parameter, '=');
        if (span_equals_string(name, "r") && !span_is_empty(parameter)) {
            left = parse_seconds(span_trim(parameter));
        } else if (span_equals_string(name, "t") && !span_is_empty(parameter)) {
            seconds = parse_seconds(span_trim(parameter));
        }
    }
    return left == 0 ? seconds : -1;
}

long classify_rate_limit(struct span value)
{
    long longest = -1;

    while (!span_is_empty(value)) {
        long seconds = used_up_for(split(&value, ','));
        longest = seconds > longest ? seconds : longest;
    }
    return longest;
}
