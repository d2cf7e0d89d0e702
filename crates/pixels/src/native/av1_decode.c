/* One AV1 picture through dav1d: only what needs the library's structures. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <dav1d/dav1d.h>

#include "planes.h"

/* The picture at the beginning of `bytes`, at most `most_pixels` large: 0, or a negative errno. */
int image_job_av1_decode(const uint8_t *bytes, size_t size, uint32_t most_pixels, struct planes *planes) {
  Dav1dSettings settings;
  dav1d_default_settings(&settings);
  settings.n_threads = 1;
  settings.max_frame_delay = 1;
  settings.all_layers = 0;
  settings.frame_size_limit = most_pixels;
  settings.logger.callback = NULL;
  Dav1dContext *context = NULL;
  int status = dav1d_open(&context, &settings);
  if (status < 0) return status;

  Dav1dPicture *picture = calloc(1, sizeof *picture);
  Dav1dData data = {0};
  uint8_t *copy = picture ? dav1d_data_create(&data, size) : NULL;
  if (!copy) {
    free(picture);
    dav1d_close(&context);
    return -ENOMEM;
  }
  memcpy(copy, bytes, size);

  /* Data is taken in parts where pictures come out in between; the first picture is the one. */
  do {
    status = data.sz ? dav1d_send_data(context, &data) : 0;
    if (status < 0 && status != -EAGAIN) break;
    status = dav1d_get_picture(context, picture);
  } while (status == -EAGAIN && data.sz);
  if (data.sz) dav1d_data_unref(&data);
  dav1d_close(&context);
  if (status < 0) {
    free(picture);
    /* Everything was sent and no picture came. */
    return status == -EAGAIN ? -ENODATA : status;
  }

  memset(planes, 0, sizeof *planes);
  planes->count = picture->p.layout == DAV1D_PIXEL_LAYOUT_I400 ? 1 : 3;
  for (int channel = 0; channel < planes->count; channel++) {
    planes->plane[channel] = picture->data[channel];
    planes->stride[channel] = picture->stride[channel > 0];
  }
  planes->width = picture->p.w;
  planes->height = picture->p.h;
  const int across = picture->p.layout == DAV1D_PIXEL_LAYOUT_I420 || picture->p.layout == DAV1D_PIXEL_LAYOUT_I422;
  const int down = picture->p.layout == DAV1D_PIXEL_LAYOUT_I420;
  planes->chroma_width = (picture->p.w + across) >> across;
  planes->chroma_height = (picture->p.h + down) >> down;
  planes->depth = planes->chroma_depth = picture->p.bpc;
  planes->primaries = picture->seq_hdr->pri;
  planes->transfer = picture->seq_hdr->trc;
  planes->matrix = picture->seq_hdr->mtrx;
  planes->full_range = picture->seq_hdr->color_range;
  planes->owner = picture;
  return 0;
}

void image_job_av1_release(struct planes *planes) {
  Dav1dPicture *picture = planes->owner;
  dav1d_picture_unref(picture);
  free(picture);
  planes->owner = NULL;
}

/* What the sequence header says about colours, without decoding: 0, or a negative errno. */
int image_job_av1_colour(const uint8_t *bytes, size_t size, struct planes *planes) {
  Dav1dSequenceHeader header;
  const int status = dav1d_parse_sequence_header(&header, bytes, size);
  if (status < 0) return status;
  memset(planes, 0, sizeof *planes);
  planes->count = header.layout == DAV1D_PIXEL_LAYOUT_I400 ? 1 : 3;
  planes->depth = planes->chroma_depth = 8 + 2 * header.hbd;
  planes->primaries = header.pri;
  planes->transfer = header.trc;
  planes->matrix = header.mtrx;
  planes->full_range = header.color_range;
  return 0;
}

const char *image_job_av1_decoder_version(void) { return dav1d_version(); }
