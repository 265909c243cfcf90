/* SPDX-License-Identifier: MIT */
/*
 * json_number.c - a JSON number as an int64, without a detour through double.
 *
 * NumericDate of RFC 7519 section 2 may have a fraction, and RFC 8259 section 6
 * sets no bound on digits or exponents. A double would round large values, and
 * strtod() depends on the locale. So the digits are read as they stand: the
 * value is 0.DDDD times ten to the power of <point>, and what stands before the
 * point is the integer part.
 */
#include "base/json_internal.h"

#include <string.h>

/* Far beyond any count of digits in a text (INT_MAX), far below overflow. */
#define EXPONENT_CAP INT64_C(1000000000000)

struct decimal {
    struct span digits; /* the integer digits, perhaps a point, the fraction digits */
    int64_t point;      /* how many digits stand before the decimal point, after the exponent */
    bool is_negative;
};

static int64_t parse_exponent(struct span s)
{
    bool is_negative = s.data[0] == '-';
    int64_t value = 0;

    if (is_negative || s.data[0] == '+') {
        s = span_skip(s, 1);
    }
    for (size_t i = 0; i < s.length && value < EXPONENT_CAP; i++) {
        value = value * 10 + (s.data[i] - '0');
    }
    return is_negative ? -value : value;
}

/* <raw> is a checked number. */
static struct decimal parse_decimal(struct span raw)
{
    struct decimal number = {.digits = raw};
    size_t length = 0;
    size_t before_point;

    if (number.digits.data[0] == '-') {
        number.is_negative = true;
        number.digits = span_skip(number.digits, 1);
    }
    while (length < number.digits.length && (number.digits.data[length] | 0x20) != 'e') {
        length++;
    }
    if (length < number.digits.length) {
        number.point = parse_exponent(span_skip(number.digits, length + 1));
    }
    number.digits.length = length;
    before_point = 0;
    while (before_point < length && number.digits.data[before_point] != '.') {
        before_point++;
    }
    number.point += (int64_t)before_point;
    return number;
}

/* value * 10 + digit, or false when it does not fit. */
static bool push_digit(uint64_t *value, unsigned digit)
{
    if (*value > (UINT64_MAX - digit) / 10) {
        return false;
    }
    *value = *value * 10 + digit;
    return true;
}

/*
 * The integer part's magnitude, and whether anything but zeros follows it.
 * False when the magnitude does not fit.
 */
static bool split(const struct decimal *number, uint64_t *magnitude, bool *has_fraction)
{
    int64_t before_point = number->point;
    uint64_t value = 0;

    *has_fraction = false;
    for (size_t i = 0; i < number->digits.length; i++) {
        char c = number->digits.data[i];
        if (c == '.') {
            continue;
        }
        if (before_point > 0 && !push_digit(&value, (unsigned)(c - '0'))) {
            return false;
        }
        if (before_point <= 0 && c != '0') {
            *has_fraction = true;
        }
        before_point--;
    }
    /* An exponent larger than the digits: zeros follow. At most 20 turns until it overflows. */
    for (; before_point > 0 && value > 0; before_point--) {
        if (!push_digit(&value, 0)) {
            return false;
        }
    }
    *magnitude = value;
    return true;
}

bool json_int64(const struct json_doc *doc, json_ref at, int64_t *value)
{
    const uint64_t largest = INT64_MAX;
    struct decimal number;
    uint64_t magnitude = 0;
    bool has_fraction = false;

    if (!json_is(doc, at, JSON_NUMBER)) {
        return false;
    }
    number = parse_decimal(json_raw(doc, at));
    if (!split(&number, &magnitude, &has_fraction) || magnitude > largest + 1) {
        return false;
    }
    if (!number.is_negative) {
        if (magnitude > largest) {
            return false;
        }
        *value = (int64_t)magnitude;
        return true;
    }
    if (has_fraction) {
        magnitude++; /* towards minus infinity; at most 2^63 + 1, so it cannot wrap */
    }
    if (magnitude > largest + 1) {
        return false;
    }
    /* -2^63 has no positive counterpart, so it is reached from -(2^63 - 1). */
    *value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    return true;
}

bool json_number_is_integer(const struct json_doc *doc, json_ref at)
{
    struct span raw = json_raw(doc, at);

    return json_is(doc, at, JSON_NUMBER) && memchr(raw.data, '.', raw.length) == NULL &&
           memchr(raw.data, 'e', raw.length) == NULL && memchr(raw.data, 'E', raw.length) == NULL;
}
