/* General categories of Unicode, as System.Globalization.UnicodeCategory numbers them. */
#ifndef POLICY_EXPR_UNICODE_H
#define POLICY_EXPR_UNICODE_H

#include <stdint.h>

enum unicode_category {
    UNICODE_LU, UNICODE_LL, UNICODE_LT, UNICODE_LM, UNICODE_LO, UNICODE_MN, UNICODE_MC, UNICODE_ME, UNICODE_ND, UNICODE_NL,
    UNICODE_NO, UNICODE_ZS, UNICODE_ZL, UNICODE_ZP, UNICODE_CC, UNICODE_CF, UNICODE_CS, UNICODE_CO, UNICODE_PC, UNICODE_PD,
    UNICODE_PS, UNICODE_PE, UNICODE_PI, UNICODE_PF, UNICODE_PO, UNICODE_SM, UNICODE_SC, UNICODE_SK, UNICODE_SO, UNICODE_CN,
};

/* Of a code point or UTF-16 unit. */
enum unicode_category unicode_category(uint32_t cp);

#endif
