//! The straight lines that content draws: the rules of tables.

/// Lines of one page that are kept. Maps and drawings have more, and no tables.
const MAX_RULINGS: usize = 20_000;
/// A filled rectangle is a line if it is not thicker than this, in points.
const MAX_THICKNESS: f32 = 3.5;
/// Lines shorter than this, in points, rule nothing.
const MIN_LENGTH: f32 = 3.0;
/// By how much a line may be off its direction, in points.
const SLANT: f32 = 0.7;

/// The path that is being built, as far as it is straight.
#[derive(Default)]
pub(super) struct Path {
    segments: Vec<[f32; 4]>,
    /// Bounds of the subpaths that are rectangles along the page.
    rectangles: Vec<[f32; 4]>,
    start: (f32, f32),
    at: (f32, f32),
    bounds: Option<[f32; 4]>,
    is_straight: bool,
    is_full: bool,
}

impl Path {
    pub(super) fn begin(&mut self, at: (f32, f32)) {
        self.end_subpath();
        (self.start, self.at) = (at, at);
        self.bounds = Some([at.0, at.1, at.0, at.1]);
        self.is_straight = true;
    }

    pub(super) fn line(&mut self, to: (f32, f32)) {
        if self.is_full {
            return;
        }
        let from = std::mem::replace(&mut self.at, to);
        let is_along = (from.1 - to.1).abs() < SLANT;
        let is_across = (from.0 - to.0).abs() < SLANT;
        if let Some(bounds) = &mut self.bounds {
            *bounds = [bounds[0].min(to.0), bounds[1].min(to.1), bounds[2].max(to.0), bounds[3].max(to.1)];
        }
        if is_along || is_across {
            self.segments.push([from.0.min(to.0), from.1.min(to.1), from.0.max(to.0), from.1.max(to.1)]);
            self.is_full = self.segments.len() > MAX_RULINGS;
        } else {
            self.is_straight = false;
        }
    }

    pub(super) fn curve(&mut self, to: (f32, f32)) {
        self.at = to;
        self.is_straight = false;
    }

    pub(super) fn close(&mut self) {
        let start = self.start;
        self.line(start);
    }

    pub(super) fn rectangle(&mut self, one: (f32, f32), other: (f32, f32)) {
        if self.is_full {
            return;
        }
        self.end_subpath();
        let [left, top, right, bottom] =
            [one.0.min(other.0), one.1.min(other.1), one.0.max(other.0), one.1.max(other.1)];
        self.rectangles.push([left, top, right, bottom]);
        self.segments.extend([
            [left, top, right, top],
            [left, bottom, right, bottom],
            [left, top, left, bottom],
            [right, top, right, bottom],
        ]);
        self.is_full = self.segments.len() > MAX_RULINGS;
        (self.start, self.at) = (one, one);
    }

    fn end_subpath(&mut self) {
        if let Some(bounds) = self.bounds.take().filter(|_| self.is_straight) {
            self.rectangles.push(bounds);
        }
    }

    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.rectangles.clear();
        self.bounds = None;
        self.is_full = false;
    }

    /// Strokes or fills the path: what of it rules the page is added.
    pub(super) fn paint(&mut self, is_stroked: bool, is_shown: bool, rulings: &mut Vec<[f32; 4]>) {
        self.end_subpath();
        if is_shown && rulings.len() < MAX_RULINGS {
            if is_stroked {
                rulings.extend(self.segments.iter().filter(|line| is_long(line)));
            } else {
                rulings.extend(self.rectangles.iter().filter_map(thin));
            }
        }
        self.clear();
    }
}

fn is_long(line: &[f32; 4]) -> bool {
    (line[2] - line[0]).max(line[3] - line[1]) > MIN_LENGTH
}

/// The middle of a thin rectangle.
fn thin(bounds: &[f32; 4]) -> Option<[f32; 4]> {
    let (width, height) = (bounds[2] - bounds[0], bounds[3] - bounds[1]);
    if height <= MAX_THICKNESS && width > height.max(MIN_LENGTH) {
        let middle = f32::midpoint(bounds[1], bounds[3]);
        Some([bounds[0], middle, bounds[2], middle])
    } else if width <= MAX_THICKNESS && height > width.max(MIN_LENGTH) {
        let middle = f32::midpoint(bounds[0], bounds[2]);
        Some([middle, bounds[1], middle, bounds[3]])
    } else {
        None
    }
}
