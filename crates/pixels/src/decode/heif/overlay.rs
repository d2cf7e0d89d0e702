//! Pictures that are laid over each other on a canvas (`iovl`, ISO/IEC 23008-12, 6.6.2.2).

use contract::Failure;

use super::boxes::Container;
use super::rows::Source;
use super::{Crop, alpha_of, identities, own_profile, still, transformations};
use crate::decode::{Content, Picture, ReadOptions};
use crate::raster::{Depth, Model, PixelFormat, Raster, RasterBuilder, RasterRows, RowMut, RowSource, Sample, Samples};

/// Pictures of one canvas at most.
const MOST_LAYERS: usize = 256;

/// What the item says.
struct Overlay {
    /// Red, green, blue and opacity of the canvas.
    fill: [u16; 4],
    size: (u32, u32),
    /// Pictures from the lowest to the uppermost, with the places of their upper left corners.
    layers: Vec<(u32, (i32, i32))>,
}

impl Overlay {
    fn of(container: &Container, file: &[u8], id: u32) -> Result<Self, String> {
        let pictures = container.referred_to(*b"dimg", id).unwrap_or_default();
        if pictures.len() > MOST_LAYERS {
            return Err(format!("{} pictures lie over each other; the limit is {MOST_LAYERS}", pictures.len()));
        }
        let data = container.data(file, id, 18 + 8 * MOST_LAYERS)?.bytes;
        let is_long = data.get(1).is_some_and(|flags| flags & 1 == 1);
        let mut rest = data.get(2..).unwrap_or_default();
        let mut number = |length: usize| {
            let (bytes, after) = rest.split_at_checked(length).ok_or("the description of its overlay is too short")?;
            rest = after;
            Ok::<u32, String>(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
        };
        let mut fill = [0; 4];
        for part in &mut fill {
            *part = number(2)? as u16;
        }
        let length = if is_long { 4 } else { 2 };
        let size = (number(length)?, number(length)?);
        let mut layers = Vec::new();
        for &picture in pictures {
            // Pictures may begin left of the canvas and above it.
            let mut place =
                || Ok::<i32, String>(if is_long { number(4)? as i32 } else { i32::from(number(2)? as i16) });
            layers.push((picture, (place()?, place()?)));
        }
        Ok(Self { fill, size, layers })
    }
}

/// Opens the pictures of an overlay; their pixels are not decoded.
pub(super) fn open(source: &Source, chain: &[u32], options: &ReadOptions) -> Result<Picture, Failure> {
    let unreadable = |error: String| Failure::invalid_input(format!("the {} cannot be read: {error}", source.name));
    let container = &source.container;
    let overlay = Overlay::of(container, &source.file, chain[0]).map_err(unreadable)?;
    let (width, height) = overlay.size;
    options.check_size(width, height, 1)?;
    let (crop, orientation) = transformations(container, chain, overlay.size).map_err(unreadable)?;
    let mut layers = Vec::new();
    let mut warnings = Vec::new();
    if chain.iter().any(|id| alpha_of(container, *id).is_some()) {
        warnings.push("its opacity as a whole is left out; that of its layers is not".to_owned());
    }
    let mut pixels = u64::from(width) * u64::from(height);
    for (id, place) in overlay.layers {
        let chain = identities(container, id).map_err(unreadable)?;
        let picture = still(source, &chain, options, false)?;
        pixels += u64::from(picture.size.0) * u64::from(picture.size.1);
        if pixels / 2 > options.max_pixels {
            return Err(unreadable("the pictures that lie over each other have too many pixels together".to_owned()));
        }
        warnings.extend(picture.warnings.iter().cloned());
        layers.push((picture, place));
    }
    let first = layers.first().map(|(picture, _)| picture.profile.clone());
    let profile = own_profile(container, chain).or_else(|| first.clone()).unwrap_or(crate::decode::Profile::Srgb);
    if layers.iter().any(|(picture, _)| Some(&picture.profile) != first.as_ref()) {
        warnings
            .push("its colours may be wrong, because it is made of pictures with several colour profiles".to_owned());
    }
    let depth = if layers.iter().any(|(picture, _)| picture.format.depth == Depth::Sixteen) {
        Depth::Sixteen
    } else {
        Depth::Eight
    };
    let format = PixelFormat { model: Model::Rgb, alpha: overlay.fill[3] != u16::MAX, depth };
    let rows = Rows { layers, fill: overlay.fill, size: overlay.size, crop, format, truncated: false, decoded: None };
    Ok(Picture {
        profile,
        orientation,
        warnings,
        ..Picture::new((crop.width, crop.height), format, Content::Still(Box::new(rows)))
    })
}

struct Rows {
    layers: Vec<(Picture, (i32, i32))>,
    fill: [u16; 4],
    /// Of the canvas.
    size: (u32, u32),
    crop: Crop,
    format: PixelFormat,
    truncated: bool,
    decoded: Option<RasterRows>,
}

impl Rows {
    fn decode(&mut self) -> Result<Raster, Failure> {
        let mut canvas = Raster::new(self.size.0, self.size.1, self.format)?;
        let channels = self.format.channels();
        match &mut canvas.samples {
            Samples::Eight(samples) => {
                let fill = self.fill.map(|value| (value >> 8) as u8);
                samples.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&fill[..channels]));
            }
            Samples::Sixteen(samples) => {
                samples.chunks_exact_mut(channels).for_each(|pixel| pixel.copy_from_slice(&self.fill[..channels]));
            }
        }
        for (picture, place) in std::mem::take(&mut self.layers) {
            let Content::Still(mut rows) = picture.content else {
                return Err(Failure::internal("a picture of a HEIF is a still"));
            };
            let mut row = Samples::zeroed(picture.format.depth, picture.size.0 as usize * picture.format.channels())?;
            let mut whole = RasterBuilder::new(picture.size, picture.format)?;
            for _ in 0..picture.size.1 {
                rows.read(row.as_row_mut())?;
                whole.push(row.as_row())?;
            }
            self.truncated |= rows.truncated();
            let layer = picture.orientation.apply(whole.finish());
            let layer = if self.format.depth == Depth::Sixteen { layer.into_sixteen() } else { layer };
            let (canvas_size, layer_size) = ((self.size.0, channels), (layer.width, layer.format().channels()));
            match (&mut canvas.samples, &layer.samples) {
                (Samples::Eight(under), Samples::Eight(over)) => {
                    lay(under, canvas_size, over, layer_size, layer.format().alpha, place);
                }
                (Samples::Sixteen(under), Samples::Sixteen(over)) => {
                    lay(under, canvas_size, over, layer_size, layer.format().alpha, place);
                }
                _ => return Err(Failure::internal("the layers of a picture have one depth")),
            }
        }
        let Crop { left, top, width, height } = self.crop;
        Ok(canvas.cut(left, top, width, height))
    }
}

impl RowSource for Rows {
    fn size(&self) -> (u32, u32) {
        (self.crop.width, self.crop.height)
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn read(&mut self, row: RowMut<'_>) -> Result<(), Failure> {
        if self.decoded.is_none() {
            self.decoded = Some(RasterRows::new(self.decode()?));
        }
        self.decoded.as_mut().map_or(Ok(()), |rows| rows.read(row))
    }

    fn truncated(&self) -> bool {
        self.truncated
    }
}

/// Lays pixels over others, both with their widths and channels.
fn lay<T: Sample>(
    under: &mut [T],
    (under_width, under_channels): (u32, usize),
    over: &[T],
    (over_width, over_channels): (u32, usize),
    has_alpha: bool,
    (x, y): (i32, i32),
) {
    let colours = over_channels - usize::from(has_alpha);
    let under_rows = under.chunks_exact_mut(under_width as usize * under_channels);
    let over_rows = over.chunks_exact(over_width as usize * over_channels);
    let (skip_under, skip_over) = (y.max(0) as usize, y.min(0).unsigned_abs() as usize);
    let (left, cut) = (x.max(0) as usize, x.min(0).unsigned_abs() as usize);
    for (under, over) in under_rows.skip(skip_under).zip(over_rows.skip(skip_over)) {
        let under = under.chunks_exact_mut(under_channels).skip(left);
        for (under, over) in under.zip(over.chunks_exact(over_channels).skip(cut)) {
            let above = if has_alpha { over[colours].to_f32() / T::MAX } else { 1.0 };
            let below = under.get(3).map_or(1.0, |alpha| alpha.to_f32() / T::MAX) * (1.0 - above);
            let whole = above + below;
            if whole <= 0.0 {
                continue;
            }
            for (channel, sample) in under[..3].iter_mut().enumerate() {
                let colour = over[if colours == 1 { 0 } else { channel }].to_f32();
                *sample = T::from_f32((colour * above + sample.to_f32() * below) / whole);
            }
            if let Some(alpha) = under.get_mut(3) {
                *alpha = T::from_f32(whole * T::MAX);
            }
        }
    }
}
