/* Baseline JPEG's entropy decoding, in the place of libjpeg's own: it is half of the time of a thumbnail.

   libjpeg looks a code up by its first eight bits, and then takes the bits of the coefficient behind it apart. Here one
   look at PEEK bits gives code and coefficient at once wherever both fit, which for photographs is nearly always; bits
   come four bytes at a time; and files with restart markers, as cameras write them, take the same way as others. What a
   damaged or truncated scan gives, and the warnings for it, are as libjpeg has them (jdhuff.c). The coding is that of
   ITU-T T.81, F.2.2. */
#define JPEG_INTERNALS
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* 2 kB a table: those of luma and chroma stay in the first-level cache beside everything else. */
#define PEEK 10
#define LONGEST_CODE 16
/* A code and the bits behind it have at most 31 bits. */
#define LEAST_BITS 32

/* An entry of a table by the first PEEK bits. LENGTH is that of the code and, where COMPLETE, of the bits behind it; 0
   stands for a code of more than PEEK bits. Where not complete, the symbol is in the place of the value. */
#define LENGTH(entry) ((entry) & 63)
#define COMPLETE 64u
#define RUN(entry) ((entry) >> 8 & 15)
#define VALUE(entry) ((int32_t)(entry) >> 16)
#define SYMBOL(entry) ((entry) >> 16 & 255)

struct table {
  uint32_t entries[1 << PEEK];
  /* Of each length: one more than the largest code, left-aligned to LONGEST_CODE bits, and what to add to a code of that
     length for the place of its symbol. */
  uint32_t end[LONGEST_CODE + 1];
  int32_t offset[LONGEST_CODE + 1];
  const uint8_t *symbols;
};

struct decoder {
  struct jpeg_entropy_decoder methods;
  /* Bits not used yet, the next one first; below them are zeros. */
  uint64_t bits;
  /* How many of them there are. */
  int count;
  unsigned restarts_to_go;
  int32_t last_dc[MAX_COMPS_IN_SCAN];
  const struct table *dc[D_MAX_BLOCKS_IN_MCU], *ac[D_MAX_BLOCKS_IN_MCU];
};

/* In place of libjpeg's array of int. Damaged data may go 15 beyond the end. */
static const uint8_t NATURAL_ORDER[DCTSIZE2 + 16] = {
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
  62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63
};

/* The number that `size` bits behind a code stand for (T.81, figure F.12). */
static inline int32_t extend(uint32_t bits, int size) {
  return (int32_t)bits - (bits >> (size - 1) ? 0 : (1 << size) - 1);
}

static inline uint32_t big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* libjpeg has checked the table: no code is too many, and no DC symbol over 15. */
static struct table *make_table(j_decompress_ptr library, const JHUFF_TBL *huffman, int is_dc) {
  struct table *table = library->mem->alloc_small((j_common_ptr)library, JPOOL_IMAGE, sizeof *table);
  memset(table, 0, sizeof *table);
  table->symbols = huffman->huffval;
  uint32_t code = 0;
  int place = 0;
  for (int length = 1; length <= LONGEST_CODE; length++, code <<= 1) {
    table->offset[length] = place - (int32_t)code;
    for (int left = huffman->bits[length]; left > 0; left--, code++, place++) {
      if (length > PEEK) continue;
      int symbol = huffman->huffval[place];
      int size = symbol & 15, total = length + size;
      /* Nothing follows a code without size: in AC, runs of zeros and the end of a block. */
      int complete = total <= PEEK && (size > 0 || is_dc);
      uint32_t first = code << (PEEK - length);
      for (uint32_t at = first; at < first + (1u << (PEEK - length)); at++) {
        if (complete) {
          uint32_t behind = at >> (PEEK - total) & ((1u << size) - 1);
          uint32_t value = size > 0 ? (uint32_t)extend(behind, size) : 0;
          table->entries[at] = (uint32_t)total | COMPLETE | (uint32_t)(symbol >> 4) << 8 | value << 16;
        } else {
          table->entries[at] = (uint32_t)length | (uint32_t)symbol << 16;
        }
      }
    }
    table->end[length] = code << (LONGEST_CODE - length);
  }
  return table;
}

/* Fills up with single bytes, up to a marker: beyond it there are only zeros. */
static void fill(j_decompress_ptr library, struct decoder *decoder, const uint8_t **next, const uint8_t **end) {
  struct jpeg_source_mgr *source = library->src;
  while (decoder->count <= 56 && library->unread_marker == 0) {
    uint32_t byte = 0;
    int markers = 0;
    do {
      if (*next == *end) {
        /* It never asks to come back later. */
        source->fill_input_buffer(library);
        *next = source->next_input_byte;
        *end = *next + source->bytes_in_buffer;
      }
      byte = *(*next)++;
      markers += byte == 0xff;
    } while (byte == 0xff);
    if (markers > 0) {
      /* A stuffed zero makes it a byte of data. */
      if (byte != 0) {
        library->unread_marker = (int)byte;
        return;
      }
      byte = 0xff;
    }
    decoder->bits |= (uint64_t)byte << (56 - decoder->count);
    decoder->count += 8;
  }
}

/* More bits were used than there are. */
static void run_dry(j_decompress_ptr library, struct decoder *decoder) {
  if (!decoder->methods.insufficient_data) {
    WARNMS(library, JWRN_HIT_MARKER);
    decoder->methods.insufficient_data = TRUE;
  }
  decoder->bits = 0;
  decoder->count = 64;
}

static void restart(j_decompress_ptr library, struct decoder *decoder) {
  library->marker->discarded_bytes += (unsigned)decoder->count / 8;
  decoder->bits = 0;
  decoder->count = 0;
  library->marker->read_restart_marker(library);
  memset(decoder->last_dc, 0, sizeof decoder->last_dc);
  decoder->restarts_to_go = library->restart_interval;
  /* Right before another marker the next piece is empty, too. */
  if (library->unread_marker == 0) decoder->methods.insufficient_data = FALSE;
}

/* The symbol of a code of more than PEEK bits, and its length. */
static int long_code(j_decompress_ptr library, const struct table *table, uint64_t bits, int *length) {
  uint32_t front = (uint32_t)(bits >> (64 - LONGEST_CODE));
  for (*length = PEEK + 1; *length <= LONGEST_CODE; ++*length) {
    if (front < table->end[*length])
      return table->symbols[(int32_t)(front >> (LONGEST_CODE - *length)) + table->offset[*length]];
  }
  /* By then libjpeg has looked at one bit more. Where it is in a hurry it says nothing; here damage is damage. */
  WARNMS(library, JWRN_HUFF_BAD_CODE);
  *length = LONGEST_CODE + 1;
  return 0;
}

#define REFILL()                                                                     \
  do {                                                                               \
    if (count < LEAST_BITS) {                                                        \
      int taken = 0;                                                                 \
      if (end - next >= 4 && library->unread_marker == 0) {                          \
        uint32_t word = big_endian(next);                                            \
        /* None of the four bytes is 0xff. */                                        \
        if (((~word - 0x01010101u) & word & 0x80808080u) == 0) {                     \
          bits |= (uint64_t)word << (32 - count);                                    \
          count += 32;                                                               \
          next += 4;                                                                 \
          taken = 1;                                                                 \
        }                                                                            \
      }                                                                              \
      if (!taken) {                                                                  \
        decoder->bits = bits;                                                        \
        decoder->count = count;                                                      \
        fill(library, decoder, &next, &end);                                         \
        bits = decoder->bits;                                                        \
        count = decoder->count;                                                      \
      }                                                                              \
    }                                                                                \
  } while (0)

#define USE(length)                                                                  \
  do {                                                                               \
    bits <<= (length);                                                               \
    count -= (length);                                                               \
  } while (0)

#define CHECK_DRY()                                                                  \
  do {                                                                               \
    if (__builtin_expect(count < 0, 0)) {                                            \
      run_dry(library, decoder);                                                     \
      bits = decoder->bits;                                                          \
      count = decoder->count;                                                        \
    }                                                                                \
  } while (0)

static boolean decode_mcu(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (library->restart_interval) {
    if (decoder->restarts_to_go == 0) restart(library, decoder);
    decoder->restarts_to_go--;
  }
  /* The rest of the piece stays grey. */
  if (decoder->methods.insufficient_data) return TRUE;

  const uint8_t *next = library->src->next_input_byte;
  const uint8_t *end = next + library->src->bytes_in_buffer;
  uint64_t bits = decoder->bits;
  int count = decoder->count;

  for (int number = 0; number < library->blocks_in_MCU; number++) {
    JCOEF *block = *blocks[number];
    const struct table *table = decoder->dc[number];
    REFILL();
    uint32_t entry = table->entries[bits >> (64 - PEEK)];
    int32_t value;
    if (entry & COMPLETE) {
      value = VALUE(entry);
      USE(LENGTH(entry));
    } else {
      int length = LENGTH(entry), size = SYMBOL(entry) & 15;
      if (length == 0) size = long_code(library, table, bits, &length) & 15;
      USE(length);
      value = size > 0 ? extend((uint32_t)(bits >> (64 - size)), size) : 0;
      USE(size);
    }
    CHECK_DRY();
    int32_t *last = &decoder->last_dc[library->MCU_membership[number]];
    /* In damaged data the sum may overflow. */
    *last = (int32_t)((uint32_t)*last + (uint32_t)value);
    block[0] = (JCOEF)*last;

    table = decoder->ac[number];
    int place = 1;
    do {
      REFILL();
      entry = table->entries[bits >> (64 - PEEK)];
      if (__builtin_expect((entry & COMPLETE) != 0, 1)) {
        USE(LENGTH(entry));
        place += RUN(entry);
        block[NATURAL_ORDER[place]] = (JCOEF)VALUE(entry);
      } else {
        int length = LENGTH(entry), symbol = SYMBOL(entry);
        if (length == 0) symbol = long_code(library, table, bits, &length);
        USE(length);
        int size = symbol & 15;
        if (size == 0) {
          CHECK_DRY();
          if (symbol != 0xf0) break;
          place += 16;
          continue;
        }
        place += symbol >> 4;
        block[NATURAL_ORDER[place]] = (JCOEF)extend((uint32_t)(bits >> (64 - size)), size);
        USE(size);
      }
      CHECK_DRY();
      place++;
    } while (place < DCTSIZE2);
  }

  library->src->next_input_byte = next;
  library->src->bytes_in_buffer = (size_t)(end - next);
  decoder->bits = bits;
  decoder->count = count;
  return TRUE;
}

static void no_second_scan(j_decompress_ptr library) {
  ERREXIT(library, JERR_EOI_EXPECTED);
}

/* Takes the place of libjpeg's entropy decoder. Called after jpeg_start_decompress, when nothing is decoded yet: that is
   so where the file has one scan only. */
void image_job_jpeg_decode_entropy(j_decompress_ptr library) {
  if (library->progressive_mode || library->arith_code || library->inputctl->has_multiple_scans) return;
  struct decoder *decoder = library->mem->alloc_small((j_common_ptr)library, JPOOL_IMAGE, sizeof *decoder);
  memset(decoder, 0, sizeof *decoder);
  decoder->methods = *library->entropy;
  decoder->methods.start_pass = no_second_scan;
  decoder->methods.decode_mcu = decode_mcu;
  decoder->restarts_to_go = library->restart_interval;
  struct table *dc[NUM_HUFF_TBLS] = {0}, *ac[NUM_HUFF_TBLS] = {0};
  for (int number = 0; number < library->blocks_in_MCU; number++) {
    const jpeg_component_info *component = library->cur_comp_info[library->MCU_membership[number]];
    int dc_number = component->dc_tbl_no, ac_number = component->ac_tbl_no;
    if (!dc[dc_number]) dc[dc_number] = make_table(library, library->dc_huff_tbl_ptrs[dc_number], TRUE);
    if (!ac[ac_number]) ac[ac_number] = make_table(library, library->ac_huff_tbl_ptrs[ac_number], FALSE);
    decoder->dc[number] = dc[dc_number];
    decoder->ac[number] = ac[ac_number];
  }
  library->entropy = &decoder->methods;
}
