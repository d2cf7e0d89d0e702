//! The pages of a file (ISO 32000-2, 7.7.3), with what they inherit.

use std::collections::HashSet;
use std::sync::Arc;

use lopdf::{Dictionary, Object, ObjectId};

use super::content::Matrix;
use super::file::File;

/// Pages that are listed. The largest known documents have some 100,000.
const MAX_PAGES: usize = 200_000;
/// Depth of the tree; a balanced one stays below 10.
const MAX_DEPTH: usize = 64;
/// Content streams of one page, and annotations.
const MAX_PARTS: usize = 20_000;

/// A page and what it inherits from the nodes above it.
pub(crate) struct Page {
    pub(crate) dictionary: Dictionary,
    pub(crate) resources: Dictionary,
    /// What is shown of user space: x0, y0, x1, y1.
    pub(crate) bounds: [f32; 4],
    /// Clockwise, 0, 90, 180 or 270.
    pub(crate) rotation: u16,
    /// Points per unit.
    pub(crate) unit: f32,
}

/// A page that is read when it is asked for: a long document's pages take much memory.
pub(crate) struct Leaf {
    /// A reference, or the page itself.
    node: Object,
    above: Arc<Inherited>,
}

#[derive(Clone, Default)]
struct Inherited {
    resources: Option<Object>,
    media_box: Option<Object>,
    crop_box: Option<Object>,
    rotation: Option<Object>,
}

/// All pages, in order; an object that appears twice counts once.
pub(crate) fn pages(file: &File) -> Vec<Leaf> {
    let mut pages = Vec::new();
    let mut seen = HashSet::new();
    let Some(root) = file.catalog().and_then(|catalog| catalog.get(b"Pages").ok().cloned()) else { return pages };
    // A stack of its own: depth is the file's choice.
    let mut pending = vec![(root, Arc::new(Inherited::default()), 0)];
    while let Some((node, above, depth)) = pending.pop() {
        let id = node.as_reference().ok();
        if id.is_some_and(|id| !seen.insert(id)) || depth > MAX_DEPTH || pages.len() >= MAX_PAGES {
            continue;
        }
        let Some(dictionary) = file.dictionary(&node) else { continue };
        let kids = file.array_entry(&dictionary, b"Kids").filter(|_| !dictionary.has_type(b"Page"));
        match kids {
            Some(kids) => {
                let above = Arc::new(above.overridden(&dictionary));
                pending.extend(kids.into_iter().take(MAX_PAGES).rev().map(|kid| (kid, Arc::clone(&above), depth + 1)));
            }
            // A node without kids is no page, whatever else it says.
            None if dictionary.has_type(b"Pages") || dictionary.has_type(b"Catalog") => {}
            None => pages.push(Leaf { node, above }),
        }
    }
    pages
}

impl Inherited {
    /// What counts at a node that says this of itself.
    fn overridden(&self, dictionary: &Dictionary) -> Self {
        let mut inherited = self.clone();
        for (slot, key) in [
            (&mut inherited.resources, &b"Resources"[..]),
            (&mut inherited.media_box, b"MediaBox"),
            (&mut inherited.crop_box, b"CropBox"),
            (&mut inherited.rotation, b"Rotate"),
        ] {
            if let Ok(value) = dictionary.get(key)
                && !value.is_null()
            {
                *slot = Some(value.clone());
            }
        }
        inherited
    }
}

impl Leaf {
    /// None where the page is written into its parent, so that nothing can refer to it.
    pub(crate) fn id(&self) -> Option<ObjectId> {
        self.node.as_reference().ok()
    }

    pub(crate) fn page(&self, file: &File) -> Page {
        let dictionary = file.dictionary(&self.node).unwrap_or_default();
        let inherited = self.above.overridden(&dictionary);
        let rectangle = |object: &Option<Object>| {
            let mut holder = Dictionary::new();
            holder.set("Box", object.clone()?);
            let [x0, y0, x1, y1] = file.numbers::<4>(&holder, b"Box")?;
            let sorted = [x0.min(x1), y0.min(y1), x0.max(x1), y0.max(y1)];
            (sorted[2] - sorted[0] > 1.0 && sorted[3] - sorted[1] > 1.0).then_some(sorted)
        };
        let media = rectangle(&inherited.media_box).unwrap_or([0.0, 0.0, 612.0, 792.0]);
        let bounds = rectangle(&inherited.crop_box)
            .map(|crop| [crop[0].max(media[0]), crop[1].max(media[1]), crop[2].min(media[2]), crop[3].min(media[3])])
            .filter(|bounds| bounds[2] - bounds[0] > 1.0 && bounds[3] - bounds[1] > 1.0)
            .unwrap_or(media);
        let rotation = inherited.rotation.as_ref().map(|object| file.resolve(object));
        let rotation = rotation.and_then(|rotation| rotation.as_float().ok()).unwrap_or(0.0);
        let unit = file.number_entry(&dictionary, b"UserUnit").filter(|unit| (0.01..=10_000.0).contains(unit));
        Page {
            resources: inherited.resources.as_ref().and_then(|object| file.dictionary(object)).unwrap_or_default(),
            dictionary,
            bounds,
            rotation: ((rotation / 90.0).round() as i64).rem_euclid(4) as u16 * 90,
            unit: unit.unwrap_or(1.0),
        }
    }
}

impl Page {
    /// Width and height as shown, in points.
    pub(crate) fn size(&self) -> (f32, f32) {
        let width = (self.bounds[2] - self.bounds[0]) * self.unit;
        let height = (self.bounds[3] - self.bounds[1]) * self.unit;
        if self.rotation.is_multiple_of(180) { (width, height) } else { (height, width) }
    }

    /// From user space to points from the upper left corner of the page as shown, y downwards.
    pub(crate) fn to_view(&self) -> Matrix {
        let [x0, y0, x1, y1] = self.bounds;
        let unit = self.unit;
        Matrix(match self.rotation {
            90 => [0.0, 1.0, 1.0, 0.0, -y0, -x0],
            180 => [-1.0, 0.0, 0.0, 1.0, x1, -y0],
            270 => [0.0, -1.0, -1.0, 0.0, y1, x1],
            _ => [1.0, 0.0, 0.0, -1.0, -x0, y1],
        })
        .then(Matrix([unit, 0.0, 0.0, unit, 0.0, 0.0]))
    }

    /// The content streams, decoded and joined.
    pub(crate) fn content(&self, file: &File) -> Vec<u8> {
        let Some(contents) = file.entry(&self.dictionary, b"Contents") else { return Vec::new() };
        let decode = |object: &Object| match object {
            Object::Stream(stream) => file.decode(stream),
            _ => None,
        };
        match &*contents {
            Object::Array(parts) => {
                let mut content = Vec::new();
                for part in parts.iter().take(MAX_PARTS) {
                    content.extend(decode(&file.resolve(part)).unwrap_or_default());
                    content.push(b'\n');
                    if content.len() > 256 << 20 {
                        break;
                    }
                }
                content
            }
            single => decode(single).unwrap_or_default(),
        }
    }

    pub(crate) fn annotations(&self, file: &File) -> Vec<Dictionary> {
        let annotations = file.array_entry(&self.dictionary, b"Annots").unwrap_or_default();
        annotations.iter().take(MAX_PARTS).filter_map(|annotation| file.dictionary(annotation)).collect()
    }
}
