//! A still picture made from a decoded frame: eight bits, 4:2:0, upright, square pixels, at the size asked for, in the
//! colours that an image format means.

use contract::Failure;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::color::{Range, Space};

use crate::deinterlace::Deinterlacer;
use crate::orientation::Orientation;
use crate::tone_map::{ToneMapper, is_hdr};

/// Planes of Y, Cb and Cr. Each is padded to even lines and columns of luma, as JPEG encoders read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub width: usize,
    pub height: usize,
    pub planes: [Vec<u8>; 3],
}

/// What the numbers of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// JFIF: BT.601, 0 to 255.
    Jpeg,
    /// WebP: BT.601, 16 to 235.
    Webp,
}

impl Picture {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (columns, lines) = (width.div_ceil(2), height.div_ceil(2));
        let chroma = vec![128; columns * lines];
        Self { width, height, planes: [vec![0; columns * lines * 4], chroma.clone(), chroma] }
    }

    /// Bytes from one line of a plane to the next.
    pub(crate) fn stride(&self, plane: usize) -> usize {
        self.width.div_ceil(2) * if plane == 0 { 2 } else { 1 }
    }

    /// Mirrored and turned.
    pub(crate) fn oriented(self, orientation: Orientation) -> Self {
        if orientation == Orientation::default() {
            return self;
        }
        let (width, height) = orientation.shown((self.width, self.height));
        let mut result = Self::new(width, height);
        for plane in 0..3 {
            let length = |length: usize| if plane == 0 { length } else { length.div_ceil(2) };
            let (columns, lines) = (length(self.width), length(self.height));
            let (source, target) = (self.stride(plane), result.stride(plane));
            for (y, line) in result.planes[plane].chunks_exact_mut(target).enumerate() {
                // What pads to even lines and columns repeats what is beside it.
                let y = y.min(length(height) - 1);
                for (x, value) in line.iter_mut().enumerate() {
                    let x = x.min(length(width) - 1);
                    let (from_x, from_y) = match orientation.rotation {
                        90 => (y, lines - 1 - x),
                        180 => (columns - 1 - x, lines - 1 - y),
                        270 => (columns - 1 - y, x),
                        _ => (x, y),
                    };
                    let from_x = if orientation.is_mirrored { columns - 1 - from_x } else { from_x };
                    *value = self.planes[plane][from_y * source + from_x];
                }
            }
        }
        result
    }

    /// Made smaller by averaging. For thumbnails: each pixel of the result is the mean of whole source pixels.
    pub(crate) fn thumbnail(&self, width: usize, height: usize) -> Self {
        let mut result = Self::new(width, height);
        for plane in 0..3 {
            let (source, target) = (self.stride(plane), result.stride(plane));
            let lines = self.planes[plane].len() / source;
            let target_lines = result.planes[plane].len() / target;
            let span = |at: usize, of: usize, to: usize| {
                let start = at * of / to;
                start..((at + 1) * of / to).max(start + 1)
            };
            let mut sums = vec![0_u32; source];
            for (y, line) in result.planes[plane].chunks_exact_mut(target).enumerate() {
                let rows = span(y, lines, target_lines);
                sums.fill(0);
                for row in rows.clone() {
                    let row = &self.planes[plane][row * source..(row + 1) * source];
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += u32::from(*value);
                    }
                }
                for (x, value) in line.iter_mut().enumerate() {
                    let columns = span(x, source, target);
                    let count = (columns.len() * rows.len()) as u32;
                    *value = ((sums[columns].iter().sum::<u32>() + count / 2) / count) as u8;
                }
            }
        }
        result
    }

    /// Copies another picture into this one, at even coordinates.
    pub(crate) fn place(&mut self, picture: &Self, x: usize, y: usize) {
        for plane in 0..3 {
            let shift = usize::from(plane > 0);
            let (stride, source) = (self.stride(plane), picture.stride(plane));
            for (line, values) in picture.planes[plane].chunks_exact(source).enumerate() {
                let start = ((y >> shift) + line) * stride + (x >> shift);
                self.planes[plane][start..start + source].copy_from_slice(values);
            }
        }
    }

    /// The upper part, so many lines high.
    pub(crate) fn cut_to_height(&mut self, height: usize) {
        self.height = height.min(self.height);
        for plane in 0..3 {
            let lines = self.height.div_ceil(2) * if plane == 0 { 2 } else { 1 };
            let length = lines * self.stride(plane);
            self.planes[plane].truncate(length);
        }
    }
}

/// Turns frames into pictures. Keeps what can be used again between frames of the same size.
#[derive(Default)]
pub(crate) struct PictureMaker {
    scaler: Option<scaling::Context>,
    tone_mapper: Option<ToneMapper>,
    deinterlacer: Option<Deinterlacer>,
}

// SAFETY: a scaling context is not bound to a thread; it is used by one at a time.
unsafe impl Send for PictureMaker {}

impl PictureMaker {
    /// A picture of the frame as it is shown, no wider than `max_width`.
    pub(crate) fn picture(
        &mut self,
        frame: &Video,
        orientation: Orientation,
        max_width: Option<u32>,
        colours: Colours,
    ) -> Result<Picture, Failure> {
        let deinterlaced = if frame.is_interlaced() { Some(self.deinterlaced(frame)?) } else { None };
        let frame = deinterlaced.as_ref().unwrap_or(frame);
        let (width, height) = stored_size(frame, orientation, max_width);
        if is_hdr(frame) {
            let mapper = self.tone_mapper.take().filter(|mapper| mapper.fits(frame, width, height));
            let mut mapper = mapper.map_or_else(|| ToneMapper::new(frame, width, height), Ok)?;
            let mapped = mapper.map(frame)?;
            self.tone_mapper = Some(mapper);
            return Ok(convert(&mapped, colours).oriented(orientation));
        }
        let is_plain = matches!(frame.format(), Pixel::YUV420P | Pixel::YUVJ420P);
        if is_plain && (frame.width(), frame.height()) == (width, height) {
            return Ok(convert(frame, colours).oriented(orientation));
        }
        Ok(convert(&self.scaled(frame, width, height)?, colours).oriented(orientation))
    }

    fn deinterlaced(&mut self, frame: &Video) -> Result<Video, Failure> {
        let deinterlacer = self.deinterlacer.take().filter(|deinterlacer| deinterlacer.fits(frame));
        let mut deinterlacer = deinterlacer.map_or_else(|| Deinterlacer::new(frame), Ok)?;
        let result = deinterlacer.deinterlace(frame)?;
        self.deinterlacer = Some(deinterlacer);
        Ok(result)
    }

    fn scaled(&mut self, frame: &Video, width: u32, height: u32) -> Result<Video, Failure> {
        let format = if is_full_range(frame) && is_yuv(frame.format()) { Pixel::YUVJ420P } else { Pixel::YUV420P };
        // A format that means full range by itself; the range is kept, whichever it is.
        let target = if is_j_format(frame.format()) { format } else { Pixel::YUV420P };
        let fits = |scaler: &scaling::Context| {
            let (input, output) = (scaler.input(), scaler.output());
            (input.format, input.width, input.height) == (frame.format(), frame.width(), frame.height())
                && (output.format, output.width, output.height) == (target, width, height)
        };
        if !self.scaler.as_ref().is_some_and(fits) {
            let flags = scaling::Flags::BICUBIC;
            let scaler =
                scaling::Context::get(frame.format(), frame.width(), frame.height(), target, width, height, flags);
            self.scaler = Some(scaler.map_err(|error| {
                Failure::invalid_input(format!("pictures of pixel format {:?} cannot be converted", frame.format()))
                    .because(error)
            })?);
        }
        let mut result = Video::empty();
        let scaler = self.scaler.as_mut().expect("just made");
        scaler.run(frame, &mut result).map_err(|error| Failure::internal("scaling failed").because(error))?;
        if is_yuv(frame.format()) {
            result.set_color_space(frame.color_space());
            result.set_color_range(frame.color_range());
        } else {
            result.set_color_space(Space::SMPTE170M);
            result.set_color_range(Range::MPEG);
        }
        Ok(result)
    }
}

/// The size of the stored picture so that the shown one has square pixels and is no wider than `max_width`.
pub(crate) fn stored_size(frame: &Video, orientation: Orientation, max_width: Option<u32>) -> (u32, u32) {
    let aspect = frame.aspect_ratio();
    let aspect = (aspect.numerator(), aspect.denominator());
    fit(frame.width(), frame.height(), aspect, orientation, max_width)
}

/// See [`stored_size`].
pub(crate) fn fit(
    width: u32,
    height: u32,
    aspect: (i32, i32),
    orientation: Orientation,
    max_width: Option<u32>,
) -> (u32, u32) {
    let (mut wide, mut high) = (f64::from(width), f64::from(height));
    if let (numerator @ 1.., denominator @ 1..) = aspect {
        let ratio = f64::from(numerator) / f64::from(denominator);
        if (0.1..=10.0).contains(&ratio) {
            wide *= ratio;
        }
    }
    let shown = if orientation.swaps_sides() { high } else { wide };
    let scale = max_width.map_or(1.0, |max| (f64::from(max) / shown.max(1.0)).min(1.0));
    wide *= scale;
    high *= scale;
    let pixels = |length: f64| length.round().clamp(1.0, 16384.0) as u32;
    (pixels(wide), pixels(high))
}

fn is_j_format(format: Pixel) -> bool {
    matches!(format, Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P | Pixel::YUVJ411P)
}

fn is_full_range(frame: &Video) -> bool {
    is_j_format(frame.format()) || frame.color_range() == Range::JPEG
}

fn is_yuv(format: Pixel) -> bool {
    format.descriptor().is_some_and(|descriptor| {
        // SAFETY: descriptors are constants of libavutil.
        let (flags, components) = unsafe { ((*descriptor.as_ptr()).flags, (*descriptor.as_ptr()).nb_components) };
        flags & u64::from(ffmpeg_next::ffi::AV_PIX_FMT_FLAG_RGB as u32) == 0 && components >= 3
    })
}

/// From the frame's matrix and range to those of the image format. The frame is 4:2:0 with eight bits.
fn convert(frame: &Video, colours: Colours) -> Picture {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut picture = Picture::new(width, height);
    let matrix = ColourMatrix::between(luma_weights(frame), is_full_range(frame), colours);
    for pair in 0..height.div_ceil(2) {
        let chroma_width = width.div_ceil(2);
        let line = |plane: usize, y: usize, length: usize| {
            let start = y * frame.stride(plane);
            &frame.data(plane)[start..start + length]
        };
        let chroma = [line(1, pair, chroma_width), line(2, pair, chroma_width)];
        let lines = [line(0, 2 * pair, width), line(0, (2 * pair + 1).min(height - 1), width)];
        let [luma, cb, cr] = &mut picture.planes;
        let luma = &mut luma[pair * 4 * chroma_width..(pair + 1) * 4 * chroma_width];
        let cb = &mut cb[pair * chroma_width..(pair + 1) * chroma_width];
        let cr = &mut cr[pair * chroma_width..(pair + 1) * chroma_width];
        matrix.apply(lines, chroma, luma, cb, cr);
    }
    picture
}

/// The weights of red and blue in luma (ITU-T H.273 table 4). Unsaid: BT.709 from 720 lines on, BT.601 below, as players
/// take it.
fn luma_weights(frame: &Video) -> (f64, f64) {
    const BT601: (f64, f64) = (0.299, 0.114);
    const BT709: (f64, f64) = (0.2126, 0.0722);
    match frame.color_space() {
        Space::BT709 => BT709,
        Space::BT2020NCL | Space::BT2020CL => (0.2627, 0.0593),
        Space::SMPTE240M => (0.212, 0.087),
        Space::FCC => (0.30, 0.11),
        Space::SMPTE170M | Space::BT470BG => BT601,
        _ if frame.height() >= 720 => BT709,
        _ => BT601,
    }
}

/// Y' = luma·(Y − offset) + `luma_of`·(Cb, Cr) + offset'; chroma' = a 2×2 matrix times chroma. Fixed point.
struct ColourMatrix {
    luma: i32,
    luma_of: [i32; 2],
    chroma: [[i32; 2]; 2],
    from_offset: i32,
    to_offset: i32,
    is_identity: bool,
}

const FRACTION: u32 = 14;
const HALF: i32 = 1 << (FRACTION - 1);

impl ColourMatrix {
    fn between((red, blue): (f64, f64), is_full_range: bool, colours: Colours) -> Self {
        let (luma_in, chroma_in, from_offset) = if is_full_range { (255.0, 255.0, 0) } else { (219.0, 224.0, 16) };
        let (luma_out, chroma_out, to_offset) = match colours {
            Colours::Jpeg => (255.0, 255.0, 0),
            Colours::Webp => (219.0, 224.0, 16),
        };
        // R, G and B of one unit of Cb and of Cr, without luma, which they all share.
        let green = 1.0 - red - blue;
        let rgb = |cb: f64, cr: f64| {
            let (r, b) = (2.0 * (1.0 - red) * cr, 2.0 * (1.0 - blue) * cb);
            [r, -(red * r + blue * b) / green, b]
        };
        let to_601 = |[r, g, b]: [f64; 3]| {
            let luma = 0.299 * r + 0.587 * g + 0.114 * b;
            (luma, (b - luma) / 1.772, (r - luma) / 1.402)
        };
        let (of_cb, of_cr) = (to_601(rgb(1.0, 0.0)), to_601(rgb(0.0, 1.0)));
        let fixed = |value: f64| (value * f64::from(1 << FRACTION)).round() as i32;
        let scale = chroma_out / chroma_in;
        let matrix = Self {
            luma: fixed(luma_out / luma_in),
            luma_of: [fixed(of_cb.0 * luma_out / chroma_in), fixed(of_cr.0 * luma_out / chroma_in)],
            chroma: [
                [fixed(of_cb.1 * scale), fixed(of_cr.1 * scale)],
                [fixed(of_cb.2 * scale), fixed(of_cr.2 * scale)],
            ],
            from_offset,
            to_offset,
            is_identity: false,
        };
        let one = 1 << FRACTION;
        let is_identity = matrix.luma == one
            && matrix.luma_of.iter().all(|value| value.abs() < 8)
            && from_offset == to_offset
            && (matrix.chroma[0][0] - one).abs() < 8
            && (matrix.chroma[1][1] - one).abs() < 8;
        Self { is_identity, ..matrix }
    }

    /// Two lines of luma and the one of chroma between them.
    fn apply(&self, luma: [&[u8]; 2], chroma: [&[u8]; 2], to_luma: &mut [u8], to_cb: &mut [u8], to_cr: &mut [u8]) {
        let stride = to_luma.len() / 2;
        let (first, second) = to_luma.split_at_mut(stride);
        if self.is_identity {
            for (target, source) in [first, second].into_iter().zip(luma) {
                target[..source.len()].copy_from_slice(source);
                pad(target, source.len());
            }
            to_cb.copy_from_slice(chroma[0]);
            to_cr.copy_from_slice(chroma[1]);
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { self.apply_avx2(luma, chroma, [first, second], [to_cb, to_cr]) };
            return;
        }
        self.apply_lines(luma, chroma, [first, second], [to_cb, to_cr]);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn apply_avx2(&self, luma: [&[u8]; 2], chroma: [&[u8]; 2], to_luma: [&mut [u8]; 2], to_chroma: [&mut [u8]; 2]) {
        self.apply_lines(luma, chroma, to_luma, to_chroma);
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "compiled once for each instruction set")]
    fn apply_lines(&self, luma: [&[u8]; 2], chroma: [&[u8]; 2], to_luma: [&mut [u8]; 2], to_chroma: [&mut [u8]; 2]) {
        let [to_cb, to_cr] = to_chroma;
        let inputs = || chroma[0].iter().zip(chroma[1]).map(|(cb, cr)| (i32::from(*cb) - 128, i32::from(*cr) - 128));
        for ((cb, cr), (to_cb, to_cr)) in inputs().zip(to_cb.iter_mut().zip(to_cr.iter_mut())) {
            let value = |[of_cb, of_cr]: [i32; 2]| ((of_cb * cb + of_cr * cr + HALF) >> FRACTION) + 128;
            *to_cb = value(self.chroma[0]).clamp(0, 255) as u8;
            *to_cr = value(self.chroma[1]).clamp(0, 255) as u8;
        }
        for (target, source) in to_luma.into_iter().zip(luma) {
            let offset = (self.to_offset << FRACTION) + HALF - self.from_offset * self.luma;
            for ((pair, target), (cb, cr)) in source.chunks_exact(2).zip(target.chunks_exact_mut(2)).zip(inputs()) {
                let shared = self.luma_of[0] * cb + self.luma_of[1] * cr + offset;
                target[0] = ((i32::from(pair[0]) * self.luma + shared) >> FRACTION).clamp(0, 255) as u8;
                target[1] = ((i32::from(pair[1]) * self.luma + shared) >> FRACTION).clamp(0, 255) as u8;
            }
            if let [last] = source.chunks_exact(2).remainder() {
                let (cb, cr) = inputs().next_back().unwrap_or_default();
                let shared = self.luma_of[0] * cb + self.luma_of[1] * cr + offset;
                target[source.len() - 1] = ((i32::from(*last) * self.luma + shared) >> FRACTION).clamp(0, 255) as u8;
            }
            pad(target, source.len());
        }
    }
}

/// Repeats the last pixel to the end of a line.
fn pad(line: &mut [u8], length: usize) {
    if let Some(last) = length.checked_sub(1).map(|at| line[at]) {
        line[length..].fill(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_of(luma: u8, cb: u8, cr: u8, space: Space, range: Range) -> Video {
        let mut frame = Video::new(Pixel::YUV420P, 33, 17);
        for (plane, value) in [luma, cb, cr].into_iter().enumerate() {
            frame.data_mut(plane).fill(value);
        }
        frame.set_color_space(space);
        frame.set_color_range(range);
        frame
    }

    fn first_pixel(picture: &Picture) -> [u8; 3] {
        [picture.planes[0][0], picture.planes[1][0], picture.planes[2][0]]
    }

    #[test]
    fn colours_of_high_definition_become_those_of_jpeg() {
        // Pure red in BT.709, limited range (63, 102, 240), is (76, 85, 255) in JFIF.
        let frame = frame_of(63, 102, 240, Space::BT709, Range::MPEG);
        let picture = convert(&frame, Colours::Jpeg);
        for (value, expected) in first_pixel(&picture).into_iter().zip([76_u8, 85, 255]) {
            assert!(value.abs_diff(expected) <= 1, "{:?}", first_pixel(&picture));
        }
        // Padded to even lines and columns with what is beside.
        assert_eq!((picture.planes[0].len(), picture.stride(0)), (34 * 18, 34));
        assert!(picture.planes[0].iter().all(|value| value.abs_diff(76) <= 1));
    }

    #[test]
    fn black_and_white_use_the_whole_range_in_jpeg_and_stay_as_they_are_in_webp() {
        for (luma, expected) in [(16, 0), (235, 255), (0, 0), (255, 255)] {
            let frame = frame_of(luma, 128, 128, Space::BT709, Range::MPEG);
            assert_eq!(first_pixel(&convert(&frame, Colours::Jpeg)), [expected, 128, 128]);
        }
        let frame = frame_of(77, 90, 200, Space::SMPTE170M, Range::MPEG);
        assert_eq!(first_pixel(&convert(&frame, Colours::Webp)), [77, 90, 200]);
        let frame = frame_of(77, 90, 200, Space::SMPTE170M, Range::JPEG);
        assert_eq!(first_pixel(&convert(&frame, Colours::Jpeg)), [77, 90, 200]);
    }

    #[test]
    fn orienting_moves_the_corners() {
        let mut picture = Picture::new(5, 4);
        picture.planes[0][0] = 200;
        for (is_mirrored, rotation, x, y) in [
            (false, 90, 3, 0),
            (false, 180, 4, 3),
            (false, 270, 0, 4),
            (true, 0, 4, 0),
            (true, 90, 3, 4),
            (true, 180, 0, 3),
            (true, 270, 0, 0),
        ] {
            let turned = picture.clone().oriented(Orientation { is_mirrored, rotation });
            assert_eq!(turned.planes[0][y * turned.stride(0) + x], 200, "{is_mirrored} {rotation}");
            assert_eq!(turned.width, if rotation % 180 == 0 { 5 } else { 4 });
        }
    }

    #[test]
    fn thumbnails_are_means() {
        let mut picture = Picture::new(8, 8);
        for (at, value) in picture.planes[0].iter_mut().enumerate() {
            *value = if at % 2 == 0 { 100 } else { 200 };
        }
        let small = picture.thumbnail(4, 4);
        assert!(small.planes[0].iter().all(|value| *value == 150));
    }

    #[test]
    fn sizes_follow_shape_rotation_and_limit() {
        let fit = |width, height, aspect, rotation, max| {
            fit(width, height, aspect, Orientation { is_mirrored: false, rotation }, max)
        };
        assert_eq!(fit(1920, 1080, (1, 1), 0, None), (1920, 1080));
        assert_eq!(fit(720, 576, (64, 45), 0, None), (1024, 576));
        assert_eq!(fit(1920, 1080, (0, 1), 0, Some(640)), (640, 360));
        assert_eq!(fit(1920, 1080, (1, 1), 90, Some(540)), (960, 540));
        assert_eq!(fit(320, 240, (1, 1), 0, Some(640)), (320, 240));
    }
}
