//! TIFF by the `tiff` crate: lossless, LZW with a horizontal predictor, which every reader knows.

use contract::Failure;
use tiff::TiffError;
use tiff::encoder::colortype::{ColorType, Gray8, Gray16, RGB8, RGB16, RGBA8, RGBA16};
use tiff::encoder::{Compression, Predictor, TiffEncoder, TiffValue};
use tiff::tags::Tag;

use crate::encode::{Attachments, Output};
use crate::raster::{Model, Raster, Samples};

/// Writes one picture, grey or RGB; grey with opacity is not offered by the crate and must be RGB.
pub fn still(output: Output, raster: &Raster, attachments: &Attachments) -> Result<(), Failure> {
    let icc = attachments.icc.as_deref();
    match (&raster.samples, raster.model, raster.alpha) {
        (Samples::Eight(samples), Model::Grey, false) => write::<Gray8>(output, raster, samples, icc),
        (Samples::Eight(samples), Model::Rgb, false) => write::<RGB8>(output, raster, samples, icc),
        (Samples::Eight(samples), Model::Rgb, true) => write::<RGBA8>(output, raster, samples, icc),
        (Samples::Sixteen(samples), Model::Grey, false) => write::<Gray16>(output, raster, samples, icc),
        (Samples::Sixteen(samples), Model::Rgb, false) => write::<RGB16>(output, raster, samples, icc),
        (Samples::Sixteen(samples), Model::Rgb, true) => write::<RGBA16>(output, raster, samples, icc),
        _ => Err(Failure::internal("a TIFF is written as grey or RGB")),
    }
}

fn write<C: ColorType>(output: Output, raster: &Raster, samples: &[C::Inner], icc: Option<&[u8]>) -> Result<(), Failure>
where
    [C::Inner]: TiffValue,
{
    let mut encoder = TiffEncoder::new(output)
        .map_err(failure)?
        .with_compression(Compression::Lzw)
        .with_predictor(Predictor::Horizontal);
    let mut image = encoder.new_image::<C>(raster.width, raster.height).map_err(failure)?;
    if let Some(icc) = icc {
        image.encoder().write_tag(Tag::IccProfile, icc).map_err(failure)?;
    }
    image.write_data(samples).map_err(failure)
}

fn failure(error: TiffError) -> Failure {
    match error {
        TiffError::IoError(error) => error.into(),
        other => Failure::internal("the TIFF cannot be written").because(other),
    }
}
