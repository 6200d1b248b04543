/* TimeZoneInfo and TimeZone over compiled-in tables: an expression reads no file. See zones.def. */
#include "policy/expr/lib/string_int.h"
#include "policy/expr/lib/time.h"

struct kind {
    int16_t minutes;
    bool daylight;
};

/* Month 0: no daylight saving. */
struct turn {
    int8_t month, week, weekday;
    int16_t minute;
};

struct rule {
    int16_t standard, daylight;
    struct turn begin, end;
};

struct history {
    uint16_t first, n;
    uint8_t before, rule;
};

struct windows_zone {
    struct slice id, iana;
};

struct iana_zone {
    struct slice id;
    int16_t history, windows;
};

static const struct kind kinds[] = {
#define KIND(minutes, daylight) { minutes, daylight },
#include "policy/expr/lib/zones.def"
#undef KIND
};
static const struct rule rules[] = {
#define RULE(standard, daylight, bm, bw, bd, bt, em, ew, ed, et) { standard, daylight, { bm, bw, bd, bt }, { em, ew, ed, et } },
#include "policy/expr/lib/zones.def"
#undef RULE
};
static const struct history histories[] = {
#define HISTORY(first, n, before, rule) { first, n, before, rule },
#include "policy/expr/lib/zones.def"
#undef HISTORY
};
static const struct windows_zone windows_zones[] = {
#define WINDOWS(id, iana) { SLICE_INIT(id), SLICE_INIT(iana) },
#include "policy/expr/lib/zones.def"
#undef WINDOWS
};
static const struct iana_zone iana_zones[] = {
#define IANA(id, history, windows) { SLICE_INIT(id), history, windows },
#include "policy/expr/lib/zones.def"
#undef IANA
};
#define ZONE_CHANGES
#include "policy/expr/lib/zones.def"
#undef ZONE_CHANGES

/* 1990-01-01 in minutes since 1970: what the table knows nothing before. */
#define TABLE_BEGIN (631152000 / 60)

struct zone_object {
    struct object head;
    const struct history *history; /* NULL: always `fixed` */
    int fixed;                     /* minutes */
    struct slice id, display, standard, daylight;
    bool is_utc;
};

#define ZONE(v) OBJECT(v, zone_object)

/* ---- offsets ---- */

/* Ticks of a turn in a year, in the zone's local time. */
static int64_t turn_ticks(const struct turn *t, int year)
{
    struct date_parts p = { year, t->month, 1, 0, 0, 0, 0 };
    int64_t ticks;
    int day;

    (void)date_join(&p, &ticks);
    day = 1 + (t->weekday - date_weekday(ticks) + 7) % 7 + (t->week - 1) * 7;
    while (day > date_month_days(year, t->month))
        day -= 7;
    return ticks + (day - 1) * TICKS_PER_DAY + t->minute * TICKS_PER_MINUTE;
}

/* Of the year around a time in UTC. South of the equator daylight saving ends before it begins. */
static struct kind by_rule(const struct rule *r, int64_t utc)
{
    struct kind standard = { r->standard, false }, daylight = { r->daylight, true };
    struct date_parts p;
    int64_t begin, end;
    bool in;

    if (!r->begin.month || utc < 0 || utc > TICKS_MAX)
        return standard;
    date_split(utc, &p);
    begin = turn_ticks(&r->begin, p.year) - r->standard * TICKS_PER_MINUTE;
    end = turn_ticks(&r->end, p.year) - r->daylight * TICKS_PER_MINUTE;
    in = begin < end ? utc >= begin && utc < end : utc >= begin || utc < end;
    return in ? daylight : standard;
}

/* When the rule's last turn up to `utc` was, or 0. */
static int64_t last_turn(const struct rule *r, int64_t utc)
{
    struct date_parts p;
    int64_t last = 0;

    date_split(utc, &p);
    for (int year = p.year > 1 ? p.year - 1 : p.year; r->begin.month && year <= p.year; year++) {
        int64_t begin = turn_ticks(&r->begin, year) - r->standard * TICKS_PER_MINUTE;
        int64_t end = turn_ticks(&r->end, year) - r->daylight * TICKS_PER_MINUTE;

        if (begin <= utc && begin > last)
            last = begin;
        if (end <= utc && end > last)
            last = end;
    }
    return last;
}

static struct kind kind_at(const struct zone_object *z, int64_t utc)
{
    const struct history *h = z->history;
    int64_t minutes = (utc - TICKS_UNIX) / TICKS_PER_MINUTE;
    uint32_t low, high;

    if (!h)
        return (struct kind){ (int16_t)z->fixed, false };
    if (utc < 0 || utc > TICKS_MAX)
        return kinds[h->before];
    low = h->first;
    high = h->first + h->n;
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if ((int64_t)zone_at[middle] <= minutes)
            low = middle + 1;
        else
            high = middle;
    }
    if (minutes < TABLE_BEGIN || (h->n && low == h->first))
        return kinds[h->before];
    if (low < (uint32_t)h->first + h->n)
        return kinds[zone_kind[low - 1]];
    if (h->n && last_turn(&rules[h->rule], utc) <= TICKS_UNIX + zone_at[low - 1] * TICKS_PER_MINUTE)
        return kinds[zone_kind[low - 1]];
    return by_rule(&rules[h->rule], utc);
}

static int64_t offset_at(const struct zone_object *z, int64_t utc)
{
    return kind_at(z, utc).minutes * TICKS_PER_MINUTE;
}

static int base_minutes(const struct zone_object *z)
{
    return z->history ? rules[z->history->rule].standard : z->fixed;
}

/* A local time by the offsets that hold a day before and a day after. */
struct local {
    int64_t early, late; /* UTC by the larger and the smaller offset */
    bool early_fits, late_fits;
};

static struct local local_time(const struct zone_object *z, int64_t local)
{
    int64_t a = offset_at(z, local - TICKS_PER_DAY), b = offset_at(z, local + TICKS_PER_DAY);
    struct local l = { .early = local - (a > b ? a : b), .late = local - (a > b ? b : a) };

    l.early_fits = l.early + offset_at(z, l.early) == local;
    l.late_fits = l.late + offset_at(z, l.late) == local;
    return l;
}

/* The time comes twice. */
static bool is_ambiguous(struct local l)
{
    return l.early != l.late && l.early_fits && l.late_fits;
}

/* The clock goes over the time. */
static bool is_invalid(struct local l)
{
    return !l.early_fits && !l.late_fits;
}

/* In the hour that comes twice the later reading, standard time, as .NET takes it; where there is no such time too. */
static int64_t utc_of_local(const struct zone_object *z, int64_t local)
{
    struct local l = local_time(z, local);

    return l.early_fits && !l.late_fits ? l.early : l.late;
}

/* ---- finding ---- */

static struct expr_value zone_value(struct vm *vm, const struct iana_zone *iana, struct slice id)
{
    struct zone_object *o = vm_new(vm, struct zone_object);

    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(TIMEZONEINFO);
    o->id = id;
    o->is_utc = !iana;
    if (iana)
        o->history = &histories[iana->history];
    return object_value(o);
}

NATIVE(zone_utc)
{
    return zone_value(vm, NULL, SLICE("UTC"));
}

static const struct iana_zone *find_iana(struct slice id)
{
    for (size_t i = 0; i < COUNT_OF(iana_zones); i++)
        if (slice_eq_icase(id, iana_zones[i].id))
            return &iana_zones[i];
    return NULL;
}

static const struct windows_zone *find_windows(struct slice id)
{
    for (size_t i = 0; i < COUNT_OF(windows_zones); i++)
        if (slice_eq_icase(id, windows_zones[i].id))
            return &windows_zones[i];
    return NULL;
}

/* Null, without an exception, when there is no such zone. */
static struct expr_value find_zone(struct vm *vm, struct slice id)
{
    const struct windows_zone *w;
    const struct iana_zone *iana;

    if (slice_eq_icase(id, SLICE("UTC")))
        return net_zone_utc(vm, NULL, NULL);
    w = find_windows(id);
    iana = find_iana(w ? w->iana : id);
    return iana ? zone_value(vm, iana, w ? w->id : iana->id) : expr_value_null();
}

static struct expr_value need_zone(struct vm *vm, struct expr_value id)
{
    struct expr_value z;

    if (id.kind != EXPR_STRING)
        return vm_throw_arg_null(vm, "id");
    z = find_zone(vm, text_slice(id));
    if (z.kind == EXPR_NULL && !vm->thrown)
        vm_throw(vm, TYPE_TIMEZONENOTFOUNDEXCEPTION, "The time zone ID '%.*s' was not found on the local computer.", SLICE_ARG(text_slice(id)));
    return z;
}

NATIVE(zone_find)
{
    return need_zone(vm, a[0]);
}

NATIVE(zone_try_find)
{
    a[1] = a[0].kind == EXPR_STRING ? find_zone(vm, text_slice(a[0])) : expr_value_null();
    return val_bool(a[1].kind != EXPR_NULL);
}

NATIVE(zone_iana_to_windows)
{
    const struct iana_zone *z = a[0].kind == EXPR_STRING ? find_iana(text_slice(a[0])) : NULL;

    a[1] = z && z->windows >= 0 ? text_value(windows_zones[z->windows].id) : expr_value_null();
    return val_bool(a[1].kind != EXPR_NULL);
}

NATIVE(zone_windows_to_iana)
{
    const struct windows_zone *z = a[0].kind == EXPR_STRING ? find_windows(text_slice(a[0])) : NULL;

    a[site->n - 1] = z ? text_value(z->iana) : expr_value_null();
    return val_bool(z != NULL);
}

NATIVE(zone_all)
{
    struct list_object *l = list_make(vm, site->ret, COUNT_OF(iana_zones));

    for (size_t i = 0; l && i < COUNT_OF(iana_zones) && vm_charge(vm, 1); i++)
        if (!list_append(vm, l, zone_value(vm, &iana_zones[i], iana_zones[i].id)))
            return expr_value_null();
    return l ? object_value(l) : expr_value_null();
}

/* (id, baseUtcOffset, displayName, standardDisplayName) */
NATIVE(zone_custom)
{
    struct zone_object *o;

    NEED(0, "id");
    if (a[0].n == 0)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The specified ID parameter '' is not supported. (Parameter 'id')");
    if (a[1].i % TICKS_PER_MINUTE)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The TimeSpan parameter cannot be specified more precisely than whole minutes. (Parameter 'baseUtcOffset')");
    if (a[1].i > 14 * TICKS_PER_HOUR || a[1].i < -14 * TICKS_PER_HOUR)
        return vm_throw(vm, TYPE_ARGUMENTOUTOFRANGEEXCEPTION, "The TimeSpan parameter must be within plus or minus 14.0 hours. (Parameter 'baseUtcOffset')");
    o = vm_new(vm, struct zone_object);
    if (!o)
        return expr_value_null();
    o->head.type = TYPE_OF(TIMEZONEINFO);
    o->fixed = (int)(a[1].i / TICKS_PER_MINUTE);
    o->id = text_slice(a[0]);
    o->display = text_slice(a[2]);
    o->standard = text_slice(a[3]);
    return object_value(o);
}

/* ---- what it is ---- */

NATIVE(zone_id)
{
    return text_value(ZONE(a[0])->id);
}

NATIVE(zone_has_iana_id)
{
    return val_bool(ZONE(a[0])->is_utc || find_iana(ZONE(a[0])->id));
}

NATIVE(zone_display_name)
{
    const struct zone_object *o = ZONE(a[0]);
    int base = base_minutes(o), minutes = base < 0 ? -base : base;

    if (o->display.n)
        return text_value(o->display);
    if (o->is_utc)
        return TEXT("(UTC) Coordinated Universal Time");
    return str_printf(vm, "(UTC%c%02d:%02d) %.*s", base < 0 ? '-' : '+', minutes / 60, minutes % 60, SLICE_ARG(o->id));
}

NATIVE(zone_standard_name)
{
    const struct zone_object *o = ZONE(a[0]);

    return o->standard.n ? text_value(o->standard) : o->is_utc ? TEXT("Coordinated Universal Time") : text_value(o->id);
}

/* Windows names say "Standard" where the other name says "Daylight". */
NATIVE(zone_daylight_name)
{
    struct expr_value args[3] = { net_zone_standard_name(vm, site, a), TEXT("Standard"), TEXT("Daylight") };
    static const struct site replace = { .n = 3 };

    return find_windows(ZONE(a[0])->id) && !vm->thrown ? net_string_replace(vm, &replace, args) : args[0];
}

NATIVE(zone_base_offset)
{
    return val_span(base_minutes(ZONE(a[0])) * TICKS_PER_MINUTE);
}

NATIVE(zone_supports_dst)
{
    const struct history *h = ZONE(a[0])->history;

    return val_bool(h && rules[h->rule].begin.month);
}

static bool same_rules(const struct zone_object *x, const struct zone_object *y)
{
    return x->history == y->history && (x->history || x->fixed == y->fixed);
}

NATIVE(zone_has_same_rules)
{
    NEED(1, "other");
    return val_bool(same_rules(ZONE(a[0]), ZONE(a[1])));
}

NATIVE(zone_equals)
{
    const struct zone_object *other = object_if(a[1], TYPE_TIMEZONEINFO);

    return val_bool(other && slice_eq_icase(ZONE(a[0])->id, other->id) && same_rules(ZONE(a[0]), other));
}

/* ---- times in it ---- */

/* Of a DateTime without a kind the time is the zone's own. */
static int64_t utc_in(const struct zone_object *z, struct expr_value v)
{
    return v.kind == EXPR_DATETIME && v.aux == DATE_UNSPECIFIED ? utc_of_local(z, v.i) : date_utc_ticks(v);
}

NATIVE(zone_get_offset)
{
    const struct zone_object *z = ZONE(a[0]);

    if (a[1].kind == EXPR_DATETIME && a[1].aux == DATE_UNSPECIFIED && is_invalid(local_time(z, a[1].i)))
        return net_zone_base_offset(vm, site, a);
    return val_span(offset_at(z, utc_in(z, a[1])));
}

NATIVE(zone_is_dst)
{
    return val_bool(kind_at(ZONE(a[0]), utc_in(ZONE(a[0]), a[1])).daylight);
}

/* As the zone's own clock shows it. */
static struct local reading(const struct zone_object *z, struct expr_value v)
{
    return local_time(z, v.kind == EXPR_DATETIME && v.aux == DATE_UNSPECIFIED ? v.i : date_utc_ticks(v) + offset_at(z, date_utc_ticks(v)));
}

NATIVE(zone_is_ambiguous)
{
    return val_bool(is_ambiguous(reading(ZONE(a[0]), a[1])));
}

NATIVE(zone_is_invalid)
{
    return val_bool(a[1].aux == DATE_UNSPECIFIED && is_invalid(local_time(ZONE(a[0]), a[1].i)));
}

/* The smaller one first. */
NATIVE(zone_ambiguous_offsets)
{
    struct local l = reading(ZONE(a[0]), a[1]);
    struct expr_value both[2];

    if (!is_ambiguous(l))
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The supplied %s is not in an ambiguous time range. (Parameter '%s')",
                        a[1].kind == EXPR_DATETIME ? "DateTime" : "DateTimeOffset", a[1].kind == EXPR_DATETIME ? "dateTime" : "dateTimeOffset");
    both[0] = val_span(offset_at(ZONE(a[0]), l.late));
    both[1] = val_span(offset_at(ZONE(a[0]), l.early));
    return array_make(vm, site->ret, 2, both);
}

/* ---- conversion ---- */

static const struct zone_object *zone_of(struct vm *vm, struct expr_value v, const char *param)
{
    if (v.kind == EXPR_OBJECT)
        return ZONE(v);
    vm_throw_arg_null(vm, param);
    return NULL;
}

static struct expr_value convert(struct vm *vm, int64_t utc, const struct zone_object *to, bool is_offset)
{
    int64_t offset = offset_at(to, utc), local = utc + offset;

    if (is_offset)
        return offset_make(vm, local, offset);
    if (local < 0 || local > TICKS_MAX)
        local = local < 0 ? 0 : TICKS_MAX;
    return val_date(local, to->is_utc ? DATE_UTC : DATE_UNSPECIFIED);
}

/* In UTC, out of the source zone; false: exception. */
static bool utc_from(struct vm *vm, const struct zone_object *from, struct expr_value v, int64_t *utc)
{
    if (v.aux != DATE_UNSPECIFIED && !from->is_utc) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The conversion could not be completed because the supplied DateTime did not have the Kind property set "
                 "correctly.  For example, when the Kind property is DateTimeKind.Local, the source time zone must be TimeZoneInfo.Local. (Parameter 'sourceTimeZone')");
        return false;
    }
    if (v.aux == DATE_UNSPECIFIED && is_invalid(local_time(from, v.i))) {
        vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The supplied DateTime represents an invalid time.  For example, when the clock is adjusted forward, "
                 "any time in the period that is skipped is invalid. (Parameter 'dateTime')");
        return false;
    }
    *utc = utc_in(from, v);
    if (*utc < 0 || *utc > TICKS_MAX)
        *utc = *utc < 0 ? 0 : TICKS_MAX;
    return true;
}

NATIVE(zone_convert)
{
    const struct zone_object *to = zone_of(vm, a[1], "destinationTimeZone");

    return to ? convert(vm, date_utc_ticks(a[0]), to, a[0].kind == EXPR_OFFSETTIME) : expr_value_null();
}

NATIVE(zone_convert_from_utc)
{
    const struct zone_object *to = zone_of(vm, a[1], "destinationTimeZone");

    if (to && a[0].aux == DATE_LOCAL)
        return vm_throw(vm, TYPE_ARGUMENTEXCEPTION, "The conversion could not be completed because the supplied DateTime did not have the Kind property set "
                        "correctly.  For example, when the Kind property is DateTimeKind.Local, the source time zone must be TimeZoneInfo.Local. (Parameter 'sourceTimeZone')");
    return to ? convert(vm, a[0].i, to, false) : expr_value_null();
}

NATIVE(zone_convert_to_utc)
{
    const struct zone_object *from = zone_of(vm, a[1], "sourceTimeZone");
    int64_t utc;

    return from && utc_from(vm, from, a[0], &utc) ? val_date(utc, DATE_UTC) : expr_value_null();
}

NATIVE(zone_convert_between)
{
    const struct zone_object *from = zone_of(vm, a[1], "sourceTimeZone"), *to = from ? zone_of(vm, a[2], "destinationTimeZone") : NULL;
    int64_t utc;

    return to && utc_from(vm, from, a[0], &utc) ? convert(vm, utc, to, false) : expr_value_null();
}

NATIVE(zone_convert_id)
{
    struct expr_value to = need_zone(vm, a[1]);

    return to.p ? convert(vm, date_utc_ticks(a[0]), ZONE(to), a[0].kind == EXPR_OFFSETTIME) : expr_value_null();
}

NATIVE(zone_convert_between_ids)
{
    struct expr_value args[3] = { a[0], need_zone(vm, a[1]) };

    if (!vm->thrown)
        args[2] = need_zone(vm, a[2]);
    return vm->thrown ? expr_value_null() : net_zone_convert_between(vm, site, args);
}

/* ---- TimeZone: the one of this computer, UTC ---- */

NATIVE(timezone_current)
{
    static const struct object current = { TYPE_OF(TIMEZONE) };

    return object_value(&current);
}

NATIVE(timezone_name)
{
    return TEXT("UTC");
}

NATIVE(timezone_offset)
{
    return val_span(0);
}

NATIVE(timezone_is_dst)
{
    return val_bool(false);
}

NATIVE(timezone_to_universal)
{
    return net_datetime_to_universal(vm, site, a + 1);
}

NATIVE(timezone_to_local)
{
    return net_datetime_to_local(vm, site, a + 1);
}
