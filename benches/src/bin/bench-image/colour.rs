//! Colours beside `LittleCMS` (through Pillow): mean and 95th percentile of CIEDE2000 differences of the same pixels.

use std::fmt::Write as _;

use anyhow::Result;
use benches::print;

use crate::{Bench, call, find, quality::pixels};

/// `LittleCMS` from the embedded profile to sRGB, perceptual, no scaling.
const LITTLE_CMS: &str = "
import io, sys
from PIL import Image, ImageCms
image = Image.open(sys.argv[1])
profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info['icc_profile']))
srgb = ImageCms.createProfile('sRGB')
ImageCms.profileToProfile(image, profile, srgb, renderingIntent=0, outputMode='RGB').save(sys.argv[2])
";

/// One line for each picture with a profile.
pub fn table(bench: &Bench) -> Result<()> {
    let mut text =
        "\n### Colours against LittleCMS, CIEDE2000\n\n| picture | mean | 95 % below |\n| --- | ---: | ---: |\n"
            .to_owned();
    for input in &bench.inputs.colours {
        let folder = bench.scratch.path().join("colour");
        let _ = fs_err::remove_dir_all(&folder);
        call(&bench.program, &["convert", "--format", "png", "--effort", "1", input, &folder.display().to_string()])?;
        let theirs = bench.scratch.path().join("colour.png");
        call("target/peers/python/bin/python", &["-c", LITTLE_CMS, input, &theirs.display().to_string()])?;
        let (ours, theirs) = (pixels(&find(&folder, "png")?)?, pixels(&theirs)?);
        anyhow::ensure!(ours.size == theirs.size, "{input}: {:?} and {:?} pixels", ours.size, theirs.size);
        // One pixel in seven tells as much as all.
        let pairs = ours.pixels.iter().zip(&theirs.pixels).step_by(7);
        let mut differences: Vec<f64> = pairs.map(|(left, right)| difference(lab(*left), lab(*right))).collect();
        differences.sort_by(f64::total_cmp);
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        writeln!(text, "| {input} | {mean:.3} | {:.3} |", differences[differences.len() * 95 / 100])?;
    }
    print(&text);
    Ok(())
}

/// sRGB to CIE L*a*b* with the white point D65.
fn lab(pixel: [u8; 3]) -> [f64; 3] {
    let [red, green, blue] = pixel.map(|sample| {
        let value = f64::from(sample) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let x = (0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue) / 0.950_47;
    let y = 0.212_672_9 * red + 0.715_152_2 * green + 0.072_175 * blue;
    let z = (0.019_333_9 * red + 0.119_192 * green + 0.950_304_1 * blue) / 1.088_83;
    let [x, y, z] =
        [x, y, z].map(|t| if t > 216.0 / 24_389.0 { t.cbrt() } else { (t * 24_389.0 / 27.0 + 16.0) / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIEDE2000 (Sharma, Wu, Dalal 2005).
fn difference([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let power = |c: f64| (c.powi(7) / (c.powi(7) + 25_f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - power(f64::midpoint(a1.hypot(b1), a2.hypot(b2))));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| if a == 0.0 && b == 0.0 { 0.0 } else { b.atan2(a).to_degrees().rem_euclid(360.0) };
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let neutral = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if neutral => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let (dl, dc, dh) = (l2 - l1, c2 - c1, 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin());
    let (l, c) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let h = match h1 + h2 {
        sum if neutral => sum,
        sum if (h1 - h2).abs() <= 180.0 => sum / 2.0,
        sum if sum < 360.0 => f64::midpoint(sum, 360.0),
        sum => (sum - 360.0) / 2.0,
    };
    let cosine = |angle: f64| angle.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(h - 30.0) + 0.24 * cosine(2.0 * h) + 0.32 * cosine(3.0 * h + 6.0)
        - 0.20 * cosine(4.0 * h - 63.0);
    let sl = 1.0 + 0.015 * (l - 50.0).powi(2) / (20.0 + (l - 50.0).powi(2)).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rotation = -2.0 * power(c) * (60.0 * (-((h - 275.0) / 25.0).powi(2)).exp()).to_radians().sin();
    let (dl, dc, dh) = (dl / sl, dc / sc, dh / sh);
    (dl * dl + dc * dc + dh * dh + rotation * dc * dh).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs 1, 7, 17 and 25 of the test data that Sharma, Wu and Dalal published with the formula.
    #[test]
    fn differences_are_those_of_the_published_pairs() {
        for (left, right, wanted) in [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ] {
            assert!((difference(left, right) - wanted).abs() < 1e-4, "{left:?} {right:?}");
        }
    }
}
