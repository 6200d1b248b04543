/* Dates and spans inside the library: ticks of 100 ns since 0001-01-01, the proleptic Gregorian calendar. */
#ifndef POLICY_EXPR_LIB_TIME_H
#define POLICY_EXPR_LIB_TIME_H

#include "policy/expr/format.h"
#include "policy/expr/lib/lib.h"

#define TICKS_PER_MS INT64_C(10000)
#define TICKS_PER_SECOND INT64_C(10000000)
#define TICKS_PER_MINUTE (60 * TICKS_PER_SECOND)
#define TICKS_PER_HOUR (60 * TICKS_PER_MINUTE)
#define TICKS_PER_DAY (24 * TICKS_PER_HOUR)
#define TICKS_MAX INT64_C(3155378975999999999)
#define TICKS_UNIX INT64_C(621355968000000000)
#define TICKS_FILE_TIME INT64_C(504911232000000000) /* 1601-01-01 */

enum date_kind { DATE_UNSPECIFIED, DATE_UTC, DATE_LOCAL };

struct date_parts {
    int year, month, day, hour, minute, second, fraction; /* fraction: ticks of the second */
};

/* Parts of ticks in range. */
void date_split(int64_t ticks, struct date_parts *p);
/* False: no such date or time. */
bool date_join(const struct date_parts *p, int64_t *ticks);
int date_month_days(int year, int month);
int date_weekday(int64_t ticks);

extern const char *const date_day_names[7], *const date_month_names[12];

static inline struct expr_value val_date(int64_t ticks, enum date_kind kind)
{
    return (struct expr_value){ .kind = EXPR_DATETIME, .aux = kind, .i = ticks };
}
static inline struct expr_value val_offset(int64_t local_ticks, int32_t minutes)
{
    return (struct expr_value){ .kind = EXPR_OFFSETTIME, .n = (uint32_t)minutes, .i = local_ticks };
}
static inline struct expr_value val_span(int64_t ticks)
{
    return (struct expr_value){ .kind = EXPR_TIMESPAN, .i = ticks };
}
/* Ticks in UTC; local time is UTC. */
static inline int64_t date_utc_ticks(struct expr_value v)
{
    return v.kind == EXPR_OFFSETTIME ? v.i - (int32_t)v.n * TICKS_PER_MINUTE : v.i;
}
/* DateTime.Parse in the invariant culture. */
struct expr_value date_from_text(struct vm *vm, struct expr_value text);
/* The present time in ticks. */
int64_t date_now(void);
/* A DateTimeOffset; exceptions for offsets and dates out of range. */
struct expr_value offset_make(struct vm *vm, int64_t local_ticks, int64_t offset_ticks);
struct expr_value date_out_of_range(struct vm *vm);

#endif
