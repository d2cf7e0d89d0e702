//! TIFFs made by hand.

/// The value of a tag.
#[derive(Debug, Clone)]
pub enum Value {
    Short(Vec<u16>),
    Long(Vec<u32>),
    Float(Vec<f64>),
    Rational(Vec<(u32, u32)>),
    Bytes(Vec<u8>),
    Text(String),
    /// Directories of their own, of which the tag has the places.
    Below(Vec<Page>),
}

/// The tags of a picture and its strips or tiles.
#[derive(Debug, Clone)]
pub struct Page {
    pub tags: Vec<(u16, Value)>,
    pub chunks: Vec<Vec<u8>>,
    pub is_tiled: bool,
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Order {
    pub big_endian: bool,
    pub big: bool,
}

impl Order {
    pub fn number(self, number: u64, bytes: usize) -> Vec<u8> {
        let little = number.to_le_bytes()[..bytes].to_vec();
        if self.big_endian { little.into_iter().rev().collect() } else { little }
    }

    fn place(self, number: usize) -> Vec<u8> {
        self.number(number as u64, if self.big { 8 } else { 4 })
    }
}

impl Page {
    /// A picture of that size of one strip.
    pub fn new((width, height): (u32, u32), tags: &[(u16, Value)], pixels: Vec<u8>) -> Self {
        let mut all = vec![(256, Value::Long(vec![width])), (257, Value::Long(vec![height]))];
        all.extend_from_slice(tags);
        Self { tags: all, chunks: vec![pixels], is_tiled: false }
    }
}

/// A file of pages.
pub fn tiff(pages: &[Page], order: Order) -> Vec<u8> {
    let mut file = if order.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    file.extend(order.number(if order.big { 43 } else { 42 }, 2));
    if order.big {
        file.extend([order.number(8, 2), order.number(0, 2)].concat());
    }
    let mut link = file.len();
    file.extend(order.place(0));
    for page in pages {
        let (at, next) = write(&mut file, page, order);
        file.splice(link..link + order.place(0).len(), order.place(at));
        link = next;
    }
    file
}

/// Where the directory is, and where the place of the next one belongs.
fn write(file: &mut Vec<u8>, page: &Page, order: Order) -> (usize, usize) {
    let mut tags = page.tags.clone();
    let (mut places, mut counts) = (Vec::new(), Vec::new());
    for chunk in &page.chunks {
        places.push(file.len() as u32);
        counts.push(chunk.len() as u32);
        file.extend(chunk);
    }
    if !page.chunks.is_empty() {
        let (offsets, lengths) = if page.is_tiled { (324, 325) } else { (273, 279) };
        tags.extend([(offsets, Value::Long(places)), (lengths, Value::Long(counts))]);
    }
    tags.sort_by_key(|(tag, _)| *tag);
    let (count_size, value_size) = if order.big { (8, 8) } else { (2, 4) };
    let mut entries = Vec::new();
    for (tag, value) in tags {
        let (kind, count, bytes) = match value {
            Value::Short(list) => (3, list.len(), list.iter().flat_map(|n| order.number(u64::from(*n), 2)).collect()),
            Value::Long(list) => (4, list.len(), list.iter().flat_map(|n| order.number(u64::from(*n), 4)).collect()),
            Value::Float(list) => (12, list.len(), list.iter().flat_map(|n| order.number(n.to_bits(), 8)).collect()),
            Value::Rational(list) => {
                let parts = list.iter().flat_map(|(a, b)| [*a, *b]);
                (5, list.len(), parts.flat_map(|n| order.number(u64::from(n), 4)).collect())
            }
            Value::Bytes(bytes) => (7, bytes.len(), bytes),
            Value::Text(text) => (2, text.len() + 1, [text.as_bytes(), &[0]].concat()),
            Value::Below(pages) => {
                let places: Vec<usize> = pages.iter().map(|page| write(file, page, order).0).collect();
                (4, places.len(), places.iter().flat_map(|at| order.number(*at as u64, 4)).collect::<Vec<u8>>())
            }
        };
        let mut entry = [order.number(u64::from(tag), 2), order.number(kind, 2), order.place(count)].concat();
        if bytes.len() <= value_size {
            entry.extend(&bytes);
            entry.resize(entry.len() + value_size - bytes.len(), 0);
        } else {
            entry.extend(order.place(file.len()));
            file.extend(bytes);
        }
        entries.push(entry);
    }
    let at = file.len();
    file.extend(order.number(entries.len() as u64, count_size));
    file.extend(entries.concat());
    let next = file.len();
    file.extend(order.place(0));
    (at, next)
}
