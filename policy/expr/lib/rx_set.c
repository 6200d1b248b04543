/* Sets of UTF-16 units: ranges, Unicode categories and blocks, negation, subtraction. */
#include "policy/expr/lib/rx.h"
#include "policy/expr/text.h"
#include "policy/expr/unicode.h"

#define BIT(c) (1u << UNICODE_##c)
#define ALL_CATEGORIES ((1u << (UNICODE_CN + 1)) - 1)
#define LETTERS (BIT(LU) | BIT(LL) | BIT(LT) | BIT(LM) | BIT(LO))
#define WORD (LETTERS | BIT(MN) | BIT(ND) | BIT(PC))

static struct rx_range joiners[] = { { 0x200c, 0x200d } };
const struct rx_set rx_word_chars = {
    .low = { 0, 0x03ff0000, 0x87fffffe, 0x07fffffe, 0, 0x04200400, 0xff7fffff, 0xff7fffff },
    .ranges = joiners,
    .nranges = 1,
    .categories = WORD,
};

/* Categories by name, singles and groups. */
static const struct {
    const char *name;
    uint32_t mask;
} categories[] = {
    { "L", LETTERS },
    { "Lu", BIT(LU) },
    { "Ll", BIT(LL) },
    { "Lt", BIT(LT) },
    { "Lm", BIT(LM) },
    { "Lo", BIT(LO) },
    { "M", BIT(MN) | BIT(MC) | BIT(ME) },
    { "Mn", BIT(MN) },
    { "Mc", BIT(MC) },
    { "Me", BIT(ME) },
    { "N", BIT(ND) | BIT(NL) | BIT(NO) },
    { "Nd", BIT(ND) },
    { "Nl", BIT(NL) },
    { "No", BIT(NO) },
    { "P", BIT(PC) | BIT(PD) | BIT(PS) | BIT(PE) | BIT(PI) | BIT(PF) | BIT(PO) },
    { "Pc", BIT(PC) },
    { "Pd", BIT(PD) },
    { "Ps", BIT(PS) },
    { "Pe", BIT(PE) },
    { "Pi", BIT(PI) },
    { "Pf", BIT(PF) },
    { "Po", BIT(PO) },
    { "S", BIT(SM) | BIT(SC) | BIT(SK) | BIT(SO) },
    { "Sm", BIT(SM) },
    { "Sc", BIT(SC) },
    { "Sk", BIT(SK) },
    { "So", BIT(SO) },
    { "Z", BIT(ZS) | BIT(ZL) | BIT(ZP) },
    { "Zs", BIT(ZS) },
    { "Zl", BIT(ZL) },
    { "Zp", BIT(ZP) },
    { "C", BIT(CC) | BIT(CF) | BIT(CS) | BIT(CO) | BIT(CN) },
    { "Cc", BIT(CC) },
    { "Cf", BIT(CF) },
    { "Cs", BIT(CS) },
    { "Co", BIT(CO) },
    { "Cn", BIT(CN) },
};

/* Blocks, as .NET names them behind "Is". */
static const struct {
    const char *name;
    uint16_t from, to;
} blocks[] = {
#define BLOCK(name, from, to) { name, from, to },
#include "policy/expr/lib/rx_blocks.def"
#undef BLOCK
};

bool rx_set_add(struct arena *a, struct rx_set *s, uint32_t from, uint32_t to)
{
    if (s->nranges == s->room) {
        uint32_t room = s->room ? 2 * s->room : 4;
        struct rx_range *grown = arena_grow(a, s->ranges, s->nranges * sizeof *grown, room * sizeof *grown);

        if (!grown)
            return false;
        s->ranges = grown;
        s->room = room;
    }
    s->ranges[s->nranges++] = (struct rx_range){ (uint16_t)from, (uint16_t)to };
    return true;
}

bool rx_set_add_other_case(struct arena *a, struct rx_set *s)
{
    for (uint32_t i = 0, n = s->nranges; i < n; i++) {
        uint32_t from = s->ranges[i].from, to = s->ranges[i].to;

        for (uint32_t c = from; c <= to; c++) {
            uint32_t low = text_lower(c), up = text_upper(c);

            if (c == 0x2c00) /* from here on no script has cases that matter */
                break;
            if (low > 0xffff || up > 0xffff || (low == c && up == c))
                continue;
            if (((low < from || low > to) && !rx_set_add(a, s, low, low)) ||
                ((up < from || up > to) && !rx_set_add(a, s, up, up)))
                return false;
            if ((low == 'k' && !rx_set_add(a, s, 0x212a, 0x212a)) ||
                (low == 0xe5 && !rx_set_add(a, s, 0x212b, 0x212b)))
                return false;
        }
    }
    return true;
}

bool rx_set_add_class(struct arena *a, struct rx_set *s, char letter, bool ecma)
{
    switch (letter) {
    case 'd':
        if (ecma)
            return rx_set_add(a, s, '0', '9');
        s->categories |= BIT(ND);
        return true;
    case 'D':
        if (ecma)
            return rx_set_add(a, s, 0, '0' - 1) && rx_set_add(a, s, '9' + 1, 0xffff);
        s->categories |= ALL_CATEGORIES & ~BIT(ND);
        return true;
    case 'w':
        if (ecma)
            return rx_set_add(a, s, '0', '9') && rx_set_add(a, s, 'A', 'Z') && rx_set_add(a, s, '_', '_') &&
                   rx_set_add(a, s, 'a', 'z') && rx_set_add(a, s, 0x130, 0x130);
        s->categories |= WORD;
        return true;
    case 'W':
        if (ecma)
            return rx_set_add(a, s, 0, '0' - 1) && rx_set_add(a, s, '9' + 1, 'A' - 1) &&
                   rx_set_add(a, s, 'Z' + 1, '_' - 1) && rx_set_add(a, s, '_' + 1, 'a' - 1) &&
                   rx_set_add(a, s, 'z' + 1, 0x12f) && rx_set_add(a, s, 0x131, 0xffff);
        s->categories |= ALL_CATEGORIES & ~WORD;
        return true;
    case 's':
        if (ecma)
            return rx_set_add(a, s, 9, 13) && rx_set_add(a, s, ' ', ' ');
        s->categories |= BIT(ZS) | BIT(ZL) | BIT(ZP);
        return rx_set_add(a, s, 9, 13) && rx_set_add(a, s, 0x85, 0x85);
    default: /* 'S': control characters but the white ones, and all categories but separators */
        if (ecma)
            return rx_set_add(a, s, 0, 8) && rx_set_add(a, s, 14, 31) && rx_set_add(a, s, 33, 0xffff);
        s->categories |= ALL_CATEGORIES & ~(BIT(ZS) | BIT(ZL) | BIT(ZP) | BIT(CC));
        return rx_set_add(a, s, 0, 8) && rx_set_add(a, s, 14, 31) && rx_set_add(a, s, 0x7f, 0x84) &&
               rx_set_add(a, s, 0x86, 0x9f);
    }
}

bool rx_set_add_property(struct arena *a, struct rx_set *s, struct slice name, bool negate)
{
    for (size_t i = 0; i < COUNT_OF(categories); i++)
        if (slice_eq(name, slice_from(categories[i].name))) {
            s->categories |= negate ? ALL_CATEGORIES & ~categories[i].mask : categories[i].mask;
            return true;
        }
    if (!slice_starts(name, SLICE("Is")))
        return false;
    for (size_t i = 0; i < COUNT_OF(blocks); i++)
        if (slice_eq(slice_skip(name, 2), slice_from(blocks[i].name))) {
            if (!negate)
                return rx_set_add(a, s, blocks[i].from, blocks[i].to);
            return (blocks[i].from == 0 || rx_set_add(a, s, 0, blocks[i].from - 1u)) &&
                   (blocks[i].to == 0xffff || rx_set_add(a, s, blocks[i].to + 1u, 0xffff));
        }
    return false;
}

bool rx_set_has_slow(const struct rx_set *s, uint32_t unit)
{
    bool in = s->categories && s->categories >> unicode_category(unit) & 1;

    for (uint32_t i = 0; i < s->nranges && !in; i++)
        in = unit >= s->ranges[i].from && unit <= s->ranges[i].to;
    if (in == s->negated)
        return false;
    return !s->minus || !rx_set_has_slow(s->minus, unit);
}

void rx_set_finish(struct rx_set *s)
{
    memset(s->low, 0, sizeof s->low);
    for (uint32_t c = 0; c < 256; c++)
        if (rx_set_has_slow(s, c))
            s->low[c >> 5] |= 1u << (c & 31);
}
