/* Baseline JPEG's entropy decoding, in the place of libjpeg's own: it was half of the time of a thumbnail.

   libjpeg looks a code up by its first eight bits, and then takes the bits of the coefficient behind it apart. Here one
   look at PEEK bits gives code and coefficient at once wherever both fit, which for photographs is nearly always. Bytes
   are freed of stuffed zeros and of markers ahead of their use, so that the inner loop fills up its bits without a look
   at what they are, and files with restart markers, as cameras write them, take the same way as others. What a damaged
   or truncated scan gives, and the warnings for it, are as libjpeg has them (jdhuff.c), but for codes that do not exist:
   in its fast loop libjpeg overlooks them. The coding is that of ITU-T T.81, F.2.2; the way to fill up the bits is Fabian
   Giesen's ("Reading bits in far too many ways", 2018). */
#define JPEG_INTERNALS
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/* 4 kB a table: those of luma and chroma stay in the first-level cache beside everything else. */
#define PEEK 10
#define LONGEST_CODE 16
/* Bytes of an MCU at most: a code and the bits behind it have 31 bits. */
#define MOST_MCU_BYTES (D_MAX_BLOCKS_IN_MCU * DCTSIZE2 * 4)
#define CAPACITY (16 * 1024)
/* So many symbols are decoded between two fills: all but the last are complete, and 2 * PEEK + 31 bits are there. */
#define SYMBOLS_A_FILL 3

/* An entry of a table by the first PEEK bits. LENGTH is that of the code and, where COMPLETE, of the bits behind it; 0
   stands for a code of more than PEEK bits. RUN zeros come before the coefficient, of value VALUE. Where not complete, the
   symbol is in the place of the value, and RUN is 0. */
#define LENGTH(entry) ((entry) & 63)
#define COMPLETE 64u
#define RUN(entry) ((entry) >> 8 & 127)
#define VALUE(entry) ((int32_t)(entry) >> 16)
#define SYMBOL(entry) ((entry) >> 16 & 255)
/* The run of an end of a block: beyond the last coefficient and beyond what a damaged run reaches. */
#define END_OF_BLOCK 127
#define ZERO_RUN 0xf0

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
  /* Bits not used yet, the next one first, and how many of them are sure to be there. */
  uint64_t bits;
  int count;
  unsigned restarts_to_go;
  int32_t last_dc[MAX_COMPS_IN_SCAN];
  const struct table *dc[D_MAX_BLOCKS_IN_MCU], *ac[D_MAX_BLOCKS_IN_MCU];
  /* The bytes behind those bits, and the end of what there is. Behind a marker, and while there is no more than an MCU may
     take, there are zeros. */
  const uint8_t *next, *end;
  /* One more for a stuffed byte, and eight that are read ahead. */
  uint8_t bytes[CAPACITY + 1 + MOST_MCU_BYTES + 8];
};

/* In place of libjpeg's array of int. */
static const uint8_t NATURAL_ORDER[DCTSIZE2] = {
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55,
  62, 63
};

/* The number that `size` bits behind a code stand for (T.81, figure F.12). */
static inline int32_t extend(uint32_t bits, int size) {
  return (int32_t)bits - (bits >> (size - 1) ? 0 : (1 << size) - 1);
}

static inline uint64_t big_endian(const uint8_t *bytes) {
  uint64_t number = 0;
  for (int at = 0; at < 8; at++) number = number << 8 | bytes[at];
  return number;
}

static uint32_t entry_of(int symbol, int length, uint32_t behind, int is_dc) {
  int size = symbol & 15;
  if (!is_dc && symbol == 0) return (uint32_t)length | COMPLETE | END_OF_BLOCK << 8;
  if (length + size > PEEK || (!is_dc && size == 0)) return (uint32_t)length | (uint32_t)symbol << 16;
  uint32_t value = size > 0 ? (uint32_t)extend(behind, size) : 0;
  return (uint32_t)(length + size) | COMPLETE | (uint32_t)(symbol >> 4) << 8 | value << 16;
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
      int symbol = huffman->huffval[place], size = symbol & 15, rest = PEEK - length;
      for (uint32_t at = 0; at < 1u << rest; at++) {
        uint32_t behind = size <= rest ? at >> (rest - size) : 0;
        table->entries[code << rest | at] = entry_of(symbol, length, behind, is_dc);
      }
    }
    table->end[length] = code << (LONGEST_CODE - length);
  }
  return table;
}

/* Brings bytes of the scan, up to a marker: for all MCUs that they are sure to be enough for. */
static void bring(j_decompress_ptr library, struct decoder *decoder) {
  struct jpeg_source_mgr *source = library->src;
  size_t left = decoder->end > decoder->next ? (size_t)(decoder->end - decoder->next) : 0;
  memmove(decoder->bytes, decoder->next, left);
  uint8_t *to = decoder->bytes + left;
  const uint8_t *most = decoder->bytes + CAPACITY;
  while (library->unread_marker == 0 && to < most) {
    if (source->bytes_in_buffer == 0) {
      /* It never asks to come back later. */
      source->fill_input_buffer(library);
      continue;
    }
    const uint8_t *from = source->next_input_byte;
    size_t length = source->bytes_in_buffer < (size_t)(most - to) ? source->bytes_in_buffer : (size_t)(most - to);
    const uint8_t *marker = memchr(from, 0xff, length);
    if (marker) length = (size_t)(marker - from);
    memcpy(to, from, length);
    to += length;
    source->next_input_byte += length;
    source->bytes_in_buffer -= length;
    if (!marker) continue;
    uint8_t byte;
    do {
      if (source->bytes_in_buffer == 0) source->fill_input_buffer(library);
      byte = *source->next_input_byte++;
      source->bytes_in_buffer--;
    } while (byte == 0xff);
    /* A stuffed zero makes it a byte of data. */
    if (byte == 0)
      *to++ = 0xff;
    else
      library->unread_marker = byte;
  }
  decoder->next = decoder->bytes;
  decoder->end = to;
  memset(to, 0, MOST_MCU_BYTES + 8);
}

static void restart(j_decompress_ptr library, struct decoder *decoder) {
  if (decoder->end > decoder->next) library->marker->discarded_bytes += (unsigned)(decoder->end - decoder->next);
  /* What comes before the next marker is of no use. */
  while (library->unread_marker == 0) {
    decoder->next = decoder->end;
    bring(library, decoder);
  }
  library->marker->read_restart_marker(library);
  decoder->next = decoder->end = decoder->bytes;
  memset(decoder->bytes, 0, MOST_MCU_BYTES + 8);
  decoder->bits = 0;
  decoder->count = 0;
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
  /* By then libjpeg has looked at one bit more. */
  WARNMS(library, JWRN_HUFF_BAD_CODE);
  *length = LONGEST_CODE + 1;
  return 0;
}

/* At least 56 bits. Those that are there already are put there again. */
#define FILL()                                                                       \
  do {                                                                               \
    bits |= big_endian(next) >> count;                                               \
    next += (63 - count) >> 3;                                                       \
    count |= 56;                                                                     \
  } while (0)

#define USE(length)                                                                  \
  do {                                                                               \
    bits <<= (length);                                                               \
    count -= (length);                                                               \
  } while (0)

static boolean decode_mcu(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (library->restart_interval) {
    if (decoder->restarts_to_go == 0) restart(library, decoder);
    decoder->restarts_to_go--;
  }
  /* The rest of the piece stays grey. */
  if (decoder->methods.insufficient_data) return TRUE;
  if (decoder->end - decoder->next < MOST_MCU_BYTES && library->unread_marker == 0) bring(library, decoder);

  const uint8_t *next = decoder->next;
  uint64_t bits = decoder->bits;
  int count = decoder->count;

  for (int number = 0; number < library->blocks_in_MCU; number++) {
    JCOEF *block = *blocks[number];
    const struct table *table = decoder->dc[number];
    FILL();
    uint32_t entry = table->entries[bits >> (64 - PEEK)];
    int32_t value = VALUE(entry);
    int length = LENGTH(entry);
    if (entry & COMPLETE) {
      USE(length);
    } else {
      int size = SYMBOL(entry) & 15;
      if (length == 0) size = long_code(library, table, bits, &length) & 15;
      USE(length);
      value = size > 0 ? extend((uint32_t)(bits >> (64 - size)), size) : 0;
      USE(size);
    }
    int32_t *last = &decoder->last_dc[library->MCU_membership[number]];
    /* In damaged data the sum may overflow. */
    *last = (int32_t)((uint32_t)*last + (uint32_t)value);
    block[0] = (JCOEF)*last;

    table = decoder->ac[number];
    int place = 1;
    while (place < DCTSIZE2) {
      FILL();
#pragma GCC unroll 3
      for (int symbols = 0; symbols < SYMBOLS_A_FILL; symbols++) {
        entry = table->entries[bits >> (64 - PEEK)];
        if (__builtin_expect((entry & COMPLETE) == 0, 0)) {
          int symbol = SYMBOL(entry);
          length = LENGTH(entry);
          if (length == 0) symbol = long_code(library, table, bits, &length);
          USE(length);
          int size = symbol & 15;
          if (size == 0) {
            place += symbol == ZERO_RUN ? 16 : END_OF_BLOCK;
            break;
          }
          place += symbol >> 4;
          value = extend((uint32_t)(bits >> (64 - size)), size);
          USE(size);
          /* As in libjpeg what a damaged run puts beyond the end is put there. */
          block[NATURAL_ORDER[place < DCTSIZE2 ? place : DCTSIZE2 - 1]] = (JCOEF)value;
          place++;
          break;
        }
        USE(LENGTH(entry));
        place += RUN(entry);
        if (place >= DCTSIZE2) {
          if (place < END_OF_BLOCK) block[DCTSIZE2 - 1] = (JCOEF)VALUE(entry);
          break;
        }
        block[NATURAL_ORDER[place]] = (JCOEF)VALUE(entry);
        place++;
        if (place >= DCTSIZE2) break;
      }
    }
  }

  /* More bits were used than there are: behind a marker there are zeros. */
  if (next - (count >> 3) > decoder->end && !decoder->methods.insufficient_data) {
    WARNMS(library, JWRN_HIT_MARKER);
    decoder->methods.insufficient_data = TRUE;
  }
  decoder->next = next;
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
  decoder->next = decoder->end = decoder->bytes;
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
