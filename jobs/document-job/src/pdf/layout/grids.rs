//! Tables whose cells are known before any text is looked at: from the lines that rule them, or from the document's tags.

use super::regions::Region;
use super::{PlacedWord, Segment, lines, rows};
use crate::flow::Span;
use crate::pdf::content::Shown;
use crate::pdf::tags::Cell;

/// Lines nearer to each other than this, in points, are one; they meet where they come as near.
const NEAR: f32 = 2.5;
/// Pairs of lines that are compared; drawings have more.
const MAX_PAIRS: usize = 2_000_000;
/// Cells of one table.
const MAX_CELLS: usize = 20_000;
/// A cell with more words than this, on average, holds running text, and the lines are a frame.
const MAX_WORDS: usize = 60;

/// Lines that have to end at a place for a row to begin there.
const MIN_ENDS: usize = 2;

/// A line: its place, and from where to where it goes.
#[derive(Clone, Copy)]
struct Rule {
    at: f32,
    from: f32,
    to: f32,
}

/// A table by its lines.
struct Ruled {
    xs: Vec<f32>,
    ys: Vec<f32>,
    /// For each field of the grid the cell that it is part of: row, column, rows, columns.
    cells: Vec<[usize; 4]>,
}

/// Takes the words of tables out of the others.
pub(super) fn take_tables(words: Vec<PlacedWord>, shown: &Shown) -> (Vec<PlacedWord>, Vec<Region>) {
    let mut regions = Vec::new();
    let words = take_tagged(words, shown, &mut regions);
    let words = take_ruled(words, shown, &mut regions);
    (words, regions)
}

// --- by tags ---

fn take_tagged(words: Vec<PlacedWord>, shown: &Shown, regions: &mut Vec<Region>) -> Vec<PlacedWord> {
    let cell_of = |word: &PlacedWord| shown.elements.get(word.tag as usize).and_then(|element| element.cell);
    if !words.iter().any(|word| cell_of(word).is_some()) {
        return words;
    }
    let mut tables: Vec<(u32, Vec<(Cell, PlacedWord)>)> = Vec::new();
    let mut rest = Vec::with_capacity(words.len());
    for word in words {
        match cell_of(&word) {
            Some(cell) => match tables.iter_mut().find(|(table, _)| *table == cell.table) {
                Some((_, words)) => words.push((cell, word)),
                None => tables.push((cell.table, vec![(cell, word)])),
            },
            None => rest.push(word),
        }
    }
    for (_, words) in tables {
        let cells: Vec<[usize; 4]> =
            words.iter().map(|(cell, _)| [cell.row, cell.column, cell.rows, cell.columns]).collect();
        let has_rows = cells.iter().any(|cell| cell[0] != cells[0][0]);
        let has_columns = cells.iter().any(|cell| cell[1] != cells[0][1]);
        let words: Vec<PlacedWord> = words.into_iter().map(|(_, word)| word).collect();
        // A table of one row or one column only puts things beside each other.
        if has_rows && has_columns {
            regions.extend(region(words, &cells));
        } else {
            rest.extend(words);
        }
    }
    rest.sort_by_key(|word| word.index);
    rest
}

// --- by lines ---

fn take_ruled(words: Vec<PlacedWord>, shown: &Shown, regions: &mut Vec<Region>) -> Vec<PlacedWord> {
    if shown.rulings.len() < 4 {
        return words;
    }
    let mut rest = words;
    for table in ruled_tables(&shown.rulings) {
        let (mut inside, mut cells, mut outside) = (Vec::new(), Vec::new(), Vec::with_capacity(rest.len()));
        for word in rest {
            let middle = (f32::midpoint(word.start, word.end), f32::midpoint(word.top, word.bottom));
            match (word.angle == 0).then(|| table.cell(middle)).flatten() {
                Some(cell) => {
                    inside.push(word);
                    cells.push(cell);
                }
                None => outside.push(word),
            }
        }
        if table.is_table(&cells) {
            regions.extend(region(inside, &cells));
            rest = outside;
        } else {
            outside.extend(inside);
            outside.sort_by_key(|word| word.index);
            rest = outside;
        }
    }
    rest
}

/// Lines along the page, or across it, each where several of them are nearly one.
fn rules(rulings: &[[f32; 4]], is_across: bool) -> Vec<Rule> {
    let mut rules: Vec<Rule> = rulings
        .iter()
        .filter(|line| (line[2] - line[0] < line[3] - line[1]) == is_across)
        .map(|line| {
            if is_across {
                Rule { at: f32::midpoint(line[0], line[2]), from: line[1], to: line[3] }
            } else {
                Rule { at: f32::midpoint(line[1], line[3]), from: line[0], to: line[2] }
            }
        })
        .collect();
    rules.sort_by(|one, other| one.at.total_cmp(&other.at).then(one.from.total_cmp(&other.from)));
    // Groups at one place, within which pieces are joined.
    let mut joined: Vec<Rule> = Vec::new();
    let mut from = 0;
    for at in 1..=rules.len() {
        if rules.get(at).is_some_and(|rule| rule.at - rules[at - 1].at < NEAR && rule.at - rules[from].at < NEAR * 2.0)
        {
            continue;
        }
        let group = &mut rules[from..at];
        let place = group.iter().map(|rule| rule.at).sum::<f32>() / group.len() as f32;
        group.sort_by(|one, other| one.from.total_cmp(&other.from));
        let first = joined.len();
        for rule in group.iter() {
            match joined[first..].last_mut() {
                Some(last) if rule.from - last.to < NEAR => last.to = last.to.max(rule.to),
                _ => joined.push(Rule { at: place, ..*rule }),
            }
        }
        from = at;
    }
    joined
}

fn ruled_tables(rulings: &[[f32; 4]]) -> Vec<Ruled> {
    let (along, across) = (rules(rulings, false), rules(rulings, true));
    if along.len() < 2 || across.is_empty() || along.len() * across.len() > MAX_PAIRS {
        return Vec::new();
    }
    // Lines that meet belong together.
    let mut group: Vec<usize> = (0..along.len() + across.len()).collect();
    for (one, horizontal) in along.iter().enumerate() {
        for (other, vertical) in across.iter().enumerate() {
            let meets = vertical.at > horizontal.from - NEAR
                && vertical.at < horizontal.to + NEAR
                && horizontal.at > vertical.from - NEAR
                && horizontal.at < vertical.to + NEAR;
            if meets {
                let (one, other) = (root(&mut group, one), root(&mut group, along.len() + other));
                group[one] = other;
            }
        }
    }
    let mut tables: Vec<(usize, Vec<Rule>, Vec<Rule>)> = Vec::new();
    for at in 0..group.len() {
        let root = root(&mut group, at);
        let table = if let Some(table) = tables.iter().position(|(known, ..)| *known == root) {
            &mut tables[table]
        } else {
            tables.push((root, Vec::new(), Vec::new()));
            tables.last_mut().expect("one was pushed")
        };
        match at.checked_sub(along.len()) {
            Some(at) => table.2.push(across[at]),
            None => table.1.push(along[at]),
        }
        if tables.len() > 500 {
            return Vec::new();
        }
    }
    tables.into_iter().filter_map(|(_, along, across)| Ruled::of(along, across)).collect()
}

/// The first of those that were joined with one.
fn root(joined: &mut [usize], mut at: usize) -> usize {
    while joined[at] != at {
        joined[at] = joined[joined[at]];
        at = joined[at];
    }
    at
}

fn places(rules: &[Rule]) -> Vec<f32> {
    let mut places: Vec<f32> = rules.iter().map(|rule| rule.at).collect();
    places.sort_by(f32::total_cmp);
    places.dedup_by(|next, before| *next - *before < NEAR);
    places
}

impl Ruled {
    fn of(mut along: Vec<Rule>, mut across: Vec<Rule>) -> Option<Self> {
        if along.len() < 2 || across.is_empty() {
            return None;
        }
        // A side that is not drawn is where the other lines end.
        let extent = |rules: &[Rule]| {
            let from = rules.iter().map(|rule| rule.from).fold(f32::MAX, f32::min);
            let to = rules.iter().map(|rule| rule.to).fold(f32::MIN, f32::max);
            (from, to)
        };
        let ((left, right), (top, bottom)) = (extent(&along), extent(&across));
        let close = |rules: &mut Vec<Rule>, at: f32, from: f32, to: f32| {
            if !rules.iter().any(|rule| (rule.at - at).abs() < NEAR * 2.0) {
                rules.push(Rule { at, from, to });
            }
        };
        close(&mut across, left, top, bottom);
        close(&mut across, right, top, bottom);
        close(&mut along, top, left, right);
        close(&mut along, bottom, left, right);
        // A row may begin where lines across begin or end, with no line along it.
        let known = places(&along);
        let is_known = |at: f32| {
            let next = known.partition_point(|known| *known < at - NEAR * 2.0);
            known.get(next).is_some_and(|known| *known < at + NEAR * 2.0)
        };
        let mut ends: Vec<f32> = across.iter().flat_map(|rule| [rule.from, rule.to]).collect();
        ends.retain(|at| *at > top && *at < bottom && !is_known(*at));
        ends.sort_by(f32::total_cmp);
        for pair in ends.windows(MIN_ENDS) {
            if pair[MIN_ENDS - 1] - pair[0] < NEAR {
                along.push(Rule { at: pair[0], from: left, to: left });
            }
        }
        let (xs, ys) = (places(&across), places(&along));
        let (columns, rows) = (xs.len() - 1, ys.len() - 1);
        if rows == 0 || columns == 0 || rows * columns < 4 || rows * columns > MAX_CELLS || rows < 2 {
            return None;
        }
        // Fields without a line between them are one cell.
        let is_wall = |rules: &[Rule], at: f32, from: f32, to: f32| {
            let covered: f32 = rules
                .iter()
                .filter(|rule| (rule.at - at).abs() < NEAR * 1.5)
                .map(|rule| (rule.to.min(to) - rule.from.max(from)).max(0.0))
                .sum();
            covered > (to - from) * 0.6
        };
        let cells = cells_between(
            [rows, columns],
            |row, column| is_wall(&across, xs[column + 1], ys[row], ys[row + 1]),
            |row, column| is_wall(&along, ys[row + 1], xs[column], xs[column + 1]),
        );
        Some(Self { xs, ys, cells })
    }

    fn cell(&self, (x, y): (f32, f32)) -> Option<[usize; 4]> {
        let column = self.xs.partition_point(|at| *at <= x).checked_sub(1)?;
        let row = self.ys.partition_point(|at| *at <= y).checked_sub(1)?;
        let columns = self.xs.len() - 1;
        (column < columns && row + 1 < self.ys.len()).then(|| self.cells[row * columns + column])
    }

    /// Whether what stands between the lines is a table, and the lines are no frame and no drawing.
    fn is_table(&self, words: &[[usize; 4]]) -> bool {
        let mut filled = words.to_vec();
        filled.sort_unstable();
        filled.dedup();
        let mut all = self.cells.clone();
        all.sort_unstable();
        all.dedup();
        let rows = filled.iter().map(|cell| cell[0]).collect::<std::collections::BTreeSet<_>>().len();
        let columns = filled.iter().map(|cell| cell[1]).collect::<std::collections::BTreeSet<_>>().len();
        rows >= 2
            && columns >= 2
            && filled.len() >= 4
            && filled.len() * 5 >= all.len()
            && words.len() <= filled.len() * MAX_WORDS
    }
}

/// For each field of a grid the cell that it is part of: row, column, rows, columns. A cell is a rectangle, whatever lines
/// are missing: fields beside each other without a line between them are one, and what is so in a row goes on in the next row
/// if it is as wide there.
fn cells_between(
    [rows, columns]: [usize; 2],
    is_wall_right: impl Fn(usize, usize) -> bool,
    is_wall_below: impl Fn(usize, usize) -> bool,
) -> Vec<[usize; 4]> {
    let mut cells: Vec<[usize; 4]> = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let mut left = 0;
        for column in 0..columns {
            if column + 1 < columns && !is_wall_right(row, column) {
                continue;
            }
            let width = column + 1 - left;
            let above = row.checked_sub(1).map(|above| cells[above * columns + left]);
            let goes_on = above.filter(|above| {
                above[1] == left && above[3] == width && (left..=column).all(|column| !is_wall_below(row - 1, column))
            });
            let top = goes_on.map_or(row, |above| above[0]);
            let cell = [top, left, row + 1 - top, width];
            cells.extend(std::iter::repeat_n(cell, width));
            for above in top..row {
                cells[above * columns + left..=above * columns + column].fill(cell);
            }
            left = column + 1;
        }
    }
    cells
}

// --- both ---

/// The region of a table of words whose cells are known.
fn region(words: Vec<PlacedWord>, cells: &[[usize; 4]]) -> Option<Region> {
    let rank = |part: usize| {
        let mut used: Vec<usize> = cells.iter().map(|cell| cell[part]).collect();
        used.sort_unstable();
        used.dedup();
        used
    };
    let (row_ranks, columns) = (rank(0), rank(1));
    let first = words.iter().map(|word| word.index).min()?;
    let mut of_cells: Vec<([usize; 4], Vec<PlacedWord>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (word, cell) in words.into_iter().zip(cells) {
        let at = *places.entry((cell[0], cell[1])).or_insert_with(|| {
            of_cells.push((*cell, Vec::new()));
            of_cells.len() - 1
        });
        of_cells[at].1.push(word);
    }
    of_cells.sort_by_key(|(cell, _)| (cell[0], cell[1]));
    let mut segments: Vec<(Segment, usize, usize)> = Vec::new();
    let mut spans = Vec::new();
    for (cell, words) in of_cells {
        let row = row_ranks.partition_point(|row| *row < cell[0]);
        let column = columns.partition_point(|column| *column < cell[1]);
        // Only what other cells fill counts.
        let height = row_ranks.partition_point(|row| *row < cell[0] + cell[2]) - row;
        let width = columns.partition_point(|column| *column < cell[1] + cell[3]) - column;
        if height > 1 || width > 1 {
            spans.push(Span { row, column, rows: height, columns: width });
        }
        let own = lines::merge_neighbours(lines::segments(lines::join_spread_letters(words)));
        let own = rows::in_rows(own);
        segments.extend(own.into_iter().map(|segment| (segment, row, column)));
    }
    Region::of_cells(segments, spans, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines to the right of fields and below them; all others are open.
    fn cells(size: [usize; 2], right: &[(usize, usize)], below: &[(usize, usize)]) -> Vec<[usize; 4]> {
        cells_between(size, |row, column| right.contains(&(row, column)), |row, column| below.contains(&(row, column)))
    }

    #[test]
    fn fields_without_lines_between_them_are_one_cell() {
        // A head over two columns, with a cell over two rows beside it.
        let cells = cells([2, 3], &[(0, 0), (1, 0), (1, 1)], &[(0, 1), (0, 2)]);
        assert_eq!(cells, [[0, 0, 2, 1], [0, 1, 1, 2], [0, 1, 1, 2], [0, 0, 2, 1], [1, 1, 1, 1], [1, 2, 1, 1]]);
    }

    #[test]
    fn a_line_that_is_missing_makes_no_cell_of_what_is_not_a_rectangle() {
        // Below a row that is one cell, a row of three, and no line between the two.
        let cells = cells([2, 3], &[(1, 0), (1, 1)], &[]);
        assert_eq!(cells, [[0, 0, 1, 3], [0, 0, 1, 3], [0, 0, 1, 3], [1, 0, 1, 1], [1, 1, 1, 1], [1, 2, 1, 1]]);
    }
}
