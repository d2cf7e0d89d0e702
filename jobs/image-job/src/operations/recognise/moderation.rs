//! How likely a picture is not safe to show at work: Yahoo's `open_nsfw`, as its authors prepare pictures but without their
//! passage through JPEG.

use catalog::operations::{Filter, Recognise};
use contract::Failure;
use contract::recognition::ModerationLabel;
use inference::Value;
use operation::Weights;
use pixels::resample::Region;

use super::look::{Colours, Look, Order, numbers};
use super::rounded;

const SIDE: u32 = 224;
/// The picture is stretched to a square of this side, whose middle is looked at.
const WHOLE: f64 = 256.0;
const COLOURS: Colours = Colours { less: [104.0, 117.0, 123.0], over: [1.0; 3], blue_first: true };

/// The label if it is sure enough, else nothing.
pub fn look_for(look: &Look, weights: &Weights, options: &Recognise) -> Result<Vec<ModerationLabel>, Failure> {
    let network = inference::network(weights, "image-moderation")?;
    let (width, height) = look.copy_size();
    let share = f64::from(SIDE) / WHOLE;
    let (part_width, part_height) = (f64::from(width) * share, f64::from(height) * share);
    let part = Region {
        x: (f64::from(width) - part_width) / 2.0,
        y: (f64::from(height) - part_height) / 2.0,
        width: part_width,
        height: part_height,
    };
    let picture = look.part(part, (SIDE, SIDE), Filter::Bilinear)?;
    let side = SIDE as usize;
    let input = Value::new(&[1, side, side, 3], numbers(&picture, &COLOURS, Order::Rows))?;
    let outputs = network.run(&[("input:0", &input)], &["outputs"])?;
    let [_, unsafe_for_work] = outputs[0].numbers::<f32>()? else {
        return Err(Failure::internal("the weights image-moderation have other outputs than two"));
    };
    let confidence = rounded(*unsafe_for_work);
    let label = ModerationLabel { name: "not safe for work".to_owned(), parent: None, level: 1, confidence };
    Ok(if *unsafe_for_work >= options.min_confidence.share() { vec![label] } else { Vec::new() })
}
