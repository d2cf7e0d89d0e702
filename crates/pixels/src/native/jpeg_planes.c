/* What libjpeg's public functions have no way to ask for: chroma at the scale of luma. */
#define JPEG_INTERNALS
#include <stddef.h>
#include <stdio.h>

#include <jpeglib.h>

/* libjpeg decodes subsampled chroma at a larger scale than luma, up to luma's size, so that it need not be enlarged
   afterwards. For planes on their own that is up to four times the work for samples that are scaled down again. Called
   between jpeg_start_decompress and the first jpeg_read_raw_data, when nothing is decoded yet by the choice that
   libjpeg made: the transforms of all components are chosen anew, for luma's scale. */
void image_job_jpeg_scale_alike(j_decompress_ptr library) {
  for (int number = 0; number < library->num_components; number++) {
    jpeg_component_info *component = &library->comp_info[number];
    component->DCT_scaled_size = library->min_DCT_scaled_size;
    /* Where there are several scans the width is of no use by now and, of a component without a scan, unknown. */
    if (!library->inputctl->has_multiple_scans)
      component->MCU_sample_width = component->MCU_width * component->DCT_scaled_size;
  }
  library->idct->start_pass(library);
}
