//! Whether the content comes in the order in which it is read, and its order by rows where it does not.

use super::super::content::Shown;
use super::Segment;

/// Segments that are compared with each one.
const MAX_COMPARED: usize = 300;

/// Whether lines that stand directly above others mostly come before them.
pub(super) fn come_in_reading_order(segments: &[Segment]) -> bool {
    let mut by_place: Vec<usize> = (0..segments.len()).filter(|at| segments[*at].angle == 0).collect();
    by_place.sort_by(|one, other| segments[*one].baseline.total_cmp(&segments[*other].baseline));
    let (mut pairs, mut wrong) = (0, 0);
    for (place, &at) in by_place.iter().enumerate() {
        let below = &segments[at];
        // The nearest line above that has a part of its width in common with it.
        let above = by_place[..place].iter().rev().take(MAX_COMPARED).find(|other| {
            let above = &segments[**other];
            let overlap = above.end.min(below.end) - above.start.max(below.start);
            let narrower = (above.end - above.start).min(below.end - below.start);
            below.baseline - above.baseline > below.size * 0.5 && overlap > narrower * 0.3
        });
        let Some(&above) = above else { continue };
        if below.baseline - segments[above].baseline > below.size * 2.5 {
            continue;
        }
        pairs += 1;
        wrong += usize::from(above > at);
    }
    wrong < 3 || wrong * 8 < pairs
}

/// Sorts segments from the top to the bottom, and those of a line from the left to the right.
pub(super) fn in_rows(segments: Vec<Segment>) -> Vec<Segment> {
    let mut sorted = segments;
    sorted.sort_by(|one, other| one.angle.cmp(&other.angle).then(one.baseline.total_cmp(&other.baseline)));
    let mut rows: Vec<Vec<Segment>> = Vec::new();
    for segment in sorted {
        match rows.last_mut() {
            Some(row) if row[0].shares_line(segment.angle, segment.top, segment.bottom, segment.baseline) => {
                row.push(segment);
            }
            _ => rows.push(vec![segment]),
        }
    }
    for row in &mut rows {
        row.sort_by(|one, other| one.start.total_cmp(&other.start));
        let mut end = f32::MIN;
        for (at, segment) in row.iter_mut().enumerate() {
            segment.continues_row = at > 0 && segment.start > end;
            end = end.max(segment.end);
        }
    }
    rows.into_iter().flatten().collect()
}

/// Brings what is typed into a form's fields, which comes after everything else, to the labels of the fields.
pub(super) fn join_fields(segments: Vec<Segment>, shown: &Shown) -> Vec<Segment> {
    let is_field = |segment: &Segment| segment.words.iter().all(|word| shown.styles[usize::from(word.style)].is_field);
    let first = segments.iter().position(is_field).unwrap_or(segments.len());
    if first == segments.len() {
        return segments;
    }
    let (fields, labels): (Vec<Segment>, Vec<Segment>) = segments.into_iter().partition(is_field);
    // For each field the label that it follows, and whether they share a line.
    let mut after: Vec<Vec<(Segment, bool)>> = labels.iter().map(|_| Vec::new()).collect();
    let mut before: Vec<Vec<Segment>> = labels.iter().map(|_| Vec::new()).collect();
    let mut apart = Vec::new();
    for field in fields {
        let beside = |label: &Segment| label.shares_line(field.angle, field.top, field.bottom, field.baseline);
        let nearest = |distance: &dyn Fn(&Segment) -> Option<f32>| {
            let distances = labels.iter().enumerate().filter_map(|(at, label)| Some((distance(label)?, at)));
            distances.min_by(|one, other| one.0.total_cmp(&other.0)).map(|(_, at)| at)
        };
        let left = nearest(&|label| {
            let gap = field.start - label.end;
            (beside(label) && gap > -field.size && gap < field.size * 30.0).then_some(gap)
        });
        let right = nearest(&|label| {
            let gap = label.start - field.end;
            (beside(label) && gap > -field.size && gap < field.size * 3.0).then_some(gap)
        });
        let above = nearest(&|label| {
            let step = field.baseline - label.baseline;
            let is_above = label.angle == field.angle && step > field.size * 0.5 && step < field.size * 2.5;
            (is_above && label.end > field.start && label.start < field.end).then_some(step)
        });
        match (left, right, above) {
            (None, Some(at), _) => before[at].push(field),
            (Some(at), ..) => after[at].push((field, true)),
            (None, None, Some(at)) => after[at].push((field, false)),
            (None, None, None) => apart.push(field),
        }
    }
    let mut joined = Vec::with_capacity(labels.len());
    for ((mut label, before), mut after) in labels.into_iter().zip(before).zip(after) {
        for (at, mut field) in before.into_iter().enumerate() {
            field.continues_row = at > 0 || label.continues_row;
            label.continues_row = true;
            joined.push(field);
        }
        joined.push(label);
        after.sort_by(|(one, _), (other, _)| one.start.total_cmp(&other.start));
        for (mut field, shares_line) in after {
            field.continues_row = shares_line;
            joined.push(field);
        }
    }
    joined.extend(apart);
    joined
}
