//! Chunks with their embeddings as an Arrow file (IPC format, version 5): what dataframes and vector databases read without a parser
//! of their own. One batch of four columns: `chunk` and `page` (uint32), `text` (utf8), `embedding` (a list of fixed size of float32).
//!
//! The metadata is `FlatBuffers`, written here in a few lines: the crates of Arrow would weigh more than the rest of the operation.

/// A row of the file.
pub(super) struct Row<'a> {
    pub(super) chunk: u32,
    pub(super) page: u32,
    pub(super) text: &'a str,
    pub(super) embedding: &'a [f32],
}

/// The types of columns (Schema.fbs).
const INT: u8 = 2;
const FLOAT: u8 = 3;
const UTF8: u8 = 5;
const FIXED_SIZE_LIST: u8 = 16;
/// The kinds of messages (Message.fbs).
const SCHEMA: u8 = 1;
const RECORD_BATCH: u8 = 3;
/// Version 5 of the metadata.
const VERSION: i16 = 4;
const SINGLE_PRECISION: i16 = 1;
const MAGIC: &[u8] = b"ARROW1";

/// The file's bytes.
pub(super) fn file(rows: &[Row<'_>], width: usize) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([0, 0]);
    message(&mut bytes, SCHEMA, schema(width), &[]);
    let mut body = Body::default();
    body.column(rows.len(), &rows.iter().flat_map(|row| row.chunk.to_le_bytes()).collect::<Vec<_>>());
    body.column(rows.len(), &rows.iter().flat_map(|row| row.page.to_le_bytes()).collect::<Vec<_>>());
    let mut offsets = 0_i32.to_le_bytes().to_vec();
    let mut text = Vec::new();
    for row in rows {
        text.extend(row.text.bytes());
        offsets.extend((text.len() as i32).to_le_bytes());
    }
    body.column(rows.len(), &offsets);
    body.buffer(&text);
    body.node(rows.len());
    body.buffer(&[]);
    let numbers = rows.iter().flat_map(|row| row.embedding.iter().flat_map(|number| number.to_le_bytes()));
    body.column(rows.len() * width, &numbers.collect::<Vec<_>>());
    let batch = Node::Table(vec![
        Some(Field::Long(rows.len() as i64)),
        Some(Field::Node(Node::Structs { bytes: body.nodes, size: 16 })),
        Some(Field::Node(Node::Structs { bytes: body.buffers, size: 16 })),
    ]);
    let at = bytes.len() as i64;
    let metadata = message(&mut bytes, RECORD_BATCH, batch, &body.bytes);
    // The end of the stream.
    bytes.extend([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]);
    let mut block = at.to_le_bytes().to_vec();
    block.extend(i64::from(metadata).to_le_bytes());
    block.extend((body.bytes.len() as i64).to_le_bytes());
    let footer = written(&Node::Table(vec![
        Some(Field::Short(VERSION)),
        Some(Field::Node(schema(width))),
        None,
        Some(Field::Node(Node::Structs { bytes: block, size: 24 })),
    ]));
    bytes.extend(&footer);
    bytes.extend((footer.len() as i32).to_le_bytes());
    bytes.extend(MAGIC);
    bytes
}

fn schema(width: usize) -> Node {
    let column = |name: &str, kind: u8, of: Vec<Option<Field>>, children: Vec<Node>| {
        Node::Table(vec![
            Some(Field::Node(Node::Text(name.to_owned()))),
            Some(Field::Byte(0)),
            Some(Field::Byte(kind)),
            Some(Field::Node(Node::Table(of))),
            None,
            Some(Field::Node(Node::Tables(children))),
        ])
    };
    let whole = || vec![Some(Field::Int(32)), Some(Field::Byte(0))];
    let number = column("item", FLOAT, vec![Some(Field::Short(SINGLE_PRECISION))], Vec::new());
    let columns = vec![
        column("chunk", INT, whole(), Vec::new()),
        column("page", INT, whole(), Vec::new()),
        column("text", UTF8, Vec::new(), Vec::new()),
        column("embedding", FIXED_SIZE_LIST, vec![Some(Field::Int(width as i32))], vec![number]),
    ];
    Node::Table(vec![Some(Field::Short(0)), Some(Field::Node(Node::Tables(columns)))])
}

/// Writes a message and gives the bytes in front of its body.
fn message(bytes: &mut Vec<u8>, kind: u8, header: Node, body: &[u8]) -> i32 {
    let mut metadata = written(&Node::Table(vec![
        Some(Field::Short(VERSION)),
        Some(Field::Byte(kind)),
        Some(Field::Node(header)),
        Some(Field::Long(body.len() as i64)),
    ]));
    pad(&mut metadata, 8);
    bytes.extend([0xFF; 4]);
    bytes.extend((metadata.len() as i32).to_le_bytes());
    bytes.extend(&metadata);
    bytes.extend(body);
    metadata.len() as i32 + 8
}

/// The buffers of a batch, and what describes them.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    nodes: Vec<u8>,
    buffers: Vec<u8>,
}

impl Body {
    /// A column without missing values.
    fn column(&mut self, length: usize, bytes: &[u8]) {
        self.node(length);
        self.buffer(&[]);
        self.buffer(bytes);
    }

    fn node(&mut self, length: usize) {
        self.nodes.extend((length as i64).to_le_bytes());
        self.nodes.extend(0_i64.to_le_bytes());
    }

    fn buffer(&mut self, bytes: &[u8]) {
        self.buffers.extend((self.bytes.len() as i64).to_le_bytes());
        self.buffers.extend((bytes.len() as i64).to_le_bytes());
        self.bytes.extend(bytes);
        pad(&mut self.bytes, 64);
    }
}

/// A part of a flat buffer.
enum Node {
    Table(Vec<Option<Field>>),
    Tables(Vec<Node>),
    Text(String),
    Structs { bytes: Vec<u8>, size: usize },
}

enum Field {
    Byte(u8),
    Short(i16),
    Int(i32),
    Long(i64),
    Node(Node),
}

/// A whole flat buffer, from front to back: what a table refers to is behind it.
fn written(root: &Node) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    let at = write(&mut bytes, root);
    bytes[..4].copy_from_slice(&(at as u32).to_le_bytes());
    bytes
}

/// Writes a node and gives its place.
fn write(bytes: &mut Vec<u8>, node: &Node) -> usize {
    match node {
        Node::Text(text) => {
            pad(bytes, 4);
            let at = bytes.len();
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.bytes().chain([0]));
            at
        }
        Node::Structs { bytes: structs, size } => {
            // The length is just before the first, which is aligned.
            pad(bytes, 8);
            bytes.extend([0; 4]);
            let at = bytes.len();
            bytes.extend(((structs.len() / size) as u32).to_le_bytes());
            bytes.extend(structs);
            at
        }
        Node::Tables(tables) => {
            pad(bytes, 4);
            let at = bytes.len();
            bytes.extend((tables.len() as u32).to_le_bytes());
            bytes.extend(vec![0; tables.len() * 4]);
            for (number, table) in tables.iter().enumerate() {
                refer(bytes, at + 4 + number * 4, table);
            }
            at
        }
        Node::Table(fields) => {
            // Where each field is behind the table's beginning, which is aligned to 8.
            let mut offsets = vec![0_u16; fields.len()];
            let mut length = 4_usize;
            for (offset, field) in offsets.iter_mut().zip(fields) {
                let size = match field {
                    None => continue,
                    Some(Field::Byte(_)) => 1,
                    Some(Field::Short(_)) => 2,
                    Some(Field::Int(_) | Field::Node(_)) => 4,
                    Some(Field::Long(_)) => 8,
                };
                length = length.next_multiple_of(size);
                *offset = length as u16;
                length += size;
            }
            let of_offsets = 4 + offsets.len() * 2;
            while !(bytes.len() + of_offsets).is_multiple_of(8) || !bytes.len().is_multiple_of(2) {
                bytes.push(0);
            }
            bytes.extend((of_offsets as u16).to_le_bytes());
            bytes.extend((length as u16).to_le_bytes());
            for offset in &offsets {
                bytes.extend(offset.to_le_bytes());
            }
            let at = bytes.len();
            bytes.extend((of_offsets as i32).to_le_bytes());
            bytes.resize(at + length, 0);
            for (offset, field) in offsets.iter().zip(fields) {
                let place = at + usize::from(*offset);
                match field {
                    None => {}
                    Some(Field::Byte(number)) => bytes[place] = *number,
                    Some(Field::Short(number)) => bytes[place..place + 2].copy_from_slice(&number.to_le_bytes()),
                    Some(Field::Int(number)) => bytes[place..place + 4].copy_from_slice(&number.to_le_bytes()),
                    Some(Field::Long(number)) => bytes[place..place + 8].copy_from_slice(&number.to_le_bytes()),
                    Some(Field::Node(node)) => refer(bytes, place, node),
                }
            }
            at
        }
    }
}

/// Writes a node and its distance from where it is referred to.
fn refer(bytes: &mut Vec<u8>, place: usize, node: &Node) {
    let at = write(bytes, node);
    bytes[place..place + 4].copy_from_slice(&((at - place) as u32).to_le_bytes());
}

fn pad(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}
