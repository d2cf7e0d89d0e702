//! The queues' depth over time as an SVG: a panel for each day, each to its own scale.

use std::fmt::Write as _;

use crate::simulation::{Day, Depth};

const WIDTH: f64 = 900.0;
const PANEL: f64 = 190.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 26.0;

/// What is drawn, bottom up: what waits furthest along lies at the bottom.
type Series = (&'static str, &'static str, fn(&Depth) -> usize);
const SERIES: [Series; 3] = [
    ("submitted, not started", "#4c78a8", |depth| depth.unstarted),
    ("not submitted", "#f58518", |depth| depth.unsubmitted),
    ("in the queues", "#54a24b", |depth| depth.queued),
];

/// Stacked areas of the objects that wait, by where they wait.
pub fn draw(days: &[&Day]) -> String {
    let height = PANEL * days.len() as f64 + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (number, (name, colour, _)) in SERIES.iter().enumerate() {
        let x = LEFT + number as f64 * 190.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"8\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"18\">{name}</text>",
            x + 18.0
        );
    }
    for (number, day) in days.iter().enumerate() {
        panel(&mut svg, day, 30.0 + PANEL * number as f64);
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, day: &Day, top: f64) {
    let (first, last) = (top + TOP, top + PANEL - BOTTOM);
    let most = day.depths.iter().map(Depth::waiting).max().unwrap_or(0).max(1) as f64;
    let end = day.depths.last().map_or(1, |depth| depth.second).max(1) as f64;
    let x = |second: usize| LEFT + second as f64 / end * (WIDTH - LEFT - RIGHT);
    let y = |count: usize| last - count as f64 / most * (last - first);
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 22.0, day.title);
    // The most of what is noted between two columns of pixels, so that no peak is lost.
    let step = (day.depths.len() / 800).max(1);
    let columns: Vec<Depth> =
        day.depths.chunks(step).filter_map(|chunk| chunk.iter().max_by_key(|depth| depth.waiting()).copied()).collect();
    for (number, (_, colour, _)) in SERIES.iter().enumerate() {
        let sum = |depth: &Depth, count: usize| SERIES[..count].iter().map(|(.., of)| of(depth)).sum::<usize>();
        let mut points = String::new();
        for depth in &columns {
            let _ = write!(points, "{:.1},{:.1} ", x(depth.second), y(sum(depth, number + 1)));
        }
        for depth in columns.iter().rev() {
            let _ = write!(points, "{:.1},{:.1} ", x(depth.second), y(sum(depth, number)));
        }
        let _ = writeln!(svg, "<polygon points=\"{}\" fill=\"{colour}\"/>", points.trim_end());
    }
    let (right, beside, below_first) = (WIDTH - RIGHT, LEFT - 6.0, first + 8.0);
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {first}V{last}H{right}\" fill=\"none\" stroke=\"#333333\"/>\
         <text x=\"{beside}\" y=\"{below_first}\" text-anchor=\"end\">{most}</text>\
         <text x=\"{beside}\" y=\"{last}\" text-anchor=\"end\">0</text>",
    );
    for hour in (0..=(end / 3600.0) as usize).step_by(if end > 60.0 * 3600.0 { 12 } else { 3 }) {
        let x = x(hour * 3600);
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {last}v4\" stroke=\"#333333\"/><text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{hour} h</text>",
            last + 17.0
        );
    }
}
