//! Sprite sheets: many small pictures in one, for the preview over a player's seek bar.

use std::collections::BTreeMap;

use crate::picture::Picture;

/// Pictures beside each other, and below each other.
pub(crate) const COLUMNS: usize = 10;
const ROWS: usize = 10;
const TILES: usize = COLUMNS * ROWS;

/// Sheets being filled. Tiles come in any order; a sheet is handed out when its last one has come.
pub(crate) struct SpriteSheets {
    tile_width: usize,
    tile_height: usize,
    open: BTreeMap<usize, Sheet>,
}

struct Sheet {
    picture: Picture,
    settled: usize,
}

/// Where a tile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Counted from 1.
    pub sheet: usize,
    pub x: usize,
    pub y: usize,
}

impl SpriteSheets {
    /// Sheets of tiles of one size, which is made even.
    pub(crate) fn new(tile_width: usize, tile_height: usize) -> Self {
        let even = |length: usize| length.next_multiple_of(2).max(2);
        Self { tile_width: even(tile_width), tile_height: even(tile_height), open: BTreeMap::new() }
    }

    pub(crate) fn tile_size(&self) -> (usize, usize) {
        (self.tile_width, self.tile_height)
    }

    /// Where the tile of that number, counted from 0, is.
    pub(crate) fn tile(&self, number: usize) -> Tile {
        let within = number % TILES;
        Tile {
            sheet: number / TILES + 1,
            x: within % COLUMNS * self.tile_width,
            y: within / COLUMNS * self.tile_height,
        }
    }

    /// Puts a picture of the tile's size in its place, or leaves the place empty. Gives the sheet's number and the sheet when it is full.
    pub(crate) fn settle(&mut self, number: usize, thumbnail: Option<&Picture>) -> Option<(usize, Picture)> {
        let tile = self.tile(number);
        let (width, height) = (COLUMNS * self.tile_width, ROWS * self.tile_height);
        let sheet =
            self.open.entry(tile.sheet).or_insert_with(|| Sheet { picture: Picture::new(width, height), settled: 0 });
        if let Some(thumbnail) = thumbnail {
            sheet.picture.place(thumbnail, tile.x, tile.y);
        }
        sheet.settled += 1;
        if sheet.settled < TILES {
            return None;
        }
        self.open.remove(&tile.sheet).map(|sheet| (tile.sheet, sheet.picture))
    }

    /// The sheets that are not full, cut to the rows in use.
    pub(crate) fn rest(&mut self) -> Vec<(usize, Picture)> {
        let cut = |mut sheet: Sheet| {
            sheet.picture.cut_to_height(sheet.settled.div_ceil(COLUMNS) * self.tile_height);
            sheet.picture
        };
        std::mem::take(&mut self.open).into_iter().map(|(number, sheet)| (number, cut(sheet))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_comes_out_when_it_is_full_and_the_last_is_cut() {
        let mut sheets = SpriteSheets::new(31, 18);
        let mut white = Picture::new(32, 18);
        white.planes[0].fill(255);
        let full: Vec<_> = (0..205).filter_map(|number| sheets.settle(number, Some(&white))).collect();
        assert_eq!(full.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
        assert!(full[0].1.planes[0].iter().all(|value| *value == 255));
        let rest = sheets.rest();
        assert_eq!((rest.len(), rest[0].0, rest[0].1.width, rest[0].1.height), (1, 3, 320, 18));
        assert_eq!(sheets.tile(113), Tile { sheet: 2, x: 3 * 32, y: 18 });
    }
}
