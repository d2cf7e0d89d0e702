//! The fonts that text in a drawing is set in: the `DejaVu` fonts, which are part of the program, so that a drawing looks the
//! same in the container and on a laptop. They have Latin, Greek, Cyrillic, Arabic, Hebrew, Georgian, Armenian and many
//! symbols; characters of other scripts appear as empty boxes.

use std::sync::Arc;

use resvg::usvg::fontdb::{Database, Family, Query, Source, Stretch, Style, Weight};
use resvg::usvg::{FontFamily, FontResolver, FontStyle};

const SANS: &str = "DejaVu Sans";
const SERIF: &str = "DejaVu Serif";
const MONO: &str = "DejaVu Sans Mono";

/// Parts of the names of families with serifs, or with letters of one width. Others have neither.
const WITH_SERIFS: &[&str] =
    &["antiqua", "bodoni", "cambria", "garamond", "georgia", "merriweather", "palatino", "playfair", "times", "roman"];
const OF_ONE_WIDTH: &[&str] = &["code", "consolas", "console", "courier", "inconsolata", "menlo", "mono", "terminal"];

/// The family where a drawing names none, as in browsers.
pub const DEFAULT_FAMILY: &str = SERIF;

/// All fonts that there are.
pub fn database() -> Arc<Database> {
    let mut fonts = Database::new();
    for font in [
        dejavu::sans::regular(),
        dejavu::sans::bold(),
        dejavu::sans::oblique(),
        dejavu::sans_mono::regular(),
        dejavu::serif::regular(),
        dejavu::serif::bold(),
    ] {
        fonts.load_font_source(Source::Binary(Arc::new(font)));
    }
    Arc::new(fonts)
}

/// Chooses among them: by the first family that a text asks for, for what it is like.
pub fn resolver() -> FontResolver<'static> {
    FontResolver {
        select_font: Box::new(|font, fonts| {
            let family = font.families().first().map_or(SERIF, like);
            let query = Query {
                families: &[Family::Name(family)],
                weight: Weight(font.weight()),
                style: match font.style() {
                    FontStyle::Normal => Style::Normal,
                    FontStyle::Italic => Style::Italic,
                    FontStyle::Oblique => Style::Oblique,
                },
                // There is one.
                stretch: Stretch::Normal,
            };
            fonts.query(&query)
        }),
        ..FontResolver::default()
    }
}

fn like(family: &FontFamily) -> &'static str {
    match family {
        FontFamily::Serif => SERIF,
        FontFamily::SansSerif | FontFamily::Cursive | FontFamily::Fantasy => SANS,
        FontFamily::Monospace => MONO,
        FontFamily::Named(name) => {
            let name = name.to_lowercase();
            let contains = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
            let with_serifs = contains(WITH_SERIFS) || (name.contains("serif") && !name.contains("sans"));
            match () {
                () if contains(OF_ONE_WIDTH) => MONO,
                () if with_serifs => SERIF,
                () => SANS,
            }
        }
    }
}
