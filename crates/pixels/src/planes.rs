//! Luma and chroma apart, as JPEG stores them: chroma mostly has half as many columns and rows, and is never enlarged to
//! luma's size only to be made smaller again.

use std::collections::VecDeque;

use contract::Failure;

use crate::raster::Row;
use crate::resample::Resampler;

/// Luma, blue and red chroma.
pub const PLANES: usize = 3;

/// Width and height of each plane.
pub type PlaneSizes = [(u32, u32); PLANES];

/// Takes rows of planes: the number of the plane, and its next row.
pub type TakePlaneRow<'a> = dyn FnMut(usize, &[u8]) -> Result<(), Failure> + 'a;

/// A picture whose luma and chroma are decoded apart. Eight bits a sample, full range (see [`crate::raster::Model::YCbCr`]).
pub trait PlaneSource {
    /// Width and height of each plane. Chroma's samples lie in the middle of those of luma that they belong to.
    fn sizes(&self) -> PlaneSizes;

    /// Columns and rows of luma for each of chroma: 1 or 2.
    fn chroma_step(&self) -> (u32, u32);

    /// Decodes the next rows and hands them on, those of each plane from top to bottom. False after the last.
    fn read_band(&mut self, take: &mut TakePlaneRow<'_>) -> Result<bool, Failure>;
}

/// A resampler for each plane.
pub struct PlaneResampler {
    planes: [Resampler; PLANES],
}

impl PlaneResampler {
    /// Of one resampler of grey for each plane.
    pub fn new(planes: [Resampler; PLANES]) -> Self {
        Self { planes }
    }

    /// Takes the next row of a plane and hands on the rows that are complete with it.
    pub fn push(&mut self, plane: usize, row: &[u8], take: &mut TakePlaneRow<'_>) -> Result<(), Failure> {
        self.planes[plane].push(Row::Eight(row), &mut |row| match row {
            Row::Eight(row) => take(plane, row),
            Row::Sixteen(_) => Err(Failure::internal("planes have eight bits")),
        })
    }
}

/// Joins rows of planes to rows of pixels, or whatever else needs all three of them at once.
pub struct PlaneQueue {
    /// Rows that wait for those of the other planes.
    waiting: [VecDeque<Vec<u8>>; PLANES],
    /// Used again.
    spare: Vec<Vec<u8>>,
    row: Vec<u8>,
    /// Columns and rows of luma for each of chroma.
    step: (usize, usize),
    /// Rows of luma that came.
    luma_rows: usize,
}

impl PlaneQueue {
    /// For pixels at chroma's size, where luma has so many columns and rows for each of chroma's: the first of them stands
    /// for all.
    pub fn new(step: (u32, u32)) -> Self {
        let step = (step.0 as usize, step.1 as usize);
        Self { waiting: [const { VecDeque::new() }; PLANES], spare: Vec::new(), row: Vec::new(), step, luma_rows: 0 }
    }

    /// Takes the next row of a plane and hands on the row of pixels that is complete with it.
    pub fn push(
        &mut self,
        plane: usize,
        row: &[u8],
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if plane == 0 {
            self.luma_rows += 1;
            if !(self.luma_rows - 1).is_multiple_of(self.step.1) {
                return Ok(());
            }
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(row);
        self.waiting[plane].push_back(copy);
        while let [Some(luma), Some(blue), Some(red)] = self.waiting.each_ref().map(VecDeque::front) {
            self.row.resize(blue.len() * PLANES, 0);
            let samples = luma.iter().step_by(self.step.0).zip(blue.iter().zip(red));
            for (pixel, (luma, (blue, red))) in self.row.as_chunks_mut::<PLANES>().0.iter_mut().zip(samples) {
                *pixel = [*luma, *blue, *red];
            }
            take(&self.row)?;
            for waiting in &mut self.waiting {
                self.spare.extend(waiting.pop_front());
            }
        }
        Ok(())
    }
}
