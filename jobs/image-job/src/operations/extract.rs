//! `extract`: the facts about an image, as JSON.
//!
//! `extract` makes `extract.json` of `photo.jpg`: size, format, frames, orientation, colour profile, EXIF, XMP and IPTC as
//! structured data, and from a small copy of the picture a perceptual hash, a placeholder and the dominant colours. What of
//! the metadata cannot be read is a warning of the manifest.

use catalog::Format;
use catalog::operations::Extract;
use contract::{Failure, Properties};
use operation::Task;
use pixels::decode::{self, Metadata, Picture, ReadOptions};
use pixels::facts::{Fields, colour_profile, exif_fields, iptc_fields, perceptual_hash, xmp_properties};
use pixels::placeholder::{self, DominantColour, dominant_colours};
use pixels::raster::{Depth, Model};
use pixels::small_copy::{SmallCopy, small_copy};
use serde_json::{Value, json};

/// The longer side of the copy that is looked at; a placeholder is made of no more.
const SMALL: u32 = 100;
/// The EXIF of a TIFF is spread over the whole file, which is copied for it: not of larger ones.
const MOST_TIFF_BYTES: u64 = 256 << 20;

/// Writes `extract.json`; its main facts stand in the manifest as well.
pub fn extract(options: &Extract, task: &Task) -> Result<Properties, Failure> {
    let picture = decode::open(&task.input, &read_options(options))?;
    let mut facts = describe(&picture, task);
    let mut warnings = picture.warnings.clone();
    let (profile, unread) = colour_profile(&picture.profile);
    facts.insert("colourProfile".to_owned(), profile);
    warnings.extend(unread);
    let mut properties = facts.clone();
    for (name, Fields { values, unread }) in metadata(&picture.metadata, task)? {
        warnings.extend(unread);
        if !values.is_empty() {
            facts.insert(name.to_owned(), values.into());
        }
    }
    for warning in warnings {
        task.outputs.warn(warning);
    }
    let appearance = appearance(picture, options)?;
    facts.extend(appearance.clone());
    properties.extend(appearance.into_iter().filter(|(name, _)| name != "dominantColours"));
    let text = serde_json::to_vec_pretty(&facts)
        .map_err(|error| Failure::internal("the facts cannot be written as JSON").because(error))?;
    task.outputs.write("extract.json", "application/json", &text, Properties::new())?;
    task.progress.report(1.0);
    Ok(properties)
}

fn read_options(options: &Extract) -> ReadOptions {
    ReadOptions {
        first_frame: false,
        allow_truncated: options.allow_truncated,
        page: None,
        max_pixels: u64::from(options.max_megapixels) * 1_000_000,
    }
}

/// What the header says. `width` and `height` are those of the upright picture.
fn describe(picture: &Picture, task: &Task) -> Properties {
    let (width, height) = picture.orientation.turn_size(picture.size);
    let facts = json!({
        "format": task.input.format().name(),
        "bytes": task.input.size(),
        "width": width,
        "height": height,
        "frames": picture.frames,
        "pages": picture.pages,
        "isUpright": picture.orientation.is_upright(),
        "hasAlpha": picture.format.alpha,
        "colourModel": match picture.format.model {
            Model::Grey => "grey",
            Model::Rgb | Model::YCbCr => "rgb",
            Model::Cmyk => "cmyk",
        },
        // What more than eight bits are decoded to.
        "bitDepth": match picture.format.depth {
            Depth::Eight => 8,
            Depth::Sixteen => 16,
        },
    });
    let Value::Object(facts) = facts else { unreachable!("it is written as an object") };
    facts
}

fn metadata(metadata: &Metadata, task: &Task) -> Result<Vec<(&'static str, Fields)>, Failure> {
    let mut found = Vec::new();
    match (&metadata.exif, task.input.format()) {
        (_, Format::Tiff) if task.input.size() > MOST_TIFF_BYTES => {
            let unread = vec!["EXIF: not read from a TIFF of more than 256 MiB".to_owned()];
            found.push(("exif", Fields { unread, ..Fields::default() }));
        }
        // A TIFF is what EXIF is made of.
        (_, Format::Tiff) => found.push(("exif", exif_fields(&task.input.map()?))),
        (Some(exif), _) => found.push(("exif", exif_fields(exif))),
        (None, _) => {}
    }
    found.extend(metadata.xmp.as_deref().map(|packet| ("xmp", xmp_properties(packet))));
    found.extend(metadata.iptc.as_deref().map(|sets| ("iptc", iptc_fields(sets))));
    Ok(found)
}

/// What a small copy shows.
fn appearance(picture: Picture, options: &Extract) -> Result<Properties, Failure> {
    let SmallCopy { raster, truncated } = small_copy(picture, SMALL)?;
    let colour = |DominantColour { rgb: [red, green, blue], share }: DominantColour| json!({ "colour": format!("#{red:02x}{green:02x}{blue:02x}"), "share": (share * 1e4).round() / 1e4 });
    let colours: Vec<Value> = dominant_colours(&raster, usize::from(options.colours)).into_iter().map(colour).collect();
    let mut facts = Properties::new();
    facts.insert("perceptualHash".to_owned(), format!("{:016x}", perceptual_hash(&raster)?).into());
    placeholder::describe(&raster, &mut facts);
    facts.insert("dominantColours".to_owned(), colours.into());
    if truncated {
        facts.insert("truncated".to_owned(), true.into());
    }
    Ok(facts)
}
