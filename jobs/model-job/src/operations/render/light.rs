//! The light of pictures.

use std::io::Read as _;

use catalog::operations::{Background, Ground, Render};
use contract::Failure;
use operation::Task;
use scene::evaluate::Scene;
use tracer::develop::decoded;
use tracer::environment::Environment;

/// The most bytes and pixels of a picture of light.
const MOST_BYTES: u64 = 512 << 20;
const MOST_PIXELS: u64 = 1 << 25;

/// Light from all around; none if only lamps shine.
pub fn environment(options: &Render, scene: &Scene, task: &Task) -> Result<Option<Environment>, Failure> {
    let environment = match options.environment.as_str() {
        "studio" => Environment::studio(),
        "sky" => Environment::sky(),
        "lights" if scene.lights.is_empty() => {
            return Err(Failure::invalid_request(
                "environment=lights, but the model has no lights; allowed: studio, sky, or a picture next to the model",
            ));
        }
        "lights" => return Ok(None),
        name => from_file(name, task).map_err(|failure| failure.context(format!("environment {name:?}")))?,
    };
    Ok(Some(environment.adjusted(options.rotation.to_radians() as f32, 1.0)))
}

/// Studio and sky take the place of the file's lamps.
pub fn has_lamps(options: &Render) -> bool {
    !matches!(options.environment.as_str(), "studio" | "sky")
}

/// A floor catches the model's shadow.
pub fn has_ground(options: &Render) -> bool {
    let is_opaque = matches!(options.background, Background::Colour(colour) if colour.0[3] > 0);
    match options.ground {
        Some(ground) => ground == Ground::Shadow,
        None => is_opaque && options.camera.is_none(),
    }
}

/// The light itself is behind the model.
pub fn is_background(options: &Render) -> bool {
    options.background == Background::Environment
}

fn from_file(name: &str, task: &Task) -> Result<Environment, Failure> {
    let mut bytes = Vec::new();
    task.input.companion(name)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::invalid_input(format!("the picture has more than {MOST_BYTES} bytes")));
    }
    let (width, height, pixels) = match bytes.as_slice() {
        [0x76, 0x2F, 0x31, 0x01, ..] => {
            return Err(Failure::invalid_input("an EXR is not read as light; save it as a Radiance picture (.hdr)"));
        }
        [b'#', b'?', ..] => read_hdr(&bytes)?,
        _ => {
            let picture = scene::picture::decode_any(&bytes, name)?.into_rgb8();
            let pixels = picture.pixels().map(|pixel| pixel.0.map(decoded)).collect();
            (picture.width() as usize, picture.height() as usize, pixels)
        }
    };
    if width != 2 * height {
        task.outputs.warn(format!(
            "environment {name:?} has {width} × {height} pixels; it is taken for an equirectangular picture, which is twice as \
             wide as high"
        ));
    }
    Ok(Environment::new(width, height, pixels))
}

type Pixels = (usize, usize, Vec<[f32; 3]>);

fn check(width: u64, height: u64) -> Result<(), Failure> {
    if width == 0 || height == 0 || width.saturating_mul(height) > MOST_PIXELS {
        return Err(Failure::invalid_input(format!(
            "the picture has {width} × {height} pixels; allowed: 1 to {MOST_PIXELS} in all"
        )));
    }
    Ok(())
}

/// Radiance's RGBE, flat or with runs: Ward, Real Pixels, Graphics Gems II, 1991. Rows from the top down only, as everyone
/// writes them.
fn read_hdr(bytes: &[u8]) -> Result<Pixels, Failure> {
    let damaged = |what: &str| Failure::invalid_input(format!("the HDR picture is damaged: {what}"));
    let mut rest = bytes;
    let mut line = || {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        Some(line)
    };
    while !line().ok_or_else(|| damaged("its header does not end"))?.is_empty() {}
    let size = line().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default().to_owned();
    let words: Vec<&str> = size.split_ascii_whitespace().collect();
    let ["-Y", height, "+X", width] = words[..] else {
        return Err(damaged(&format!("its size is {size:?}, not \"-Y height +X width\"")));
    };
    let number = |text: &str| text.parse::<u64>().map_err(|_| damaged("its size is not a number"));
    let (width, height) = (number(width)?, number(height)?);
    check(width, height)?;
    let (width, height) = (width as usize, height as usize);
    let mut pixels = Vec::with_capacity(width * height);
    let cut_off = || damaged("it is cut off");
    for _ in 0..height {
        let is_run =
            rest.len() >= 4 && rest[..2] == [2, 2] && usize::from(rest[2]) << 8 | usize::from(rest[3]) == width;
        if !is_run {
            let row = rest.get(..width * 4).ok_or_else(cut_off)?;
            pixels.extend(row.as_chunks::<4>().0.iter().map(|own| radiance(*own)));
            rest = &rest[width * 4..];
            continue;
        }
        rest = &rest[4..];
        let mut row = vec![[0_u8; 4]; width];
        for channel in 0..4 {
            let mut at = 0;
            while at < width {
                let (&count, after) = rest.split_first().ok_or_else(cut_off)?;
                let is_repeated = count > 128;
                let count = usize::from(if is_repeated { count - 128 } else { count });
                let values = after.get(..if is_repeated { 1 } else { count }).ok_or_else(cut_off)?;
                let run = row
                    .get_mut(at..at + count)
                    .filter(|run| !run.is_empty())
                    .ok_or_else(|| damaged("a run is too long"))?;
                for (offset, pixel) in run.iter_mut().enumerate() {
                    pixel[channel] = values[if is_repeated { 0 } else { offset }];
                }
                rest = &after[values.len()..];
                at += count;
            }
        }
        pixels.extend(row.into_iter().map(radiance));
    }
    Ok((width, height, pixels))
}

/// Three mantissas with one exponent.
fn radiance([r, g, b, exponent]: [u8; 4]) -> [f32; 3] {
    if exponent == 0 {
        return [0.0; 3];
    }
    let scale = f32::from(i16::from(exponent) - 136).exp2();
    [r, g, b].map(|value| f32::from(value) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &[u8] = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 8\n";

    #[test]
    fn radiance_pictures_are_read_flat_and_in_runs_and_damaged_ones_are_refused() {
        let flat = [HEADER, &[128, 64, 0, 129].repeat(8)].concat();
        let expected = vec![[1.0, 0.5, 0.0]; 8];
        assert_eq!(read_hdr(&flat).unwrap(), (8, 1, expected.clone()));
        let runs = [HEADER, &[2, 2, 0, 8, 136, 128, 136, 64, 8, 0, 0, 0, 0, 0, 0, 0, 0, 136, 129]].concat();
        assert_eq!(read_hdr(&runs).unwrap(), (8, 1, expected));
        for length in HEADER.len()..runs.len() {
            assert!(read_hdr(&runs[..length]).is_err(), "{length}");
        }
        let long = [HEADER, &[2, 2, 0, 8, 255, 128]].concat();
        assert!(read_hdr(&long).unwrap_err().to_string().contains("too long"));
        let bomb = b"#?RADIANCE\n\n-Y 100000 +X 100000\n";
        assert!(read_hdr(bomb).is_err());
    }
}
