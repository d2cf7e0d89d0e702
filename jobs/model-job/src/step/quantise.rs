//! Fewer bits for each number (`KHR_mesh_quantization`).
//!
//! Positions become whole numbers on a grid. The grid is as fine for every mesh as seen in the scene: one step is the
//! same length everywhere, but for small meshes, which get at least [`FEWEST_STEPS`], and for meshes with small parts, none
//! of which is off by more than [`LARGEST_ERROR_OF_PART`]. Where that takes more than 16 bits, the whole numbers are floats. What leads back from the grid
//! goes into the node, into a new node below it where the node's own place has to stay, into the instances, or into
//! the inverse bind matrices.

use std::collections::HashMap;
use std::sync::Arc;

use catalog::operations::Compress;
use serde_json::{Value, json};

use super::Context;
use super::geometry::each_geometry;
use super::renumber::{change_materials, materials_of};
use crate::codec;
use scene::accessor::{Accessor, Component, Filter, Shape};
use scene::document::{Document, Mesh, Node, Primitive};
use scene::json::{Object, single, singles};
use scene::texture_info;
use scene::transform::{IDENTITY, Parts, Transform, grid, largest_scale, multiply};

/// Steps along the longest side that every mesh gets, however small it is beside the largest.
const FEWEST_STEPS: f64 = 1023.0;

/// How far, of its longest side, a part of a mesh may be off at most: by half a step, and by what floats lose of a part that
/// is far away from the origin of what it was joined into.
const LARGEST_ERROR_OF_PART: f64 = 0.001;
/// Half of the last of the 24 bits of a float.
const FLOAT_ERROR: f64 = 1.0 / 16_777_216.0;
/// Steps along the longest side of a part that is enough for whatever floats lose.
const MOST_STEPS_OF_PART: f64 = 750.0;
/// The most steps that 16 bits hold. Rounding the offset to the grid takes one.
const MOST_SHORT_STEPS: f64 = 65_534.0;
/// The most steps that floats hold exactly, one less for the sign, and one for the offset.
const MOST_STEPS: f64 = 8_388_606.0;

/// Where whole numbers lead: `offset + step * number`.
#[derive(Debug, Clone, Copy)]
struct Grid {
    offset: [f64; 3],
    step: f64,
    /// Whether its numbers take more than 16 bits.
    is_wide: bool,
}

/// The same for texture coordinates, each axis with its own step.
#[derive(Debug, Clone, Copy)]
struct CoordinateGrid {
    offset: [f64; 2],
    step: [f64; 2],
}

/// Quantises every attribute that glTF allows to be.
pub fn quantise(document: &mut Document, context: &mut Context<'_>) {
    let skins = skin_groups(document);
    let mut grids = position_grids(document, context, &skins);
    place_thickness(document, &mut grids);
    let coordinates = coordinate_grids(document, context);
    each_geometry(document, influences);
    let mut cache = Cache::default();
    let mut is_used = false;
    for (mesh, grid) in document.meshes.iter_mut().zip(&grids) {
        for primitive in &mut mesh.primitives {
            let material = materials_of(primitive).first().copied();
            let sets = material.and_then(|material| coordinates.of_material.get(&material));
            is_used |= quantise_primitive(primitive, grid.as_ref(), sets, context, &mut cache);
        }
    }
    for (material, sets) in &coordinates.of_material {
        is_used |= !sets.is_empty();
        place_coordinates(&mut document.materials[*material], sets);
        if !sets.is_empty() {
            document.extensions_used.insert("KHR_texture_transform".to_owned());
        }
    }
    if is_used {
        for list in [&mut document.extensions_used, &mut document.extensions_required] {
            list.insert("KHR_mesh_quantization".to_owned());
        }
    }
    place_meshes(document, &grids);
    place_skins(document, &grids);
}

// Positions

struct Bounds {
    least: [f64; 3],
    most: [f64; 3],
    /// The farthest that a morph target moves along one axis.
    reach: f64,
    /// The extent of the smallest part.
    finest: f64,
}

impl Bounds {
    /// The longest side, or what morph targets reach if that is longer. Reaches are signed, so 16 bits hold half.
    fn extent(&self) -> f64 {
        (0..3).map(|axis| self.most[axis] - self.least[axis]).fold(self.reach * 2.0, f64::max)
    }

    /// The largest step that keeps the shape of the smallest part, or as many steps of it as the whole is given.
    fn step_of_finest(&self, steps: f64) -> f64 {
        let farthest = self.least.iter().chain(&self.most).fold(0.0, |far: f64, value| far.max(value.abs()));
        let step = 2.0 * (LARGEST_ERROR_OF_PART * self.finest - FLOAT_ERROR * farthest);
        step.max(self.finest / MOST_STEPS_OF_PART).max(self.finest / steps)
    }

    fn join(&mut self, other: &Self) {
        for axis in 0..3 {
            self.least[axis] = self.least[axis].min(other.least[axis]);
            self.most[axis] = self.most[axis].max(other.most[axis]);
        }
        self.reach = self.reach.max(other.reach);
        self.finest = self.finest.min(other.finest);
    }
}

/// For every mesh the group of those that share a skin with it, which have to share a grid.
fn skin_groups(document: &Document) -> Vec<Option<usize>> {
    let mut group_of_mesh: Vec<Option<usize>> = vec![None; document.meshes.len()];
    let mut group_of_skin: Vec<usize> = (0..document.skins.len()).collect();
    let root = |groups: &[usize], mut at: usize| {
        while groups[at] != at {
            at = groups[at];
        }
        at
    };
    for node in &document.nodes {
        let (Some(mesh), Some(skin)) = (node.mesh, node.skin) else { continue };
        let own = root(&group_of_skin, skin);
        match group_of_mesh[mesh] {
            Some(group) => {
                let group = root(&group_of_skin, group);
                group_of_skin[own] = group;
            }
            None => group_of_mesh[mesh] = Some(own),
        }
    }
    group_of_mesh.iter().map(|group| group.map(|group| root(&group_of_skin, group))).collect()
}

fn position_grids(document: &Document, context: &mut Context<'_>, skins: &[Option<usize>]) -> Vec<Option<Grid>> {
    let mut bounds: Vec<Option<Bounds>> = document.meshes.iter().map(mesh_bounds).collect();
    // A group's meshes get the bounds of all of it.
    let mut of_group: HashMap<usize, Bounds> = HashMap::new();
    for (own, group) in bounds.iter().zip(skins) {
        if let (Some(own), Some(group)) = (own, group) {
            let copy = Bounds { ..*own };
            of_group.entry(*group).and_modify(|all| all.join(own)).or_insert(copy);
        }
    }
    for (own, group) in bounds.iter_mut().zip(skins) {
        if let (Some(own), Some(all)) = (own.as_mut(), group.and_then(|group| of_group.get(&group))) {
            own.join(all);
        }
    }
    let scales = mesh_scales(document, skins);
    let largest = bounds
        .iter()
        .zip(&scales)
        .filter_map(|(bounds, scale)| bounds.as_ref().map(|bounds| bounds.extent() * scale))
        .fold(0.0, f64::max);
    // Rounding the offset to the grid takes a step, hence one less.
    let steps = f64::from((1_u32 << context.options.position_bits) - 2);
    bounds
        .iter()
        .zip(&scales)
        .map(|(bounds, scale)| {
            let bounds = bounds.as_ref()?;
            let extent = bounds.extent();
            let step = (largest / steps / scale)
                .min(extent / FEWEST_STEPS.min(steps))
                .max(extent / steps)
                .min(bounds.step_of_finest(steps))
                .max(extent / MOST_STEPS);
            let step = if step > 0.0 && step.is_finite() { f64::from(step as f32) } else { 1.0 };
            let offset = bounds.least.map(|least| f64::from(((least / step).floor() * step) as f32));
            context.position_error = context.position_error.max(step / 2.0);
            if extent > 0.0 {
                context.relative_position_error = context.relative_position_error.max(step / 2.0 / extent);
            }
            Some(Grid { offset, step, is_wide: extent / step > MOST_SHORT_STEPS })
        })
        .collect()
}

/// Bounds of all positions of a mesh; `None` where it has none, or too large ones to be put on a grid of floats.
fn mesh_bounds(mesh: &Mesh) -> Option<Bounds> {
    let mut all: Option<Bounds> = None;
    for primitive in &mesh.primitives {
        let positions = primitive.attribute("POSITION")?;
        let (least, most) = positions_bounds(positions);
        let mut reach = 0.0_f64;
        for (_, target) in primitive.targets.iter().flatten().filter(|(name, _)| name == "POSITION") {
            let (least, most) = positions_bounds(target);
            reach = least.iter().chain(&most).fold(reach, |reach, value| reach.max(value.abs()));
        }
        let mut own = Bounds { least, most, reach, finest: f64::INFINITY };
        let extent = own.extent();
        if extent > 0.0 {
            own.finest = primitive.smallest_part.map_or(extent, |part| part.units().min(extent));
        }
        match &mut all {
            Some(all) => all.join(&own),
            None => all = Some(own),
        }
    }
    all.filter(|bounds| bounds.extent() < 1e30)
}

fn positions_bounds(accessor: &Accessor) -> ([f64; 3], [f64; 3]) {
    let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for position in accessor.floats().as_chunks::<3>().0 {
        for axis in 0..3 {
            least[axis] = least[axis].min(f64::from(position[axis]));
            most[axis] = most[axis].max(f64::from(position[axis]));
        }
    }
    (least, most)
}

/// How large each mesh is shown at most, as a factor. Skins decide over theirs on their own.
fn mesh_scales(document: &Document, skins: &[Option<usize>]) -> Vec<f64> {
    let mut scales: Vec<f64> = vec![0.0; document.meshes.len()];
    for (node, matrix) in document.nodes.iter().zip(document.world_matrices()) {
        let Some(mesh) = node.mesh else { continue };
        let mut scale = largest_scale(&matrix);
        if let Some((_, sizes)) = node.instances.iter().find(|(name, _)| name == "SCALE") {
            scale *= sizes.floats().iter().fold(0.0, |most, value| f64::max(most, f64::from(value.abs())));
        }
        scales[mesh] = scales[mesh].max(scale);
    }
    scales
        .iter()
        .zip(skins)
        .map(|(&scale, skin)| if skin.is_some() || scale <= 0.0 || !scale.is_finite() { 1.0 } else { scale })
        .collect()
}

// Texture coordinates

#[derive(Default)]
struct CoordinateGrids {
    /// For every material whose coordinates can be moved onto a grid, the grid of each set.
    of_material: HashMap<usize, HashMap<usize, CoordinateGrid>>,
}

/// A grid for all primitives that are shown with the same materials: the way back stands in the material.
fn coordinate_grids(document: &Document, context: &Context<'_>) -> CoordinateGrids {
    // Materials that variants of one primitive switch between share a grid.
    let mut group: Vec<usize> = (0..document.materials.len()).collect();
    let root = |group: &[usize], mut at: usize| {
        while group[at] != at {
            at = group[at];
        }
        at
    };
    let primitives = || document.meshes.iter().flat_map(|mesh| &mesh.primitives);
    for primitive in primitives() {
        let materials = materials_of(primitive);
        for pair in materials.windows(2) {
            let (left, right) = (root(&group, pair[0]), root(&group, pair[1]));
            group[left] = right;
        }
    }
    let group: Vec<usize> = (0..group.len()).map(|at| root(&group, at)).collect();
    let mut can: Vec<bool> = vec![true; group.len()];
    for (material, json) in document.materials.iter().enumerate() {
        can[group[material]] &= only_known_textures(json) && document.frozen_by.is_none();
    }
    let mut bounds: HashMap<(usize, usize), [f64; 4]> = HashMap::new();
    for primitive in primitives() {
        let materials = materials_of(primitive);
        let Some(own) = materials.first().map(|&material| group[material]) else { continue };
        // Shown by the default material besides, the coordinates would have nothing that leads back; nothing shows
        // them either, though.
        if primitive.targets.iter().flatten().any(|(name, _)| name.starts_with("TEXCOORD_")) {
            can[own] = false;
        }
        for (name, accessor) in &primitive.attributes {
            let Some(set) = name.strip_prefix("TEXCOORD_").and_then(|set| set.parse().ok()) else { continue };
            let bounds = bounds.entry((own, set)).or_insert([
                f64::INFINITY,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NEG_INFINITY,
            ]);
            for coordinate in accessor.floats().as_chunks::<2>().0 {
                if coordinate.iter().any(|value| !value.is_finite()) {
                    can[own] = false;
                }
                for axis in 0..2 {
                    bounds[axis] = bounds[axis].min(f64::from(coordinate[axis]));
                    bounds[2 + axis] = bounds[2 + axis].max(f64::from(coordinate[axis]));
                }
            }
        }
    }
    let mut grids = CoordinateGrids::default();
    for (material, &own) in group.iter().enumerate() {
        if !can[own] {
            continue;
        }
        let sets = grids.of_material.entry(material).or_default();
        for (&(_, set), &[left, top, right, bottom]) in bounds.iter().filter(|((of, _), _)| *of == own) {
            let step = [right - left, bottom - top].map(|range| {
                // Where textures repeat, the bits are per repetition, as far as 16 bits go.
                let repeats = range.max(1.0).log2().ceil() as u32;
                let bits = (u32::from(context.options.texture_coordinate_bits) + repeats).min(16);
                let step = range / f64::from((1_u32 << bits) - 1);
                if step > 0.0 && step.is_finite() { f64::from(step as f32) } else { 1.0 }
            });
            sets.insert(set, CoordinateGrid { offset: [left, top].map(|value| f64::from(value as f32)), step });
        }
    }
    grids
}

/// Whether all references to textures stand where `KHR_texture_transform` is known to be read.
fn only_known_textures(material: &Object) -> bool {
    let extensions = material.get("extensions").and_then(Value::as_object);
    extensions.into_iter().flatten().all(|(name, _)| name.starts_with("KHR_materials_"))
}

/// Puts the way back from the grid in front of every texture's own transformation.
fn place_coordinates(material: &mut Object, sets: &HashMap<usize, CoordinateGrid>) {
    texture_info::visit_mut(material, &mut |_, info| {
        let Some(grid) = sets.get(&texture_info::coordinates(info)) else { return };
        let extensions = info.entry("extensions").or_insert_with(|| json!({}));
        let Some(extensions) = extensions.as_object_mut() else { return };
        let transform = extensions.entry("KHR_texture_transform").or_insert_with(|| json!({}));
        let Some(transform) = transform.as_object_mut() else { return };
        let pair = |transform: &Object, key: &str, otherwise: f64| -> [f64; 2] {
            let at = |index: usize| transform.get(key).and_then(|value| value.get(index)).and_then(Value::as_f64);
            [at(0).unwrap_or(otherwise), at(1).unwrap_or(otherwise)]
        };
        let (offset, scale) = (pair(transform, "offset", 0.0), pair(transform, "scale", 1.0));
        let (sin, cos) = transform.get("rotation").and_then(Value::as_f64).unwrap_or(0.0).sin_cos();
        // offset + rotation * scale * (grid.offset + grid.step * number)
        let scaled = [scale[0] * grid.offset[0], scale[1] * grid.offset[1]];
        let moved = [offset[0] + cos * scaled[0] + sin * scaled[1], offset[1] - sin * scaled[0] + cos * scaled[1]];
        if moved == [0.0, 0.0] {
            transform.remove("offset");
        } else {
            transform.insert("offset".to_owned(), singles(moved));
        }
        transform.insert("scale".to_owned(), singles([scale[0] * grid.step[0], scale[1] * grid.step[1]]));
    });
}

// Attributes

/// Accessors that primitives share stay shared.
#[derive(Default)]
struct Cache(HashMap<CacheKey, Cached>);

/// Addresses of the original and of what it is relative to, what becomes of it, and the grid.
type CacheKey = (usize, usize, u8, [u64; 4]);

/// The originals live as long as their addresses count.
struct Cached {
    _originals: (Arc<Accessor>, Option<Arc<Accessor>>),
    made: Arc<Accessor>,
}

impl Cache {
    fn get(
        &mut self,
        accessor: &mut Arc<Accessor>,
        kind: u8,
        grid: [f64; 4],
        make: impl FnOnce(&Accessor) -> Option<Accessor>,
    ) {
        self.get_relative(accessor, None, kind, grid, make);
    }

    fn get_relative(
        &mut self,
        accessor: &mut Arc<Accessor>,
        base: Option<&Arc<Accessor>>,
        kind: u8,
        grid: [f64; 4],
        make: impl FnOnce(&Accessor) -> Option<Accessor>,
    ) {
        let address = |accessor: &Arc<Accessor>| Arc::as_ptr(accessor) as usize;
        let key = (address(accessor), base.map_or(0, address), kind, grid.map(f64::to_bits));
        if let Some(Cached { made, .. }) = self.0.get(&key) {
            *accessor = Arc::clone(made);
        } else if let Some(made) = make(accessor) {
            let made = Arc::new(Accessor { rest: accessor.rest.clone(), ..made });
            let original = std::mem::replace(accessor, Arc::clone(&made));
            // Only what is shared is worth remembering.
            if Arc::strong_count(&original) > 1 {
                self.0.insert(key, Cached { _originals: (original, base.cloned()), made });
            }
        }
    }
}

/// Says whether anything is stored as `KHR_mesh_quantization` allows and plain glTF does not.
fn quantise_primitive(
    primitive: &mut Primitive,
    grid: Option<&Grid>,
    sets: Option<&HashMap<usize, CoordinateGrid>>,
    context: &Context<'_>,
    cache: &mut Cache,
) -> bool {
    let mut is_used = false;
    let compressed = context.options.compress == Compress::Meshopt;
    let normal_bits = context.options.normal_bits;
    let base = primitive.attribute("POSITION").cloned();
    for (name, accessor) in &mut primitive.attributes {
        match name.as_str() {
            "POSITION" => {
                let Some(grid) = grid else { continue };
                let [x, y, z] = grid.offset;
                cache.get(accessor, 0, [x, y, z, grid.step], |accessor| Some(positions(accessor, grid, compressed)));
                is_used |= !grid.is_wide;
            }
            "NORMAL" | "TANGENT" => {
                cache.get(accessor, 1, [0.0; 4], |accessor| Some(unit_vectors(accessor, normal_bits, compressed)));
                is_used = true;
            }
            _ if name.starts_with("COLOR_") => cache.get(accessor, 2, [0.0; 4], colours),
            _ => {
                let Some(set) = name.strip_prefix("TEXCOORD_").and_then(|set| set.parse().ok()) else { continue };
                let Some(grid) = sets.and_then(|sets: &HashMap<usize, CoordinateGrid>| sets.get(&set)) else {
                    continue;
                };
                let [x, y] = grid.offset;
                let key = [x, y, grid.step[0], grid.step[1]];
                cache.get(accessor, 3, key, |accessor| Some(texture_coordinates(accessor, grid)));
                is_used = true;
            }
        }
    }
    for (name, accessor) in primitive.targets.iter_mut().flatten() {
        match (name.as_str(), grid, &base) {
            ("POSITION", Some(grid), Some(base)) => {
                let [x, y, z] = grid.offset;
                let make = |accessor: &Accessor| Some(offsets(accessor, base, grid, compressed));
                cache.get_relative(accessor, Some(base), 5, [x, y, z, grid.step], make);
            }
            ("NORMAL" | "TANGENT", ..) => cache.get(accessor, 4, [0.0; 4], small_offsets),
            _ => {}
        }
    }
    is_used
}

/// Elements of `N` integers of type `T`, padded to a multiple of four bytes.
fn packed<T, const N: usize, const B: usize>(
    component: Component,
    normalised: bool,
    elements: impl ExactSizeIterator<Item = [T; N]>,
    bytes_of: impl Fn(T) -> [u8; B],
) -> Accessor {
    let count = elements.len();
    let stride = (N * B).next_multiple_of(4);
    let mut bytes = Vec::with_capacity(count * stride);
    for element in elements {
        let start = bytes.len();
        for number in element {
            bytes.extend(bytes_of(number));
        }
        bytes.resize(start + stride, 0);
    }
    let shape = Shape::of_width(N).unwrap_or(Shape::Vec4);
    Accessor { component, normalised, shape, count, stride, bytes, filter: Filter::None, rest: None }
}

fn on_grid(position: [f32; 3], grid: &Grid) -> [i32; 3] {
    std::array::from_fn(|axis| ((f64::from(position[axis]) - grid.offset[axis]) / grid.step).round() as i32)
}

fn positions(accessor: &Accessor, grid: &Grid, compressed: bool) -> Accessor {
    let floats = accessor.floats();
    let numbers = floats.as_chunks::<3>().0.iter().map(|&position| on_grid(position, grid));
    if grid.is_wide {
        return whole_floats(numbers, compressed);
    }
    packed(Component::U16, false, numbers.map(|numbers| numbers.map(|value| value as u16)), u16::to_le_bytes)
}

/// What a morph target adds, as the difference of two points of the grid, so that a target at full weight is as exact
/// as the mesh at rest.
fn offsets(target: &Accessor, base: &Accessor, grid: &Grid, compressed: bool) -> Accessor {
    let (offsets, bases) = (target.floats(), base.floats());
    let pairs = offsets.as_chunks::<3>().0.iter().zip(bases.as_chunks::<3>().0);
    let numbers = pairs.map(|(offset, base)| {
        let moved: [f32; 3] = std::array::from_fn(|axis| base[axis] + offset[axis]);
        let (from, to) = (on_grid(*base, grid), on_grid(moved, grid));
        std::array::from_fn::<i32, 3, _>(|axis| to[axis] - from[axis])
    });
    if grid.is_wide {
        return whole_floats(numbers, compressed);
    }
    let shorts = numbers.map(|numbers| numbers.map(|value| value.clamp(-32767, 32767) as i16));
    packed(Component::I16, false, shorts, i16::to_le_bytes)
}

/// Whole numbers of up to 24 bits as floats, of which the exponential filter makes whole numbers again.
fn whole_floats(numbers: impl Iterator<Item = [i32; 3]>, compressed: bool) -> Accessor {
    let floats: Vec<f32> = numbers.flatten().map(|number| number as f32).collect();
    let plain = Accessor::of_floats(Shape::Vec3, &floats);
    if !compressed {
        return plain;
    }
    let largest = floats.iter().fold(1.0_f32, |largest, number| largest.max(number.abs()));
    // A sign, and as many bits as the largest has: the exponent is 0 then, and every number exact.
    let bits = largest.log2().floor() as u8 + 2;
    let bytes = codec::exponential(&floats, 3, bits.min(24), codec::Exponents::OfColumns);
    Accessor { bytes, filter: Filter::Exponential, ..plain }
}

/// Normals and tangents. Through the octahedral filter where the result is compressed; plain otherwise.
fn unit_vectors(accessor: &Accessor, bits: u8, compressed: bool) -> Accessor {
    let len = accessor.shape.width();
    let floats = accessor.floats();
    let vectors: Vec<[f32; 4]> = floats
        .chunks_exact(len)
        .map(|element| {
            let [x, y, z] =
                [element[0], element[1], element[2]].map(|value| if value.is_finite() { value } else { 0.0 });
            let length = (x * x + y * y + z * z).sqrt();
            // A normal of no length shades black or by chance; up is as good and valid.
            let [x, y, z] = if length > 1e-12 { [x / length, y / length, z / length] } else { [0.0, 0.0, 1.0] };
            [x, y, z, element.get(3).map_or(0.0, |w| if *w < 0.0 { -1.0 } else { 1.0 })]
        })
        .collect();
    let bytes = codec::octahedral(&vectors, bits);
    let (component, stride) = if bits <= 8 { (Component::I8, 4) } else { (Component::I16, 8) };
    let filtered = Accessor {
        component,
        normalised: true,
        shape: accessor.shape,
        count: vectors.len(),
        stride,
        bytes,
        filter: Filter::Octahedral,
        rest: None,
    };
    if compressed {
        return filtered;
    }
    let mut bytes = filtered.unfiltered().into_owned();
    if len == 3 {
        // What the filter leaves in the fourth place is padding here.
        for element in bytes.chunks_exact_mut(stride) {
            element[3 * component.size()..].fill(0);
        }
    }
    Accessor { bytes, filter: Filter::None, ..filtered }
}

/// What morph targets add to normals and tangents, where it fits into -1 to 1.
fn small_offsets(accessor: &Accessor) -> Option<Accessor> {
    let floats = accessor.floats();
    if accessor.shape != Shape::Vec3 || floats.iter().any(|value| !(-1.0..=1.0).contains(value)) {
        return None;
    }
    let elements = floats.as_chunks::<3>().0.iter().map(|element| element.map(|value| (value * 127.0).round() as i8));
    Some(packed(Component::I8, true, elements, i8::to_le_bytes))
}

/// Colours from 0 to 1 in bytes; others stay.
fn colours(accessor: &Accessor) -> Option<Accessor> {
    let floats = accessor.floats();
    if floats.iter().any(|value| !(0.0..=1.0).contains(value)) {
        return None;
    }
    let byte = |value: f32| (value * 255.0).round() as u8;
    Some(if accessor.shape == Shape::Vec3 {
        let elements = floats.as_chunks::<3>().0.iter().map(|element| element.map(byte));
        packed(Component::U8, true, elements, u8::to_le_bytes)
    } else {
        let elements = floats.as_chunks::<4>().0.iter().map(|element| element.map(byte));
        packed(Component::U8, true, elements, u8::to_le_bytes)
    })
}

fn texture_coordinates(accessor: &Accessor, grid: &CoordinateGrid) -> Accessor {
    let floats = accessor.floats();
    let elements = floats.as_chunks::<2>().0.iter().map(|element| {
        std::array::from_fn::<u16, 2, _>(|axis| {
            ((f64::from(element[axis]) - grid.offset[axis]) / grid.step[axis]).round().clamp(0.0, 65535.0) as u16
        })
    });
    packed(Component::U16, false, elements, u16::to_le_bytes)
}

/// Joints and weights: weights in bytes that add up to 255 over all sets, joints in bytes where there are few, and
/// joint 0 where the weight is nothing.
fn influences(primitive: &mut Primitive) {
    let sets: Vec<usize> = (0..64)
        .take_while(|set| {
            primitive.attribute(&format!("WEIGHTS_{set}")).is_some()
                && primitive.attribute(&format!("JOINTS_{set}")).is_some()
        })
        .collect();
    if sets.is_empty() {
        return;
    }
    let read = |kind: &str| -> Vec<Vec<f32>> {
        sets.iter().filter_map(|set| Some(primitive.attribute(&format!("{kind}_{set}"))?.floats())).collect()
    };
    let (mut joints, weights) = (read("JOINTS"), read("WEIGHTS"));
    let count = primitive.vertex_count();
    let mut bytes: Vec<Vec<[u8; 4]>> = vec![vec![[0; 4]; count]; sets.len()];
    for vertex in 0..count {
        let all: Vec<f32> = weights
            .iter()
            .flat_map(|set| &set[vertex * 4..vertex * 4 + 4])
            .map(|weight| if weight.is_finite() { weight.max(0.0) } else { 0.0 })
            .collect();
        for (at, byte) in in_bytes(&all).into_iter().enumerate() {
            bytes[at / 4][vertex][at % 4] = byte;
            if byte == 0 {
                joints[at / 4][vertex * 4 + at % 4] = 0.0;
            }
        }
    }
    let wide = joints.iter().flatten().any(|&joint| joint > 255.0);
    for (at, set) in sets.iter().enumerate() {
        let packed_weights = packed(Component::U8, true, bytes[at].iter().copied(), u8::to_le_bytes);
        let elements = joints[at].as_chunks::<4>().0.iter();
        let packed_joints = if wide {
            packed(Component::U16, false, elements.map(|joint| joint.map(|value| value as u16)), u16::to_le_bytes)
        } else {
            packed(Component::U8, false, elements.map(|joint| joint.map(|value| value as u8)), u8::to_le_bytes)
        };
        for (name, accessor) in &mut primitive.attributes {
            if *name == format!("WEIGHTS_{set}") {
                *accessor = Arc::new(packed_weights.clone());
            } else if *name == format!("JOINTS_{set}") {
                *accessor = Arc::new(packed_joints.clone());
            }
        }
    }
}

/// Weights as bytes that add up to 255, by largest remainder; all 0 where they are.
fn in_bytes(weights: &[f32]) -> Vec<u8> {
    let sum: f32 = weights.iter().sum();
    if sum <= 0.0 {
        return vec![0; weights.len()];
    }
    let exact: Vec<f32> = weights.iter().map(|weight| weight / sum * 255.0).collect();
    let mut bytes: Vec<u8> = exact.iter().map(|value| value.floor() as u8).collect();
    let mut missing = 255 - bytes.iter().map(|&byte| i32::from(byte)).sum::<i32>();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    order.sort_by(|&left, &right| exact[right].fract().total_cmp(&exact[left].fract()));
    for at in order.into_iter().cycle().take(exact.len() * 2) {
        if missing <= 0 {
            break;
        }
        if bytes[at] < 255 && exact[at] > 0.0 {
            bytes[at] += 1;
            missing -= 1;
        }
    }
    bytes
}

// Ways back

/// The extension whose thickness is in the units of the mesh. Its `attenuationDistance` is in those of the scene.
const VOLUME: &str = "KHR_materials_volume";

/// Leads the thickness of materials back from the grid, which makes a unit of the mesh a step. Materials that are shown on
/// several grids become several. Viewers take the thickness of a skinned mesh in the units of its node, which stay.
fn place_thickness(document: &mut Document, grids: &mut [Option<Grid>]) {
    let thickness: Vec<Option<f64>> = document.materials.iter().map(thickness).collect();
    if thickness.iter().all(Option::is_none) {
        return;
    }
    let mut is_skinned = vec![false; document.meshes.len()];
    let mut has_instances = vec![false; document.meshes.len()];
    for node in &document.nodes {
        if let Some(mesh) = node.mesh {
            is_skinned[mesh] |= node.skin.is_some();
            has_instances[mesh] |= !node.instances.is_empty();
        }
    }
    let original = document.materials.len();
    let mut is_taken = vec![false; original];
    let mut shown_on: HashMap<(usize, u64), usize> = HashMap::new();
    for (at, mesh) in document.meshes.iter_mut().enumerate() {
        let materials: Vec<usize> = mesh.primitives.iter().flat_map(materials_of).collect();
        if materials.iter().all(|&material| thickness[material].is_none()) {
            continue;
        }
        // Instances are scaled apart from their node, which not every viewer looks at; and what is unknown may refer to a
        // material by its number.
        if !is_skinned[at] && (has_instances[at] || document.frozen_by.is_some()) {
            grids[at] = None;
        }
        let step = grids[at].filter(|_| !is_skinned[at]).map_or(1.0, |grid| grid.step);
        for &material in &materials {
            let Some(thickness) = thickness[material] else { continue };
            shown_on.entry((material, step.to_bits())).or_insert_with(|| {
                let mut thick = document.materials[material].clone();
                thick["extensions"][VOLUME]["thicknessFactor"] = single(thickness / step);
                if std::mem::replace(&mut is_taken[material], true) {
                    document.materials.push(thick);
                    document.materials.len() - 1
                } else {
                    document.materials[material] = thick;
                    material
                }
            });
        }
        for primitive in &mut mesh.primitives {
            change_materials(primitive, |material| {
                shown_on.get(&(material, step.to_bits())).copied().filter(|_| material < original).unwrap_or(material)
            });
        }
    }
}

fn thickness(material: &Object) -> Option<f64> {
    let thickness = material.get("extensions")?.get(VOLUME)?.get("thicknessFactor")?.as_f64()?;
    (thickness > 0.0).then_some(thickness)
}

/// Leads nodes without a skin back from the grid.
fn place_meshes(document: &mut Document, grids: &[Option<Grid>]) {
    let mut is_moved = vec![false; document.nodes.len()];
    for channel in document.animations.iter().flat_map(|animation| &animation.channels) {
        if let Some(node) = channel.node {
            is_moved[node] |= channel.path != "weights";
        }
    }
    for joint in document.skins.iter().flat_map(|skin| skin.joints.iter().copied().chain(skin.skeleton)) {
        is_moved[joint] = true;
    }
    for (at, is_moved) in is_moved.into_iter().enumerate() {
        let node = &document.nodes[at];
        let Some(grid) = node.mesh.and_then(|mesh| grids[mesh]).filter(|_| node.skin.is_none()) else { continue };
        if !node.instances.is_empty() {
            place_instances(&mut document.nodes[at], &grid);
            continue;
        }
        let has_purpose = is_moved
            || !node.children.is_empty()
            || node.camera.is_some()
            || node.rest.contains_key("extensions")
            || document.frozen_by.is_some();
        if !has_purpose {
            document.nodes[at].transform = node.transform.over_grid(grid.offset, grid.step);
            continue;
        }
        // The mesh moves to a node of its own, with what belongs to it.
        let below = document.nodes.len();
        let node = &mut document.nodes[at];
        let mut child = Node {
            mesh: node.mesh.take(),
            transform: Transform::Parts(Parts::IDENTITY.over_grid(grid.offset, grid.step)),
            ..Node::default()
        };
        if let Some(weights) = node.rest.remove("weights") {
            child.rest.insert("weights".to_owned(), weights);
        }
        node.children.push(below);
        document.nodes.push(child);
        for channel in document.animations.iter_mut().flat_map(|animation| &mut animation.channels) {
            if channel.node == Some(at) && channel.path == "weights" {
                channel.node = Some(below);
            }
        }
    }
}

fn place_instances(node: &mut Node, grid: &Grid) {
    let count = node.instances[0].1.count;
    let read = |name: &str| node.instances.iter().find(|(own, _)| own == name).map(|(_, accessor)| accessor.floats());
    let (translations, rotations, scales) = (read("TRANSLATION"), read("ROTATION"), read("SCALE"));
    let part = |floats: &Option<Vec<f32>>, at: usize, len: usize| -> Option<Vec<f64>> {
        floats.as_ref().map(|floats| floats[at * len..(at + 1) * len].iter().map(|&value| f64::from(value)).collect())
    };
    let parts: Vec<(usize, Parts)> = (0..count)
        .map(|at| {
            let three =
                |floats, otherwise| part(floats, at, 3).and_then(|values| values.try_into().ok()).unwrap_or(otherwise);
            let rotation = part(&rotations, at, 4).and_then(|values| values.try_into().ok());
            let parts = Parts {
                translation: three(&translations, Parts::IDENTITY.translation),
                rotation: rotation.unwrap_or(Parts::IDENTITY.rotation),
                scale: three(&scales, Parts::IDENTITY.scale),
            };
            (at, parts.over_grid(grid.offset, grid.step))
        })
        .collect();
    node.instances.retain(|(name, _)| !matches!(name.as_str(), "TRANSLATION" | "ROTATION" | "SCALE"));
    node.instances.extend(super::instance::instances(&parts));
}

/// Leads skinned meshes back from their grid. All meshes of a skin share it.
fn place_skins(document: &mut Document, grids: &[Option<Grid>]) {
    let mut of_skin: Vec<Option<Grid>> = vec![None; document.skins.len()];
    for node in &document.nodes {
        if let (Some(mesh), Some(skin)) = (node.mesh, node.skin) {
            of_skin[skin] = of_skin[skin].or(grids[mesh]);
        }
    }
    for (skin, own) in document.skins.iter_mut().zip(of_skin) {
        let Some(own) = own else { continue };
        let back = grid(own.offset, own.step);
        let matrices = skin.inverse_bind.take().unwrap_or_else(|| vec![IDENTITY; skin.joints.len()]);
        skin.inverse_bind = Some(matrices.iter().map(|matrix| multiply(matrix, &back)).collect());
    }
}
