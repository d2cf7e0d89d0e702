//! Boxes with classes: overlap, suppression of the weaker, and fusion of what several detectors found.

use std::cmp::Ordering;

/// Something found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Left, upper, right and lower edge.
    pub bounds: [f32; 4],
    pub score: f32,
    pub class: usize,
}

/// The area of a box; 0 of one that is turned inside out.
pub fn area([left, top, right, bottom]: [f32; 4]) -> f32 {
    (right - left).max(0.0) * (bottom - top).max(0.0)
}

/// The area that two boxes share.
pub fn shared(one: [f32; 4], other: [f32; 4]) -> f32 {
    area([one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])])
}

/// The area that two boxes share, over that of both together.
pub fn overlap(one: [f32; 4], other: [f32; 4]) -> f32 {
    let both = shared(one, other);
    let all = area(one) + area(other) - both;
    if all > 0.0 { both / all } else { 0.0 }
}

/// The strongest first; of equals the one that is further up, then further left, so that the order is always the same.
fn stronger(one: &Detection, other: &Detection) -> Ordering {
    let place = |detection: &Detection| (detection.bounds[1], detection.bounds[0], detection.class as f32);
    let (one_place, other_place) = (place(one), place(other));
    other.score.total_cmp(&one.score).then_with(|| {
        let (a, b) = (one_place.0.total_cmp(&other_place.0), one_place.1.total_cmp(&other_place.1));
        a.then(b).then(one_place.2.total_cmp(&other_place.2))
    })
}

/// Leaves out what overlaps something stronger of the same class by more than `most`; the strongest first.
pub fn strongest(mut detections: Vec<Detection>, most: f32, count: usize) -> Vec<Detection> {
    detections.sort_by(stronger);
    let mut kept: Vec<Detection> = Vec::new();
    for detection in detections {
        if kept.len() == count {
            break;
        }
        let is_known =
            |known: &Detection| known.class == detection.class && overlap(known.bounds, detection.bounds) > most;
        if !kept.iter().any(is_known) {
            kept.push(detection);
        }
    }
    kept
}

/// Weighted box fusion (Solovyev, Wang and Gabruseva, 2021, arXiv 1910.13302): boxes of one class that overlap by more than
/// `least` become their mean, weighted by score. The score is the mean, times the share of the looks that found the thing. Unlike
/// the authors', a look counts once for a thing, with its strongest box: weaker ones of the same look around it would pull down
/// the score of what it is sure of.
pub fn fuse(looks: Vec<Vec<Detection>>, least: f32) -> Vec<Detection> {
    struct Group {
        mean: Detection,
        members: Vec<(usize, Detection)>,
    }
    let count = looks.len() as f32;
    let numbered = looks.into_iter().enumerate();
    let mut all: Vec<(usize, Detection)> =
        numbered.flat_map(|(look, found)| found.into_iter().map(move |detection| (look, detection))).collect();
    all.sort_by(|(_, one), (_, other)| stronger(one, other));
    let mut groups: Vec<Group> = Vec::new();
    for (look, detection) in all {
        let of_class = groups.iter_mut().filter(|group| group.mean.class == detection.class);
        let overlaps = of_class.map(|group| (overlap(group.mean.bounds, detection.bounds), group));
        let best = overlaps.filter(|(overlap, _)| *overlap > least).max_by(|one, other| one.0.total_cmp(&other.0));
        let Some((_, Group { mean, members })) = best else {
            groups.push(Group { mean: detection, members: vec![(look, detection)] });
            continue;
        };
        if members.iter().any(|(other, _)| *other == look) {
            continue;
        }
        members.push((look, detection));
        let total: f32 = members.iter().map(|(_, member)| member.score).sum();
        for edge in 0..4 {
            let sum: f32 = members.iter().map(|(_, member)| member.bounds[edge] * member.score).sum();
            mean.bounds[edge] = sum / total;
        }
        mean.score = total / members.len() as f32;
    }
    let finished = groups
        .into_iter()
        .map(|Group { mean, members }| Detection { score: mean.score * members.len() as f32 / count, ..mean });
    let mut fused: Vec<Detection> = finished.collect();
    fused.sort_by(stronger);
    fused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(left: f32, score: f32, class: usize) -> Detection {
        Detection { bounds: [left, 0.0, left + 10.0, 10.0], score, class }
    }

    #[test]
    fn overlap_is_from_nothing_to_all() {
        let one = [0.0, 0.0, 10.0, 10.0];
        assert!((overlap(one, one) - 1.0).abs() < 1e-6);
        assert!((overlap(one, [5.0, 0.0, 15.0, 10.0]) - 1.0 / 3.0).abs() < 1e-6);
        assert!(overlap(one, [20.0, 0.0, 30.0, 10.0]).abs() < 1e-6);
        assert!(overlap([0.0; 4], [0.0; 4]).abs() < 1e-6, "a box without area is no division by zero");
    }

    #[test]
    fn only_the_strongest_of_a_class_stays() {
        let kept = strongest(vec![detection(1.0, 0.5, 0), detection(0.0, 0.9, 0), detection(1.0, 0.4, 1)], 0.5, 10);
        assert_eq!(kept, [detection(0.0, 0.9, 0), detection(1.0, 0.4, 1)]);
    }

    #[test]
    fn what_both_detectors_see_counts_twice_as_much_as_what_one_sees() {
        let fused =
            fuse(vec![vec![detection(0.0, 0.8, 0), detection(50.0, 0.8, 0)], vec![detection(2.0, 0.4, 0)]], 0.5);
        assert_eq!(fused.len(), 2);
        // (0 · 0.8 + 2 · 0.4) / 1.2 = 0.667; the mean of the scores is 0.6.
        assert!((fused[0].bounds[0] - 0.667).abs() < 0.01 && (fused[0].score - 0.6).abs() < 1e-6, "{fused:?}");
        assert!((fused[1].score - 0.4).abs() < 1e-6, "{fused:?}");
        // What the first look sees a second time around the same thing changes nothing.
        let again = vec![vec![detection(0.0, 0.8, 0), detection(1.5, 0.1, 0)], vec![detection(2.0, 0.4, 0)]];
        assert_eq!(fuse(again, 0.5)[0], fused[0]);
    }
}
