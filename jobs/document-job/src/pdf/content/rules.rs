//! Ruled lines.

use lopdf::Object;

use super::{Interpreter, numbers};

/// The lines of a path that is being made.
#[derive(Default)]
pub(super) struct Path {
    start: (f32, f32),
    current: (f32, f32),
    pub(super) lines: Vec<[f32; 4]>,
}

impl Interpreter<'_, '_> {
    pub(super) fn path_step(&mut self, operator: &[u8], operands: &[Object]) {
        const MAX_LINES: usize = 4096;
        if self.path.lines.len() > MAX_LINES {
            return;
        }
        if operator == b"re" {
            if let Some([x, y, width, height]) = numbers(operands) {
                let (x0, y0) = self.state.ctm.apply(x, y);
                let (x1, y1) = self.state.ctm.apply(x + width, y + height);
                let (left, right, top, bottom) = (x0.min(x1), x0.max(x1), y0.min(y1), y0.max(y1));
                // A rule that is drawn as a thin box, or the four sides of a real one.
                if bottom - top < 3.0 || right - left < 3.0 {
                    self.path.lines.push([left, top, right, bottom]);
                } else {
                    self.path.lines.push([left, top, right, top]);
                    self.path.lines.push([left, bottom, right, bottom]);
                    self.path.lines.push([left, top, left, bottom]);
                    self.path.lines.push([right, top, right, bottom]);
                }
            }
            return;
        }
        let Some([x, y]) = numbers(operands) else { return };
        let point = self.state.ctm.apply(x, y);
        if operator == b"m" {
            self.path.start = point;
        } else {
            let (from, to) = (self.path.current, point);
            self.path.lines.push([from.0.min(to.0), from.1.min(to.1), from.0.max(to.0), from.1.max(to.1)]);
        }
        self.path.current = point;
    }

    pub(super) fn keep_rules(&mut self) {
        const MAX_RULES: usize = 20_000;
        if self.hidden_marks > 0 {
            self.path.lines.clear();
        }
        for line in self.path.lines.drain(..) {
            let (width, height) = (line[2] - line[0], line[3] - line[1]);
            let is_rule = (height < 3.0 && width > 8.0) || (width < 3.0 && height > 8.0);
            if is_rule && self.shown.rules.len() < MAX_RULES && line.iter().all(|number| number.is_finite()) {
                self.shown.rules.push(line);
            }
        }
    }
}
