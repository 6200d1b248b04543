/* DateTime: the calendar, construction, parts, arithmetic. DateTimeOffset shares what is the same. */
#include "policy/expr/lib/time.h"

#include <math.h>

#include "platform/clock.h"

#define DAYS_TO_1970 719162

const char *const date_day_names[7] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };
const char *const date_month_names[12] = { "January", "February", "March", "April", "May", "June", "July", "August", "September",
                                           "October", "November", "December" };

/* ---- the calendar (Hinnant, "chrono-compatible low-level date algorithms") ---- */

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int date_month_days(int year, int month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 0001-01-01. */
static int64_t days_of(int year, int month, int day)
{
    int y = year - (month <= 2);
    int era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return (int64_t)era * 146097 + doe - 719468 + DAYS_TO_1970;
}

void date_split(int64_t ticks, struct date_parts *p)
{
    int64_t z = ticks / TICKS_PER_DAY - DAYS_TO_1970 + 719468, rest = ticks % TICKS_PER_DAY;
    int64_t era = z / 146097;
    int doe = (int)(z - era * 146097);
    int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    p->day = doy - (153 * mp + 2) / 5 + 1;
    p->month = mp < 10 ? mp + 3 : mp - 9;
    p->year = (int)(yoe + era * 400) + (p->month <= 2);
    p->hour = (int)(rest / TICKS_PER_HOUR);
    p->minute = (int)(rest / TICKS_PER_MINUTE % 60);
    p->second = (int)(rest / TICKS_PER_SECOND % 60);
    p->fraction = (int)(rest % TICKS_PER_SECOND);
}

static bool is_date(int year, int month, int day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= date_month_days(year, month);
}

bool date_join(const struct date_parts *p, int64_t *ticks)
{
    if (!is_date(p->year, p->month, p->day) || p->hour < 0 || p->hour > 23 || p->minute < 0 || p->minute > 59 || p->second < 0 ||
        p->second > 59)
        return false;
    *ticks = days_of(p->year, p->month, p->day) * TICKS_PER_DAY + p->hour * TICKS_PER_HOUR + p->minute * TICKS_PER_MINUTE +
             p->second * TICKS_PER_SECOND + p->fraction;
    return true;
}

int date_weekday(int64_t ticks)
{
    return (int)((ticks / TICKS_PER_DAY + 1) % 7);
}

int64_t date_now(void)
{
    return TICKS_UNIX + (int64_t)(clock_wall_ns() / 100);
}

/* ---- construction ---- */

struct expr_value date_out_of_range(struct vm *vm)
{
    return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                    "The added or subtracted value results in an un-representable DateTime. (Parameter 'value')");
}

/* From a[0..6]: year, month, day, hour, minute, second, millisecond, as many as n. */
static bool ticks_of_arguments(struct vm *vm, const struct expr_value *a, unsigned n, int64_t *ticks)
{
    struct date_parts p = { (int)a[0].i, (int)a[1].i, (int)a[2].i, n > 3 ? (int)a[3].i : 0, n > 4 ? (int)a[4].i : 0,
                            n > 5 ? (int)a[5].i : 0, 0 };
    int64_t ms = n > 6 ? a[6].i : 0;

    if (!is_date(p.year, p.month, p.day)) {
        vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Year, Month, and Day parameters describe an un-representable DateTime.");
        return false;
    }
    if (!date_join(&p, ticks)) {
        vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Hour, Minute, and Second parameters describe an un-representable DateTime.");
        return false;
    }
    if (ms < 0 || ms > 999) {
        vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Valid values are between 0 and 999, inclusive. (Parameter 'millisecond')");
        return false;
    }
    *ticks += ms * TICKS_PER_MS;
    return true;
}

NATIVE(datetime_new)
{
    int64_t ticks;

    return ticks_of_arguments(vm, a, site->n, &ticks) ? val_date(ticks, DATE_UNSPECIFIED) : expr_value_null();
}

NATIVE(datetime_new_kind)
{
    int64_t ticks;
    unsigned n = site->n - 1u;

    return ticks_of_arguments(vm, a, n, &ticks) ? val_date(ticks, (enum date_kind)a[n].i) : expr_value_null();
}

NATIVE(datetime_new_ticks)
{
    if (a[0].i < 0 || a[0].i > TICKS_MAX)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                        "Ticks must be between DateTime.MinValue.Ticks and DateTime.MaxValue.Ticks. (Parameter 'ticks')");
    return val_date(a[0].i, site->n > 1 ? (enum date_kind)a[1].i : DATE_UNSPECIFIED);
}

NATIVE(datetime_min)
{
    return val_date(0, DATE_UNSPECIFIED);
}

NATIVE(datetime_max)
{
    return val_date(TICKS_MAX, DATE_UNSPECIFIED);
}

NATIVE(datetime_unix_epoch)
{
    return val_date(TICKS_UNIX, DATE_UTC);
}

NATIVE(datetime_now)
{
    return val_date(date_now(), DATE_LOCAL);
}

NATIVE(datetime_utc_now)
{
    return val_date(date_now(), DATE_UTC);
}

NATIVE(datetime_today)
{
    int64_t now = date_now();

    return val_date(now - now % TICKS_PER_DAY, DATE_LOCAL);
}

/* ---- parts ---- */

static struct date_parts parts(struct expr_value v)
{
    struct date_parts p;

    date_split(v.i, &p);
    return p;
}

#define PART(name, field)                  \
    NATIVE(date_##name)                    \
    {                                      \
        return val_int(parts(a[0]).field); \
    }
PART(year, year)
PART(month, month)
PART(day, day)
PART(hour, hour)
PART(minute, minute)
PART(second, second)
PART(millisecond, fraction / 10000)
PART(microsecond, fraction / 10 % 1000)
PART(nanosecond, fraction % 10 * 100)

NATIVE(date_day_of_week)
{
    return val_enum(TYPE_DAYOFWEEK, date_weekday(a[0].i));
}

NATIVE(date_day_of_year)
{
    return val_int((int32_t)(a[0].i / TICKS_PER_DAY - days_of(parts(a[0]).year, 1, 1)) + 1);
}

NATIVE(time_ticks)
{
    return val_long(a[0].i);
}

NATIVE(date_time_of_day)
{
    return val_span(a[0].i % TICKS_PER_DAY);
}

NATIVE(datetime_date)
{
    return val_date(a[0].i - a[0].i % TICKS_PER_DAY, (enum date_kind)a[0].aux);
}

NATIVE(datetime_kind)
{
    return val_enum(TYPE_DATETIMEKIND, a[0].aux);
}

/* ---- arithmetic ---- */

/* v moved by ticks, its kind or offset kept. */
static struct expr_value moved(struct vm *vm, struct expr_value v, int64_t ticks)
{
    int64_t sum;

    if (__builtin_add_overflow(v.i, ticks, &sum) || sum < 0 || sum > TICKS_MAX)
        return date_out_of_range(vm);
    v.i = sum;
    int64_t utc = date_utc_ticks(v);
    return utc < 0 || utc > TICKS_MAX ? date_out_of_range(vm) : v;
}

static struct expr_value add_units(struct vm *vm, struct expr_value v, double units, int64_t scale)
{
    double whole = trunc(units), part = units - whole;

    if (!(fabs(units) <= (double)(TICKS_MAX / scale)))
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Value to add was out of range. (Parameter 'value')");
    return moved(vm, v, (int64_t)whole * scale + (int64_t)(part * (double)scale));
}

#define ADD_UNITS(name, scale)                       \
    NATIVE(date_add_##name)                          \
    {                                                \
        return add_units(vm, a[0], a[1].d, (scale)); \
    }
ADD_UNITS(days, TICKS_PER_DAY)
ADD_UNITS(hours, TICKS_PER_HOUR)
ADD_UNITS(minutes, TICKS_PER_MINUTE)
ADD_UNITS(seconds, TICKS_PER_SECOND)
ADD_UNITS(milliseconds, TICKS_PER_MS)
ADD_UNITS(microseconds, INT64_C(10))

NATIVE(date_add_ticks)
{
    return moved(vm, a[0], a[1].i);
}

NATIVE(date_add)
{
    return moved(vm, a[0], a[1].i);
}

NATIVE(date_subtract_span)
{
    return a[1].i == INT64_MIN ? date_out_of_range(vm) : moved(vm, a[0], -a[1].i);
}

NATIVE(date_subtract_date)
{
    return val_span(date_utc_ticks(a[0]) - date_utc_ticks(a[1]));
}

static struct expr_value add_months(struct vm *vm, struct expr_value v, int64_t months)
{
    struct date_parts p = parts(v);
    int64_t index = (int64_t)p.year * 12 + p.month - 1 + months, ticks;

    if (index < 12 || index >= 120000)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                        "The added or subtracted value results in an un-representable DateTime. (Parameter 'months')");
    p.year = (int)(index / 12);
    p.month = (int)(index % 12) + 1;
    if (p.day > date_month_days(p.year, p.month))
        p.day = date_month_days(p.year, p.month);
    return date_join(&p, &ticks) ? moved(vm, v, ticks - v.i) : date_out_of_range(vm);
}

NATIVE(date_add_months)
{
    if (a[1].i < -120000 || a[1].i > 120000)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Months value must be between +/-120000. (Parameter 'months')");
    return add_months(vm, a[0], a[1].i);
}

NATIVE(date_add_years)
{
    if (a[1].i < -10000 || a[1].i > 10000)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Years value must be between +/-10000. (Parameter 'years')");
    return add_months(vm, a[0], a[1].i * 12);
}

/* ---- comparing (all four types) ---- */

NATIVE(time_eq)
{
    return val_bool(value_equals(vm, a[0], a[1]));
}

NATIVE(time_ne)
{
    return val_bool(!value_equals(vm, a[0], a[1]));
}

NATIVE(time_lt)
{
    return val_bool(date_utc_ticks(a[0]) < date_utc_ticks(a[1]));
}

NATIVE(time_gt)
{
    return val_bool(date_utc_ticks(a[0]) > date_utc_ticks(a[1]));
}

NATIVE(time_le)
{
    return val_bool(date_utc_ticks(a[0]) <= date_utc_ticks(a[1]));
}

NATIVE(time_ge)
{
    return val_bool(date_utc_ticks(a[0]) >= date_utc_ticks(a[1]));
}

NATIVE(time_compare)
{
    int64_t x = date_utc_ticks(a[0]), y = date_utc_ticks(a[1]);

    return val_int((x > y) - (x < y));
}

/* ---- kinds and other clocks ---- */

NATIVE(datetime_to_universal)
{
    return val_date(a[0].i, DATE_UTC);
}

NATIVE(datetime_to_local)
{
    return val_date(a[0].i, DATE_LOCAL);
}

NATIVE(datetime_specify_kind)
{
    return val_date(a[0].i, (enum date_kind)a[1].i);
}

NATIVE(datetime_is_dst)
{
    return val_bool(false);
}

NATIVE(datetime_is_leap_year)
{
    if (a[0].i < 1 || a[0].i > 9999)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Year must be between 1 and 9999. (Parameter 'year')");
    return val_bool(is_leap((int)a[0].i));
}

NATIVE(datetime_days_in_month)
{
    if (a[1].i < 1 || a[1].i > 12)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Month must be between one and twelve. (Parameter 'month')");
    if (a[0].i < 1 || a[0].i > 9999)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Year must be between 1 and 9999. (Parameter 'year')");
    return val_int(date_month_days((int)a[0].i, (int)a[1].i));
}

NATIVE(date_to_file_time)
{
    int64_t ticks = date_utc_ticks(a[0]) - TICKS_FILE_TIME;

    if (ticks < 0)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Not a valid Win32 FileTime. (Parameter 'fileTime')");
    return val_long(ticks);
}

static struct expr_value from_file_time(struct vm *vm, int64_t ticks, enum date_kind kind)
{
    if (ticks < 0 || ticks > TICKS_MAX - TICKS_FILE_TIME)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Not a valid Win32 FileTime. (Parameter 'fileTime')");
    return val_date(ticks + TICKS_FILE_TIME, kind);
}

NATIVE(datetime_from_file_time)
{
    return from_file_time(vm, a[0].i, DATE_LOCAL);
}

NATIVE(datetime_from_file_time_utc)
{
    return from_file_time(vm, a[0].i, DATE_UTC);
}

#define TICKS_OA INT64_C(599264352000000000) /* 1899-12-30 */

NATIVE(datetime_to_oa_date)
{
    int64_t ms = (a[0].i - TICKS_OA) / TICKS_PER_MS;

    if (a[0].i == 0)
        return val_double(0);
    if (ms < 0 && ms % 86400000 != 0) {
        int64_t part = ms % 86400000;
        ms -= (86400000 + part) * 2;
    }
    return val_double((double)ms / 86400000.0);
}

NATIVE(datetime_from_oa_date)
{
    double d = a[0].d;

    if (!(d > -657435.0 && d < 2958466.0))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Not a legal OleAut date.");
    int64_t ms = (int64_t)(d * 86400000.0 + (d >= 0 ? 0.5 : -0.5));
    if (ms < 0)
        ms -= ms % 86400000 * 2;
    return val_date(TICKS_OA + ms * TICKS_PER_MS, DATE_UNSPECIFIED);
}

NATIVE(datetime_to_binary)
{
    return val_long((int64_t)((uint64_t)a[0].i | (uint64_t)a[0].aux << 62));
}

NATIVE(datetime_from_binary)
{
    int64_t ticks = a[0].i & INT64_C(0x3fffffffffffffff);
    unsigned kind = (unsigned)((uint64_t)a[0].i >> 62);

    if (ticks > TICKS_MAX)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The binary data must result in a DateTime with ticks between "
                        "DateTime.MinValue.Ticks and DateTime.MaxValue.Ticks. (Parameter 'dateData')");
    return val_date(ticks, kind > DATE_LOCAL ? DATE_LOCAL : (enum date_kind)kind);
}

/* ---- DateTimeOffset ---- */

struct expr_value offset_make(struct vm *vm, int64_t local_ticks, int64_t offset_ticks)
{
    if (offset_ticks % TICKS_PER_MINUTE)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "Offset must be specified in whole minutes. (Parameter 'offset')");
    if (offset_ticks < -14 * TICKS_PER_HOUR || offset_ticks > 14 * TICKS_PER_HOUR)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Offset must be within plus or minus 14 hours. (Parameter 'offset')");
    if (local_ticks < 0 || local_ticks > TICKS_MAX || local_ticks - offset_ticks < 0 || local_ticks - offset_ticks > TICKS_MAX)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION,
                        "The UTC time represented when the offset is applied must be between year 0 and 10,000. (Parameter 'offset')");
    return val_offset(local_ticks, (int32_t)(offset_ticks / TICKS_PER_MINUTE));
}

NATIVE(offset_new_date)
{
    return val_offset(a[0].i, 0);
}

NATIVE(offset_new_date_offset)
{
    if (a[0].aux == DATE_UTC && a[1].i != 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The UTC Offset for Utc DateTime instances must be 0. (Parameter 'offset')");
    if (a[0].aux == DATE_LOCAL && a[1].i != 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION,
                        "The UTC Offset of the local dateTime parameter does not match the offset argument. (Parameter 'offset')");
    return offset_make(vm, a[0].i, a[1].i);
}

NATIVE(offset_new_ticks)
{
    return offset_make(vm, a[0].i, a[1].i);
}

NATIVE(offset_new)
{
    unsigned n = site->n - 1u;
    int64_t ticks;

    return ticks_of_arguments(vm, a, n, &ticks) ? offset_make(vm, ticks, a[n].i) : expr_value_null();
}

NATIVE(offset_min)
{
    return val_offset(0, 0);
}

NATIVE(offset_max)
{
    return val_offset(TICKS_MAX, 0);
}

NATIVE(offset_unix_epoch)
{
    return val_offset(TICKS_UNIX, 0);
}

NATIVE(offset_now)
{
    return val_offset(date_now(), 0);
}

NATIVE(offset_date)
{
    return val_date(a[0].i - a[0].i % TICKS_PER_DAY, DATE_UNSPECIFIED);
}

NATIVE(offset_date_time)
{
    return val_date(a[0].i, DATE_UNSPECIFIED);
}

NATIVE(offset_utc_date_time)
{
    return val_date(date_utc_ticks(a[0]), DATE_UTC);
}

NATIVE(offset_local_date_time)
{
    return val_date(date_utc_ticks(a[0]), DATE_LOCAL);
}

NATIVE(offset_offset)
{
    return val_span((int32_t)a[0].n * TICKS_PER_MINUTE);
}

NATIVE(offset_minutes)
{
    return val_int((int32_t)a[0].n);
}

NATIVE(offset_utc_ticks)
{
    return val_long(date_utc_ticks(a[0]));
}

NATIVE(offset_equals_exact)
{
    return val_bool(a[0].i == a[1].i && a[0].n == a[1].n);
}

NATIVE(offset_to_universal)
{
    return val_offset(date_utc_ticks(a[0]), 0);
}

NATIVE(offset_to_offset)
{
    int64_t local;

    if (__builtin_add_overflow(date_utc_ticks(a[0]), a[1].i, &local))
        return date_out_of_range(vm);
    return offset_make(vm, local, a[1].i);
}

static int64_t floor_div(int64_t x, int64_t by)
{
    return x / by - (x % by < 0);
}

NATIVE(offset_to_unix_seconds)
{
    return val_long(floor_div(date_utc_ticks(a[0]) - TICKS_UNIX, TICKS_PER_SECOND));
}

NATIVE(offset_to_unix_milliseconds)
{
    return val_long(floor_div(date_utc_ticks(a[0]) - TICKS_UNIX, TICKS_PER_MS));
}

static struct expr_value from_unix(struct vm *vm, int64_t count, int64_t scale, const char *what)
{
    int64_t least = -TICKS_UNIX / scale, most = (TICKS_MAX - TICKS_UNIX) / scale;

    if (count < least || count > most)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "Valid values are between %lld and %lld, inclusive. (Parameter '%s')",
                        (long long)least, (long long)most, what);
    return val_offset(TICKS_UNIX + count * scale, 0);
}

NATIVE(offset_from_unix_seconds)
{
    return from_unix(vm, a[0].i, TICKS_PER_SECOND, "seconds");
}

NATIVE(offset_from_unix_milliseconds)
{
    return from_unix(vm, a[0].i, TICKS_PER_MS, "milliseconds");
}

NATIVE(offset_from_file_time)
{
    struct expr_value v = from_file_time(vm, a[0].i, DATE_UTC);

    return v.kind == EXPR_DATETIME ? val_offset(v.i, 0) : v;
}
