//! Encoded packets of one rendition in a file of their own, and how such files are put behind each other: what parts of a
//! video are kept in until they are joined.
//!
//! Of each packet: presentation and decoding time in the ticks of the plan's clock (8 bytes each), flags and size (4 bytes
//! each), little-endian; then its bytes.

use std::collections::BTreeMap;
use std::io::{BufWriter, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use contract::Failure;
use ffmpeg_next::Packet;
use ffmpeg_next::packet::Flags;
use operation::OutputFile;

use super::track::{Encoded, Track};

/// Of a packet, before its bytes.
const HEADER: usize = 8 + 8 + 4 + 4;

/// Takes the packets of one rendition of one part.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Mutex<State>>);

struct State {
    writer: Option<BufWriter<OutputFile>>,
    encoded: Option<Encoded>,
}

impl Spool {
    pub(crate) fn new(output: OutputFile) -> Self {
        Self(Arc::new(Mutex::new(State { writer: Some(BufWriter::new(output)), encoded: None })))
    }

    /// What is known of the track, none where it has no packet; and the file.
    pub(crate) fn into_parts(self) -> Result<(Option<Encoded>, OutputFile), Failure> {
        let mut state = self.state();
        let writer = state.writer.take().ok_or_else(|| Failure::internal("a part was taken twice"))?;
        let output = writer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok((state.encoded.take(), output))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track for Spool {
    fn open(&mut self, encoded: &Encoded) -> Result<(), Failure> {
        self.state().encoded = Some(encoded.clone());
        Ok(())
    }

    fn write(&mut self, packet: Packet) -> Result<(), Failure> {
        let bytes = packet.data().unwrap_or_default();
        let mut header = Vec::with_capacity(HEADER);
        header.extend(packet.pts().unwrap_or(0).to_le_bytes());
        header.extend(packet.dts().or(packet.pts()).unwrap_or(0).to_le_bytes());
        header.extend(packet.flags().bits().to_le_bytes());
        header.extend((bytes.len() as u32).to_le_bytes());
        let mut state = self.state();
        let writer = state.writer.as_mut().ok_or_else(|| Failure::internal("a part went on after its end"))?;
        writer.write_all(&header)?;
        writer.write_all(bytes)?;
        Ok(())
    }

    fn close(&mut self, _end: Option<f64>) -> Result<(), Failure> {
        Ok(())
    }
}

/// Puts parts behind each other.
pub(crate) struct Join<'a> {
    tracks: &'a mut Vec<Box<dyn Track>>,
    /// The decoding time written last, and what the decoder was told, by rendition.
    last: BTreeMap<usize, (i64, Vec<u8>)>,
}

impl<'a> Join<'a> {
    pub(crate) fn new(tracks: &'a mut Vec<Box<dyn Track>>) -> Self {
        Self { tracks, last: BTreeMap::new() }
    }

    /// The next part of a rendition was encoded so.
    pub(crate) fn begin(&mut self, rendition: usize, encoded: &Encoded) -> Result<(), Failure> {
        match self.last.get(&rendition) {
            None => {
                self.tracks[rendition].open(encoded)?;
                self.last.insert(rendition, (i64::MIN, encoded.extradata().to_vec()));
                Ok(())
            }
            Some((_, first)) if first != encoded.extradata() => Err(set_up_differently()),
            Some(_) => Ok(()),
        }
    }

    /// The packets of the part of a rendition that was begun; `before` is told the time of each before it is written.
    pub(crate) fn append(
        &mut self,
        rendition: usize,
        reader: &mut impl Read,
        mut length: u64,
        mut before: impl FnMut(i64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some((last, _)) = self.last.get_mut(&rendition) else {
            return Err(Failure::internal("a part has packets and no encoder"));
        };
        while length > 0 {
            let mut packet = read_packet(reader, &mut length)?;
            let time = packet.dts().unwrap_or(0);
            before(time)?;
            if time <= *last {
                packet.set_dts(Some(*last + 1));
            }
            *last = packet.dts().unwrap_or(time);
            self.tracks[rendition].write(packet)?;
        }
        Ok(())
    }
}

/// Why parts cannot be joined.
pub(crate) fn set_up_differently() -> Failure {
    Failure::internal(
        "the encoder set itself up differently for parts of one video, so that they cannot be joined; chunks=off encodes \
         it in one",
    )
}

/// The next of `left` bytes of packets.
fn read_packet(reader: &mut impl Read, left: &mut u64) -> Result<Packet, Failure> {
    let short = || Failure::internal("a part ends within a packet");
    let mut header = [0; HEADER];
    *left = left.checked_sub(HEADER as u64).ok_or_else(short)?;
    reader.read_exact(&mut header)?;
    let long = |at: usize| i64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
    *left = left.checked_sub(u64::from(word(20))).ok_or_else(short)?;
    let mut packet = Packet::new(word(20) as usize);
    reader.read_exact(packet.data_mut().unwrap_or_default())?;
    packet.set_pts(Some(long(0)));
    packet.set_dts(Some(long(8)));
    packet.set_flags(Flags::from_bits_truncate(word(16) as i32));
    Ok(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(size: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = [7_i64.to_le_bytes(), 5_i64.to_le_bytes()].concat();
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let bytes = bytes_of(3, b"abc");
        let mut left = bytes.len() as u64;
        let packet = read_packet(&mut &bytes[..], &mut left).unwrap();
        assert_eq!((packet.pts(), packet.dts(), packet.data(), left), (Some(7), Some(5), Some(&b"abc"[..]), 0));
        assert!(packet.is_key());
    }

    #[test]
    fn a_size_beyond_the_file_is_refused_before_anything_is_kept_for_it() {
        let bytes = bytes_of(u32::MAX, b"abc");
        let failure = read_packet(&mut &bytes[..], &mut (bytes.len() as u64)).err().unwrap();
        assert!(failure.to_string().contains("ends within a packet"), "{failure}");
        assert!(read_packet(&mut &bytes[..9], &mut 9).is_err());
    }
}
