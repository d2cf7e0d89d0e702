//! HEIC and AVIF: an own reader of the container ([`boxes`]), HEVC by libde265, AV1 by dav1d. Pictures that are made of a
//! grid of tiles, as cameras write them, are decoded one row of tiles at a time.
//!
//! Of an image sequence the still picture that stands beside it is taken.

mod boxes;
mod overlay;
mod rows;

use std::sync::Arc;

use boxes::{Container, Property};
use catalog::Format;
use contract::Failure;
use operation::Input;
use rows::Rows;

use crate::decode::{Content, MOST_METADATA_BYTES, MOST_PROFILE_BYTES, Metadata, Picture, Profile, ReadOptions};
use crate::native::{Coding, av1_coding};
use crate::orientation::Orientation;
use crate::raster::{Depth, Model, PixelFormat};
use crate::resample::Region;

/// The names of an auxiliary picture that is opacity, in AVIF and in HEIC.
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];
/// BT.601 as JPEG uses it, by either of its numbers.
const JPEG_MATRIX: [u8; 2] = [5, 6];

/// A picture of equal tiles; a picture in one piece is a grid of one.
#[derive(Debug, Clone)]
struct Grid {
    tiles: Vec<u32>,
    columns: u32,
    tile_size: (u32, u32),
    size: (u32, u32),
}

/// A part of a picture.
#[derive(Debug, Clone, Copy)]
struct Crop {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

/// Opens a HEIC or an AVIF: its boxes are read, its pixels are not.
pub fn open(input: &Input, options: &ReadOptions) -> Result<Picture, Failure> {
    let name = if input.format() == Format::Avif { "AVIF" } else { "HEIC" };
    let file = Arc::new(input.map()?);
    let unreadable = |error: String| Failure::invalid_input(format!("the {name} cannot be read: {error}"));
    let container = Arc::new(Container::read(&file).map_err(unreadable)?);
    let primary = container.primary.ok_or_else(|| unreadable("it does not say which picture is to be shown".into()))?;
    let chain = identities(&container, primary).map_err(unreadable)?;
    let source = rows::Source { name, file, container, allow_truncated: options.allow_truncated };
    let is_overlay = source.container.items.get(&chain[0]).is_some_and(|item| &item.kind == b"iovl");
    let picture =
        if is_overlay { overlay::open(&source, &chain, options)? } else { still(&source, &chain, options, true)? };
    Ok(Picture {
        metadata: metadata(&source.container, &source.file, &chain),
        sequence: source.container.has_sequence,
        ..picture
    })
}

/// Opens one picture of a file, in one piece or of tiles; `chain` are the items that it is, from the stored one to the shown
/// one. If `takes_planes`, luma and chroma may stay as they are.
fn still(source: &rows::Source, chain: &[u32], options: &ReadOptions, takes_planes: bool) -> Result<Picture, Failure> {
    let (file, container) = (&source.file, &*source.container);
    let unreadable = |error: String| Failure::invalid_input(format!("the {} cannot be read: {error}", source.name));
    let grid = Grid::of(container, file, chain[0]).map_err(unreadable)?;
    options.check_size(grid.size.0, grid.size.1, 1)?;
    let layout = stored_layout(container, file, &grid).map_err(unreadable)?;
    let (crop, orientation) = transformations(container, chain, grid.size).map_err(unreadable)?;

    let alpha_item = chain.iter().find_map(|id| alpha_of(container, *id));
    let mut alpha = alpha_item.map(|id| Grid::of(container, file, id)).transpose().map_err(unreadable)?;
    let mut warnings = Vec::new();
    if alpha.is_none() {
        // Each tile may have its own.
        let tiles: Vec<u32> = grid.tiles.iter().filter_map(|tile| alpha_of(container, *tile)).collect();
        if tiles.len() == grid.tiles.len() && tiles.iter().all(|tile| container.size(*tile) == Some(grid.tile_size)) {
            alpha = Some(Grid { tiles, ..grid.clone() });
        } else if !tiles.is_empty() {
            warnings.push("its opacity is left out, because only some of its tiles have it".to_owned());
        }
    }
    if alpha.as_ref().is_some_and(|alpha| alpha.size != grid.size) {
        return Err(unreadable("its opacity has another size than its colours".to_owned()));
    }
    let is_multiplied_by =
        |colours: u32, id: u32| container.referred_to(*b"prem", colours).is_some_and(|to| to.contains(&id));
    let premultiplied = match (alpha_item, &alpha) {
        (Some(id), _) => chain.iter().any(|colours| is_multiplied_by(*colours, id)),
        (None, Some(alpha)) => is_multiplied_by(grid.tiles[0], alpha.tiles[0]),
        (None, None) => false,
    };

    let said = said_coding(container, chain);
    let coding = said.or(layout.coding);
    let profile = own_profile(container, chain).unwrap_or(match coding {
        Some(Coding { primaries, transfer, .. }) => Profile::CodePoints { primaries, transfer },
        None => Profile::Srgb,
    });
    // Luma and chroma as JPEG has them need no conversion before resampling.
    let as_jpeg = takes_planes
        && coding.is_some_and(|coding| coding.full_range && JPEG_MATRIX.contains(&coding.matrix))
        && layout.depth == 8
        && alpha.is_none();
    let model = match layout.grey {
        true => Model::Grey,
        false if as_jpeg => Model::YCbCr,
        false => Model::Rgb,
    };
    let depth = if layout.depth > 8 { Depth::Sixteen } else { Depth::Eight };
    let format = PixelFormat { model, alpha: alpha.is_some(), depth };
    let rows = Rows::new(source.clone(), (grid, alpha), rows::Layout { format, crop, premultiplied, said });
    Ok(Picture {
        profile,
        orientation,
        warnings,
        ..Picture::new((crop.width, crop.height), format, Content::Still(Box::new(rows)))
    })
}

/// The picture that is the opacity of another.
fn alpha_of(container: &Container, id: u32) -> Option<u32> {
    let is_alpha = |id: &u32| {
        container
            .properties(*id)
            .any(|(property, _)| matches!(property, Property::AuxiliaryType(kind) if ALPHA.contains(&kind.as_slice())))
    };
    container.referring_to(*b"auxl", id).find(is_alpha)
}

/// What the container says about colours: of the items from the shown one to the stored one, the first that does.
fn said_coding(container: &Container, chain: &[u32]) -> Option<Coding> {
    chain.iter().rev().flat_map(|id| container.properties(*id)).find_map(|(property, _)| match property {
        Property::CodePoints(primaries, transfer, matrix, full_range) => {
            let code = |value: u16| u8::try_from(value).unwrap_or(2);
            let (primaries, transfer, matrix) = (code(*primaries), code(*transfer), code(*matrix));
            Some(Coding { primaries, transfer, matrix, full_range: *full_range })
        }
        _ => None,
    })
}

/// The colours' meaning as the items themselves say it.
fn own_profile(container: &Container, chain: &[u32]) -> Option<Profile> {
    let mut properties = chain.iter().rev().flat_map(|id| container.properties(*id));
    let icc = properties.find_map(|(property, _)| match property {
        Property::Icc(icc) if icc.len() <= MOST_PROFILE_BYTES => Some(Profile::Icc(icc.clone())),
        _ => None,
    });
    let of_coding = |Coding { primaries, transfer, .. }| Profile::CodePoints { primaries, transfer };
    icc.or_else(|| said_coding(container, chain).map(of_coding))
}

/// The picture to be shown and those that it is the same as (`iden`, ISO/IEC 23008-12, 6.6.2.1), which may be turned and cut
/// on the way: from the one that is stored to the one that is shown.
fn identities(container: &Container, primary: u32) -> Result<Vec<u32>, String> {
    const MOST: usize = 16;
    let mut chain = vec![primary];
    let mut last = primary;
    while container.items.get(&last).is_some_and(|item| &item.kind == b"iden") {
        let [next] = container.referred_to(*b"dimg", last).unwrap_or_default() else {
            return Err("it does not say which picture it is the same as".to_owned());
        };
        last = *next;
        chain.push(last);
        if chain.len() > MOST {
            return Err("it refers to itself".to_owned());
        }
    }
    chain.reverse();
    Ok(chain)
}

impl Grid {
    /// The tiles of an item, whose counts and sizes fit each other.
    fn of(container: &Container, file: &[u8], id: u32) -> Result<Self, String> {
        let item = container.items.get(&id).ok_or("the picture to be shown is missing")?;
        let size_of = |id: u32| {
            let size = container.size(id).ok_or("a picture does not say its size")?;
            if size.0 == 0 || size.1 == 0 { Err("a picture has no pixels".to_owned()) } else { Ok(size) }
        };
        match &item.kind {
            b"hvc1" | b"av01" => {
                let size = size_of(id)?;
                return Ok(Self { tiles: vec![id], columns: 1, tile_size: size, size });
            }
            b"grid" => {}
            kind => {
                let kind = String::from_utf8_lossy(kind).into_owned();
                return Err(format!("its picture is stored in a way that is not known ({kind:?})"));
            }
        }
        let data = container.data(file, id, 64)?.bytes;
        let number = |at: usize, bytes: usize| {
            let bytes = data.get(at..at + bytes).ok_or("the description of its tiles is too short")?;
            Ok::<u32, String>(bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
        };
        let (rows, columns) = (number(2, 1)? + 1, number(3, 1)? + 1);
        let size = if number(1, 1)? & 1 == 1 { (number(4, 4)?, number(8, 4)?) } else { (number(4, 2)?, number(6, 2)?) };
        let tiles = container.referred_to(*b"dimg", id).unwrap_or_default().to_vec();
        if tiles.len() as u64 != u64::from(rows) * u64::from(columns) {
            return Err(format!("it has {} tiles and not {rows} × {columns}", tiles.len()));
        }
        let tile_size = size_of(tiles[0])?;
        let kind = |id: u32| container.items.get(&id).map(|item| item.kind);
        for &tile in &tiles {
            if !matches!(kind(tile).as_ref(), Some(b"hvc1" | b"av01")) || size_of(tile)? != tile_size {
                return Err("its tiles are not alike".to_owned());
            }
        }
        // No row or column more than the picture needs: else a small picture could ask for much work.
        let covers = |tile: u32, count: u32, length: u32| {
            let length = u64::from(length);
            u64::from(tile) * u64::from(count) >= length && u64::from(tile) * u64::from(count - 1) < length
        };
        if !covers(tile_size.0, columns, size.0) || !covers(tile_size.1, rows, size.1) {
            return Err("its tiles do not cover it".to_owned());
        }
        Ok(Self { tiles, columns, tile_size, size })
    }
}

/// How the samples of a grid are stored.
struct StoredLayout {
    grey: bool,
    depth: u32,
    /// What the coded data says; HEVC's is known only when it is decoded.
    coding: Option<Coding>,
}

/// By the first tile, which stands for all.
fn stored_layout(container: &Container, file: &[u8], grid: &Grid) -> Result<StoredLayout, String> {
    let first = grid.tiles[0];
    if container.items.get(&first).is_some_and(|item| &item.kind == b"av01") {
        let data = container.data(file, first, file.len())?;
        // AV1's data is decoded in one piece, and the other tiles come behind it.
        if data.truncated {
            return Err("it is truncated, and its first picture cannot be shown without what is missing".to_owned());
        }
        let (coding, grey, depth) = av1_coding(&data.bytes).ok_or("its AV1 data is damaged")?;
        return Ok(StoredLayout { grey, depth, coding: Some(coding) });
    }
    let configuration = container.properties(first).find_map(|(property, _)| match property {
        Property::Hevc { grey, depth, .. } => Some(StoredLayout { grey: *grey, depth: *depth, coding: None }),
        _ => None,
    });
    configuration.ok_or_else(|| "its HEVC data has no parameters".to_owned())
}

/// The visible part as stored, and how it has to be turned: the items' transformations in their order.
fn transformations(
    container: &Container,
    chain: &[u32],
    (width, height): (u32, u32),
) -> Result<(Crop, Orientation), String> {
    let mut crop = Crop { left: 0, top: 0, width, height };
    let mut orientation = Orientation::default();
    for (property, _) in chain.iter().flat_map(|id| container.properties(*id)) {
        match property {
            // Anti-clockwise: EXIF's 8, 3 and 6.
            Property::Rotation(turns) => {
                let number = [1, 8, 3, 6][usize::from(*turns)];
                orientation = orientation.then(Orientation::from_exif(number));
            }
            Property::Mirror { across } => {
                orientation = orientation.then(Orientation::from_exif(if *across { 2 } else { 4 }));
            }
            Property::CleanAperture(fractions) => {
                let turned = orientation.turn_size((crop.width, crop.height));
                let region = clean_aperture(fractions, turned).ok_or("its visible part lies outside of it")?;
                let stored = orientation.stored_region(region, turned);
                crop = Crop {
                    left: crop.left + stored.x as u32,
                    top: crop.top + stored.y as u32,
                    width: stored.width as u32,
                    height: stored.height as u32,
                };
            }
            _ => {}
        }
    }
    Ok((crop, orientation))
}

/// ISO/IEC 14496-12, 12.1.4: the size of the visible part and the offset of its centre from the picture's.
fn clean_aperture(fractions: &[(i64, i64); 4], size: (u32, u32)) -> Option<Region> {
    let value = |(numerator, denominator): (i64, i64)| (denominator > 0).then(|| numerator as f64 / denominator as f64);
    let (width, height) = (value(fractions[0])?.round(), value(fractions[1])?.round());
    let (across, down) = (value(fractions[2])?, value(fractions[3])?);
    let x = ((f64::from(size.0) - width) / 2.0 + across).round();
    let y = ((f64::from(size.1) - height) / 2.0 + down).round();
    let inside = width >= 1.0
        && height >= 1.0
        && x >= 0.0
        && y >= 0.0
        && x + width <= f64::from(size.0)
        && y + height <= f64::from(size.1);
    inside.then_some(Region { x, y, width, height })
}

fn metadata(container: &Container, file: &[u8], chain: &[u32]) -> Metadata {
    let mut metadata = Metadata::default();
    for id in chain.iter().rev().flat_map(|id| container.referring_to(*b"cdsc", *id)) {
        let Some(item) = container.items.get(&id) else { continue };
        let Ok(data) = container.data(file, id, MOST_METADATA_BYTES) else { continue };
        match &item.kind {
            // The place of the TIFF header comes first.
            b"Exif" => {
                let Some((offset, rest)) = data.bytes.split_first_chunk::<4>() else { continue };
                let tiff = rest.get(u32::from_be_bytes(*offset) as usize..).filter(|tiff| !tiff.is_empty());
                metadata.exif = metadata.exif.or_else(|| tiff.map(<[u8]>::to_vec));
            }
            b"mime" if item.content_type == b"application/rdf+xml" => metadata.xmp = Some(data.bytes),
            _ => {}
        }
    }
    metadata
}
