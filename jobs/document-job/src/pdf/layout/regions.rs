//! From lines to regions: lines below each other that belong together, and rows of cells.

use super::super::content::Shown;
use super::super::script;
use super::super::tags::Role;
use super::{PlacedWord, Segment, WORD_GAP, middle, tables, to_view};
use crate::flow::Span;
use crate::page_text::{Block, BlockKind, Bounds, Line, Word, union};

/// Regions to which a line may go back.
const MAX_OPEN: usize = 6;
/// Rows of columns of text at least; fewer might be cells.
const MIN_COLUMN_ROWS: usize = 4;
/// Columns of text on a page at most.
const MAX_COLUMNS: usize = 5;

/// A block being built.
pub(super) struct Region {
    /// With their rows.
    pub(super) segments: Vec<(Segment, usize)>,
    pub(super) angle: i16,
    /// Of the last row.
    row: usize,
    row_end: f32,
    baseline: f32,
    pub(super) size: f32,
    /// Whether the last row is one piece, and all bold or not.
    is_bold: Option<bool>,
    start: f32,
    end: f32,
    leading: Option<f32>,
    pub(super) bounds: Bounds,
    element: (u32, Role),
    /// Of a table whose cells are known: the column of each segment, and cells over several.
    grid: Option<(Vec<usize>, Vec<Span>)>,
    first: u32,
}

pub(super) fn regions(segments: Vec<Segment>) -> Vec<Region> {
    let mut regions: Vec<Region> = Vec::new();
    for segment in segments {
        let last = regions.len().wrapping_sub(1);
        let taken = match regions.last() {
            Some(region) if region.takes(&segment) => Some(last),
            // Columns whose lines come in turn: each goes on where its column ended.
            Some(_) if !segment.continues_row => {
                let open = (0..last).rev().take(MAX_OPEN);
                open.into_iter().find(|at| regions[*at].goes_on_with(&segment))
            }
            _ => None,
        };
        match taken {
            Some(at) => regions[at].push(segment),
            None => regions.push(Region::of(segment)),
        }
    }
    regions
}

/// Rows of two and more pieces of text that are full lines each are columns that were drawn across.
pub(super) fn split_columns(regions: Vec<Region>) -> Vec<Region> {
    let mut split = Vec::with_capacity(regions.len());
    for region in regions {
        match region.text_columns() {
            Some(columns) => {
                let mut parts: Vec<Option<Region>> = columns.iter().map(|_| None).collect();
                let mut last_rows = vec![usize::MAX; columns.len()];
                for (mut segment, row) in region.segments {
                    let at = tables::column_of(&columns, &segment);
                    segment.continues_row = std::mem::replace(&mut last_rows[at], row) == row;
                    match &mut parts[at] {
                        Some(part) => part.push(segment),
                        slot => *slot = Some(Region::of(segment)),
                    }
                }
                split.extend(parts.into_iter().flatten());
            }
            None => split.push(region),
        }
    }
    split
}

impl Region {
    fn of(segment: Segment) -> Self {
        Self {
            angle: segment.angle,
            row: 0,
            row_end: segment.end,
            baseline: segment.baseline,
            size: segment.size,
            is_bold: Some(segment.is_bold()),
            start: segment.start,
            end: segment.end,
            leading: None,
            bounds: [0.0; 4],
            element: segment.element(),
            grid: None,
            first: segment.words.iter().map(|word| word.index).min().unwrap_or(0),
            segments: vec![(segment, 0)],
        }
    }

    /// Of segments whose rows are known.
    pub(super) fn of_rows(segments: Vec<(Segment, usize)>) -> Option<Self> {
        let mut segments = segments.into_iter();
        let (first, row) = segments.next()?;
        let mut region = Self::of(first);
        region.segments[0].1 = row;
        for (segment, row) in segments {
            region.start = region.start.min(segment.start);
            region.end = region.end.max(segment.end);
            region.row = row;
            region.segments.push((segment, row));
        }
        Some(region)
    }

    /// A table of segments with their rows and columns, in the order of its cells.
    pub(super) fn of_cells(cells: Vec<(Segment, usize, usize)>, spans: Vec<Span>, first: u32) -> Option<Self> {
        let columns = cells.iter().map(|cell| cell.2).collect();
        let mut region = Self::of_rows(cells.into_iter().map(|(segment, row, _)| (segment, row)).collect())?;
        region.grid = Some((columns, spans));
        region.first = first;
        Some(region)
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &PlacedWord> {
        self.segments.iter().flat_map(|(segment, _)| &segment.words)
    }

    pub(super) fn is_artifact(&self) -> bool {
        self.element.1 == Role::Artifact
    }

    /// Where it comes in the order of the document's structure, from 1; 0 if that does not say so.
    pub(super) fn tag_order(&self, shown: &Shown) -> u32 {
        let orders = self.words().filter_map(|word| shown.elements.get(word.tag as usize)).map(|element| element.order);
        orders.filter(|order| *order > 0).min().unwrap_or(0)
    }

    /// The place in the content of its first word.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    fn takes(&self, segment: &Segment) -> bool {
        if segment.angle != self.angle {
            return false;
        }
        let (own, other) = (self.element, segment.element());
        let is_same_element = own.0 != 0 && own == other;
        let is_artifact = |element: (u32, Role)| element.1 == Role::Artifact;
        let are_cells = own.1 == Role::Cell && other.1 == Role::Cell;
        if is_artifact(own) != is_artifact(other) || (own.0 != 0 && other.0 != 0 && own.0 != other.0 && !are_cells) {
            return false;
        }
        let size = self.size.max(segment.size);
        if self.size.min(segment.size) < size * 0.72 && !segment.continues_row && !is_same_element {
            return false;
        }
        let step = segment.baseline - self.baseline;
        if segment.continues_row && step.abs() < size * 0.5 {
            return segment.start > self.row_end;
        }
        // A bold line is a heading of what follows.
        if !is_same_element && self.is_bold.is_some_and(|is_bold| is_bold != segment.is_bold()) {
            return false;
        }
        let overlap = self.end.min(segment.end) - self.start.max(segment.start);
        let fits_leading = self.leading.is_none_or(|leading| (step - leading).abs() < size * 0.3);
        step > size * 0.3 && step < size * 1.9 && fits_leading && overlap > 0.0
    }

    /// Whether the segment is the next line of this region's column, and nothing else.
    fn goes_on_with(&self, segment: &Segment) -> bool {
        let overlap = self.end.min(segment.end) - self.start.max(segment.start);
        let narrower = (self.end - self.start).min(segment.end - segment.start);
        self.takes(segment) && overlap > narrower * 0.8 && (self.size - segment.size).abs() < self.size * 0.1
    }

    fn push(&mut self, segment: Segment) {
        let step = segment.baseline - self.baseline;
        if segment.continues_row && step.abs() < self.size.max(segment.size) * 0.5 {
            self.row_end = self.row_end.max(segment.end);
            self.is_bold = None;
        } else {
            self.is_bold = Some(segment.is_bold());
            self.row += 1;
            self.row_end = segment.end;
            self.baseline = segment.baseline;
            self.size = segment.size;
            self.leading.get_or_insert(step);
        }
        self.start = self.start.min(segment.start);
        self.end = self.end.max(segment.end);
        self.segments.push((segment, self.row));
    }

    /// Of the last row.
    pub(super) fn baseline(&self) -> f32 {
        self.baseline
    }

    pub(super) fn rows(&self) -> usize {
        self.row + 1
    }

    pub(super) fn is_rtl(&self) -> bool {
        self.words().filter(|word| word.is_rtl).count() * 2 > self.words().count()
    }

    pub(super) fn view_bounds(&self) -> Bounds {
        self.segments
            .iter()
            .map(|(segment, _)| to_view(segment.angle, [segment.start, segment.top, segment.end, segment.bottom]))
            .reduce(union)
            .unwrap_or_default()
    }

    /// The columns, from the left to the right, if they hold running text.
    fn text_columns(&self) -> Option<Vec<[f32; 2]>> {
        let rows = self.rows();
        if rows < MIN_COLUMN_ROWS || self.segments.len() == rows {
            return None;
        }
        let mut columns = tables::columns(&self.segments);
        if !(2..=MAX_COLUMNS).contains(&columns.len()) {
            return None;
        }
        let of_column = |at: usize| -> Vec<&Segment> {
            let segments = self.segments.iter().map(|(segment, _)| segment);
            segments.filter(|segment| tables::column_of(&columns, segment) == at).collect()
        };
        let is_text_at = |at: usize| is_running_text(&of_column(at), columns[at][1] - columns[at][0]);
        if self.segments.len() < rows + rows / 2 {
            // Few lines have something beside them: what goes on from line to line is text, and no cell.
            let is_text: Vec<bool> =
                (0..columns.len()).map(|at| of_column(at).len() * 10 >= rows * 7 && is_text_at(at)).collect();
            let mut parts: Vec<([f32; 2], bool)> = Vec::new();
            for (column, is_text) in columns.into_iter().zip(is_text) {
                match parts.last_mut() {
                    Some((part, false)) if !is_text => part[1] = column[1],
                    _ => parts.push((column, is_text)),
                }
            }
            let has_text = parts.len() > 1 && parts.iter().any(|(_, is_text)| *is_text);
            return has_text.then(|| parts.into_iter().map(|(part, _)| part).collect());
        }
        let is_text = (0..columns.len()).all(|at| of_column(at).len() * 2 >= rows && is_text_at(at));
        if self.is_rtl() {
            columns.reverse();
        }
        is_text.then_some(columns)
    }

    pub(super) fn into_block(self, shown: &Shown) -> Block {
        let bounds = self.bounds;
        let (element, role) = self.element;
        if let Some((columns, spans)) = self.grid {
            let cells = self.segments.into_iter().zip(columns);
            let lines = cells.map(|((segment, row), column)| segment.into_line(shown, row, column)).collect();
            return Block { kind: BlockKind::Table, bounds, lines, spans, role: Role::Cell, element };
        }
        let is_table = self.segments.len() > self.rows();
        let segments = if is_table { tables::arrange(self.segments) } else { self.without_columns() };
        let lines = segments.into_iter().map(|(segment, row, column)| segment.into_line(shown, row, column)).collect();
        Block { kind: BlockKind::Paragraph, bounds, lines, spans: Vec::new(), role, element }
    }

    fn without_columns(self) -> Vec<(Segment, usize, usize)> {
        self.segments.into_iter().map(|(segment, row)| (segment, row, 0)).collect()
    }
}

/// Whether lines mostly fill their column with several words.
pub(super) fn is_running_text(segments: &[&Segment], width: f32) -> bool {
    let fills = segments.iter().map(|segment| (segment.end - segment.start) / width.max(1.0)).collect();
    let words = segments.iter().map(|segment| {
        let ideographs = segment.words.iter().flat_map(|word| word.text.chars()).filter(|char| is_ideograph(*char));
        segment.words.len() as f32 + ideographs.count() as f32 / 2.0
    });
    middle(fills) > 0.7 && middle(words.collect()) >= 4.0
}

fn is_ideograph(char: char) -> bool {
    matches!(u32::from(char), 0x2E80..=0x9FFF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

impl Segment {
    fn is_bold(&self) -> bool {
        self.words.iter().all(|word| word.is_bold)
    }

    fn into_line(mut self, shown: &Shown, row: usize, column: usize) -> Line {
        if self.words.iter().any(|word| word.is_rtl) {
            self.words.sort_by(|one, other| one.start.total_cmp(&other.start));
            script::logical_line(&mut self.words, |word| word.is_rtl, |word| &mut word.text);
            let mut before: Option<(f32, f32, [bool; 2])> = None;
            for word in &mut self.words {
                word.has_space_before = before.is_none_or(|(start, end, drawn)| {
                    let is_leftwards = word.start < start;
                    let gap = (word.start - end).max(start - word.end);
                    let is_drawn = if is_leftwards {
                        drawn[0] || word.has_drawn_space[1]
                    } else {
                        drawn[1] || word.has_drawn_space[0]
                    };
                    is_drawn || gap > word.size * WORD_GAP * 0.7
                });
                before = Some((word.start, word.end, word.has_drawn_space));
            }
        }
        let bounds = to_view(self.angle, [self.start, self.top, self.end, self.bottom]);
        let angle = self.angle;
        let words = self.words.into_iter().map(|word| {
            let style = shown.styles[usize::from(word.style)];
            Word {
                bounds: to_view(angle, [word.start, word.top, word.end, word.bottom]),
                text: word.text,
                size: word.size,
                is_bold: style.is_bold,
                is_italic: style.is_italic,
                is_monospace: style.is_monospace,
                confidence: None,
                has_space_before: word.has_space_before,
            }
        });
        Line { bounds, words: words.collect(), row, column }
    }
}
