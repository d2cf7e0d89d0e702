//! The order in which the blocks of a page are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::regions::Region;
use crate::pdf::content::Shown;

/// Pages with more blocks than this are maps and drawings, whose labels have no order.
const MAX_REGIONS: usize = 800;
/// For the full comparison, in which every pair is seen beside every third.
const MAX_COMPARED: usize = 300;
/// Rows of a title, header or footer at most.
const MAX_MARGIN_ROWS: usize = 3;

/// Indices of the regions in reading order. Where the content keeps to its order, only what stands directly above
/// something that comes earlier, and what is at the page's upper and lower edge, changes its place.
pub(super) fn order(regions: &[Region], keeps_order: bool) -> Vec<usize> {
    let count = regions.len();
    if !(2..=MAX_REGIONS).contains(&count) {
        return (0..count).collect();
    }
    if keeps_order || count > MAX_COMPARED {
        let edges = Edges::of(regions);
        sorted(count, &precedences(count, |one, other| comes_before(regions, &edges, one, other)), |at| at)
    } else {
        let rtl = regions.iter().filter(|region| region.is_rtl()).count() * 2 > count;
        let mut ranks: Vec<usize> = (0..count).collect();
        ranks.sort_by(|one, other| regions[*one].bounds[1].total_cmp(&regions[*other].bounds[1]));
        let mut rank = vec![0; count];
        for (place, at) in ranks.into_iter().enumerate() {
            rank[at] = place;
        }
        sorted(count, &precedences(count, |one, other| is_read_before(regions, one, other, rtl)), |at| rank[at])
    }
}

/// The order with the tagged regions in that of the document's structure, if nearly all of the page is tagged. What is not
/// tagged, running heads among it, stays behind what it was behind.
pub(super) fn by_tags(regions: &[Region], order: Vec<usize>, shown: &Shown) -> Vec<usize> {
    /// The share of the words that have to be tagged.
    const MIN_TAGGED: f32 = 0.9;
    let places: Vec<u32> = regions.iter().map(|region| region.tag_order(shown)).collect();
    let count = |is_wanted: &dyn Fn(usize) -> bool| -> usize {
        let wanted = (0..regions.len()).filter(|at| is_wanted(*at) && !regions[*at].is_artifact());
        wanted.map(|at| regions[at].words().count()).sum()
    };
    let (tagged, all) = (count(&|at| places[at] > 0), count(&|_| true));
    if tagged == 0 || (tagged as f32) < all as f32 * MIN_TAGGED {
        return order;
    }
    let mut place = 0;
    let mut ranked: Vec<(u32, usize)> = order
        .into_iter()
        .map(|at| {
            place = if places[at] > 0 { places[at] } else { place };
            (place, at)
        })
        .collect();
    // Stable: the pieces of one element keep their order.
    ranked.sort_by_key(|(place, _)| *place);
    ranked.into_iter().map(|(_, at)| at).collect()
}

/// For each region those that follow it.
fn precedences(count: usize, precedes: impl Fn(usize, usize) -> bool) -> Vec<Vec<usize>> {
    (0..count)
        .map(|one| {
            (0..count).filter(|other| one != *other && precedes(one, *other) && !precedes(*other, one)).collect()
        })
        .collect()
}

/// Sorts so that every region comes after those that precede it, and else by rank.
fn sorted(count: usize, followers: &[Vec<usize>], rank: impl Fn(usize) -> usize) -> Vec<usize> {
    let mut waits_for = vec![0; count];
    for follower in followers.iter().flatten() {
        waits_for[*follower] += 1;
    }
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        (0..count).filter(|at| waits_for[*at] == 0).map(|at| Reverse((rank(at), at))).collect();
    let mut is_done = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        // Where regions wait for each other in a circle, the first of them goes on.
        let next = ready.pop().map_or_else(
            || (0..count).filter(|at| !is_done[*at]).min_by_key(|at| rank(*at)),
            |Reverse((_, at))| Some(at),
        );
        let Some(at) = next else { break };
        if std::mem::replace(&mut is_done[at], true) {
            continue;
        }
        order.push(at);
        for &follower in &followers[at] {
            waits_for[follower] -= 1;
            if waits_for[follower] == 0 && !is_done[follower] {
                ready.push(Reverse((rank(follower), follower)));
            }
        }
    }
    order
}

fn overlap(one: [f32; 2], other: [f32; 2]) -> f32 {
    one[1].min(other[1]) - one[0].max(other[0])
}

fn across(region: &Region) -> [f32; 2] {
    [region.bounds[0], region.bounds[2]]
}

fn down(region: &Region) -> [f32; 2] {
    [region.bounds[1], region.bounds[3]]
}

fn is_above(one: &Region, other: &Region) -> bool {
    one.bounds[3] <= other.bounds[1] + one.size.min(other.size) * 0.3
}

/// The regions at the upper and lower edge of a page: titles, headers and footers.
struct Edges {
    upper: Vec<bool>,
    lower: Vec<bool>,
}

impl Edges {
    fn of(regions: &[Region]) -> Self {
        let is_outermost = |region: &Region, is_beyond: fn(&Region, &Region) -> bool| {
            let shares_width = |other: &Region| other.angle == 0 && overlap(across(other), across(region)) > 0.0;
            region.rows() <= MAX_MARGIN_ROWS
                && !regions.iter().any(|other| shares_width(other) && is_beyond(other, region))
        };
        Self {
            upper: regions.iter().map(|region| is_outermost(region, is_above)).collect(),
            lower: regions.iter().map(|region| is_outermost(region, |other, region| is_above(region, other))).collect(),
        }
    }
}

/// Of content that keeps to its order.
fn comes_before(regions: &[Region], edges: &Edges, one: usize, other: usize) -> bool {
    let (upper, lower) = (&regions[one], &regions[other]);
    if upper.angle != 0 || lower.angle != 0 || !is_above(upper, lower) {
        return false;
    }
    let common = overlap(across(upper), across(lower));
    if common <= 0.0 {
        return false;
    }
    let widths = [upper, lower].map(|region| region.bounds[2] - region.bounds[0]);
    if common > widths[0].max(widths[1]) * 0.5 {
        return true;
    }
    // Nothing above the one, or nothing below the other.
    edges.upper[one] || edges.lower[other]
}

/// Of content in no order, after T. M. Breuel, "High Performance Document Layout Analysis" (2003): what is above comes
/// before what is below it, and what is beside comes before what is further on, unless something lies between that
/// spans both.
fn is_read_before(regions: &[Region], one: usize, other: usize, rtl: bool) -> bool {
    let (first, second) = (&regions[one], &regions[other]);
    if first.angle != second.angle {
        return first.angle == 0;
    }
    if overlap(across(first), across(second)) > 0.0 {
        return is_above(first, second) || (first.bounds[1] < second.bounds[1] && !is_above(second, first));
    }
    let is_beside = if rtl { first.bounds[0] >= second.bounds[2] } else { first.bounds[2] <= second.bounds[0] };
    let [top, bottom] = [first.bounds[1].min(second.bounds[1]), first.bounds[3].max(second.bounds[3])];
    let is_between = |region: &Region| {
        overlap(down(region), [top, bottom]) > 0.0
            && overlap(across(region), across(first)) > 0.0
            && overlap(across(region), across(second)) > 0.0
    };
    is_beside && !regions.iter().enumerate().any(|(at, region)| at != one && at != other && is_between(region))
}
