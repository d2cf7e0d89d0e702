//! The blocks of a GIF (`GIF89a` specification): how many frames there are and how it ends, found without decoding a pixel.

use crate::decode::{MOST_METADATA_BYTES, MOST_PROFILE_BYTES};

/// XMP ends with a run of bytes that lead a reader of blocks to the end of it.
const XMP_TRAILER: usize = 257;

/// What a GIF is made of.
#[derive(Debug, Default)]
pub struct Structure {
    /// Width and height of the canvas.
    pub size: (u32, u32),
    /// Whether there is a table of colours for all frames.
    pub has_table: bool,
    /// Frames; the last may be cut.
    pub frames: u32,
    /// Place and size of the first frame.
    pub first: Option<[u32; 4]>,
    /// How often the animation is shown after the first time; 0 is without end.
    pub repetitions: Option<u32>,
    /// An ICC profile.
    pub icc: Option<Vec<u8>>,
    /// XMP.
    pub xmp: Option<Vec<u8>>,
    /// How it ends.
    pub end: End,
}

/// How a GIF ends.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its mark.
    #[default]
    Marked,
    /// Behind a whole block.
    Unmarked,
    /// With something that is not a block.
    Junk,
    /// In the middle of a block.
    Cut,
}

struct Blocks<'a> {
    file: &'a [u8],
    at: usize,
}

impl<'a> Blocks<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let bytes = self.file.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    /// The content of blocks up to the empty one; no more than `most` bytes of it.
    fn sub_blocks(&mut self, most: usize) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let length = usize::from(self.take(1)?[0]);
            if length == 0 {
                return Some(content);
            }
            let part = self.take(length)?;
            let room = most.saturating_sub(content.len());
            content.extend(&part[..length.min(room)]);
        }
    }
}

fn short(bytes: &[u8]) -> u32 {
    u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
}

fn table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

impl Structure {
    /// Reads the blocks up to `most` frames. None where not even the head is there.
    pub fn of(file: &[u8], most: u32) -> Option<Self> {
        let mut blocks = Blocks { file, at: 6 };
        let head = blocks.take(7)?;
        let mut structure =
            Self { size: (short(head), short(&head[2..])), has_table: head[4] & 0x80 != 0, ..Self::default() };
        structure.end = if blocks.take(table_bytes(head[4])).is_none() {
            End::Cut
        } else {
            structure.read(&mut blocks, most).unwrap_or(End::Cut)
        };
        Some(structure)
    }

    fn read(&mut self, blocks: &mut Blocks<'_>, most: u32) -> Option<End> {
        while self.frames < most {
            let Some([kind]) = blocks.take(1) else { return Some(End::Unmarked) };
            match kind {
                0x2c => {
                    let head = blocks.take(9)?;
                    blocks.take(table_bytes(head[8]))?;
                    // The least code size and the first bytes of pixels make it a frame.
                    blocks.take(1)?;
                    self.frames += 1;
                    self.first.get_or_insert([0, 2, 4, 6].map(|at| short(&head[at..])));
                    blocks.sub_blocks(0)?;
                }
                0x21 => self.read_extension(blocks)?,
                0x3b => return Some(End::Marked),
                // Fill between blocks.
                0 => {}
                _ => return Some(End::Junk),
            }
        }
        Some(End::Marked)
    }

    fn read_extension(&mut self, blocks: &mut Blocks<'_>) -> Option<()> {
        let is_application = blocks.take(1)?[0] == 0xff;
        let start = blocks.at;
        let name = is_application.then(|| blocks.file.get(start..start + 12)).flatten().unwrap_or_default();
        match name {
            b"\x0bNETSCAPE2.0" | b"\x0bANIMEXTS1.0" => {
                blocks.take(12)?;
                let content = blocks.sub_blocks(16)?;
                if let [1, low, high, ..] = content[..] {
                    self.repetitions = Some(u32::from(u16::from_le_bytes([low, high])));
                }
            }
            b"\x0bICCRGBG1012" => {
                blocks.take(12)?;
                let icc = blocks.sub_blocks(MOST_PROFILE_BYTES + 1)?;
                self.icc = Some(icc).filter(|icc| icc.len() <= MOST_PROFILE_BYTES);
            }
            b"\x0bXMP DataXMP" => {
                blocks.take(12)?;
                let start = blocks.at;
                blocks.sub_blocks(0)?;
                let end = blocks.at.saturating_sub(XMP_TRAILER + 1);
                let xmp = blocks.file.get(start..end).filter(|xmp| xmp.len() <= MOST_METADATA_BYTES);
                self.xmp = xmp.map(<[u8]>::to_vec);
            }
            _ => drop(blocks.sub_blocks(0)?),
        }
        Some(())
    }
}
