/* SPDX-License-Identifier: Apache-2.0 */
/* How a page looks: on a screen, on a phone, on A4, in both languages. */
#include "report/page_internal.h"

/* TrueType first where several fonts would do: Chromium writes those into a PDF as fonts, and
 * outlines in CFF (Noto Sans CJK) as drawings of single letters. */
#define LATIN "'Noto Sans','Liberation Sans','DejaVu Sans',Arial,Helvetica"
#define JAPANESE                                                                                   \
    "'BIZ UDPGothic','IPAexGothic','IPAPGothic','Hiragino Sans','Yu Gothic',Meiryo,"               \
    "'Noto Sans CJK JP'"

/* A word is broken only where it is wider than its line: html_text says where a long one may be. A
 * table that is wider than the window scrolls in its own frame. */
static const char screen[] =
    ":root{--ink:#1a1a1a;--soft:#555;--line:#c8c8c8;--band:#f4f6f8;--good:#00674f;--bad:#a33c00}"
    "*{box-sizing:border-box}"
    "body{margin:0 auto;max-width:1180px;padding:24px;color:var(--ink);background:#fff;"
    "overflow-wrap:break-word;font:15px/1.5 " LATIN "," JAPANESE ",sans-serif}"
    ":lang(ja) body{font-family:" JAPANESE "," LATIN ",sans-serif;line-break:strict}"
    ":lang(ja) :is(h1,h2,th,caption,figcaption,dt,summary){word-break:keep-all;"
    "word-break:auto-phrase}"
    "h1{font-size:28px;line-height:1.25;margin:0 0 4px}h2{font-size:20px;margin:36px 0 8px;"
    "border-bottom:2px solid var(--ink);padding-bottom:2px}"
    "p,ul{margin:8px 0;max-width:90ch}header p{max-width:none}li{margin:4px 0}"
    ".table{margin:12px 0;overflow-x:auto}"
    "table{border-collapse:collapse;width:100%;font-size:13.5px}"
    "caption{text-align:left;font-weight:600;margin-bottom:4px}"
    "th,td{border-bottom:1px solid var(--line);padding:4px 6px;text-align:left;vertical-align:top}"
    "thead th{background:var(--band);font-weight:600;vertical-align:bottom}th "
    "small{font-weight:400;color:var(--soft);white-space:nowrap}"
    "tbody th{font-weight:400;min-width:8.5em}"
    "td.n,th.n{text-align:right}td.n{white-space:nowrap;font-variant-numeric:tabular-nums}"
    ":lang(ja) table{font-size:13px}:lang(ja) :is(th,td){padding:4px 5px}"
    "td:last-child{min-width:5.5em}"
    "sup{font-size:10px;color:var(--soft);margin-left:1px}"
    ".met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}"
    ".met,.missed,.none{word-break:keep-all}.none,.soft{color:var(--soft)}code{font:12.5px/1.4 "
    "'DejaVu Sans Mono',Consolas,monospace}"
    "figure{margin:12px 0}.chart{overflow-x:auto}"
    "figure svg{width:100%;min-width:620px;height:auto;display:block}"
    "figure svg text,figure svg g{font-family:inherit}"
    "figcaption{font-size:13px;color:var(--soft)}.missing{border:1px dashed "
    "var(--line);padding:12px}"
    ".aloud{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);"
    "white-space:nowrap}"
    ".result{font-size:19px;line-height:1.45;font-weight:600;max-width:none;margin:14px 0}"
    ".box{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:6px 24px;"
    "margin:16px 0;padding:12px 16px;border:1px solid var(--line);background:var(--band)}"
    ".box div{min-width:0}.box dt{font-size:12.5px;color:var(--soft)}.box dd{margin:0}"
    "td.n small{display:block;color:var(--soft)}"
    ".h0{background:#eaf4f0}.h1{background:#fff0c9}.h2{background:#ffd3b0}.h3{background:#f2a58f}"
    ".jobs{columns:2;column-gap:28px;max-width:none;font-size:12px;padding-left:18px}"
    "@media (max-width:600px){body{padding:12px;font-size:14px}h1{font-size:22px}"
    "h2{font-size:18px;margin-top:28px}ul{padding-left:20px}.jobs{columns:1}"
    "td:last-child:not(.n),tbody "
    "th+td:not(.n){min-width:10em}td:is(.met,.missed,.none){min-width:11em}"
    ".result{font-size:17px}}";

/* A heading stays with what it heads, and a table or chart is whole where a page has the room. */
static const char print[] =
    "@page{size:A4;margin:14mm 12mm 16mm;@bottom-right{content:counter(page) ' / ' counter(pages);"
    "font:8pt " LATIN ",sans-serif;color:#555}}"
    "@media print{body{max-width:none;padding:0;font-size:9.5pt;line-height:1.35}h1{font-size:18pt}"
    "h2{font-size:12.5pt;margin:13pt 0 4pt}h2,h2+p,p:has(+.table),p:has(+figure),caption,thead{"
    "break-after:avoid}h2,p,.table,figure,.box,.result{break-inside:avoid}"
    ".table,.chart{overflow:visible}.table{margin:5pt 0 8pt}"
    "table,:lang(ja) table{font-size:7.5pt}th,td,:lang(ja) :is(th,td){padding:1.5px 3px}"
    "tbody th:has(+td.n){min-width:21em}figure{margin:5pt 0}figcaption{font-size:8pt}"
    ".table:has(tbody tr:nth-child(25)){break-inside:auto}"
    "tr{break-inside:avoid}thead{display:table-header-group}"
    "figure svg{min-width:0;max-height:60mm}.box,thead th,td{print-color-adjust:exact}"
    ".result{font-size:12pt}.box{margin:6pt 0;padding:5pt 8pt;gap:2pt 14pt;"
    "grid-template-columns:repeat(4,1fr)}.jobs{font-size:6pt;line-height:1.25;columns:3;column-gap:"
    "12pt}.jobs "
    "li{margin:1pt 0}"
    "code{font-size:7pt}p,ul{max-width:none;margin:3pt 0;orphans:3;widows:3}}";

void page_begin(FILE *out, const char *title, bool japanese)
{
    fprintf(out,
            "<!DOCTYPE html>\n<html lang=\"%s\">\n<head><meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
            japanese ? "ja" : "en");
    html_attribute(out, title);
    fprintf(out, "</title>\n<style>%s%s</style></head>\n<body>\n", screen, print);
}

void page_end(FILE *out)
{
    fprintf(out, "</body></html>\n");
}
