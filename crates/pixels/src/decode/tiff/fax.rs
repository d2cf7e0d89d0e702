//! Facsimile coding (ITU-T T.4 and T.6): Group 3 in one and two dimensions, Group 4, and TIFF's own form without ends of
//! lines. The code tables are the `fax` crate's, whose decoders know neither two dimensions of Group 3, nor lines without
//! their ends, nor more than 65,535 columns.

use std::convert::Infallible;

use fax::BitReader;
use fax::maps::{Mode, black, mode, white};

use super::chunk::{Bytes, Fault};

/// The forms of the coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines in one dimension that begin at a byte, or at one of two bytes, without marks.
    Unmarked {
        /// Of which a line begins at a multiple.
        bytes: usize,
    },
    /// Group 3.
    Group3,
    /// Group 4: every line by the one before.
    Group4,
}

/// Decodes line after line. A 1 is black.
pub struct Fax {
    bits: Bits,
    form: Form,
    two_dimensions: bool,
    width: u32,
    /// Where the last line changes its colour; it begins white.
    changes: Vec<u32>,
    before: Vec<u32>,
    ended: bool,
}

/// Bits from the most significant on; zeros follow the end.
struct Bits {
    bytes: Bytes,
    /// In bits.
    at: usize,
}

/// A code that does not exist, or that the file ends in.
struct Bad;

impl BitReader for Bits {
    type Error = Infallible;

    fn peek(&self, count: u8) -> Option<u16> {
        let byte = |at: usize| self.bytes.as_ref().get(at).copied().map_or(0, u32::from);
        let first = self.at / 8;
        let window = byte(first) << 16 | byte(first + 1) << 8 | byte(first + 2);
        let shift = 24 - self.at % 8 - usize::from(count);
        Some((window >> shift & ((1 << count) - 1)) as u16)
    }

    fn consume(&mut self, count: u8) -> Result<(), Infallible> {
        self.at += usize::from(count);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (8 - self.at % 8) as u8 % 8
    }
}

impl Bits {
    fn is_at_end(&self) -> bool {
        self.at >= self.bytes.as_ref().len() * 8
    }

    /// Whether an end of line comes next, after any number of zeros to fill up; it is then skipped.
    fn take_end_of_line(&mut self) -> bool {
        let mut at = self.at;
        let end = self.bytes.as_ref().len() * 8;
        let is_set = |at: usize| self.bytes.as_ref()[at / 8] >> (7 - at % 8) & 1 == 1;
        while at < end && !is_set(at) {
            at += 1;
        }
        if at == end || at - self.at < 11 {
            return false;
        }
        self.at = at + 1;
        true
    }

    /// A run of a colour: any number of codes for multiples of 64 and one for the rest.
    fn run(&mut self, is_black: bool) -> Result<u32, Bad> {
        let mut length = 0_u32;
        loop {
            let part = if is_black { black::decode(self) } else { white::decode(self) };
            let part = u32::from(part.ok_or(Bad)?);
            length = length.saturating_add(part);
            if part < 64 {
                return Ok(length);
            }
        }
    }
}

impl Fax {
    /// For lines of that many columns.
    pub fn new(bytes: Bytes, form: Form, two_dimensions: bool, width: u32) -> Self {
        let bits = Bits { bytes, at: 0 };
        Self { bits, form, two_dimensions, width, changes: Vec::new(), before: Vec::new(), ended: false }
    }

    /// The next line, most significant bit first.
    pub fn next(&mut self, row: &mut [u8]) -> Result<(), Fault> {
        std::mem::swap(&mut self.before, &mut self.changes);
        self.changes.clear();
        row.fill(0);
        if self.ended {
            // Encoders may leave out white lines at the end.
            return Ok(());
        }
        if self.bits.is_at_end() {
            return Err(Fault::Ends);
        }
        let read = match self.form {
            Form::Unmarked { bytes } => {
                self.bits.at = self.bits.at.next_multiple_of(bytes * 8);
                self.by_runs()
            }
            Form::Group3 => self.group3(),
            Form::Group4 => self.by_line_before(),
        };
        match read {
            Ok(()) => {}
            // What is good of a damaged line is shown, and the next one begins at its mark.
            Err(Bad) if self.form == Form::Group3 && !self.bits.is_at_end() => self.skip_to_end_of_line(),
            Err(Bad) if self.bits.is_at_end() => return Err(Fault::Ends),
            Err(Bad) => return Err(Fault::Damaged("a code of its facsimile data does not exist".to_owned())),
        }
        self.paint(row);
        Ok(())
    }

    fn group3(&mut self) -> Result<(), Bad> {
        let mut marks = 0;
        let mut by_runs = true;
        while self.bits.take_end_of_line() {
            marks += 1;
            if self.two_dimensions {
                by_runs = self.bits.peek(1) == Some(1);
                self.bits.at += 1;
            }
        }
        // Six marks end the page; one more than a line needs is enough to tell.
        if marks > 1 && self.bits.is_at_end() || marks >= 6 {
            self.ended = true;
            return Ok(());
        }
        if by_runs { self.by_runs() } else { self.by_line_before() }
    }

    /// To the zeros of the next mark.
    fn skip_to_end_of_line(&mut self) {
        let end = self.bits.bytes.as_ref().len() * 8;
        let mut zeros = 0;
        while self.bits.at < end {
            if self.bits.peek(1) == Some(0) {
                zeros += 1;
            } else if zeros >= 11 {
                self.bits.at -= zeros;
                return;
            } else {
                zeros = 0;
            }
            self.bits.at += 1;
        }
    }

    /// Runs of white and black in turn.
    fn by_runs(&mut self) -> Result<(), Bad> {
        let (mut at, mut is_black) = (0_u32, false);
        while at < self.width {
            at = at.saturating_add(self.bits.run(is_black)?).min(self.width);
            self.changes.push(at);
            is_black = !is_black;
        }
        Ok(())
    }

    /// Where colours change, relative to where they do on the line before (T.4, 4.2).
    fn by_line_before(&mut self) -> Result<(), Bad> {
        let width = i64::from(self.width);
        let (mut at, mut is_black, mut index) = (-1_i64, false, 0_usize);
        while at < width {
            while index > 0 && i64::from(self.before[index - 1]) > at {
                index -= 1;
            }
            while self.before.get(index).is_some_and(|change| i64::from(*change) <= at) {
                index += 1;
            }
            // A change to the other colour: those to black have even numbers.
            let next = index + usize::from(index % 2 != usize::from(is_black));
            let change = |index: usize| self.before.get(index).map_or(width, |change| i64::from(*change));
            match mode::decode(&mut self.bits).ok_or(Bad)? {
                Mode::Pass => at = change(next + 1),
                Mode::Vertical(offset) => {
                    at = (change(next) + i64::from(offset)).clamp(at.max(0), width);
                    self.changes.push(at as u32);
                    is_black = !is_black;
                }
                Mode::Horizontal => {
                    at = at.max(0);
                    for is_black in [is_black, !is_black] {
                        at = (at + i64::from(self.bits.run(is_black)?)).min(width);
                        self.changes.push(at as u32);
                    }
                }
                Mode::Extension => return Err(Bad),
                Mode::EOF => {
                    self.ended = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn paint(&self, row: &mut [u8]) {
        for black in self.changes.chunks(2) {
            let from = black[0];
            let to = black.get(1).copied().unwrap_or(self.width);
            for x in from..to {
                if let Some(byte) = row.get_mut(x as usize / 8) {
                    *byte |= 0x80 >> (x % 8);
                }
            }
        }
    }
}
