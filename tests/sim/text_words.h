/* SPDX-License-Identifier: MIT */
/*
 * text_words.h - the words and sentences the simulator's answers are made of.
 *
 * In a pattern "$n" is a noun, "$a" an adjective, "$v" a verb, "$f" a phrase with
 * letters beyond ASCII, "$e" an emoji, "$t" the longest word the user wrote.
 */
#ifndef TESTS_SIM_TEXT_WORDS_H
#define TESTS_SIM_TEXT_WORDS_H

static const char *const NOUNS[] = {
    "harbour", "river",  "gate",    "lantern", "signal",   "current", "notebook", "compass",
    "tide",    "bridge", "station", "garden",  "workshop", "pattern", "question", "window",
    "letter",  "stream", "pilot",   "morning", "engine",   "market",  "library",  "island",
};

static const char *const ADJECTIVES[] = {
    "quiet", "steady",  "bright", "careful", "open",    "patient", "curious", "simple",
    "clear", "distant", "useful", "gentle",  "precise", "narrow",  "early",   "plain",
};

static const char *const VERBS[] = {
    "follows", "carries", "explains", "reaches", "measures", "remembers",
    "opens",   "crosses", "answers",  "shapes",  "keeps",    "changes",
};

static const char *const FOREIGN[] = {
    "caf\xc3\xa9 cr\xc3\xa8me",
    "d\xc3\xa9j\xc3\xa0 vu",
    "a na\xc3\xafve id\xc3\xa9"
    "e fixe",
    "Z\xc3\xbcrichsee",
    "sm\xc3\xb8rrebr\xc3\xb8"
    "d",
    "ma\xc3\xb1"
    "ana",
    "\xe6\xbd\xae\xe6\xb1\x90",                         /* tide, in Japanese */
    "\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbb\xd0\xb8\xd0\xb2", /* tide, in Russian */
    "\xcf\x80\xce\xb1\xce\xbb\xce\xaf\xcf\x81\xcf\x81\xce\xbf\xce\xb9\xce\xb1", /* tide, in Greek */
    "\xe2\x80\x9cslowly \xe2\x80\x93 but surely\xe2\x80\x9d",
};

static const char *const EMOJI[] = {
    "\xf0\x9f\x8c\x8a",                             /* wave */
    "\xf0\x9f\x99\x82",                             /* smile */
    "\xf0\x9f\x9a\x80",                             /* rocket */
    "\xf0\x9f\xa7\xad",                             /* compass */
    "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", /* a sequence with a joiner */
};

static const char *const SENTENCES[] = {
    " The $a $n $v the $n.",
    " Think of a $n: it $v every $a $n it meets.",
    " When the $n is $a, the $n $v it in its own way.",
    " People sometimes call this $f, and they have a point.",
    " In short, a $n $v a $n, and $t is no exception.",
    " That is why every $a $n needs a $a $n $e.",
    " For `$t` this means one thing: the $n $v, the $n waits.",
    " There are $a reasons to look at the $n twice.",
    " A $n without a $n is like $f.",
    " You could say it is 3 parts $n and 1 part $n.",
    " Nobody who has seen a $a $n forgets how it $v the $n.",
    "\n\nOn the other hand, the $n rarely $v a $a $n.",
    "\n\n- **$n**: it $v the $n\n- **$n**: $a, but $a\n- **$n**: see *$f* $e\n\n",
    "\n\n### The $a $n\n\nHere the $n $v the $n.",
    "\n\n```c\nint $n = 42; /* a $a $n */\n```\n\n",
    "\n\n> \"A $n $v; a $n answers.\"\n\n",
};

#endif
