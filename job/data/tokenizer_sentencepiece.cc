// SPDX-License-Identifier: Apache-2.0
#include "job/data/tokenizer_sentencepiece.h"

#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include <sentencepiece_processor.h>

struct tokenizer_pieces {
    sentencepiece::SentencePieceProcessor processor;
};

// Nothing may be thrown into C.
struct tokenizer_pieces *sentencepiece_open(const char *model, size_t size)
{
    try {
        auto pieces = std::make_unique<struct tokenizer_pieces>();
        if (pieces->processor.LoadFromSerializedProto({model, size}).ok())
            return pieces.release();
    } catch (const std::exception &) {
    }
    return nullptr;
}

void sentencepiece_close(struct tokenizer_pieces *pieces)
{
    delete pieces;
}

int sentencepiece_vocab(const struct tokenizer_pieces *pieces)
{
    return pieces->processor.GetPieceSize();
}

int sentencepiece_begin(const struct tokenizer_pieces *pieces)
{
    return pieces->processor.bos_id();
}

int sentencepiece_end(const struct tokenizer_pieces *pieces)
{
    return pieces->processor.eos_id();
}

int sentencepiece_special(const struct tokenizer_pieces *pieces, const char *text)
{
    int id = pieces->processor.PieceToId(text);
    return pieces->processor.IsControl(id) && pieces->processor.IdToPiece(id) == text ? id : -1;
}

long sentencepiece_encode(struct tokenizer_pieces *pieces, const char *text, size_t length,
                          int32_t **ids)
{
    try {
        std::vector<int> found;
        if (!pieces->processor.Encode({text, length}, &found).ok())
            return -1;
        *ids = static_cast<int32_t *>(std::malloc((found.size() + 1) * sizeof(int32_t)));
        if (*ids == nullptr)
            return -1;
        for (size_t i = 0; i < found.size(); i++)
            (*ids)[i] = found[i];
        return static_cast<long>(found.size());
    } catch (const std::exception &) {
        return -1;
    }
}
