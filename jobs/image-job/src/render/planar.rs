//! Planar processing: luma and chroma are processed apart until they become pixels, or go into a file unchanged.

use contract::Failure;
use pixels::placeholder::Thumbnail;
use pixels::planes::{PLANES, PlaneQueue, PlaneResampler, PlaneSizes, PlaneSource};
use pixels::raster::{Depth, Model, PixelFormat, Row};
use pixels::resample::{Region, Resampler};

use super::{Branch, Layout, Steps};

const GREY8: PixelFormat = PixelFormat { model: Model::Grey, alpha: false, depth: Depth::Eight };
const YCBCR8: PixelFormat = PixelFormat { model: Model::YCbCr, ..GREY8 };
/// Columns and rows of luma for each of chroma in a file that stores them apart.
const FILED_STEP: (u32, u32) = (2, 2);

impl Steps<'_> {
    /// Whether luma and chroma apart are less work: they are, unless the source's own size is wanted in another form.
    pub(super) fn gains_by_planes(&self, branch: &Branch<'_>, sizes: PlaneSizes) -> bool {
        let (layout, size) = (&branch.size.layout, sizes[0]);
        let unchanged = self.orientation.turn_size(layout.scaled) == size
            && self.source_region(size, layout) == Region::whole(size);
        !unchanged || branch.plane_sizes() == Some(sizes)
    }

    /// Runs luma and chroma through a resampler for each of them and for each size, to where they become pixels or go into
    /// a file apart.
    pub(super) fn resample_planes(
        &self,
        planes: &mut dyn PlaneSource,
        branches: &mut [Branch<'_>],
    ) -> Result<(), Failure> {
        let rows = planes.sizes()[0].1;
        let mut ways = Vec::new();
        for branch in branches.iter_mut() {
            let scaled = self.orientation.turn_size(branch.size.layout.scaled);
            let targets = branch.plane_sizes();
            let resampler = self.plane_resampler(planes, &branch.size.layout, targets.unwrap_or([scaled; PLANES]))?;
            // A file of planes is looked at in the size of its chroma.
            let step = if targets.is_some() { FILED_STEP } else { (1, 1) };
            if let Some([_, chroma, _]) = targets {
                for thumbnail in branch.streams.iter_mut().filter_map(|stream| stream.thumbnail.as_mut()) {
                    *thumbnail = Thumbnail::new(chroma, YCBCR8)?;
                }
            }
            ways.push((resampler, PlaneQueue::new(step), targets.is_some()));
        }
        let mut done = 0;
        let mut more = true;
        while more {
            more = planes.read_band(&mut |plane, row| {
                for ((resampler, queue, filed), branch) in ways.iter_mut().zip(branches.iter_mut()) {
                    resampler.push(plane, row, &mut |plane, row| {
                        if !*filed {
                            return queue.push(plane, row, &mut |row| self.take_row(branch, Row::Eight(row)));
                        }
                        branch.streams.iter_mut().try_for_each(|stream| {
                            stream.sink.write_plane(plane, row)?;
                            let Some(thumbnail) = &mut stream.thumbnail else { return Ok(()) };
                            queue.push(plane, row, &mut |row| thumbnail.push(Row::Eight(row)))
                        })
                    })?;
                }
                done += u32::from(plane == 0);
                Ok(())
            })?;
            self.task.progress.report(0.8 * f64::from(done) / f64::from(rows));
        }
        Ok(())
    }

    /// Resamplers of luma and chroma to sizes of their own.
    fn plane_resampler(
        &self,
        planes: &dyn PlaneSource,
        layout: &Layout,
        targets: PlaneSizes,
    ) -> Result<PlaneResampler, Failure> {
        let (sizes, step) = (planes.sizes(), planes.chroma_step());
        let luma = self.source_region(sizes[0], layout);
        // Where the last column or row of chroma stands for one of luma only, it reaches over the edge.
        let part = |luma: f64, step: u32, target: (u32, u32)| {
            let (luma_target, chroma_target) = target;
            let target_step = if chroma_target == luma_target { 1 } else { 2 };
            luma / f64::from(step) * f64::from(chroma_target * target_step) / f64::from(luma_target)
        };
        let mut chroma = Region {
            x: luma.x / f64::from(step.0),
            y: luma.y / f64::from(step.1),
            width: part(luma.width, step.0, (targets[0].0, targets[1].0)),
            height: part(luma.height, step.1, (targets[0].1, targets[1].1)),
        };
        if luma == Region::whole(sizes[0]) && sizes == targets {
            chroma = Region::whole(sizes[1]);
        }
        let filter = self.request.filter;
        let resampler = |at: usize, region| Resampler::new(GREY8, sizes[at], region, targets[at], filter);
        Ok(PlaneResampler::new([resampler(0, luma)?, resampler(1, chroma)?, resampler(2, chroma)?]))
    }
}
