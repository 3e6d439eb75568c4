/* SPDX-License-Identifier: Apache-2.0 */
/* A page as PDF, by what is installed: a Chromium or weasyprint. */
#ifndef REPORT_PDF_H
#define REPORT_PDF_H

#include "lib/error.h"

/* html, pdf: paths of files. The PDF is written beside and renamed. Fails with one line where
 * neither program is there, or when it fails. */
int pdf_make(const char *html, const char *pdf, struct sft_error *err);

#endif
