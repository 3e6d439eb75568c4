# data, tokenizer
