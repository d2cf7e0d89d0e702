//! Typed arrays of numbers: vertex attributes, keyframes, inverse bind matrices.

use std::borrow::Cow;

use crate::codec;

/// How one number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// Signed 16-bit.
    I16,
    /// Unsigned 16-bit.
    U16,
    /// Unsigned 32-bit.
    U32,
    /// 32-bit float.
    F32,
}

impl Component {
    /// From glTF's `componentType`.
    pub fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            5120 => Self::I8,
            5121 => Self::U8,
            5122 => Self::I16,
            5123 => Self::U16,
            5125 => Self::U32,
            5126 => Self::F32,
            _ => return None,
        })
    }

    /// glTF's `componentType`.
    pub fn code(self) -> u32 {
        match self {
            Self::I8 => 5120,
            Self::U8 => 5121,
            Self::I16 => 5122,
            Self::U16 => 5123,
            Self::U32 => 5125,
            Self::F32 => 5126,
        }
    }

    /// Bytes.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::U32 | Self::F32 => 4,
        }
    }
}

/// How numbers make up one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// One number.
    Scalar,
    /// Two.
    Vec2,
    /// Three.
    Vec3,
    /// Four.
    Vec4,
    /// 2 × 2, column by column.
    Mat2,
    /// 3 × 3, column by column.
    Mat3,
    /// 4 × 4, column by column.
    Mat4,
}

impl Shape {
    /// From glTF's `type`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "SCALAR" => Self::Scalar,
            "VEC2" => Self::Vec2,
            "VEC3" => Self::Vec3,
            "VEC4" => Self::Vec4,
            "MAT2" => Self::Mat2,
            "MAT3" => Self::Mat3,
            "MAT4" => Self::Mat4,
            _ => return None,
        })
    }

    /// glTF's `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "SCALAR",
            Self::Vec2 => "VEC2",
            Self::Vec3 => "VEC3",
            Self::Vec4 => "VEC4",
            Self::Mat2 => "MAT2",
            Self::Mat3 => "MAT3",
            Self::Mat4 => "MAT4",
        }
    }

    /// Numbers in an element.
    pub fn width(self) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Vec2 => 2,
            Self::Vec3 => 3,
            Self::Vec4 | Self::Mat2 => 4,
            Self::Mat3 => 9,
            Self::Mat4 => 16,
        }
    }

    /// Numbers in a column, which glTF starts at multiples of four bytes in matrices.
    pub fn column(self) -> Option<usize> {
        match self {
            Self::Mat2 => Some(2),
            Self::Mat3 => Some(3),
            Self::Mat4 => Some(4),
            _ => None,
        }
    }

    /// The vector of that many numbers.
    pub fn of_width(len: usize) -> Option<Self> {
        Some(match len {
            1 => Self::Scalar,
            2 => Self::Vec2,
            3 => Self::Vec3,
            4 => Self::Vec4,
            9 => Self::Mat3,
            16 => Self::Mat4,
            _ => return None,
        })
    }
}

/// The transformation that `EXT_meshopt_compression` undoes after decompression. An accessor holds the bytes before
/// it is undone, so that what is compared and welded is what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Filter {
    /// Bytes as they are.
    None,
    /// Unit vectors as points on an octahedron; four numbers of 8 or 16 bits.
    Octahedral,
    /// Unit quaternions without their largest component; four 16-bit numbers.
    Quaternion,
    /// Floats as mantissa and exponent.
    Exponential,
}

impl Filter {
    /// The extension's word.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Octahedral => Some("OCTAHEDRAL"),
            Self::Quaternion => Some("QUATERNION"),
            Self::Exponential => Some("EXPONENTIAL"),
        }
    }
}

/// A typed array. `bytes` holds `count` elements, `stride` bytes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Accessor {
    /// How a number is stored.
    pub component: Component,
    /// Integers stand for 0 to 1 or -1 to 1.
    pub normalised: bool,
    /// How numbers make up an element.
    pub shape: Shape,
    /// Elements.
    pub count: usize,
    /// Bytes from one element to the next.
    pub stride: usize,
    /// The elements, little endian, as [`Filter`] left them.
    pub bytes: Vec<u8>,
    /// What was done to the bytes.
    pub filter: Filter,
    /// `extras` and `extensions`, as JSON text.
    pub rest: Option<Box<str>>,
}

impl Accessor {
    /// Floats, tightly packed.
    pub fn of_floats(shape: Shape, floats: &[f32]) -> Self {
        let bytes = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        Self {
            component: Component::F32,
            normalised: false,
            shape,
            count: floats.len() / shape.width(),
            stride: 4 * shape.width(),
            bytes,
            filter: Filter::None,
            rest: None,
        }
    }

    /// Elements as they are stored after the filter is undone.
    pub fn unfiltered(&self) -> Cow<'_, [u8]> {
        if self.filter == Filter::None {
            return Cow::Borrowed(&self.bytes);
        }
        let mut bytes = self.bytes.clone();
        codec::undo_filter(self.filter, &mut bytes, self.stride);
        Cow::Owned(bytes)
    }

    /// Every number as a float, normalised integers as what they stand for, without padding.
    pub fn floats(&self) -> Vec<f32> {
        self.floats_as(self.normalised)
    }

    fn floats_as(&self, normalised: bool) -> Vec<f32> {
        let bytes = self.unfiltered();
        let len = self.shape.width();
        if self.component == Component::F32 && self.stride == 4 * len {
            return bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        }
        let mut floats = Vec::with_capacity(self.count * len);
        for element in bytes.chunks_exact(self.stride.max(1)).take(self.count) {
            for at in 0..len {
                let of = |size: usize| &element[at * size..(at + 1) * size];
                let (value, largest) = match self.component {
                    Component::I8 => (f32::from(of(1)[0].cast_signed()), 127.0),
                    Component::U8 => (f32::from(of(1)[0]), 255.0),
                    Component::I16 => (f32::from(i16::from_le_bytes([of(2)[0], of(2)[1]])), 32767.0),
                    Component::U16 => (f32::from(u16::from_le_bytes([of(2)[0], of(2)[1]])), 65535.0),
                    Component::U32 => (u32::from_le_bytes(of(4).try_into().unwrap_or_default()) as f32, 1.0),
                    Component::F32 => (f32::from_le_bytes(of(4).try_into().unwrap_or_default()), 1.0),
                };
                floats.push(if normalised { (value / largest).max(-1.0) } else { value });
            }
        }
        floats
    }

    /// Every number of an unsigned integer accessor, without padding.
    pub fn unsigned(&self) -> Option<Vec<u32>> {
        let len = self.shape.width();
        if self.filter != Filter::None {
            return None;
        }
        if self.component == Component::U32 && self.stride == 4 * len {
            return Some(self.bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect());
        }
        let mut values = Vec::with_capacity(self.count * len);
        for element in self.bytes.chunks_exact(self.stride.max(1)).take(self.count) {
            for at in 0..len {
                values.push(match self.component {
                    Component::U8 => u32::from(element[at]),
                    Component::U16 => u32::from(u16::from_le_bytes([element[2 * at], element[2 * at + 1]])),
                    Component::U32 => u32::from_le_bytes(element[4 * at..4 * at + 4].try_into().unwrap_or_default()),
                    _ => return None,
                });
            }
        }
        Some(values)
    }

    /// The smallest and the largest of each number of an element, as stored (not normalised). For floats and integers
    /// that a double holds exactly.
    pub fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let len = self.shape.width();
        let floats = self.floats_as(false);
        let mut least = vec![f64::INFINITY; len];
        let mut most = vec![f64::NEG_INFINITY; len];
        for element in floats.chunks_exact(len) {
            for (at, &value) in element.iter().enumerate() {
                least[at] = least[at].min(f64::from(value));
                most[at] = most[at].max(f64::from(value));
            }
        }
        (least, most)
    }
}
