/* One HEVC picture through libde265: only what needs the library's structures. */
#include <stdlib.h>
#include <string.h>

#include <libde265/de265.h>

#include "planes.h"

struct image_job_hevc {
  de265_decoder_context *context;
  struct de265_image_allocation allocation;
  uint64_t most_pixels;
};

/* Called before memory for a picture is taken, with the size that its parameter sets say. 0 refuses. */
static int get_buffer(de265_decoder_context *context, struct de265_image_spec *spec, struct de265_image *image,
                      void *user) {
  const struct image_job_hevc *decoder = user;
  if (spec->width <= 0 || spec->height <= 0) return 0;
  if ((uint64_t)spec->width * (uint64_t)spec->height > decoder->most_pixels) return 0;
  return de265_get_default_image_allocation_functions()->get_buffer(context, spec, image, NULL);
}

static void release_buffer(de265_decoder_context *context, struct de265_image *image, void *user) {
  (void)user;
  de265_get_default_image_allocation_functions()->release_buffer(context, image, NULL);
}

/* A decoder of pictures of at most `most_pixels`, or null without memory. `whole` pictures only, or damaged ones, too. */
struct image_job_hevc *image_job_hevc_new(uint64_t most_pixels, int whole) {
  struct image_job_hevc *decoder = calloc(1, sizeof *decoder);
  if (!decoder) return NULL;
  decoder->context = de265_new_decoder();
  if (!decoder->context) {
    free(decoder);
    return NULL;
  }
  decoder->most_pixels = most_pixels;
  decoder->allocation.get_buffer = get_buffer;
  decoder->allocation.release_buffer = release_buffer;
  de265_set_image_allocation_functions(decoder->context, &decoder->allocation, decoder);
  de265_set_parameter_bool(decoder->context, DE265_DECODER_PARAM_SUPPRESS_FAULTY_PICTURES, whole);
  return decoder;
}

/* One NAL unit without start code: 0, or libde265's error. */
int image_job_hevc_push(struct image_job_hevc *decoder, const uint8_t *bytes, int size) {
  return de265_push_NAL(decoder->context, bytes, size, 0, NULL);
}

/* After the last unit, the first picture: 0, libde265's error, or -1 when there is none. The planes live as long as the
 * decoder. */
int image_job_hevc_finish(struct image_job_hevc *decoder, struct planes *planes) {
  int error = de265_flush_data(decoder->context);
  const struct de265_image *image = NULL;
  int more = 1;
  while (error == DE265_OK && more && !image) {
    error = de265_decode(decoder->context, &more);
    image = de265_get_next_picture(decoder->context);
  }
  if (!image) return error == DE265_OK ? -1 : error;

  memset(planes, 0, sizeof *planes);
  planes->count = de265_get_chroma_format(image) == de265_chroma_mono ? 1 : 3;
  for (int channel = 0; channel < planes->count; channel++) {
    int stride = 0;
    planes->plane[channel] = de265_get_image_plane(image, channel, &stride);
    planes->stride[channel] = stride;
    if (!planes->plane[channel]) return -1;
  }
  planes->width = de265_get_image_width(image, 0);
  planes->height = de265_get_image_height(image, 0);
  planes->depth = de265_get_bits_per_pixel(image, 0);
  if (planes->count == 3) {
    planes->chroma_width = de265_get_image_width(image, 1);
    planes->chroma_height = de265_get_image_height(image, 1);
    planes->chroma_depth = de265_get_bits_per_pixel(image, 1);
  }
  planes->primaries = de265_get_image_colour_primaries(image);
  planes->transfer = de265_get_image_transfer_characteristics(image);
  planes->matrix = de265_get_image_matrix_coefficients(image);
  planes->full_range = de265_get_image_full_range_flag(image);
  return 0;
}

void image_job_hevc_free(struct image_job_hevc *decoder) {
  de265_free_decoder(decoder->context);
  free(decoder);
}

const char *image_job_hevc_error_text(int error) { return de265_get_error_text(error); }

const char *image_job_hevc_version(void) { return de265_get_version(); }
