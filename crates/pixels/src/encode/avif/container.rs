//! The boxes around the AV1 data of a picture (AV1 Image File Format; ISO/IEC 23008-12).

use contract::Failure;

use crate::encode::Attachments;
use crate::native::Coding;

/// What a file is made of.
pub struct Parts<'a> {
    /// Width and height.
    pub size: (u32, u32),
    /// The picture's AV1 data,
    pub colours: &'a [u8],
    /// and that of its opacity.
    pub alpha: Option<&'a [u8]>,
    /// Whether it has no chroma.
    pub grey: bool,
    /// Whether chroma has half the width and height.
    pub subsampled: bool,
    /// What its samples mean.
    pub coding: Coding,
    /// Its profile and metadata.
    pub attachments: &'a Attachments,
}

/// An item, in the order in which they are stored.
struct Item<'a> {
    id: u16,
    kind: [u8; 4],
    /// Of `mime` items.
    content_type: &'a [u8],
    /// What it says about the picture: the kind of reference.
    refers: Option<[u8; 4]>,
    /// Properties by their number from 1; with the highest bit those that must be known.
    properties: Vec<u8>,
    data: Vec<u8>,
}

const PICTURE: u16 = 1;
const ALPHA: u16 = 2;
const EXIF: u16 = 3;
const XMP: u16 = 4;
const ESSENTIAL: u8 = 0x80;

impl Parts<'_> {
    /// The file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let (properties, items) = self.items();
        let brands: [&[u8]; 6] = [b"avif", &[0; 4], b"avif", b"mif1", b"miaf", b"MA1B"];
        let kind = boxed(*b"ftyp", &brands[..if self.subsampled || self.grey { 6 } else { 5 }].concat());
        // Places depend on the size of the box that they stand in, which does not depend on them.
        let length = kind.len() + meta(&items, &properties, 0)?.len() + 8;
        let mut file = kind;
        file.extend(meta(&items, &properties, length)?);
        let data: Vec<u8> = items.into_iter().flat_map(|item| item.data).collect();
        file.extend(boxed(*b"mdat", &data));
        Ok(file)
    }

    /// The properties, and the items that have them.
    fn items(&self) -> (Vec<Vec<u8>>, Vec<Item<'static>>) {
        let Self { size, attachments, .. } = self;
        let mut properties = Vec::new();
        let mut add = |kind: &[u8; 4], content: Vec<u8>| {
            properties.push(boxed(*kind, &content));
            properties.len() as u8
        };
        let spatial = add(b"ispe", [&[0; 4][..], &size.0.to_be_bytes(), &size.1.to_be_bytes()].concat());
        let mut of_picture = vec![spatial];
        of_picture.push(add(b"av1C", self.configuration(self.grey)) | ESSENTIAL);
        let channels: &[u8] = if self.grey { &[1, 8] } else { &[3, 8, 8, 8] };
        of_picture.push(add(b"pixi", [&[0; 4][..], channels].concat()));
        let Coding { primaries, transfer, matrix, .. } = self.coding;
        of_picture.push(add(b"colr", [&b"nclx"[..], &[0, primaries, 0, transfer, 0, matrix, 0x80]].concat()));
        if let Some(icc) = &attachments.icc {
            of_picture.push(add(b"colr", [&b"prof"[..], icc].concat()));
        }
        let item = |id, kind: &[u8; 4], refers: Option<&[u8; 4]>, properties, data: &[u8]| Item {
            id,
            kind: *kind,
            content_type: &[],
            refers: refers.copied(),
            properties,
            data: data.to_vec(),
        };
        let mut items = vec![item(PICTURE, b"av01", None, of_picture, self.colours)];
        if let Some(alpha) = self.alpha {
            let of_alpha = vec![
                spatial,
                add(b"av1C", self.configuration(true)) | ESSENTIAL,
                add(b"pixi", vec![0, 0, 0, 0, 1, 8]),
                add(b"auxC", [&[0; 4][..], b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"].concat()),
            ];
            items.push(item(ALPHA, b"av01", Some(b"auxl"), of_alpha, alpha));
        }
        if let Some(exif) = &attachments.metadata.exif {
            // The TIFF header follows at once.
            items.push(item(EXIF, b"Exif", Some(b"cdsc"), Vec::new(), &[&[0; 4][..], exif].concat()));
        }
        if let Some(xmp) = &attachments.metadata.xmp {
            let item = item(XMP, b"mime", Some(b"cdsc"), Vec::new(), xmp);
            items.push(Item { content_type: b"application/rdf+xml", ..item });
        }
        (properties, items)
    }

    /// AV1 Codec ISO Media File Format Binding, 2.3.
    fn configuration(&self, grey: bool) -> Vec<u8> {
        let profile = u8::from(!grey && !self.subsampled);
        // Level 31: none is kept to. Chroma lies where nobody says.
        let halved = grey || self.subsampled;
        vec![0x81, profile << 5 | 31, u8::from(grey) << 4 | u8::from(halved) << 3 | u8::from(halved) << 2, 0]
    }
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], &kind, content].concat()
}

/// The list of items, whose data begins at a place in the file.
fn meta(items: &[Item<'_>], properties: &[Vec<u8>], mut place: usize) -> Result<Vec<u8>, Failure> {
    let (mut locations, mut infos, mut references, mut associations) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut associated = 0_u32;
    for item in items {
        let too_large = |_| Failure::internal("an AVIF of more than four gigabytes cannot be written");
        let start = u32::try_from(place).map_err(too_large)?.to_be_bytes();
        let length = u32::try_from(item.data.len()).map_err(too_large)?.to_be_bytes();
        place += item.data.len();
        let id = item.id.to_be_bytes();
        locations.extend([&id[..], &[0, 0, 0, 1], &start, &length].concat());
        let mut info = [&[2, 0, 0, 0][..], &id, &[0, 0], &item.kind, &[0]].concat();
        if !item.content_type.is_empty() {
            info.extend(item.content_type);
            info.push(0);
        }
        infos.extend(boxed(*b"infe", &info));
        if let Some(kind) = &item.refers {
            references.extend(boxed(*kind, &[&id[..], &[0, 1], &PICTURE.to_be_bytes()].concat()));
        }
        if !item.properties.is_empty() {
            associated += 1;
            associations.extend(id);
            associations.push(item.properties.len() as u8);
            associations.extend(&item.properties);
        }
    }
    let count = (items.len() as u16).to_be_bytes();
    let mut content = vec![0; 4];
    content.extend(boxed(*b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    content.extend(boxed(*b"pitm", &[&[0; 4][..], &PICTURE.to_be_bytes()].concat()));
    // Offsets and lengths of four bytes, no base.
    content.extend(boxed(*b"iloc", &[&[0, 0, 0, 0, 0x44, 0][..], &count, &locations].concat()));
    content.extend(boxed(*b"iinf", &[&[0; 4][..], &count, &infos].concat()));
    if !references.is_empty() {
        content.extend(boxed(*b"iref", &[&[0; 4][..], &references].concat()));
    }
    let list = boxed(*b"ipco", &properties.concat());
    let map = boxed(*b"ipma", &[&[0; 4][..], &associated.to_be_bytes(), &associations].concat());
    content.extend(boxed(*b"iprp", &[list, map].concat()));
    Ok(boxed(*b"meta", &content))
}
