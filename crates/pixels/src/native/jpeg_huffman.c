/* JPEG's Huffman decoding, of baseline and of progressive files, in the place of libjpeg's own: it was half of the time of
   a thumbnail.

   libjpeg looks a code up by its first eight bits, and then takes the bits of the coefficient behind it apart. Here one
   look at PEEK bits gives code and coefficient at once wherever both fit, which for photographs is nearly always. Bytes
   are freed of stuffed zeros and of markers ahead of their use, so that the inner loops fill up their bits without a look
   at what they are, and files with restart markers, as cameras write them, take the same way as others. Where a scan
   refines coefficients, those that are there already are found all at once.

   What a damaged or truncated scan gives, and the warnings for it, are as libjpeg has them (jdhuff.c, jdphuff.c), but for
   codes that do not exist: in its fast loop libjpeg overlooks them. The coding is that of ITU-T T.81, F.2.2 and G.2; the
   way to fill up the bits is Fabian Giesen's ("Reading bits in far too many ways", 2018). */
#define JPEG_INTERNALS
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* What a table is for. In a scan that refines, all coefficients are new ones of one bit. */
enum purpose { DC, AC, REFINED_AC };

struct reader {
  /* Bits not used yet, the next one first, and how many of them are sure to be there. */
  uint64_t bits;
  int count;
  /* The bytes behind those bits. */
  const uint8_t *next;
};

struct decoder {
  struct jpeg_entropy_decoder methods;
  /* libjpeg's own, which checks what a scan says of itself. */
  struct jpeg_entropy_decoder *original;
  struct reader reader;
  /* The end of the bytes that there are. Behind a marker, and while there is no more than an MCU may take, there are
     zeros. */
  const uint8_t *end;
  unsigned restarts_to_go;
  /* Blocks of a progressive scan that end at once. */
  uint32_t ended_blocks;
  int32_t last_dc[MAX_COMPS_IN_SCAN];
  const struct table *dc[D_MAX_BLOCKS_IN_MCU], *ac[D_MAX_BLOCKS_IN_MCU];
  struct table dc_tables[NUM_HUFF_TBLS], ac_tables[NUM_HUFF_TBLS];
  /* By row, and by which of its coefficients there are: their places in the order of the file. */
  uint64_t orders[DCTSIZE][256];
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

static uint32_t entry_of(int symbol, int length, uint32_t behind, enum purpose purpose) {
  int size = symbol & 15;
  if (purpose != DC && symbol == 0) return (uint32_t)length | COMPLETE | END_OF_BLOCK << 8;
  int apart = length + size > PEEK || (purpose != DC && size == 0) || (purpose == REFINED_AC && size > 1);
  if (apart) return (uint32_t)length | (uint32_t)symbol << 16;
  uint32_t value = size > 0 ? (uint32_t)extend(behind, size) : 0;
  return (uint32_t)(length + size) | COMPLETE | (uint32_t)(symbol >> 4) << 8 | value << 16;
}

/* libjpeg has checked the table: no code is too many, and no DC symbol over 15. */
static void make_table(struct table *table, const JHUFF_TBL *huffman, enum purpose purpose) {
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
        table->entries[code << rest | at] = entry_of(symbol, length, behind, purpose);
      }
    }
    table->end[length] = code << (LONGEST_CODE - length);
  }
}

/* Brings bytes of the scan, up to a marker: for all MCUs that they are sure to be enough for. */
static void bring(j_decompress_ptr library, struct decoder *decoder) {
  struct jpeg_source_mgr *source = library->src;
  size_t left = decoder->end > decoder->reader.next ? (size_t)(decoder->end - decoder->reader.next) : 0;
  memmove(decoder->bytes, decoder->reader.next, left);
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
  decoder->reader.next = decoder->bytes;
  decoder->end = to;
  memset(to, 0, MOST_MCU_BYTES + 8);
}

/* At the beginning of a scan and behind a restart marker: nothing is known of what follows. */
static void begin_piece(j_decompress_ptr library, struct decoder *decoder) {
  decoder->reader = (struct reader){.next = decoder->bytes};
  decoder->end = decoder->bytes;
  memset(decoder->bytes, 0, MOST_MCU_BYTES + 8);
  decoder->ended_blocks = 0;
  memset(decoder->last_dc, 0, sizeof decoder->last_dc);
  decoder->restarts_to_go = library->restart_interval;
}

static void restart(j_decompress_ptr library, struct decoder *decoder) {
  if (decoder->end > decoder->reader.next) library->marker->discarded_bytes += (unsigned)(decoder->end - decoder->reader.next);
  /* What comes before the next marker is of no use. */
  while (library->unread_marker == 0) {
    decoder->reader.next = decoder->end;
    bring(library, decoder);
  }
  library->marker->read_restart_marker(library);
  begin_piece(library, decoder);
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
static inline void fill(struct reader *reader) {
  reader->bits |= big_endian(reader->next) >> reader->count;
  reader->next += (63 - reader->count) >> 3;
  reader->count |= 56;
}

static inline void use(struct reader *reader, int length) {
  reader->bits <<= length;
  reader->count -= length;
}

/* So many bits, 1 to 16, as a number. */
static inline uint32_t take(struct reader *reader, int length) {
  uint32_t number = (uint32_t)(reader->bits >> (64 - length));
  use(reader, length);
  return number;
}

/* The symbol of a code whose entry is not complete. */
static inline int take_symbol(j_decompress_ptr library, const struct table *table, struct reader *reader, uint32_t entry) {
  int symbol = SYMBOL(entry), length = LENGTH(entry);
  if (length == 0) symbol = long_code(library, table, reader->bits, &length);
  use(reader, length);
  return symbol;
}

/* Before an MCU: whether there is anything to decode it from. If not, the rest of the piece stays as it is. */
static inline int begin(j_decompress_ptr library, struct decoder *decoder) {
  if (library->restart_interval) {
    if (decoder->restarts_to_go == 0) restart(library, decoder);
    decoder->restarts_to_go--;
  }
  if (decoder->methods.insufficient_data) return 0;
  if (decoder->end - decoder->reader.next < MOST_MCU_BYTES && library->unread_marker == 0) bring(library, decoder);
  return 1;
}

/* After an MCU. */
static inline void finish(j_decompress_ptr library, struct decoder *decoder, struct reader reader) {
  decoder->reader = reader;
  /* More bits were used than there are: behind a marker there are zeros. */
  if (reader.next - (reader.count >> 3) > decoder->end && !decoder->methods.insufficient_data) {
    WARNMS(library, JWRN_HIT_MARKER);
    decoder->methods.insufficient_data = TRUE;
  }
}

/* The difference of a block's DC coefficient to the one before, added to that. */
static inline int32_t decode_dc(j_decompress_ptr library, struct decoder *decoder, struct reader *reader, int number) {
  const struct table *table = decoder->dc[number];
  fill(reader);
  uint32_t entry = table->entries[reader->bits >> (64 - PEEK)];
  int32_t value = VALUE(entry);
  if (entry & COMPLETE) {
    use(reader, LENGTH(entry));
  } else {
    int size = take_symbol(library, table, reader, entry) & 15;
    value = size > 0 ? extend(take(reader, size), size) : 0;
  }
  int32_t *last = &decoder->last_dc[library->MCU_membership[number]];
  /* In damaged data the sum may overflow. */
  *last = (int32_t)((uint32_t)*last + (uint32_t)value);
  return *last;
}

/* As in libjpeg what a damaged run puts beyond the last coefficient is put there. */
static inline int natural(int place) {
  return NATURAL_ORDER[place < DCTSIZE2 ? place : DCTSIZE2 - 1];
}

static inline JCOEF scaled(int32_t value, int shift) {
  return (JCOEF)((uint32_t)value << shift);
}

/* AC coefficients from `place` to `last`, `shift` bits short. Gives how many blocks, this one included, end here by an
   end of band; 0 where this one ends otherwise. */
static inline uint32_t decode_ac(
    j_decompress_ptr library, const struct table *table, struct reader *state, JCOEF *block, int place, int last, int shift) {
  struct reader reader = *state;
  uint32_t ended_blocks = 0;
  while (place <= last) {
    fill(&reader);
#pragma GCC unroll 3
    for (int symbols = 0; symbols < SYMBOLS_A_FILL; symbols++) {
      uint32_t entry = table->entries[reader.bits >> (64 - PEEK)];
      if (__builtin_expect((entry & COMPLETE) == 0, 0)) {
        int symbol = take_symbol(library, table, &reader, entry), run = symbol >> 4, size = symbol & 15;
        if (size > 0) {
          place += run;
          block[natural(place)] = scaled(extend(take(&reader, size), size), shift);
          place++;
        } else if (symbol == ZERO_RUN) {
          place += 16;
        } else {
          /* In baseline files nothing comes behind it. */
          ended_blocks = 1;
          if (library->progressive_mode && run > 0) ended_blocks = (1u << run) + take(&reader, run);
          place = END_OF_BLOCK;
        }
        break;
      }
      use(&reader, LENGTH(entry));
      place += RUN(entry);
      if (place > last) {
        if (place < END_OF_BLOCK) block[natural(place)] = scaled(VALUE(entry), shift);
        break;
      }
      block[NATURAL_ORDER[place]] = scaled(VALUE(entry), shift);
      place++;
      if (place > last) break;
    }
  }
  *state = reader;
  return ended_blocks;
}

static boolean decode_baseline(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (!begin(library, decoder)) return TRUE;
  struct reader reader = decoder->reader;
  for (int number = 0; number < library->blocks_in_MCU; number++) {
    JCOEF *block = *blocks[number];
    block[0] = (JCOEF)decode_dc(library, decoder, &reader, number);
    decode_ac(library, decoder->ac[number], &reader, block, 1, DCTSIZE2 - 1, 0);
  }
  finish(library, decoder, reader);
  return TRUE;
}

static boolean decode_dc_first(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (!begin(library, decoder)) return TRUE;
  struct reader reader = decoder->reader;
  for (int number = 0; number < library->blocks_in_MCU; number++)
    (*blocks[number])[0] = scaled(decode_dc(library, decoder, &reader, number), library->Al);
  finish(library, decoder, reader);
  return TRUE;
}

static boolean decode_dc_refinement(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (!begin(library, decoder)) return TRUE;
  struct reader reader = decoder->reader;
  fill(&reader);
  for (int number = 0; number < library->blocks_in_MCU; number++)
    (*blocks[number])[0] |= (JCOEF)(take(&reader, 1) << library->Al);
  finish(library, decoder, reader);
  return TRUE;
}

static boolean decode_ac_first(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (!begin(library, decoder)) return TRUE;
  if (decoder->ended_blocks > 0) {
    decoder->ended_blocks--;
    return TRUE;
  }
  struct reader reader = decoder->reader;
  uint32_t ended = decode_ac(library, decoder->ac[0], &reader, *blocks[0], library->Ss, library->Se, library->Al);
  decoder->ended_blocks = ended > 0 ? ended - 1 : 0;
  finish(library, decoder, reader);
  return TRUE;
}

/* Which of a block's coefficients are not zero: bit n for the nth in the order of the file. */
static inline uint64_t present(const struct decoder *decoder, const JCOEF *block) {
  uint64_t order = 0;
  for (int row = 0; row < DCTSIZE; row++) {
#ifdef __SSE2__
    __m128i zero = _mm_setzero_si128();
    __m128i same = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(block + row * DCTSIZE)), zero);
    unsigned columns = ~(unsigned)_mm_movemask_epi8(_mm_packs_epi16(same, zero)) & 255;
#else
    unsigned columns = 0;
    for (int column = 0; column < DCTSIZE; column++) columns |= (unsigned)(block[row * DCTSIZE + column] != 0) << column;
#endif
    order |= decoder->orders[row][columns];
  }
  return order;
}

/* Adds a bit to each of some coefficients that are there already, those of `which`. */
static inline void correct(struct reader *reader, JCOEF *block, uint64_t which, int shift) {
  for (; which != 0; which &= which - 1) {
    JCOEF *coefficient = &block[NATURAL_ORDER[__builtin_ctzll(which)]];
    if (reader->count < 1) fill(reader);
    /* Not twice, should the file say so. */
    if (take(reader, 1) && !(*coefficient & (1 << shift)))
      *coefficient = (JCOEF)(*coefficient + (*coefficient >= 0 ? 1 << shift : -(1 << shift)));
  }
}

static inline uint64_t from_to(int first, int end) {
  return first >= end ? 0 : (end < 64 ? (1ull << end) - 1 : ~0ull) & ~0ull << first;
}

static boolean decode_ac_refinement(j_decompress_ptr library, JBLOCKROW *blocks) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  if (!begin(library, decoder)) return TRUE;
  struct reader reader = decoder->reader;
  const struct table *table = decoder->ac[0];
  JCOEF *block = *blocks[0];
  int place = library->Ss, end = library->Se + 1, shift = library->Al;
  uint64_t old = present(decoder, block);
  while (decoder->ended_blocks == 0 && place < end) {
    fill(&reader);
    uint32_t entry = table->entries[reader.bits >> (64 - PEEK)];
    int run = RUN(entry);
    int32_t value = VALUE(entry);
    if (entry & COMPLETE) {
      use(&reader, LENGTH(entry));
      if (run == END_OF_BLOCK) {
        decoder->ended_blocks = 1;
        break;
      }
    } else {
      int symbol = take_symbol(library, table, &reader, entry);
      run = symbol >> 4;
      if (symbol & 15) {
        /* A new coefficient has one bit, whatever else a damaged file says. */
        if ((symbol & 15) != 1) WARNMS(library, JWRN_HUFF_BAD_CODE);
        value = take(&reader, 1) ? 1 : -1;
      } else if (symbol == ZERO_RUN) {
        value = 0;
      } else {
        decoder->ended_blocks = 1u << run;
        if (run > 0) decoder->ended_blocks += take(&reader, run);
        break;
      }
    }
    /* Behind so many zeros; those that are there already lie between. */
    uint64_t zeros = ~old & from_to(place, end);
    for (; run > 0; run--) zeros &= zeros - 1;
    int target = zeros ? __builtin_ctzll(zeros) : end;
    correct(&reader, block, old & from_to(place, target), shift);
    if (value != 0) block[natural(target)] = scaled(value, shift);
    place = target + 1;
  }
  if (decoder->ended_blocks > 0) {
    correct(&reader, block, old & from_to(place, end), shift);
    decoder->ended_blocks--;
  }
  finish(library, decoder, reader);
  return TRUE;
}

/* Prepares for a scan that libjpeg has found good. */
static void begin_scan(j_decompress_ptr library, struct decoder *decoder) {
  int is_refinement = library->progressive_mode && library->Ah > 0, is_dc = library->Ss == 0;
  unsigned dc_made = 0, ac_made = 0;
  for (int number = 0; number < library->blocks_in_MCU; number++) {
    const jpeg_component_info *component = library->cur_comp_info[library->MCU_membership[number]];
    int dc = component->dc_tbl_no, ac = component->ac_tbl_no;
    if (!library->progressive_mode || (is_dc && !is_refinement)) {
      if (!(dc_made >> dc & 1)) make_table(&decoder->dc_tables[dc], library->dc_huff_tbl_ptrs[dc], DC);
      dc_made |= 1u << dc;
      decoder->dc[number] = &decoder->dc_tables[dc];
    }
    if (!library->progressive_mode || !is_dc) {
      enum purpose purpose = is_refinement ? REFINED_AC : AC;
      if (!(ac_made >> ac & 1)) make_table(&decoder->ac_tables[ac], library->ac_huff_tbl_ptrs[ac], purpose);
      ac_made |= 1u << ac;
      decoder->ac[number] = &decoder->ac_tables[ac];
    }
  }
  decoder->methods.decode_mcu = !library->progressive_mode ? decode_baseline
                                : is_dc ? (is_refinement ? decode_dc_refinement : decode_dc_first)
                                        : (is_refinement ? decode_ac_refinement : decode_ac_first);
  decoder->methods.insufficient_data = FALSE;
  begin_piece(library, decoder);
}

static void start_pass(j_decompress_ptr library) {
  struct decoder *decoder = (struct decoder *)library->entropy;
  library->entropy = decoder->original;
  decoder->original->start_pass(library);
  library->entropy = &decoder->methods;
  begin_scan(library, decoder);
}

/* Whether a file has no Huffman codes. Known after its header. */
int image_job_jpeg_is_arithmetic(j_decompress_ptr library) {
  return library->arith_code;
}

/* Takes the place of libjpeg's Huffman decoder, where it has not done so yet. Called when libjpeg has begun with a scan
   and nothing of it is decoded. */
void image_job_jpeg_decode_huffman(j_decompress_ptr library) {
  if (library->arith_code || library->entropy->start_pass == start_pass) return;
  struct decoder *decoder = library->mem->alloc_small((j_common_ptr)library, JPOOL_IMAGE, sizeof *decoder);
  memset(decoder, 0, sizeof *decoder);
  decoder->original = library->entropy;
  decoder->methods.start_pass = start_pass;
  for (int place = 0; place < DCTSIZE2; place++) {
    int row = NATURAL_ORDER[place] / DCTSIZE, column = NATURAL_ORDER[place] % DCTSIZE;
    for (int columns = 0; columns < 256; columns++)
      if (columns >> column & 1) decoder->orders[row][columns] |= 1ull << place;
  }
  begin_scan(library, decoder);
  library->entropy = &decoder->methods;
}
