# SPDX-License-Identifier: Apache-2.0
# SFT_PCRE2: the words of byte-level BPE tokenizers; optional (tokenizer.json is refused without it). After SFT_SENTENCEPIECE.
AC_DEFUN([SFT_PCRE2], [
  AC_ARG_WITH([pcre2],
    [AS_HELP_STRING([--without-pcre2], [no tokenizer.json and no tiktoken ranks])],
    [], [with_pcre2=auto])
  sft_have_pcre2=no
  AS_IF([test "x$with_pcre2" != xno],
    [PKG_CHECK_MODULES([PCRE2], [libpcre2-8 >= 10.34],
      [sft_have_pcre2=yes
       sft_tokenizers="$sft_tokenizers, tokenizer.json with PCRE2 `$PKG_CONFIG --modversion libpcre2-8`"],
      [SFT_PKG_BROKEN([PCRE2], [PCRE2], [--without-pcre2])
       AS_IF([test "x$with_pcre2" = xyes],
        [AC_MSG_ERROR([PCRE2 is missing: install libpcre2-dev (Debian, Ubuntu), or configure --without-pcre2])],
        [AC_MSG_NOTICE([no PCRE2: tokenizer.json and tiktoken ranks are not read; install libpcre2-dev])])])])
  AS_IF([test $sft_have_pcre2 = yes],
    [AC_DEFINE([HAVE_PCRE2], [1], [PCRE2 is there])])
])
