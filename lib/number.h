/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people and programs both read them. */
#ifndef SFT_LIB_NUMBER_H
#define SFT_LIB_NUMBER_H

#define SFT_NUMBER 32 /* bytes that hold any of them */

/* As %g with so many significant digits, but a large one in whole digits and not with an exponent:
 * 1012345, not 1.01234e+06. From 1e15, where doubles have no more digits, with one. Returns `text`.
 */
const char *sft_number(char text[SFT_NUMBER], double value, int digits);

#endif
