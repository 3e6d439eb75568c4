# sft-bench-job. Four convenience libraries, so that tests link what they test.
#   libsftdata   data, tokenizer, batch        libsftmodel  backend, model, optim
include job/data.mk
include job/model.mk
