/* PCRE2: compiling, matching, and what a thread needs for that.
 *
 * 1. Work is bounded, so that no pattern of a policy can hold a carrier for long: the JIT counts steps from
 *    each place where a match may begin; between places, and in loops whose turns may be long (marked by the
 *    caller with (?C)), the clock is looked at.
 * 2. The JIT runs on a stack of its own, one for each thread, never on a fiber's. */
#include "platform/regex.h"

#include <pcre2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/clock.h"

/* Steps that the JIT counts from one place where a match may begin: 2 to 4 ms on patterns that explode
 * (measured). A turn of a loop for each byte, some times over, is no explosion. */
#define STEPS_BASE 300000u
#define STEPS_BYTE 4u
#define SUBJECT_MAX (256u << 20)
/* Time of one match, twice this: linear work on a long subject is no fault of the pattern, and neither is a thread that
 * did not run. The monotonic clock is cheap, so it is looked at first; when it says "late", the CPU time of the thread
 * is measured from there. */
#define TIME_BASE_NS NS_PER_MS
#define TIME_BYTE_NS UINT64_C(5)
/* Places tried before the clock is looked at: few at first, for each may be slow. */
#define WINDOW_FIRST 1u
#define WINDOW_GROWTH 4u
/* A short subject is tried as a whole first, without clocks, with so many steps for all of its places together: some
 * 0.1 ms. What needs more begins again, window by window. */
#define QUICK_BYTES 256u
#define QUICK_STEPS 16384u
/* Turns of loops marked (?C) between looks at the clock. */
#define CALLOUTS_PER_LOOK 16u
/* The JIT's stack grows between these; more is REGEX_LIMIT. */
#define JIT_STACK_MIN (32u * 1024)
#define JIT_STACK_MAX (512u * 1024)
/* Without JIT: memory of one match, in kB. */
#define HEAP_MAX 1024u

struct regex {
    pcre2_code *code;
    bool jit, wide;
};

struct workspace {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    uint64_t allowed_ns, deadline, cpu_deadline_us; /* the last one is 0 until the deadline is over */
    unsigned callouts;
};

static _Thread_local struct workspace *mine;
static pthread_key_t ending;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void workspace_free(void *p)
{
    struct workspace *w = p;

    if (!w)
        return;
    pcre2_match_data_free(w->data);
    pcre2_match_context_free(w->context);
    pcre2_jit_stack_free(w->stack);
    free(w);
    mine = NULL;
}

static void make_key(void)
{
    if (pthread_key_create(&ending, workspace_free) != 0)
        abort(); /* at the first use, in every test */
}

static bool is_late(struct workspace *w)
{
    if (clock_mono_ns() <= w->deadline)
        return false;
    if (w->cpu_deadline_us)
        return clock_thread_cpu_us() > w->cpu_deadline_us;
    w->cpu_deadline_us = clock_thread_cpu_us() + w->allowed_ns / NS_PER_US;
    return false;
}

static int callout(pcre2_callout_block *block, void *data)
{
    struct workspace *w = data;

    (void)block;
    if (++w->callouts % CALLOUTS_PER_LOOK != 0)
        return 0;
    return is_late(w) ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static struct workspace *workspace(void)
{
    struct workspace *w = mine;

    if (w)
        return w;
    pthread_once(&once, make_key);
    w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->context = pcre2_match_context_create(NULL);
    w->data = pcre2_match_data_create(REGEX_GROUPS_MAX, NULL);
    w->stack = pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (!w->context || !w->data || pthread_setspecific(ending, w) != 0) {
        workspace_free(w);
        return NULL;
    }
    pcre2_set_heap_limit(w->context, HEAP_MAX);
    if (pcre2_set_callout(w->context, callout, w) != 0)
        abort();
    if (w->stack)
        pcre2_jit_stack_assign(w->context, NULL, w->stack);
    mine = w;
    return w;
}

struct regex *regex_compile(struct slice pattern, bool wide, struct err *err)
{
    uint32_t options = PCRE2_DOTALL | PCRE2_ALT_CIRCUMFLEX | PCRE2_NEVER_BACKSLASH_C |
                       PCRE2_USE_OFFSET_LIMIT | (wide ? PCRE2_UTF | PCRE2_NO_UTF_CHECK : 0);
    struct regex *r = calloc(1, sizeof *r);
    PCRE2_SIZE at;
    int code;

    if (!r) {
        err_set(err, "regex: no memory");
        return NULL;
    }
    r->wide = wide;
    r->code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options, &code, &at, NULL);
    if (!r->code) {
        PCRE2_UCHAR text[120];

        pcre2_get_error_message(code, text, sizeof text);
        err_set(err, "regex: at byte %zu: %s", at, (const char *)text);
        free(r);
        return NULL;
    }
    r->jit = pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) == 0; /* else it is interpreted */
    return r;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

static int match_within(const struct regex *r, struct workspace *w, struct slice subject, size_t from,
                        size_t last)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(subject.n ? subject.p : "");

    pcre2_set_offset_limit(w->context, last);
    if (r->jit && w->stack)
        return pcre2_jit_match(r->code, text, subject.n, from, 0, w->data, w->context);
    return pcre2_match(r->code, text, subject.n, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, w->data,
                       w->context);
}

/* A short search by a pattern without surprises; PCRE2_ERROR_MATCHLIMIT: there were some. */
static int search_quickly(const struct regex *r, struct workspace *w, struct slice subject, size_t from)
{
    pcre2_set_match_limit(w->context, QUICK_STEPS / (uint32_t)(subject.n - from + 1));
    w->deadline = UINT64_MAX;
    return match_within(r, w, subject, from, subject.n);
}

/* Search window by window. */
static int search(const struct regex *r, struct workspace *w, struct slice subject, size_t from)
{
    size_t window = WINDOW_FIRST;
    int got;

    pcre2_set_match_limit(w->context, STEPS_BASE + STEPS_BYTE * (uint32_t)(subject.n - from));
    w->allowed_ns = TIME_BASE_NS + (subject.n - from) * TIME_BYTE_NS;
    w->deadline = clock_mono_ns() + w->allowed_ns;
    w->cpu_deadline_us = 0;
    for (;;) {
        size_t last = subject.n - from > window ? from + window : subject.n;

        got = match_within(r, w, subject, from, last);
        if (got != PCRE2_ERROR_NOMATCH || last == subject.n)
            return got;
        if (is_late(w))
            return PCRE2_ERROR_MATCHLIMIT;
        from = last + 1;
        while (r->wide && from < subject.n && ((unsigned char)subject.p[from] & 0xc0) == 0x80)
            from++;
        window *= WINDOW_GROWTH;
    }
}

enum regex_outcome regex_match(const struct regex *r, struct slice subject, size_t from,
                               struct regex_span *spans, unsigned n)
{
    struct workspace *w = workspace();
    const PCRE2_SIZE *v;
    int got;

    if (!w || subject.n > SUBJECT_MAX || from > subject.n)
        return REGEX_LIMIT;
    got = subject.n - from <= QUICK_BYTES ? search_quickly(r, w, subject, from) : PCRE2_ERROR_MATCHLIMIT;
    if (got < 0 && got != PCRE2_ERROR_NOMATCH)
        got = search(r, w, subject, from);
    if (got == PCRE2_ERROR_NOMATCH)
        return REGEX_NO;
    if (got < 0)
        return REGEX_LIMIT;
    v = pcre2_get_ovector_pointer(w->data);
    for (unsigned i = 0; i < n; i++) {
        bool matched = i < (unsigned)got && v[2 * i] != PCRE2_UNSET;

        spans[i] = matched ? (struct regex_span){ v[2 * i], v[2 * i + 1] } : (struct regex_span){ 1, 0 };
    }
    return REGEX_YES;
}
