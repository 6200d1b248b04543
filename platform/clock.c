/* Clocks of the operating system, and their text. */
#include "platform/clock.h"

#include <string.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

uint64_t clock_thread_cpu_us(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID) / NS_PER_US;
}

/* Day count since 1970-01-01 to a date of the proleptic Gregorian calendar, in eras of 400 years that begin
 * on 1 March, so that the leap day is the last of its year (Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
static void date_of_day(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    uint64_t z = days + 719468;
    uint64_t era = z / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned shifted = (5 * doy + 2) / 153;

    *day = doy - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (unsigned)(yoe + era * 400) + (*month <= 2);
}

static char *put_digits(char *out, unsigned value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + digits;
}

size_t clock_format(uint64_t wall_ns, unsigned digits, char out[CLOCK_TEXT_MAX])
{
    uint64_t seconds = wall_ns / NS_PER_S;
    unsigned of_day = (unsigned)(seconds % 86400), year, month, day;
    unsigned fraction = (unsigned)(wall_ns % NS_PER_S);
    char *p = out;

    date_of_day(seconds / 86400, &year, &month, &day);
    p = put_digits(p, year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    p = put_digits(p, day, 2);
    *p++ = 'T';
    p = put_digits(p, of_day / 3600, 2);
    *p++ = ':';
    p = put_digits(p, of_day / 60 % 60, 2);
    *p++ = ':';
    p = put_digits(p, of_day % 60, 2);
    if (digits > 0) {
        *p++ = '.';
        for (unsigned i = digits < 9 ? digits : 9; i < 9; i++)
            fraction /= 10;
        p = put_digits(p, fraction, digits < 9 ? digits : 9);
    }
    *p = '\0';
    return (size_t)(p - out);
}

/* "" or "Z" or "+hh:mm": seconds east of UTC. */
static bool parse_offset(const char *p, long *seconds)
{
    struct slice text = slice_from(p);
    uint64_t h, m;

    *seconds = 0;
    if (!*p || ((*p == 'Z' || *p == 'z') && !p[1]))
        return true;
    if ((*p != '+' && *p != '-') || text.n != 6 || p[3] != ':' || !slice_to_u64(slice_sub(text, 1, 3), 14, &h) ||
        !slice_to_u64(slice_sub(text, 4, 6), 59, &m))
        return false;
    *seconds = (long)(h * 3600 + m * 60) * (*p == '-' ? -1 : 1);
    return true;
}

bool clock_parse(struct slice text, uint64_t *wall_ns)
{
    char copy[CLOCK_TEXT_MAX + 16];
    struct tm tm = { 0 };
    uint64_t fraction = 0, scale = NS_PER_S;
    long offset;

    if (!text.n || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = 0;
    const char *p = strptime(copy, "%Y-%m-%d", &tm);
    if (p && (*p == 'T' || *p == 't' || *p == ' '))
        p = strptime(p + 1, "%H:%M:%S", &tm);
    if (p && *p == '.')
        for (p++; ascii_is_digit(*p); p++) {
            scale /= 10;
            fraction += (uint64_t)(*p - '0') * scale;
        }
    if (!p || tm.tm_year < 70 || !parse_offset(p, &offset))
        return false;
    time_t seconds = timegm(&tm);
    if (seconds < offset)
        return false;
    *wall_ns = (uint64_t)(seconds - offset) * NS_PER_S + fraction;
    return true;
}
