/* SPDX-License-Identifier: Apache-2.0 */
#include "job/model/base.h"

#include "job/tensor/nf4.h"

/* Pieces are whole blocks of NF4's double quantization, an eighth of the matrix up to 2^24. */
enum { ALIGNMENT = 256, BLOCK = NF4_BLOCK * NF4_SCALES, MOST = MODEL_PIECE, SIDE = 16 };

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *take(char *place, size_t *used, size_t bytes)
{
    void *memory = place == NULL ? NULL : place + *used;
    *used += rounded(bytes);
    return memory;
}

static size_t piece_size(size_t count)
{
    size_t eighth = (count / 8 + BLOCK - 1) / BLOCK * BLOCK;
    return eighth < BLOCK ? BLOCK : eighth < MOST ? eighth : MOST;
}

struct stored {
    struct tensor tensor;
    float *scale8;
    size_t bytes;
};

/* `place` NULL: only count. */
static struct stored stored_at(const struct sft_param *param, enum format format, char *place)
{
    struct stored s = {.tensor = tensor_of(format, param->rows, param->columns, NULL)};
    size_t count = sft_param_elements(param), blocks = nf4_blocks(count);
    if (param->stored == SFT_BASE_FP8)
        s.tensor.format = FORMAT_E4M3;
    if (param->stored == SFT_BASE_NF4)
        s.tensor.format = FORMAT_NF4;
    s.tensor.data = take(place, &s.bytes, format_bytes(s.tensor.format, count));
    if (param->stored == SFT_BASE_DEVICE)
        return s;
    s.scale8 = take(place, &s.bytes, sizeof(float));
    if (param->stored == SFT_BASE_FP8) {
        s.tensor.scaling = SCALING_TENSOR;
        s.tensor.scale = s.scale8;
        return s;
    }
    s.tensor.scale_codes = take(place, &s.bytes, blocks);
    s.tensor.scale = take(place, &s.bytes, nf4_groups(blocks) * sizeof(float));
    s.tensor.scale_mean = take(place, &s.bytes, sizeof(float));
    return s;
}

size_t base_size(const struct sft_param *param, enum format format)
{
    return stored_at(param, format, NULL).bytes;
}

struct tensor base_tensor(const struct sft_param *param, enum format format, char *place)
{
    return stored_at(param, format, place).tensor;
}

float *base_scale8(const struct sft_param *param, char *place)
{
    return stored_at(param, FORMAT_FP32, place).scale8;
}

void base_need(const struct model *model, struct need *need)
{
    size_t most = 0;
    for (size_t i = 0; i < model->tensor_count; i++) {
        const struct sft_param *p = &model->tensors[i].param;
        if (!p->trains && p->stored != SFT_BASE_DEVICE && sft_param_elements(p) > most)
            most = sft_param_elements(p);
    }
    if (most == 0)
        return;
    need_borrow(need, BORROW_PIECE, model->format, 1, (int)piece_size(most));
    need_borrow(need, BORROW_ABSMAX, FORMAT_FP32, 1, (int)nf4_blocks(most));
}

/* Elements [first, first + count) in the device's format, their largest magnitude wanted at
 * `amax`, which may be NULL. */
static struct tensor piece_of(const struct model *model, size_t count, float *amax)
{
    bool square = count % (SIDE * SIDE) == 0; /* what FP8 on CUDA wants of both sides */
    int rows = square ? SIDE : 1;
    struct tensor piece =
        tensor_of(model->format, rows, (int)(count / (size_t)rows), model->borrowed[BORROW_PIECE]);
    piece.amax = amax;
    return piece;
}

/* The same elements of what is stored, as pieces are. */
static struct tensor part_of(const struct tensor *whole, struct tensor piece, size_t first)
{
    struct tensor part = *whole;
    part.rows = piece.rows;
    part.columns = piece.columns;
    part.data = (char *)whole->data + format_bytes(whole->format, first);
    if (whole->format == FORMAT_NF4) {
        part.scale_codes += first / NF4_BLOCK;
        part.scale += first / NF4_BLOCK / NF4_SCALES;
    }
    return part;
}

/* What is done with a piece, once it is there. */
typedef void piece_work(struct model *model, const struct stored *s, struct tensor piece,
                        size_t first);

/* `source` NULL: pieces are not fetched. */
static void pieces_work(struct model *model, const struct stored *s, float *amax,
                        const struct model_source *source, piece_work *work)
{
    size_t count = tensor_count(s->tensor), size = piece_size(count);
    for (size_t first = 0; first < count; first += size) {
        struct tensor piece = piece_of(model, count - first < size ? count - first : size, amax);
        if (source != NULL)
            source->take(source->user, tensor_array(piece), first);
        work(model, s, piece, first);
    }
}

static void piece_amax(struct model *model, const struct stored *s, struct tensor piece,
                       size_t first)
{
    (void)s;
    (void)first;
    model->device->ops->amax(model->device, &(struct amax_args){piece});
}

static void piece_to_fp8(struct model *model, const struct stored *s, struct tensor piece,
                         size_t first)
{
    model->device->ops->quantize(model->device,
                                 &(struct quantize_args){part_of(&s->tensor, piece, first), piece});
}

static void piece_to_nf4(struct model *model, const struct stored *s, struct tensor piece,
                         size_t first)
{
    struct tensor to = part_of(&s->tensor, piece, first);
    to.scale_codes = NULL;
    to.scale = (float *)model->borrowed[BORROW_ABSMAX] + first / NF4_BLOCK;
    model->device->ops->quantize_nf4(model->device, &(struct quantize_nf4_args){to, piece});
}

static void piece_from_nf4(struct model *model, const struct stored *s, struct tensor piece,
                           size_t first)
{
    model->device->ops->dequantize(
        model->device, &(struct dequantize_args){piece, part_of(&s->tensor, piece, first)});
    piece_amax(model, s, piece, first);
}

/* The scale in E4M3 of what NF4's numbers mean. Quantizing nothing leaves the scale alone. */
static void nf4_scale8(struct model *model, const struct stored *s, float *amax)
{
    struct device *d = model->device;
    struct tensor piece = piece_of(model, SIDE * SIDE, amax), nothing = piece;
    d->zero(d, amax, sizeof *amax);
    pieces_work(model, s, amax, NULL, piece_from_nf4);
    nothing.format = FORMAT_E4M3;
    nothing.scaling = SCALING_TENSOR;
    nothing.scale = s->scale8;
    nothing.data = NULL;
    d->ops->quantize(d, &(struct quantize_args){nothing, piece});
}

static struct stored stored_in(const struct model *model, const struct model_tensor *t)
{
    int unit = t->param.unit;
    return stored_at(&t->param, model->format,
                     model->unit_base[unit] + (t->offset - model->units[unit].base));
}

void base_make(struct model *model, const struct model_tensor *t, const struct model_source *source)
{
    struct device *d = model->device;
    struct stored s = stored_in(model, t);
    float *absmax = model->borrowed[BORROW_ABSMAX];
    model->base_version++;
    if (t->param.stored == SFT_BASE_DEVICE) {
        source->take(source->user, tensor_array(s.tensor), 0);
    } else if (t->param.stored == SFT_BASE_FP8) {
        d->zero(d, absmax, sizeof *absmax);
        pieces_work(model, &s, absmax, source, piece_amax);
        pieces_work(model, &s, absmax, source, piece_to_fp8);
    } else {
        pieces_work(model, &s, NULL, source, piece_to_nf4);
        d->ops->double_quantize(d, &(struct double_quantize_args){s.tensor, absmax});
        nf4_scale8(model, &s, absmax);
    }
}

void base_read(struct model *model, const struct model_tensor *t, struct array to)
{
    struct device *d = model->device;
    struct stored s = stored_in(model, t);
    struct tensor wide = tensor_of(to.format, t->param.rows, t->param.columns, to.data);
    if (t->param.stored == SFT_BASE_DEVICE)
        d->copy(d, LANE_COMPUTE, to.data, s.tensor.data, format_bytes(to.format, to.count));
    else
        d->ops->dequantize(d, &(struct dequantize_args){wide, s.tensor});
}

void base_show(struct model *model, const struct model_tensor *t, struct model_sink *sink)
{
    struct stored s = stored_in(model, t);
    size_t count = tensor_count(s.tensor), size = piece_size(count);
    for (size_t first = 0; first < count; first += size) {
        size_t part = count - first < size ? count - first : size;
        if (sink->turn++ % sink->ranks != sink->rank)
            continue;
        struct array values = array_part(tensor_array(s.tensor), first, part);
        if (t->param.stored != SFT_BASE_DEVICE) {
            struct tensor piece = piece_of(model, part, NULL);
            model->device->ops->dequantize(
                model->device, &(struct dequantize_args){piece, part_of(&s.tensor, piece, first)});
            values = tensor_array(piece);
        }
        sink->give(sink->user, values, first);
    }
}
