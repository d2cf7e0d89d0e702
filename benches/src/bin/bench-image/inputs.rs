//! Inputs of the sizes that are measured, made with vips from the corpus.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::call;

/// The paths of all inputs.
pub struct Inputs {
    pub jpeg_24: String,
    pub jpeg_101: String,
    pub progressive_24: String,
    pub png_12: String,
    /// A folder of `0.jpg`, `1.jpg`, …
    pub photos: PathBuf,
    pub photo_count: usize,
    /// Pictures without loss, for quality.
    pub pictures: Vec<String>,
    /// Pictures with a profile or of ink, for colour.
    pub colours: Vec<String>,
}

impl Inputs {
    /// Makes what is not there yet in target/bench-image.
    pub fn make(photos: usize) -> Result<Self> {
        let corpus = Path::new("../shared/corpus/images");
        let original = corpus.join("made-n24.jpg").display().to_string();
        anyhow::ensure!(Path::new(&original).exists(), "the corpus is not beside the project");
        let folder = Path::new("target/bench-image");
        fs_err::create_dir_all(folder)?;
        let made = |name: &str, operation: &str, arguments: &[&str]| {
            let path = folder.join(name).display().to_string();
            if !Path::new(&path).exists() {
                let mut all = vec![operation, &original];
                let output = format!("{path}{}", arguments.last().copied().unwrap_or_default());
                all.push(&output);
                all.extend(&arguments[..arguments.len().saturating_sub(1)]);
                call("vips", &all)?;
            }
            Ok::<String, anyhow::Error>(path)
        };
        let jpeg_101 = made("101.jpg", "resize", &["2.0517", "[Q=90]"])?;
        let progressive_24 = made("progressive.jpg", "copy", &["[Q=85,interlace]"])?;
        let png_12 = made("12.png", "resize", &["0.7072", "[compression=6]"])?;
        let jpeg_12 = made("12.jpg", "resize", &["0.7072", "[Q=90]"])?;
        let photo_folder = folder.join(format!("photos-{photos}"));
        fs_err::create_dir_all(&photo_folder)?;
        for number in 0..photos {
            let path = photo_folder.join(format!("{number}.jpg"));
            if !path.exists() {
                fs_err::hard_link(&jpeg_12, path)?;
            }
        }
        let listed = |wanted: &dyn Fn(&str) -> bool| {
            let mut paths = Vec::new();
            for entry in fs_err::read_dir(corpus)? {
                let name = entry?.file_name().into_string().ok().context("a name is not text")?;
                if wanted(&name) {
                    paths.push(corpus.join(name).display().to_string());
                }
            }
            paths.sort();
            Ok::<Vec<String>, anyhow::Error>(paths)
        };
        let pictures = listed(&|name| name.starts_with("clic-"))?;
        Ok(Self {
            colours: Self::colours(folder, &pictures)?,
            jpeg_24: original,
            jpeg_101,
            progressive_24,
            png_12,
            photos: fs_err::canonicalize(photo_folder)?,
            photo_count: photos,
            pictures,
        })
    }

    /// Pictures in profiles that vips has built in.
    fn colours(folder: &Path, pictures: &[String]) -> Result<Vec<String>> {
        let mut paths = Vec::new();
        let Some(picture) = pictures.first() else { return Ok(paths) };
        for (name, profile) in [("p3.tif", "p3"), ("cmyk.jpg", "cmyk")] {
            let path = folder.join(name).display().to_string();
            if !Path::new(&path).exists() {
                call("vips", &["icc_transform", picture, &path, profile, "--input-profile", "srgb"])?;
            }
            paths.push(path);
        }
        Ok(paths)
    }
}
