/* Parsing dates: Parse takes the forms that occur (ISO 8601, RFC 1123, month/day/year, names of months), ParseExact the custom and
 * standard formats. Invariant culture; local time is UTC. */
#include <string.h>

#include "policy/expr/lib/time.h"

enum styles { NO_CURRENT_DATE = 8, ADJUST_TO_UNIVERSAL = 16, ASSUME_LOCAL = 32, ASSUME_UNIVERSAL = 64, ROUNDTRIP_KIND = 128,
              ALLOW_WHITE = 7, STYLES_ALL = 255 };

/* Two-digit years up to this are of this century (.NET 8's invariant calendar: 2049). */
#define TWO_DIGIT_YEAR_MAX 49

/* What a text has said so far. */
struct found {
    struct date_parts p;
    bool has_date, has_time, has_offset, is_utc, pm, has_ampm, has_year;
    int32_t offset; /* minutes */
    int weekday;    /* -1: none */
    int numbers[3], digits[3];
    unsigned n_numbers;
    int month_at;   /* how many numbers stood before a month's name; -1: none did */
};

static size_t word_length(struct slice s)
{
    size_t n = 0;

    while (n < s.n && ascii_is_alpha(s.p[n]))
        n++;
    return n;
}

static int name_index(struct slice word, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (slice_eq_icase(word, slice_from(names[i])) || slice_eq_icase(word, slice_of(names[i], 3)))
            return (int)i;
    return -1;
}

static unsigned take_digits(struct slice *s, unsigned most, int *out)
{
    unsigned n = 0;

    *out = 0;
    while (n < most && n < s->n && ascii_is_digit(s->p[n]))
        *out = *out * 10 + (s->p[n++] - '0');
    *s = slice_skip(*s, n);
    return n;
}

static int take_fraction(struct slice *s)
{
    int value = 0;
    unsigned n = 0;

    for (; n < s->n && ascii_is_digit(s->p[n]); n++)
        if (n < 7)
            value = value * 10 + (s->p[n] - '0');
    if (n > 7 && s->p[7] >= '5')
        value++;
    for (unsigned i = n; i < 7; i++)
        value *= 10;
    *s = slice_skip(*s, n);
    return value;
}

static bool take_byte(struct slice *s, char c)
{
    if (!s->n || s->p[0] != c)
        return false;
    *s = slice_skip(*s, 1);
    return true;
}

/* ---- Parse ---- */

/* hour ":" minute [":" second ["." fraction]]; the hour was read already. */
static bool parse_time(struct slice *s, struct found *f, int hour)
{
    f->p.hour = hour;
    f->has_time = true;
    if (!take_digits(s, 2, &f->p.minute))
        return false;
    if (!take_byte(s, ':'))
        return true;
    if (!take_digits(s, 2, &f->p.second))
        return false;
    if ((s->n > 1 && (s->p[0] == '.' || s->p[0] == ',')) && ascii_is_digit(s->p[1])) {
        *s = slice_skip(*s, 1);
        f->p.fraction = take_fraction(s);
    }
    return true;
}

/* ("+" / "-") hh [[":"] mm] */
static bool parse_offset(struct slice *s, struct found *f)
{
    bool negative = s->p[0] == '-';
    int hours, minutes = 0;

    *s = slice_skip(*s, 1);
    if (!take_digits(s, 2, &hours))
        return false;
    (void)take_byte(s, ':');
    take_digits(s, 2, &minutes);
    f->offset = (hours * 60 + minutes) * (negative ? -1 : 1);
    f->has_offset = true;
    return hours <= 14 && minutes < 60;
}

static bool parse_word(struct slice *s, struct found *f)
{
    struct slice word = slice_first(*s, word_length(*s));
    int day = name_index(word, date_day_names, 7), month = name_index(word, date_month_names, 12);

    *s = slice_skip(*s, word.n);
    if (day >= 0 && f->weekday < 0) {
        f->weekday = day;
    } else if (month >= 0 && f->month_at < 0) {
        f->p.month = month + 1;
        f->month_at = (int)f->n_numbers;
    } else if (slice_eq_icase(word, SLICE("AM")) || slice_eq_icase(word, SLICE("PM"))) {
        f->has_ampm = true;
        f->pm = ascii_lower(word.p[0]) == 'p';
    } else if (slice_eq_icase(word, SLICE("Z")) || slice_eq_icase(word, SLICE("GMT")) || slice_eq_icase(word, SLICE("UTC"))) {
        f->is_utc = f->has_offset = true;
        f->offset = 0;
    } else if (!slice_eq_icase(word, SLICE("T"))) {
        return false;
    }
    return true;
}

static bool parse_number(struct slice *s, struct found *f)
{
    int value;
    unsigned digits = take_digits(s, 9, &value);

    if (digits <= 2 && !f->has_time && take_byte(s, ':'))
        return parse_time(s, f, value);
    if (digits <= 2 && !f->has_time && s->n && slice_starts_icase(slice_trim(*s), SLICE("AM")) + slice_starts_icase(slice_trim(*s), SLICE("PM"))) {
        f->p.hour = value;
        f->has_time = true;
        return true;
    }
    if (f->n_numbers == 3 || digits > 5)
        return false;
    f->numbers[f->n_numbers] = value;
    f->digits[f->n_numbers++] = (int)digits;
    if (s->n > 1 && (s->p[0] == '-' || s->p[0] == '/' || s->p[0] == '.') && (ascii_is_digit(s->p[1]) || ascii_is_alpha(s->p[1])))
        *s = slice_skip(*s, 1);
    return true;
}

static int full_year(int year, int digits)
{
    if (digits > 2)
        return year;
    return year <= TWO_DIGIT_YEAR_MAX ? 2000 + year : 1900 + year;
}

/* Which number is which: y-m-d when the first is a year, else m/d/y; with a month's name day and year are left. */
static bool place_numbers(struct found *f, int this_year)
{
    const int *n = f->numbers, *d = f->digits;

    if (f->month_at >= 0) {
        if (f->n_numbers == 0)
            return false;
        bool year_first = d[0] > 2;
        bool only_year = f->n_numbers == 1 && year_first;
        f->p.day = only_year ? 1 : n[year_first ? 1 : 0];
        f->p.year = f->n_numbers == 1 && !only_year ? this_year : full_year(n[year_first ? 0 : 1], d[year_first ? 0 : 1]);
        if (only_year)
            f->p.year = n[0];
        return f->n_numbers <= 2;
    }
    if (f->n_numbers < 2)
        return false;
    if (d[0] > 2) {
        f->p.year = n[0];
        f->p.month = n[1];
        f->p.day = f->n_numbers == 3 ? n[2] : 1;
    } else if (f->n_numbers == 2 && d[1] > 2) {
        f->p.month = n[0];
        f->p.year = n[1];
        f->p.day = 1;
    } else {
        f->p.month = n[0];
        f->p.day = n[1];
        f->p.year = f->n_numbers == 3 ? full_year(n[2], d[2]) : this_year;
    }
    return true;
}

static bool scan(struct slice s, struct found *f)
{
    while (s.n) {
        char c = s.p[0];
        bool ok = true;
        if (ascii_is_digit(c))
            ok = parse_number(&s, f);
        else if ((c == '+' || c == '-') && f->has_time && !f->has_offset)
            ok = parse_offset(&s, f);
        else if (ascii_is_alpha(c))
            ok = parse_word(&s, f);
        else if (ascii_is_space(c) || c == ',' || c == '-' || c == '/')
            s = slice_skip(s, 1);
        else
            ok = false;
        if (!ok)
            return false;
    }
    return true;
}

static bool apply_ampm(struct found *f)
{
    if (!f->has_ampm)
        return true;
    if (f->p.hour > (f->pm ? 23 : 12))
        return false;
    if (f->p.hour < 13)
        f->p.hour = f->p.hour % 12 + (f->pm ? 12 : 0);
    return true;
}

static bool complete(struct found *f, unsigned styles, int64_t *ticks)
{
    struct date_parts now;

    date_split(date_now(), &now);
    if (f->n_numbers == 0 && f->month_at < 0) {
        if (!f->has_time)
            return false;
        f->p.year = styles & NO_CURRENT_DATE ? 1 : now.year;
        f->p.month = styles & NO_CURRENT_DATE ? 1 : now.month;
        f->p.day = styles & NO_CURRENT_DATE ? 1 : now.day;
    } else if (!place_numbers(f, now.year)) {
        return false;
    }
    bool midnight = f->p.hour == 24 && f->p.minute == 0 && f->p.second == 0 && f->p.fraction == 0;
    if (midnight)
        f->p.hour = 0;
    if (!apply_ampm(f) || !date_join(&f->p, ticks))
        return false;
    if (midnight)
        *ticks += TICKS_PER_DAY;
    return *ticks <= TICKS_MAX && (f->weekday < 0 || f->weekday == date_weekday(*ticks));
}

static bool parse_any(struct slice text, unsigned styles, struct found *f, int64_t *ticks)
{
    *f = (struct found){ .weekday = -1, .month_at = -1 };
    text = slice_trim(text);
    return text.n && scan(text, f) && complete(f, styles, ticks);
}

/* ---- results ---- */

static bool finish_date(const struct found *f, int64_t ticks, unsigned styles, struct expr_value *out)
{
    if (f->has_offset) {
        if (styles & ROUNDTRIP_KIND && f->is_utc) {
            *out = val_date(ticks, DATE_UTC);
            return true;
        }
        ticks -= f->offset * TICKS_PER_MINUTE;
        *out = val_date(ticks, styles & ADJUST_TO_UNIVERSAL ? DATE_UTC : DATE_LOCAL);
        return ticks >= 0 && ticks <= TICKS_MAX;
    }
    enum date_kind kind = DATE_UNSPECIFIED;
    if (styles & (ASSUME_LOCAL | ASSUME_UNIVERSAL))
        kind = styles & ADJUST_TO_UNIVERSAL ? DATE_UTC : DATE_LOCAL;
    *out = val_date(ticks, kind);
    return true;
}

static bool finish(const struct found *f, int64_t ticks, unsigned styles, bool is_offset, struct expr_value *out)
{
    if (!is_offset)
        return finish_date(f, ticks, styles, out);
    int64_t utc = ticks - f->offset * TICKS_PER_MINUTE;
    if (utc < 0 || utc > TICKS_MAX)
        return false;
    *out = styles & ADJUST_TO_UNIVERSAL ? val_offset(utc, 0) : val_offset(ticks, f->offset);
    return true;
}

static struct expr_value zero_of(bool is_offset)
{
    return is_offset ? val_offset(0, 0) : val_date(0, DATE_UNSPECIFIED);
}

static bool is_offset_type(const struct site *site)
{
    return type_is(site->on, TYPE_DATETIMEOFFSET);
}

static struct expr_value not_recognized(struct vm *vm, struct expr_value text)
{
    return vm_throw(vm, TYPE_FORMATEXCEPTION, "String '%.*s' was not recognized as a valid DateTime.", SLICE_ARG(text_slice(text)));
}

/* False, with an exception: styles that exclude each other. */
static bool styles_are_fine(struct vm *vm, unsigned styles, const char *param)
{
    bool assume = (styles & (ASSUME_LOCAL | ASSUME_UNIVERSAL)) == (ASSUME_LOCAL | ASSUME_UNIVERSAL);
    bool roundtrip = styles & ROUNDTRIP_KIND && styles & (ASSUME_LOCAL | ASSUME_UNIVERSAL | ADJUST_TO_UNIVERSAL);

    if (styles > STYLES_ALL)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "An undefined DateTimeStyles value is being used. (Parameter '%s')", param);
    else if (assume)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The DateTimeStyles values AssumeLocal and AssumeUniversal cannot be used together. (Parameter '%s')", param);
    else if (roundtrip)
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The DateTimeStyles value RoundtripKind cannot be used with the values AssumeLocal, AssumeUniversal or AdjustToUniversal. (Parameter '%s')", param);
    return !vm->thrown;
}

NATIVE(date_parse)
{
    unsigned styles = site->n > 2 ? (unsigned)a[2].i : 0;
    struct expr_value out;
    struct found f;
    int64_t ticks;

    if (!styles_are_fine(vm, styles, "styles"))
        return expr_value_null();
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, is_offset_type(site) ? "input" : "s");
    if (!parse_any(text_slice(a[0]), styles, &f, &ticks) || !finish(&f, ticks, styles, is_offset_type(site), &out))
        return not_recognized(vm, a[0]);
    return out;
}

struct expr_value date_from_text(struct vm *vm, struct expr_value text)
{
    static const struct site parse = { .on = TYPE_OF(DATETIME), .n = 1 };

    return net_date_parse(vm, &parse, &text);
}

static struct expr_value try_parse(const struct site *site, struct expr_value text, unsigned styles, struct expr_value *out)
{
    struct found f;
    int64_t ticks;
    bool is_offset = is_offset_type(site);
    bool ok = text.kind == EXPR_STRING && parse_any(text_slice(text), styles, &f, &ticks) && finish(&f, ticks, styles, is_offset, out);

    if (!ok)
        *out = zero_of(is_offset);
    return val_bool(ok);
}

NATIVE(date_try_parse)
{
    return try_parse(site, a[0], 0, &a[1]);
}

NATIVE(date_try_parse_provider)
{
    return try_parse(site, a[0], 0, &a[2]);
}

NATIVE(date_try_parse_styles)
{
    return styles_are_fine(vm, (unsigned)a[2].i, "styles") ? try_parse(site, a[0], (unsigned)a[2].i, &a[3]) : expr_value_null();
}

/* ---- ParseExact ---- */

static bool exact_number(struct slice *s, unsigned least, unsigned most, int *out)
{
    return take_digits(s, most, out) >= least;
}

static bool exact_name(struct slice *s, const char *const *names, unsigned count, bool whole, int *out)
{
    for (unsigned i = 0; i < count; i++) {
        struct slice name = whole ? slice_from(names[i]) : slice_of(names[i], 3);
        if (slice_starts_icase(*s, name)) {
            *s = slice_skip(*s, name.n);
            *out = (int)i;
            return true;
        }
    }
    return false;
}

static bool exact_zone(struct slice *s, struct found *f, char c, unsigned n)
{
    if (c == 'K' && !s->n)
        return true;
    if (c == 'K' && (s->p[0] == 'Z' || s->p[0] == 'z')) {
        *s = slice_skip(*s, 1);
        f->is_utc = f->has_offset = true;
        return true;
    }
    if (!s->n || (s->p[0] != '+' && s->p[0] != '-'))
        return c == 'K';
    if (n >= 3 || c == 'K')
        return parse_offset(s, f);
    bool negative = s->p[0] == '-';
    int hours;
    *s = slice_skip(*s, 1);
    if (!exact_number(s, n, 2, &hours))
        return false;
    f->offset = hours * 60 * (negative ? -1 : 1);
    f->has_offset = true;
    return true;
}

static bool exact_fraction(struct slice *s, struct found *f, char c, unsigned n)
{
    static const int scale[] = { 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1 };
    int value;

    if (n > 7)
        return false;
    unsigned digits = take_digits(s, n, &value);
    f->p.fraction = value * scale[digits];
    return c == 'F' || digits == n;
}

static bool exact_run(struct slice *s, struct found *f, char c, unsigned n)
{
    struct date_parts *p = &f->p;

    switch (c) {
    case 'd':
        return n <= 2 ? exact_number(s, n, 2, &p->day) : exact_name(s, date_day_names, 7, n > 3, &f->weekday);
    case 'M':
        if (n <= 2)
            return exact_number(s, n, 2, &p->month);
        if (!exact_name(s, date_month_names, 12, n > 3, &p->month))
            return false;
        p->month++;
        return true;
    case 'y':
        f->has_year = true;
        if (n > 2)
            return exact_number(s, n, n, &p->year);
        if (!exact_number(s, n, 2, &p->year))
            return false;
        p->year = full_year(p->year, 2);
        return true;
    case 'H':
    case 'h':
        return exact_number(s, n > 2 ? 2 : n, 2, &p->hour) && (c == 'H' || (p->hour >= 1 && p->hour <= 12));
    case 'm':
        return exact_number(s, n > 2 ? 2 : n, 2, &p->minute);
    case 's':
        return exact_number(s, n > 2 ? 2 : n, 2, &p->second);
    case 'f':
    case 'F':
        return exact_fraction(s, f, c, n);
    case 't':
        if (!s->n || (ascii_lower(s->p[0]) != 'a' && ascii_lower(s->p[0]) != 'p'))
            return false;
        f->has_ampm = true;
        f->pm = ascii_lower(s->p[0]) == 'p';
        *s = slice_skip(*s, n == 1 ? 1 : 2);
        return true;
    default:
        return exact_zone(s, f, c, n);
    }
}

static bool exact_quoted(struct slice *s, struct slice format, size_t *i)
{
    char quote = format.p[(*i)++];

    for (; *i < format.n && format.p[*i] != quote; ++*i)
        if (!take_byte(s, format.p[*i]))
            return false;
    ++*i;
    return true;
}

/* 'Z' as a specifier, and GMT without quotes: the time is in UTC. False: the text has another. */
static bool exact_utc(struct slice *s, struct found *f)
{
    size_t n = slice_starts_icase(*s, SLICE("GMT")) ? 3 : s->n && ascii_lower(s->p[0]) == 'z' ? 1 : 0;

    *s = slice_skip(*s, n);
    f->is_utc = f->has_offset = n > 0;
    return n > 0;
}

static bool match_format(struct slice s, struct slice format, bool white, struct found *f)
{
    for (size_t i = 0; i < format.n;) {
        char c = format.p[i];
        unsigned n = 1;
        if (white)
            while (s.n && ascii_is_space(s.p[0]) && !ascii_is_space(c))
                s = slice_skip(s, 1);
        if (strchr("dMyHhmsfFtzK", c)) {
            while (i + n < format.n && format.p[i + n] == c)
                n++;
            if (!exact_run(&s, f, c, n))
                return false;
            i += n;
        } else if (c == '\'' || c == '"') {
            if (!exact_quoted(&s, format, &i))
                return false;
        } else if (c == 'Z' || slice_starts(slice_skip(format, i), SLICE("GMT"))) {
            if (!exact_utc(&s, f))
                return false;
            i += c == 'Z' ? 1 : 3;
        } else if (c == '.' && i + 1 < format.n && format.p[i + 1] == 'F' && !(s.n && s.p[0] == '.')) {
            for (i++; i < format.n && format.p[i] == 'F'; i++) /* the point of an optional fraction is optional too */
                ;
        } else {
            if (c == '\\' && i + 1 < format.n)
                c = format.p[++i];
            else if (c == '%')
                c = 0;
            if (c && !take_byte(&s, c))
                return false;
            i++;
        }
    }
    return slice_trim(s).n == 0 && (white || s.n == 0);
}

/* The custom format of a standard one, for parsing. */
static struct slice expand(struct slice format)
{
    static const struct { char c; struct slice custom; } standard[] = {
        { 'd', SLICE_INIT("MM/dd/yyyy") }, { 'D', SLICE_INIT("dddd, dd MMMM yyyy") }, { 'f', SLICE_INIT("dddd, dd MMMM yyyy HH:mm") },
        { 'F', SLICE_INIT("dddd, dd MMMM yyyy HH:mm:ss") }, { 'g', SLICE_INIT("MM/dd/yyyy HH:mm") },
        { 'G', SLICE_INIT("MM/dd/yyyy HH:mm:ss") }, { 'o', SLICE_INIT("yyyy-MM-ddTHH:mm:ss.fffffffK") },
        { 'O', SLICE_INIT("yyyy-MM-ddTHH:mm:ss.fffffffK") }, { 'r', SLICE_INIT("ddd, dd MMM yyyy HH:mm:ss 'GMT'") },
        { 'R', SLICE_INIT("ddd, dd MMM yyyy HH:mm:ss 'GMT'") }, { 's', SLICE_INIT("yyyy-MM-ddTHH:mm:ss") },
        { 't', SLICE_INIT("HH:mm") }, { 'T', SLICE_INIT("HH:mm:ss") }, { 'u', SLICE_INIT("yyyy-MM-dd HH:mm:ss'Z'") },
        { 'y', SLICE_INIT("yyyy MMMM") }, { 'Y', SLICE_INIT("yyyy MMMM") }, { 'M', SLICE_INIT("MMMM dd") },
        { 'm', SLICE_INIT("MMMM dd") },
    };

    for (size_t i = 0; format.n == 1 && i < COUNT_OF(standard); i++)
        if (standard[i].c == format.p[0])
            return standard[i].custom;
    return format;
}

static bool parse_one(struct slice text, struct slice format, unsigned styles, bool is_offset, struct expr_value *out)
{
    struct date_parts now;
    struct found f = { .weekday = -1 };
    int64_t ticks;

    date_split(date_now(), &now);
    if (!text.n || !format.n)
        return false;
    if (!match_format(text, expand(format), (styles & ALLOW_WHITE) == ALLOW_WHITE, &f) || !apply_ampm(&f))
        return false;
    bool any = f.has_year || f.p.month || f.p.day;
    if (!f.has_year)
        f.p.year = styles & NO_CURRENT_DATE && !any ? 1 : now.year;
    if (!f.p.month)
        f.p.month = any ? 1 : styles & NO_CURRENT_DATE ? 1 : now.month;
    if (!f.p.day)
        f.p.day = any ? 1 : styles & NO_CURRENT_DATE ? 1 : now.day;
    if (!date_join(&f.p, &ticks) || (f.weekday >= 0 && f.weekday != date_weekday(ticks)))
        return false;
    return finish(&f, ticks, styles, is_offset, out);
}

/* format: a string or string[]. */
static bool parse_formats(struct vm *vm, struct expr_value text, struct expr_value format, unsigned styles, bool is_offset,
                          struct expr_value *out)
{
    struct expr_value one;

    if (text.kind != EXPR_STRING)
        return false;
    if (format.kind == EXPR_STRING)
        return parse_one(text_slice(text), text_slice(format), styles, is_offset, out);
    struct list_object *list = format.kind == EXPR_OBJECT ? OBJECT(format, list_object) : NULL;
    for (uint32_t i = 0; list && i < list->n; i++) {
        if (!vm_charge(vm, 1))
            return false;
        one = list->items[i];
        if (one.kind == EXPR_STRING && parse_one(text_slice(text), text_slice(one), styles, is_offset, out))
            return true;
    }
    return false;
}

NATIVE(date_parse_exact)
{
    struct expr_value out;

    if (!styles_are_fine(vm, site->n > 3 ? (unsigned)a[3].i : 0, is_offset_type(site) ? "styles" : "style"))
        return expr_value_null();
    if (a[0].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, is_offset_type(site) ? "input" : "s");
    if (a[1].kind == EXPR_NULL)
        return vm_throw_arg_null(vm, "format");
    if (parse_formats(vm, a[0], a[1], site->n > 3 ? (unsigned)a[3].i : 0, is_offset_type(site), &out))
        return out;
    return vm->thrown ? expr_value_null() : not_recognized(vm, a[0]);
}

NATIVE(date_try_parse_exact)
{
    bool is_offset = is_offset_type(site);
    bool fine = styles_are_fine(vm, (unsigned)a[3].i, is_offset ? "styles" : "style");
    bool ok = fine && parse_formats(vm, a[0], a[1], (unsigned)a[3].i, is_offset, &a[4]);

    if (!ok)
        a[4] = zero_of(is_offset);
    return val_bool(ok);
}
