//! From glyphs to words, lines and blocks in reading order.
//!
//! Content mostly comes in the order in which it is read, so that order is kept wherever the places on the page agree
//! with it; where they do not, the places decide. What the document says of itself goes before both: pages whose text is
//! tagged are read in the order of their tags.

mod grids;
mod lines;
mod reading_order;
mod regions;
mod rows;
mod tables;
mod words;

use super::content::{Glyph, Shown};
use super::tags::Role;
use crate::page_text::{Block, Bounds, union};

/// A gap wider than this, in font sizes, parts words.
const WORD_GAP: f32 = 0.13;
/// A gap wider than this, in font sizes, parts cells of a row or columns of text.
const CELL_GAP: f32 = 1.5;

/// A word in the coordinates of its direction: along it, and across it, downwards from line to line.
#[derive(Clone)]
struct PlacedWord {
    text: String,
    /// Degrees of the direction, clockwise.
    angle: i16,
    start: f32,
    end: f32,
    baseline: f32,
    size: f32,
    /// The width of that size: less than it where the text is condensed.
    em: f32,
    /// Index into [`Shown::tags`], and what the document says of it.
    tag: u32,
    block: u32,
    role: Role,
    /// Its place in the content.
    index: u32,
    top: f32,
    bottom: f32,
    style: u16,
    has_space_before: bool,
    /// A space is drawn at the left, at the right of it.
    has_drawn_space: [bool; 2],
    is_rtl: bool,
    is_ltr: bool,
    is_bold: bool,
}

/// Words beside each other with no wide gap.
struct Segment {
    words: Vec<PlacedWord>,
    angle: i16,
    start: f32,
    end: f32,
    baseline: f32,
    size: f32,
    top: f32,
    bottom: f32,
    /// It stands on the same line as the segment before it in the content.
    continues_row: bool,
}

/// Arranges what a page shows.
pub(crate) fn arrange(shown: &Shown) -> Vec<Block> {
    let (words, tables) = grids::take_tables(words::words(shown), shown);
    let segments = lines::merge_neighbours(lines::segments(lines::join_spread_letters(words)));
    let mut segments = rows::join_fields(segments, shown);
    let keeps_order = rows::come_in_reading_order(&segments);
    if !keeps_order {
        segments = rows::in_rows(segments);
    }
    let regions = regions::split_columns(regions::regions(segments));
    let mut regions = tables::join_rows(tables::join_columns(regions));
    // A table stands where its first word does.
    for table in tables {
        let at = regions.iter().position(|region| region.first() > table.first()).unwrap_or(regions.len());
        regions.insert(at, table);
    }
    for region in &mut regions {
        region.bounds = region.view_bounds();
    }
    let order = reading_order::by_tags(&regions, reading_order::order(&regions, keeps_order), shown);
    let mut slots: Vec<Option<regions::Region>> = regions.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| slots[at].take()).map(|region| region.into_block(shown)).collect()
}

/// Unit vector of an angle, y downwards.
fn direction(angle: i16) -> (f32, f32) {
    match angle {
        0 => (1.0, 0.0),
        90 => (0.0, 1.0),
        180 => (-1.0, 0.0),
        -90 => (0.0, -1.0),
        other => {
            let (sin, cos) = f32::from(other).to_radians().sin_cos();
            (cos, sin)
        }
    }
}

fn angle_of(glyph: &Glyph) -> Option<i16> {
    let (dx, dy) = (glyph.dx, glyph.dy);
    if dx.hypot(dy) < glyph.size * 0.01 {
        return None;
    }
    let degrees = dy.atan2(dx).to_degrees().round() as i16;
    // Scans are seldom quite straight.
    Some(match degrees {
        -2..=2 => 0,
        88..=92 => 90,
        -92..=-88 => -90,
        178.. | ..=-178 => 180,
        other => other,
    })
}

/// Bounds in the page's coordinates of a box in the coordinates of a direction.
fn to_view(angle: i16, [start, top, end, bottom]: Bounds) -> Bounds {
    if angle == 0 {
        return [start, top, end, bottom];
    }
    let (ux, uy) = direction(angle);
    let corners = [(start, top), (end, top), (start, bottom), (end, bottom)]
        .map(|(along, across)| (along * ux - across * uy, along * uy + across * ux));
    corners.iter().fold([f32::MAX, f32::MAX, f32::MIN, f32::MIN], |bounds, (x, y)| union(bounds, [*x, *y, *x, *y]))
}

/// The middle one of some values; 0 of none.
fn middle(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
