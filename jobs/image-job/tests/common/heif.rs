//! HEIF files, put together box by box.

/// What a file is made of: items with what they refer to, and properties.
#[derive(Clone, Default)]
pub struct Heif {
    pub brand: [u8; 4],
    pub items: Vec<Item>,
    pub properties: Vec<Vec<u8>>,
}

/// An item; the first is the one to be shown.
#[derive(Clone, Default)]
pub struct Item {
    pub kind: [u8; 4],
    pub data: Vec<u8>,
    /// Numbers of properties, from 1.
    pub properties: Vec<u8>,
    /// Kinds of reference with the items referred to, from 1.
    pub references: Vec<([u8; 4], Vec<u16>)>,
}

impl Heif {
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = boxed(*b"ftyp", &[&self.brand[..], &[0; 4], b"mif1", &self.brand].concat());
        let length = start.len() + self.meta(0).len() + 8;
        let data: Vec<u8> = self.items.iter().flat_map(|item| item.data.clone()).collect();
        [start, self.meta(length), boxed(*b"mdat", &data)].concat()
    }

    fn meta(&self, mut place: usize) -> Vec<u8> {
        let (mut iloc, mut iinf, mut iref, mut ipma) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, item) in self.items.iter().enumerate() {
            let id = (at as u16 + 1).to_be_bytes();
            let extent = [(place as u32).to_be_bytes(), (item.data.len() as u32).to_be_bytes()].concat();
            iloc.extend([&id[..], &[0, 0, 0, 1], &extent].concat());
            place += item.data.len();
            iinf.extend(boxed(*b"infe", &[&[2, 0, 0, 0][..], &id, &[0, 0], &item.kind, &[0]].concat()));
            for (kind, to) in &item.references {
                let to: Vec<u8> = to.iter().flat_map(|to| to.to_be_bytes()).collect();
                let count = (to.len() as u16 / 2).to_be_bytes();
                iref.extend(boxed(*kind, &[&id[..], &count, &to].concat()));
            }
            ipma.extend([&id[..], &[item.properties.len() as u8], &item.properties].concat());
        }
        let count = (self.items.len() as u16).to_be_bytes();
        let long_count = (self.items.len() as u32).to_be_bytes();
        let parts = [
            vec![0; 4],
            boxed(*b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            boxed(*b"pitm", &[0, 0, 0, 0, 0, 1]),
            boxed(*b"iloc", &[&[0, 0, 0, 0, 0x44, 0][..], &count, &iloc].concat()),
            boxed(*b"iinf", &[&[0; 4][..], &count, &iinf].concat()),
            boxed(*b"iref", &[&[0; 4][..], &iref].concat()),
            boxed(
                *b"iprp",
                &[
                    boxed(*b"ipco", &self.properties.concat()),
                    boxed(*b"ipma", &[&[0; 4][..], &long_count, &ipma].concat()),
                ]
                .concat(),
            ),
        ];
        boxed(*b"meta", &parts.concat())
    }
}

pub fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 8).to_be_bytes()[..], &kind, content].concat()
}

/// The property of a size.
pub fn size(width: u32, height: u32) -> Vec<u8> {
    boxed(*b"ispe", &[[0; 4], width.to_be_bytes(), height.to_be_bytes()].concat())
}

/// The data of a grid item.
pub fn grid(rows: u8, columns: u8, width: u16, height: u16) -> Vec<u8> {
    [&[0, 0, rows - 1, columns - 1][..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
}

/// The AV1 data of an AVIF of one item, which is all that its `mdat` box holds.
pub fn av1_of(avif: &[u8]) -> Vec<u8> {
    let at = avif.windows(4).position(|kind| kind == b"mdat").expect("an AVIF has data");
    avif[at + 4..].to_vec()
}
