# SPDX-License-Identifier: Apache-2.0
# SFT_SENTENCEPIECE: tokenizer; optional (bytes without it)
AC_DEFUN([SFT_SENTENCEPIECE], [
  AC_ARG_WITH([sentencepiece],
    [AS_HELP_STRING([--without-sentencepiece], [only the byte tokenizer])],
    [], [with_sentencepiece=auto])
  sft_have_sentencepiece=no
  sft_tokenizers="bytes, no SentencePiece"
  AS_IF([test "x$with_sentencepiece" != xno],
    [PKG_CHECK_MODULES([SENTENCEPIECE], [sentencepiece >= 0.1.90],
      [sft_have_sentencepiece=yes
       sft_tokenizers="bytes, SentencePiece `$PKG_CONFIG --modversion sentencepiece`"],
      [SFT_PKG_BROKEN([SENTENCEPIECE], [SentencePiece], [--without-sentencepiece])
       AS_IF([test "x$with_sentencepiece" = xyes],
        [AC_MSG_ERROR([SentencePiece is missing: install libsentencepiece-dev (Debian, Ubuntu), or configure --without-sentencepiece])],
        [AC_MSG_NOTICE([no SentencePiece: text is tokenized as bytes; install libsentencepiece-dev])])])])
  AS_IF([test $sft_have_sentencepiece = yes],
    [AC_DEFINE([HAVE_SENTENCEPIECE], [1], [SentencePiece is there])])
  AM_CONDITIONAL([HAVE_SENTENCEPIECE], [test $sft_have_sentencepiece = yes])
])
