/* A decoded picture as planes; src/native.rs declares the same. */
#ifndef IMAGE_JOB_PLANES_H
#define IMAGE_JOB_PLANES_H

#include <stddef.h>
#include <stdint.h>

struct planes {
  /* Luma and chroma, or grey alone. Samples of more than eight bits take two bytes. */
  const void *plane[3];
  /* Bytes from row to row. */
  ptrdiff_t stride[3];
  int32_t width, height;
  /* Width and height of the chroma planes. */
  int32_t chroma_width, chroma_height;
  /* 1 or 3. */
  int32_t count;
  /* Bits of a luma sample and of a chroma sample. */
  int32_t depth, chroma_depth;
  /* Code points of ITU-T H.273. */
  int32_t primaries, transfer, matrix, full_range;
  /* What holds the planes, for the release. */
  void *owner;
};

#endif
