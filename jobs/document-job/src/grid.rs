//! Tables from cells that span rows and columns: one builder for every format, so that what stands below a column's head
//! stays there.

use crate::flow::{Span, Table};
use crate::rich::Rich;

/// Columns of one cell (HTML 4.9.11), and columns whose cells may reach down over rows: looking for a free place costs
/// that much.
const MAX_SPAN: usize = 1000;
/// Columns that a row may leave free at its beginning.
const MAX_SKIPPED: usize = 1000;
/// Padding that rows get, as a multiple of the cells that the table has.
const MAX_PADDING: usize = 16;

/// A table while its cells come, row by row.
#[derive(Default)]
pub(crate) struct Grid {
    rows: Vec<Vec<(usize, Rich)>>,
    spans: Vec<Span>,
    /// The first row, for each column, that a cell above does not cover.
    free_from: Vec<usize>,
    column: usize,
    cells: usize,
}

impl Grid {
    pub(crate) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
        self.column = 0;
    }

    /// Leaves columns free at the beginning of a row.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.column += columns.min(MAX_SKIPPED);
    }

    pub(crate) fn cell(&mut self, text: Rich, rows: usize, columns: usize) {
        if self.rows.is_empty() {
            self.begin_row();
        }
        let row = self.rows.len() - 1;
        while self.free_from.get(self.column).is_some_and(|free| *free > row) {
            self.column += 1;
        }
        let columns = columns.clamp(1, MAX_SPAN);
        if rows > 1 && self.column + columns <= MAX_SPAN {
            self.free_from.resize(self.free_from.len().max(self.column + columns), 0);
            self.free_from[self.column..self.column + columns].fill(row.saturating_add(rows));
        }
        if rows > 1 || columns > 1 {
            self.spans.push(Span { row, column: self.column, rows, columns });
        }
        self.rows[row].push((self.column, text));
        self.column += columns;
        self.cells += 1;
    }

    /// A cell whose column is known; columns only grow within a row.
    pub(crate) fn place(&mut self, column: usize, text: Rich, rows: usize, columns: usize) {
        if self.rows.is_empty() {
            self.begin_row();
        }
        let row = self.rows.len() - 1;
        if rows > 1 || columns > 1 {
            self.spans.push(Span { row, column, rows, columns });
        }
        self.rows[row].push((column, text));
        self.cells += 1;
    }

    /// The table, without rows and columns in which nothing stands; none where nothing does.
    pub(crate) fn finish(self) -> Option<Table> {
        let Self { mut rows, mut spans, cells, .. } = self;
        // A column in which no cell begins is a part of the one before it.
        let mut begins: Vec<bool> = Vec::new();
        for (column, _) in rows.iter().flatten() {
            if *column >= begins.len() {
                begins.resize(column + 1, false);
            }
            begins[*column] = true;
        }
        let mut place = Vec::with_capacity(begins.len() + 1);
        let mut width = 0;
        for begins in begins {
            place.push(width);
            width += usize::from(begins);
        }
        place.push(width);
        let is_empty: Vec<bool> = rows.iter().map(|row| row.iter().all(|(_, text)| text.is_blank())).collect();
        let mut row_place = Vec::with_capacity(rows.len() + 1);
        let mut height = 0;
        for is_empty in &is_empty {
            row_place.push(height);
            height += usize::from(!is_empty);
        }
        row_place.push(height);
        if height == 0 {
            return None;
        }
        let end = |places: &[usize], at: usize| places[at.min(places.len() - 1)];
        for span in &mut spans {
            let rows = end(&row_place, span.row.saturating_add(span.rows)) - row_place[span.row];
            let columns = end(&place, span.column.saturating_add(span.columns)) - place[span.column];
            let is_left_out = is_empty[span.row];
            *span = Span {
                row: row_place[span.row],
                column: place[span.column],
                rows: if is_left_out { 0 } else { rows },
                columns,
            };
        }
        spans.retain(|span| span.rows >= 1 && span.columns >= 1 && (span.rows > 1 || span.columns > 1));
        let is_padded = height.saturating_mul(width) <= cells.saturating_mul(MAX_PADDING) + 65_536;
        let mut keep = is_empty.into_iter();
        rows.retain(|_| !keep.next().unwrap_or(false));
        let rows = rows
            .into_iter()
            .map(|cells| {
                let mut row: Vec<Rich> = Vec::with_capacity(if is_padded { width } else { cells.len() });
                for (column, text) in cells {
                    while row.len() < place[column] {
                        row.push(Rich::default());
                    }
                    row.push(text);
                }
                if is_padded {
                    row.resize(width, Rich::default());
                }
                row
            })
            .collect();
        Some(Table { rows, spans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table) -> Vec<Vec<&str>> {
        table.rows.iter().map(|row| row.iter().map(Rich::text).collect()).collect()
    }

    #[test]
    fn cells_stay_in_their_columns_behind_spans() {
        let mut grid = Grid::default();
        for row in [
            vec![("Region", 2, 1), ("2025", 1, 2), ("2026", 1, 1)],
            vec![("Q1", 1, 1), ("Q2", 1, 1), ("Q1", 1, 1)],
            vec![("All", 1, 3), ("930", 1, 1)],
        ] {
            grid.begin_row();
            for (text, rows, columns) in row {
                grid.cell(Rich::from(text), rows, columns);
            }
        }
        let table = grid.finish().unwrap();
        assert_eq!(text(&table), [["Region", "2025", "", "2026"], ["", "Q1", "Q2", "Q1"], ["All", "", "", "930"]]);
        assert_eq!(table.spans[0], Span { row: 0, column: 0, rows: 2, columns: 1 });
        assert_eq!(table.spans[2], Span { row: 2, column: 0, rows: 1, columns: 3 });
    }

    #[test]
    fn spans_cost_nothing() {
        let mut grid = Grid::default();
        for _ in 0..1000 {
            grid.begin_row();
            grid.cell(Rich::from("x"), usize::MAX, 60_000);
        }
        let table = grid.finish().unwrap();
        assert_eq!((table.rows.len(), table.rows.iter().map(Vec::len).max()), (1000, Some(2)));
    }

    #[test]
    fn a_row_may_begin_late() {
        let mut grid = Grid::default();
        grid.begin_row();
        for cell in ["A", "B", "C"] {
            grid.cell(Rich::from(cell), 1, 1);
        }
        grid.begin_row();
        grid.skip(2);
        grid.cell(Rich::from("only in C"), 1, 1);
        assert_eq!(text(&grid.finish().unwrap())[1], ["", "", "only in C"]);
    }
}
