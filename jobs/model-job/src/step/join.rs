//! Meshes of the same material that never move against each other become one: one draw call.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::Context;
use super::renumber::{materials_of, note_names};
use super::reorder::fetch_order;
use super::rigid::{Anchor, Place, attach, places, remove_emptied};
use scene::accessor::{Accessor, Component, Shape};
use scene::document::{Attribute, Document, Length, Mesh, Mode, Node, Primitive};
use scene::json::Object;
use scene::transform::{IDENTITY, Matrix, apply, apply_linear, cofactors, determinant, largest_scale};

/// How many times larger than one of its parts a joined mesh may be, or be away from its origin. Positions are floats, whose
/// 24 bits put a part off by a three-thousandth of its size then.
const LARGEST_OF_PART: f64 = 5000.0;

/// How many vertices a mesh that is shown several times may become, all copies together.
const MOST_COPIED_VERTICES: usize = 16_384;

/// What has to be the same for primitives to be drawn together.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Clone)]
pub struct Key {
    anchor: Anchor,
    /// What they are shown with.
    pub material: Option<usize>,
    mode: Mode,
    attributes: Vec<AttributeKind>,
    targets: Vec<Vec<AttributeKind>>,
    /// Extensions and extras of the primitive, and those of its mesh.
    rest: [String; 2],
}

/// Name, shape and, where it is not turned into floats, how numbers are stored.
type AttributeKind = (String, Shape, Option<(Component, bool)>);

impl Key {
    /// What has to be the same besides the material.
    #[must_use]
    pub fn with_any_material(&self) -> Self {
        Self { material: None, ..self.clone() }
    }
}

/// A primitive at a node that may be drawn together with those of the same key.
pub struct Candidate {
    /// The node.
    pub node: usize,
    /// The number of the primitive in the node's mesh.
    pub primitive: usize,
    /// What it has to have in common with others.
    pub key: Key,
}

/// Joins meshes without skins and morph targets. Translucent ones are left, because they are drawn in the order of
/// their distance; so are those with extras or extensions, which mean something on their own. Parts of one mesh are
/// joined whatever they are.
pub fn join(document: &mut Document, context: &Context<'_>) {
    if document.frozen_by.is_some() {
        return;
    }
    join_parts(document);
    let places = places(document, context.options.keep_named_nodes);
    let mut groups: BTreeMap<Key, Vec<(usize, usize)>> = BTreeMap::new();
    for Candidate { node, primitive, key } in candidates(document, &places) {
        groups.entry(key).or_default().push((node, primitive));
    }
    for entries in groups.values_mut() {
        leave_tiny(document, &places, entries);
    }
    // What is alone in its group stays where it is.
    groups.retain(|_, entries| entries.len() > 1);

    // One mesh for what moves together and means the same.
    let mut joined: BTreeMap<(Anchor, String), (Object, Vec<Primitive>)> = BTreeMap::new();
    let mut taken: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (Key { anchor, rest: [_, rest], .. }, entries) in &groups {
        let parts: Vec<(&Primitive, &Matrix)> = entries
            .iter()
            .filter_map(|&(node, number)| {
                let mesh = document.nodes[node].mesh?;
                let place = places[node].as_ref()?;
                Some((&document.meshes[mesh].primitives[number], &place.matrix))
            })
            .collect();
        let of_mesh = document.nodes[entries[0].0].mesh.map(|mesh| nameless(&document.meshes[mesh].rest));
        let (_, primitives) =
            joined.entry((*anchor, rest.clone())).or_insert_with(|| (of_mesh.unwrap_or_default(), Vec::new()));
        primitives.push(joined_primitive(&parts));
        for &(node, number) in entries {
            taken.entry(node).or_default().push(number);
        }
    }
    let mut emptied: BTreeMap<Anchor, Vec<usize>> = BTreeMap::new();
    let mut left: HashMap<(usize, Vec<usize>), Option<usize>> = HashMap::new();
    for (node, numbers) in taken {
        let (Some(mesh), Some(place)) = (document.nodes[node].mesh, &places[node]) else { continue };
        emptied.entry(place.anchor).or_default().push(node);
        document.nodes[node].mesh =
            *left.entry((mesh, numbers)).or_insert_with_key(|(_, numbers)| leave_rest(document, mesh, numbers));
    }
    let (anchors, emptied): (Vec<Anchor>, Vec<Vec<usize>>) = emptied.into_iter().unzip();
    let mut names: BTreeMap<Anchor, Vec<String>> =
        anchors.into_iter().zip(remove_emptied(document, &emptied)).collect();
    for ((anchor, _), (rest, primitives)) in joined {
        let mut node = Node { mesh: Some(document.meshes.len()), ..Node::default() };
        note_names(&mut node.rest, names.remove(&anchor).unwrap_or_default());
        document.meshes.push(Mesh { primitives, rest });
        document.nodes.push(node);
        attach(document, anchor, document.nodes.len() - 1);
    }
}

/// Whether a material lets through what is behind it, so that the order of drawing matters, or is as thick as the node at
/// which it is shown makes it.
pub fn blends(material: &Object) -> bool {
    let has = |name: &str| material.get("extensions").and_then(|all| all.get(name)).is_some();
    material.get("alphaMode").and_then(Value::as_str) == Some("BLEND")
        || has("KHR_materials_transmission")
        || has("KHR_materials_volume")
}

/// Leaves out of a group what would be too small beside the rest of it to keep its shape.
fn leave_tiny(document: &Document, places: &[Option<Place>], entries: &mut Vec<(usize, usize)>) {
    let boxes: Vec<Option<([f64; 3], [f64; 3])>> = entries
        .iter()
        .map(|&(node, number)| {
            let primitive = &document.meshes[document.nodes[node].mesh?].primitives[number];
            let (low, high) = primitive.attribute("POSITION")?.bounds();
            let matrix = places[node].as_ref()?.matrix;
            let corners = (0..8).map(|corner: usize| {
                apply(&matrix, std::array::from_fn(|axis| if corner >> axis & 1 == 0 { low[axis] } else { high[axis] }))
            });
            let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
            for point in corners {
                for axis in 0..3 {
                    least[axis] = least[axis].min(point[axis]);
                    most[axis] = most[axis].max(point[axis]);
                }
            }
            Some((least, most))
        })
        .collect();
    let extent = |(least, most): &([f64; 3], [f64; 3])| (0..3).map(|axis| most[axis] - least[axis]).fold(0.0, f64::max);
    let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for (low, high) in boxes.iter().flatten() {
        for axis in 0..3 {
            least[axis] = least[axis].min(low[axis]);
            most[axis] = most[axis].max(high[axis]);
        }
    }
    let farthest = least.iter().chain(&most).fold(0.0, |far: f64, value| far.max(value.abs()));
    let reach = farthest.max(extent(&(least, most)));
    let mut own = boxes.iter();
    // What has no extent, such as a point, has no shape to lose.
    entries.retain(|_| {
        let size = own.next().and_then(|own| own.as_ref()).map_or(0.0, extent);
        size <= 0.0 || size * LARGEST_OF_PART >= reach
    });
}

/// What can be joined, node by node.
pub fn candidates(document: &Document, places: &[Option<Place>]) -> Vec<Candidate> {
    // Vertices that many primitives share would be copied for each.
    let mut uses: HashMap<Geometry, usize> = HashMap::new();
    let mesh_of = |node: &Node| node.mesh.map(|mesh| &document.meshes[mesh]);
    for primitive in document.nodes.iter().filter_map(mesh_of).flat_map(|mesh| &mesh.primitives) {
        *uses.entry(geometry(primitive)).or_default() += 1;
    }
    let is_copied_too_much = |primitive: &Primitive| {
        let uses = uses.get(&geometry(primitive)).copied().unwrap_or(1);
        uses > 1 && uses * primitive.vertex_count() > MOST_COPIED_VERTICES
    };
    let mut candidates = Vec::new();
    for (at, node) in document.nodes.iter().enumerate() {
        let (Some(mesh), Some(place)) = (mesh_of(node), &places[at]) else { continue };
        let is_simple = node.skin.is_none() && node.instances.is_empty() && node.has_only_name();
        if !is_simple || place.anchor == Anchor::Node(at) || mesh.rest.contains_key("weights") {
            continue;
        }
        let rest_of_mesh = text(&nameless(&mesh.rest));
        for (number, primitive) in mesh.primitives.iter().enumerate() {
            let is_plain = primitive.targets.is_empty() && primitive.rest.is_empty();
            if !is_plain || shown_blending(document, primitive) || is_copied_too_much(primitive) {
                continue;
            }
            if let Some(mut key) = key(primitive, place.anchor) {
                key.rest[1].clone_from(&rest_of_mesh);
                candidates.push(Candidate { node: at, primitive: number, key });
            }
        }
    }
    candidates
}

/// What can be joined of one mesh, wherever it is shown, but for translucent parts.
pub fn candidates_of_mesh(document: &Document, mesh: usize) -> Vec<(usize, Key)> {
    let primitives = document.meshes[mesh].primitives.iter().enumerate();
    primitives
        .filter(|(_, primitive)| !shown_blending(document, primitive) && primitive.rest.is_empty())
        .filter_map(|(number, primitive)| Some((number, key(primitive, Anchor::Scene(0))?)))
        .collect()
}

/// Positions and indices by address.
type Geometry = (usize, usize);

fn geometry(primitive: &Primitive) -> Geometry {
    let positions = primitive.attribute("POSITION").map_or(0, |accessor| Arc::as_ptr(accessor) as usize);
    (positions, primitive.indices.as_ref().map_or(0, |indices| Arc::as_ptr(indices) as usize))
}

/// Parts of a mesh that are alike become one, wherever the mesh is shown. Translucent parts, which are as far away as
/// each other, are drawn in the order of the list: nothing translucent may stand between them.
fn join_parts(document: &mut Document) {
    for at in 0..document.meshes.len() {
        if document.meshes[at].primitives.len() < 2 {
            continue;
        }
        let mut groups: Vec<Vec<Primitive>> = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        let mut geometries: HashSet<Geometry> = HashSet::new();
        let mut last_blending = None;
        for primitive in std::mem::take(&mut document.meshes[at].primitives) {
            let blends = shown_blending(document, &primitive);
            // What is drawn twice over would only be copied.
            let is_new = geometries.insert(geometry(&primitive));
            let key = key(&primitive, Anchor::Scene(0)).filter(|_| is_new);
            let found = key.as_ref().and_then(|key| known.get(key).copied());
            let group = if let Some(group) = found.filter(|&group| !blends || last_blending == Some(group)) {
                groups[group].push(primitive);
                group
            } else {
                groups.push(vec![primitive]);
                known.extend(key.map(|key| (key, groups.len() - 1)));
                groups.len() - 1
            };
            if blends {
                last_blending = Some(group);
            }
        }
        let join = |mut group: Vec<Primitive>| match group.as_slice() {
            [_] => group.pop(),
            all => Some(joined_primitive(&all.iter().map(|part| (part, &IDENTITY)).collect::<Vec<_>>())),
        };
        document.meshes[at].primitives = groups.into_iter().filter_map(join).collect();
    }
}

fn shown_blending(document: &Document, primitive: &Primitive) -> bool {
    materials_of(primitive).iter().any(|&material| blends(&document.materials[material]))
}

/// `None` where the primitive has to stay on its own.
fn key(primitive: &Primitive, anchor: Anchor) -> Option<Key> {
    let has_rest = |(_, accessor): &Attribute| accessor.rest.is_some();
    if primitive.attribute("POSITION").is_none()
        || !matches!(primitive.mode, Mode::Points | Mode::Lines | Mode::Triangles)
        || primitive.attributes.iter().chain(primitive.targets.iter().flatten()).any(has_rest)
    {
        return None;
    }
    let kinds = |attributes: &[Attribute]| -> Vec<AttributeKind> {
        attributes
            .iter()
            .map(|(name, accessor)| {
                let stored = (!becomes_floats(name)).then_some((accessor.component, accessor.normalised));
                (name.clone(), accessor.shape, stored)
            })
            .collect()
    };
    Some(Key {
        anchor,
        material: primitive.material,
        mode: primitive.mode,
        attributes: kinds(&primitive.attributes),
        targets: primitive.targets.iter().map(|target| kinds(target)).collect(),
        rest: [text(&primitive.rest), String::new()],
    })
}

fn text(rest: &Object) -> String {
    if rest.is_empty() { String::new() } else { Value::Object(rest.clone()).to_string() }
}

fn nameless(rest: &Object) -> Object {
    let mut rest = rest.clone();
    rest.remove("name");
    rest
}

/// Attributes that may be stored differently in what is joined.
fn becomes_floats(name: &str) -> bool {
    matches!(name, "POSITION" | "NORMAL" | "TANGENT") || name.starts_with("TEXCOORD_") || name.starts_with("COLOR_")
}

/// What is left of a mesh at one node; `None` where nothing is.
fn leave_rest(document: &mut Document, mesh: usize, taken: &[usize]) -> Option<usize> {
    let primitives: Vec<Primitive> = document.meshes[mesh]
        .primitives
        .iter()
        .enumerate()
        .filter(|(number, _)| !taken.contains(number))
        .map(|(_, primitive)| primitive.clone())
        .collect();
    if primitives.is_empty() {
        return None;
    }
    document.meshes.push(Mesh { primitives, rest: document.meshes[mesh].rest.clone() });
    Some(document.meshes.len() - 1)
}

fn joined_primitive(parts: &[(&Primitive, &Matrix)]) -> Primitive {
    let compact: Vec<(Cow<'_, Primitive>, &Matrix)> =
        parts.iter().map(|(part, matrix)| (compact(part), *matrix)).collect();
    let parts = || compact.iter().map(|(part, matrix)| (part.as_ref(), *matrix));
    let first = compact[0].0.as_ref();
    let attributes = first.attributes.iter().map(|(name, like)| {
        let accessors: Vec<_> = parts().filter_map(|(part, matrix)| Some((part.attribute(name)?, matrix))).collect();
        (name.clone(), Arc::new(joined_attribute(name, like, &accessors)))
    });
    // Parts with morph targets stay where they are, so that these need no transformation.
    let targets = first.targets.iter().enumerate().map(|(at, target)| -> Vec<Attribute> {
        let of = |part: &'_ Primitive, name: &str| part.targets[at].iter().position(|(own, _)| own == name);
        let joined = target.iter().map(|(name, like)| {
            let accessors: Vec<_> =
                parts().filter_map(|(part, matrix)| Some((&part.targets[at][of(part, name)?].1, matrix))).collect();
            (name.clone(), Arc::new(floats(like, &accessors, |_, _| {})))
        });
        joined.collect()
    });
    let (attributes, targets) = (attributes.collect(), targets.collect());
    let corners = match first.mode {
        Mode::Triangles => 3,
        Mode::Lines => 2,
        _ => 1,
    };
    let mut indices = Vec::new();
    let mut base = 0;
    for (part, matrix) in parts() {
        let own: Vec<u32> = match &part.indices {
            Some(indices) => indices.iter().map(|index| base + index).collect(),
            None => (base..base + part.vertex_count() as u32).collect(),
        };
        if corners == 3 && determinant(matrix) < 0.0 {
            // A mirrored triangle turns its back.
            indices.extend(own.as_chunks::<3>().0.iter().flat_map(|&[a, b, c]| [b, a, c]));
        } else {
            indices.extend(own);
        }
        base += part.vertex_count() as u32;
    }
    let smallest_part = smallest_part(&compact);
    let has_indices = first.mode != Mode::Points || parts().any(|(part, _)| part.indices.is_some());
    Primitive {
        mode: first.mode,
        attributes,
        indices: has_indices.then(|| Arc::new(indices)),
        targets,
        material: first.material,
        smallest_part,
        rest: first.rest.clone(),
    }
}

/// The longest side of the smallest part in the space of the whole; of what was joined before, the smallest of that.
fn smallest_part(parts: &[(Cow<'_, Primitive>, &Matrix)]) -> Option<Length> {
    let side = |(part, matrix): &(Cow<'_, Primitive>, &Matrix)| -> Option<f64> {
        if let Some(smallest) = part.smallest_part {
            return Some(smallest.units() * largest_scale(matrix));
        }
        let (mut least, mut most) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for position in part.attribute("POSITION")?.floats().as_chunks::<3>().0 {
            let point = apply(matrix, position.map(f64::from));
            for axis in 0..3 {
                least[axis] = least[axis].min(point[axis]);
                most[axis] = most[axis].max(point[axis]);
            }
        }
        Some((0..3).map(|axis| most[axis] - least[axis]).fold(0.0, f64::max))
    };
    let sides = parts.iter().filter_map(side).filter(|side| *side > 0.0 && side.is_finite());
    sides.min_by(f64::total_cmp).map(Length::of)
}

/// Without the vertices that no index uses: parts often share one long list.
fn compact(primitive: &Primitive) -> Cow<'_, Primitive> {
    match &primitive.indices {
        Some(indices) if indices.len() < primitive.vertex_count() => {
            let mut own = primitive.clone();
            fetch_order(&mut own);
            Cow::Owned(own)
        }
        _ => Cow::Borrowed(primitive),
    }
}

fn joined_attribute(name: &str, like: &Accessor, parts: &[(&Arc<Accessor>, &Matrix)]) -> Accessor {
    match name {
        "POSITION" => floats(like, parts, |matrix, element| transform(element, |v| apply(matrix, v))),
        "NORMAL" => floats(like, parts, |matrix, element| {
            let cofactors = cofactors(matrix);
            let mirror = determinant(matrix).signum();
            transform(element, |v| unit(apply_linear(&cofactors, v).map(|value| value * mirror)));
        }),
        "TANGENT" => floats(like, parts, |matrix, element| {
            transform(element, |v| unit(apply_linear(matrix, v)));
            if let Some(handedness) = element.get_mut(3) {
                *handedness *= determinant(matrix).signum() as f32;
            }
        }),
        _ if becomes_floats(name) => floats(like, parts, |_, _| {}),
        _ => Accessor {
            count: parts.iter().map(|(accessor, _)| accessor.count).sum(),
            bytes: parts.iter().flat_map(|(accessor, _)| accessor.bytes.iter().copied()).collect(),
            ..like.clone()
        },
    }
}

fn floats(like: &Accessor, parts: &[(&Arc<Accessor>, &Matrix)], change: impl Fn(&Matrix, &mut [f32])) -> Accessor {
    let mut all = Vec::new();
    for (accessor, matrix) in parts {
        let start = all.len();
        all.extend(accessor.floats());
        for element in all[start..].chunks_exact_mut(accessor.shape.width()) {
            change(matrix, element);
        }
    }
    Accessor::of_floats(like.shape, &all)
}

fn transform(element: &mut [f32], through: impl Fn([f64; 3]) -> [f64; 3]) {
    let moved = through([f64::from(element[0]), f64::from(element[1]), f64::from(element[2])]);
    for (slot, value) in element.iter_mut().zip(moved) {
        *slot = value as f32;
    }
}

fn unit(vector: [f64; 3]) -> [f64; 3] {
    let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    if length > 0.0 { vector.map(|value| value / length) } else { vector }
}
