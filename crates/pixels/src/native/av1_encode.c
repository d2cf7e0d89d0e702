/* One AV1 picture through libaom: only what needs the library's structures. */
#include <stdlib.h>
#include <string.h>

#include <aom/aom_encoder.h>
#include <aom/aomcx.h>

struct image_job_av1_settings {
  /* Eight-bit planes, luma first; without chroma where `count` is 1. */
  uint8_t *plane[3];
  int32_t stride[3];
  int32_t width, height, count;
  /* Whether chroma has half the width and height. */
  int32_t subsampled;
  /* 1 to 63. */
  int32_t quantizer;
  /* 0 (slowest) to 9. */
  int32_t speed;
  int32_t threads;
  /* Code points of ITU-T H.273. */
  int32_t primaries, transfer, matrix;
};

/* Encodes a picture. 0 with `*bytes` (to be freed) and `*size`, or libaom's error. */
int image_job_av1_encode(const struct image_job_av1_settings *settings, uint8_t **bytes, size_t *size) {
  aom_codec_iface_t *codec = aom_codec_av1_cx();
  aom_codec_enc_cfg_t config;
  int status = aom_codec_enc_config_default(codec, &config, AOM_USAGE_ALL_INTRA);
  if (status) return status;
  config.g_w = settings->width;
  config.g_h = settings->height;
  config.g_threads = settings->threads;
  config.g_limit = 1;
  config.g_lag_in_frames = 0;
  config.g_bit_depth = AOM_BITS_8;
  config.g_input_bit_depth = 8;
  config.monochrome = settings->count == 1;
  config.g_profile = settings->count == 1 || settings->subsampled ? 0 : 1;
  config.rc_end_usage = AOM_Q;
  config.rc_min_quantizer = 0;
  config.rc_max_quantizer = 63;

  aom_codec_ctx_t context;
  status = aom_codec_enc_init(&context, codec, &config, 0);
  if (status) return status;
  aom_codec_control(&context, AOME_SET_CPUUSED, settings->speed);
  aom_codec_control(&context, AOME_SET_CQ_LEVEL, settings->quantizer);
  aom_codec_control(&context, AOME_SET_TUNING, AOM_TUNE_SSIM);
  aom_codec_control(&context, AV1E_SET_ROW_MT, settings->threads > 1);
  aom_codec_control(&context, AV1E_SET_COLOR_RANGE, AOM_CR_FULL_RANGE);
  aom_codec_control(&context, AV1E_SET_COLOR_PRIMARIES, settings->primaries);
  aom_codec_control(&context, AV1E_SET_TRANSFER_CHARACTERISTICS, settings->transfer);
  aom_codec_control(&context, AV1E_SET_MATRIX_COEFFICIENTS, settings->matrix);

  aom_image_t image;
  const aom_img_fmt_t format =
      settings->count == 1 || settings->subsampled ? AOM_IMG_FMT_I420 : AOM_IMG_FMT_I444;
  aom_img_wrap(&image, format, settings->width, settings->height, 1, settings->plane[0]);
  image.range = AOM_CR_FULL_RANGE;
  image.monochrome = settings->count == 1;
  for (int channel = 0; channel < 3; channel++) {
    const int from = channel < settings->count ? channel : 0;
    image.planes[channel] = settings->plane[from];
    image.stride[channel] = settings->stride[from];
  }

  status = aom_codec_encode(&context, &image, 0, 1, 0);
  *bytes = NULL;
  *size = 0;
  /* Without a picture the encoder is flushed, until nothing comes any more. */
  for (int flushed = 0; !status && !flushed;) {
    aom_codec_iter_t next = NULL;
    const aom_codec_cx_pkt_t *packet;
    flushed = 1;
    while (!status && (packet = aom_codec_get_cx_data(&context, &next))) {
      if (packet->kind != AOM_CODEC_CX_FRAME_PKT) continue;
      flushed = 0;
      uint8_t *more = realloc(*bytes, *size + packet->data.frame.sz);
      if (!more) {
        status = AOM_CODEC_MEM_ERROR;
        break;
      }
      memcpy(more + *size, packet->data.frame.buf, packet->data.frame.sz);
      *bytes = more;
      *size += packet->data.frame.sz;
    }
    if (!status && !flushed) status = aom_codec_encode(&context, NULL, 0, 1, 0);
  }
  aom_codec_destroy(&context);
  if (!status && *size == 0) status = AOM_CODEC_ERROR;
  if (status) {
    free(*bytes);
    *bytes = NULL;
  }
  return status;
}

const char *image_job_av1_encode_error(int error) { return aom_codec_err_to_string(error); }

const char *image_job_av1_encoder_version(void) { return aom_codec_version_str(); }
