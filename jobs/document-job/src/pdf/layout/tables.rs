//! Columns and rows of cells.

use super::regions::{Region, is_running_text};
use super::{Segment, middle};

/// The columns that segments stand in, from the left to the right: narrow ones make the columns, and those that span
/// several make none.
pub(super) fn columns(segments: &[(Segment, usize)]) -> Vec<[f32; 2]> {
    let shares_row = |at: usize| {
        let row = segments[at].1;
        at.checked_sub(1).is_some_and(|before| segments[before].1 == row)
            || segments.get(at + 1).is_some_and(|next| next.1 == row)
    };
    let mut intervals: Vec<[f32; 2]> =
        (0..segments.len()).filter(|at| shares_row(*at)).map(|at| [segments[at].0.start, segments[at].0.end]).collect();
    intervals.sort_by(|one, other| (one[1] - one[0]).total_cmp(&(other[1] - other[0])));
    let mut columns: Vec<[f32; 2]> = Vec::new();
    for interval in intervals {
        // Sorted, and none overlaps another: those that this interval touches are neighbours.
        let from = columns.partition_point(|column| column[1] <= interval[0]);
        let to = columns.partition_point(|column| column[0] < interval[1]);
        match to.saturating_sub(from) {
            0 => columns.insert(from, interval),
            1 => {
                let column = &mut columns[from];
                *column = [column[0].min(interval[0]), column[1].max(interval[1])];
            }
            _ => {}
        }
    }
    columns
}

/// The column that a segment has most in common with, or is nearest to.
pub(super) fn column_of(columns: &[[f32; 2]], segment: &Segment) -> usize {
    let common = |column: &[f32; 2]| segment.end.min(column[1]) - segment.start.max(column[0]);
    let best = columns.iter().enumerate().max_by(|one, other| common(one.1).total_cmp(&common(other.1)));
    best.map_or(0, |(at, _)| at)
}

/// Parts a segment at the boundaries between columns, where its words leave a gap there.
fn parted(segment: Segment, boundaries: &[f32]) -> Vec<Segment> {
    if segment.words.iter().any(|word| word.is_rtl) || segment.words.len() < 2 {
        return vec![segment];
    }
    let continues_row = segment.continues_row;
    let mut parts: Vec<Segment> = Vec::new();
    let mut end = f32::MIN;
    for word in segment.words {
        let is_parted = boundaries.iter().any(|boundary| (end..=word.start).contains(boundary));
        end = word.end;
        match parts.last_mut() {
            Some(part) if !is_parted => part.push(word),
            last => {
                let continues_row = last.is_some() || continues_row;
                parts.push(Segment::of(word, continues_row));
            }
        }
    }
    parts
}

/// Gives each segment of a table its column, and brings lines of one cell into one row.
pub(super) fn arrange(segments: Vec<(Segment, usize)>) -> Vec<(Segment, usize, usize)> {
    let known = columns(&segments);
    let size = segments.first().map_or(1.0, |(segment, _)| segment.size);
    let mut boundaries = gaps_through(segments.iter().map(|(segment, _)| segment), size);
    if boundaries.len() + 1 < known.len() {
        boundaries = known.windows(2).map(|pair| f32::midpoint(pair[0][1], pair[1][0])).collect();
    }
    let segments: Vec<(Segment, usize)> = segments
        .into_iter()
        .flat_map(|(segment, row)| parted(segment, &boundaries).into_iter().map(move |part| (part, row)))
        .collect();
    let columns = columns(&segments);
    let mut cells: Vec<(Segment, usize, usize)> = segments
        .into_iter()
        .map(|(segment, row)| (column_of(&columns, &segment), segment, row))
        .map(|(column, segment, row)| (segment, row, column))
        .collect();
    join_heads(&mut cells);
    let rows = cells.iter().map(|cell| cell.1).max().unwrap_or(0) + 1;
    let mut baselines = vec![f32::NAN; rows];
    let mut has_first = vec![false; rows];
    for (segment, row, column) in &cells {
        baselines[*row] = segment.baseline;
        has_first[*row] |= *column == 0;
    }
    let steps: Vec<f32> = baselines.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let widest = steps.iter().copied().fold(0.0, f32::max);
    // A row without a first cell, nearer to the row above than rows are to each other, goes on with its cells.
    let mut belongs_to: Vec<usize> = (0..rows).collect();
    for row in 1..rows {
        if !has_first[row] && steps[row - 1] < widest * 0.85 {
            belongs_to[row] = belongs_to[row - 1];
        }
    }
    for cell in &mut cells {
        cell.1 = belongs_to[cell.1];
    }
    cells.sort_by_key(|cell| (cell.1, cell.2));
    cells
}

/// Joins a head that stands at the left of its column with the numbers that stand at the right of it: beside each other,
/// and never in the same row.
fn join_heads(cells: &mut [(Segment, usize, usize)]) {
    let columns = cells.iter().map(|cell| cell.2).max().unwrap_or(0) + 1;
    let mut first_row = vec![0_usize; columns];
    let mut further = vec![0_usize; columns];
    let top = cells.iter().map(|cell| cell.1).min().unwrap_or(0);
    for (_, row, column) in cells.iter() {
        let counts = if *row == top { &mut first_row } else { &mut further };
        counts[*column] += 1;
    }
    let is_head = |column: usize| first_row[column] > 0 && further[column] == 0;
    let is_headless = |column: usize| first_row[column] == 0 && further[column] >= 2;
    let mut place = vec![0; columns];
    for column in 1..columns {
        let joins = (is_head(column - 1) && is_headless(column)) || (is_headless(column - 1) && is_head(column));
        // One head for one column.
        let is_taken = column >= 2 && place[column - 1] == place[column - 2];
        place[column] = place[column - 1] + usize::from(!joins || is_taken);
    }
    for cell in cells {
        cell.2 = place[cell.2];
    }
}

/// Joins lines that stand below each other at equal steps, and whose words leave the same gaps, to rows.
pub(super) fn join_rows(regions: Vec<Region>) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::with_capacity(regions.len());
    let mut pending: Vec<Region> = Vec::new();
    for region in regions {
        let follows = match pending.as_slice() {
            [.., last] if !is_row_below(last, &region) => false,
            [.., before, last] => {
                let (step, next) = (last.baseline() - before.baseline(), region.baseline() - last.baseline());
                (step - next).abs() < step * 0.15
            }
            _ => true,
        };
        if !follows {
            joined.extend(as_table(std::mem::take(&mut pending)));
        }
        pending.push(region);
    }
    joined.extend(as_table(pending));
    joined
}

/// Whether both are single lines, the other not far below.
fn is_row_below(one: &Region, other: &Region) -> bool {
    let step = other.baseline() - one.baseline();
    let size = one.size.max(other.size);
    let is_alike = one.angle == other.angle && one.size.min(other.size) > size * 0.85;
    one.rows() == 1 && other.rows() == 1 && is_alike && step > size * 0.8 && step < size * 4.0
}

/// Lines as the rows of a table, if gaps that go through all of them make columns of numbers or at least three columns.
fn as_table(lines: Vec<Region>) -> Vec<Region> {
    const MIN_ROWS: usize = 3;
    if lines.len() < MIN_ROWS {
        return lines;
    }
    let size = lines[0].size;
    let boundaries = gaps_through(lines.iter().flat_map(|line| &line.segments).map(|(segment, _)| segment), size);
    if boundaries.is_empty() {
        return lines;
    }
    let column = |at: f32| boundaries.partition_point(|boundary| *boundary < at);
    // Words and numbers of each column.
    let mut counts = vec![[0_usize; 2]; boundaries.len() + 1];
    let mut filled = 0;
    for line in &lines {
        let mut columns = vec![false; counts.len()];
        for word in line.segments.iter().flat_map(|(segment, _)| &segment.words) {
            let at = column(word.start);
            columns[at] = true;
            counts[at][usize::from(word.text.bytes().any(|byte| byte.is_ascii_digit()))] += 1;
        }
        filled += columns.iter().filter(|is_filled| **is_filled).count();
    }
    let has_numbers = counts[1..].iter().any(|[words, numbers]| numbers > words);
    if filled * 10 < lines.len() * counts.len() * 7 || !(has_numbers || boundaries.len() >= 2) {
        return lines;
    }
    let rows = lines.into_iter().enumerate().flat_map(|(row, line)| {
        let parts = line.segments.into_iter().flat_map(|(segment, _)| parted(segment, &boundaries));
        parts.map(move |part| (part, row)).collect::<Vec<_>>()
    });
    Region::of_rows(rows.collect()).into_iter().collect()
}

/// The middles of the gaps that go through all lines and are wider than those between words.
fn gaps_through<'a>(segments: impl Iterator<Item = &'a Segment>, size: f32) -> Vec<f32> {
    let mut extents: Vec<[f32; 2]> =
        segments.flat_map(|segment| &segment.words).map(|word| [word.start, word.end]).collect();
    extents.sort_by(|one, other| one[0].total_cmp(&other[0]));
    let mut boundaries = Vec::new();
    let mut end = extents.first().map_or(0.0, |extent| extent[1]);
    for extent in extents {
        if extent[0] - end > size * 0.6 {
            boundaries.push(f32::midpoint(end, extent[0]));
        }
        end = end.max(extent[1]);
    }
    boundaries
}

/// Joins columns of cells that come one after the other, line beside line, to rows. Running text stays in columns.
pub(super) fn join_columns(regions: Vec<Region>) -> Vec<Region> {
    let mut joined: Vec<Region> = Vec::with_capacity(regions.len());
    let mut pending: Vec<Region> = Vec::new();
    for region in regions {
        if !pending.last().is_none_or(|last| is_beside(last, &region)) {
            joined.extend(rows_of(std::mem::take(&mut pending)));
        }
        pending.push(region);
    }
    joined.extend(rows_of(pending));
    joined
}

/// Whether both are single columns of cells on the same lines, the other to the right.
fn is_beside(one: &Region, other: &Region) -> bool {
    let is_single = |region: &Region| region.segments.len() == region.rows() && region.rows() >= 3;
    if one.angle != other.angle || !is_single(one) || !is_single(other) {
        return false;
    }
    let end = one.segments.iter().map(|(segment, _)| segment.end).fold(f32::MIN, f32::max);
    let start = other.segments.iter().map(|(segment, _)| segment.start).fold(f32::MAX, f32::min);
    let shared =
        other.segments.iter().filter(|(segment, _)| one.segments.iter().any(|(left, _)| is_level(left, segment)));
    start > end && shared.count() * 10 >= one.rows().max(other.rows()) * 7
}

fn is_level(one: &Segment, other: &Segment) -> bool {
    (one.baseline - other.baseline).abs() < one.size.max(other.size) * 0.25
}

/// The columns as rows, if any but the first holds mostly numbers and none holds running text.
fn rows_of(columns: Vec<Region>) -> Vec<Region> {
    let is_number = |segment: &Segment| {
        let chars = || segment.words.iter().flat_map(|word| word.text.chars());
        chars().any(|char| char.is_ascii_digit()) && chars().filter(|char| char.is_alphabetic()).count() <= 1
    };
    let holds_numbers = |region: &Region| {
        region.segments.iter().filter(|(segment, _)| is_number(segment)).count() * 10 >= region.rows() * 6
    };
    let holds_text = |region: &Region| {
        let segments: Vec<&Segment> = region.segments.iter().map(|(segment, _)| segment).collect();
        let width = middle(segments.iter().map(|segment| segment.end - segment.start).collect());
        is_running_text(&segments, width)
    };
    if columns.len() < 2 || !columns[1..].iter().any(holds_numbers) || columns.iter().any(holds_text) {
        return columns;
    }
    let mut segments: Vec<Segment> =
        columns.into_iter().flat_map(|region| region.segments).map(|(segment, _)| segment).collect();
    segments.sort_by(|one, other| one.baseline.total_cmp(&other.baseline));
    let mut rows: Vec<Vec<Segment>> = Vec::new();
    for segment in segments {
        match rows.last_mut() {
            Some(row) if is_level(&row[0], &segment) => row.push(segment),
            _ => rows.push(vec![segment]),
        }
    }
    let mut cells = Vec::new();
    for (number, mut row) in rows.into_iter().enumerate() {
        row.sort_by(|one, other| one.start.total_cmp(&other.start));
        cells.extend(row.into_iter().map(|segment| (segment, number)));
    }
    Region::of_rows(cells).into_iter().collect()
}
