//! Leaves out what nothing refers to.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::Context;
use super::renumber::{Renumbering, materials_of};
use scene::accessor::{Accessor, Shape};
use scene::document::{Attribute, Document, Primitive};
use scene::json::{Object, size};
use scene::texture_info;
use scene::texture_info::images_of;

/// Leaves out nodes, meshes, skins, cameras, materials, textures, samplers and images that no scene shows, and vertex
/// attributes that no material uses.
pub fn prune(document: &mut Document, context: &Context<'_>) {
    if document.frozen_by.is_some() {
        return;
    }
    if !context.options.keep_attributes {
        attributes(document);
    }
    unused(document);
}

/// Leaves out objects, not attributes. Joining and merging leave some behind.
pub fn unused(document: &mut Document) {
    if document.frozen_by.is_some() {
        return;
    }
    document.animations.retain(|animation| !animation.channels.is_empty() || !animation.rest.is_empty());
    document.meshes.iter_mut().for_each(|mesh| mesh.primitives.retain(|primitive| !primitive.attributes.is_empty()));
    for node in &mut document.nodes {
        node.mesh = node.mesh.filter(|&mesh| !document.meshes[mesh].primitives.is_empty());
        node.skin = node.skin.filter(|_| node.mesh.is_some());
    }

    let keep = shown_nodes(document);
    Renumbering::retain(&mut document.nodes, &keep).nodes(document);

    let keep = used(document.meshes.len(), document.nodes.iter().filter_map(|node| node.mesh));
    Renumbering::retain(&mut document.meshes, &keep).meshes(document);

    let keep = used(document.skins.len(), document.nodes.iter().filter_map(|node| node.skin));
    Renumbering::retain(&mut document.skins, &keep).skins(document);

    let keep = used(document.cameras.len(), document.nodes.iter().filter_map(|node| node.camera));
    Renumbering::retain(&mut document.cameras, &keep).cameras(document);

    let primitives = document.meshes.iter().flat_map(|mesh| &mesh.primitives);
    let keep = used(document.materials.len(), primitives.flat_map(materials_of));
    Renumbering::retain(&mut document.materials, &keep).materials(document);

    let mut textures = Vec::new();
    for material in &document.materials {
        texture_info::visit(material, &mut |_, info| textures.extend(info.get("index").and_then(size)));
    }
    let keep = used(document.textures.len(), textures.into_iter());
    Renumbering::retain(&mut document.textures, &keep).textures(document);

    let samplers = document.textures.iter().filter_map(|texture| texture.get("sampler").and_then(size));
    let keep = used(document.samplers.len(), samplers);
    Renumbering::retain(&mut document.samplers, &keep).samplers(document);

    let keep = used(document.images.len(), document.textures.iter().flat_map(images_of));
    Renumbering::retain(&mut document.images, &keep).images(document);
}

/// Nodes of scenes, those that skins and animations refer to, and the ancestors of all. A file without scenes is a
/// library, of which every node counts.
fn shown_nodes(document: &Document) -> Vec<bool> {
    let count = document.nodes.len();
    if document.scenes.is_empty() {
        return vec![true; count];
    }
    let mut keep = vec![false; count];
    let mut waiting: Vec<usize> = document.scenes.iter().flat_map(|scene| scene.nodes.iter().copied()).collect();
    while let Some(at) = waiting.pop() {
        if !std::mem::replace(&mut keep[at], true) {
            waiting.extend_from_slice(&document.nodes[at].children);
        }
    }
    let referred = referred_nodes(document);
    let parents = document.parents();
    for &at in &referred {
        let mut next = Some(at);
        while let Some(at) = next.filter(|&at| !keep[at]) {
            keep[at] = true;
            next = parents[at];
        }
    }
    // Leaves without a name, a purpose or a reader.
    for at in document.parents_first().into_iter().rev() {
        let node = &document.nodes[at];
        let is_leaf = node.children.iter().all(|&child| !keep[child]);
        if is_leaf && node.is_plain() && node.name().is_none() && !referred.contains(&at) {
            keep[at] = false;
        }
    }
    keep
}

/// Nodes that skins and animations refer to.
pub fn referred_nodes(document: &Document) -> HashSet<usize> {
    let skins = document.skins.iter().flat_map(|skin| skin.joints.iter().copied().chain(skin.skeleton));
    let channels = document.animations.iter().flat_map(|animation| &animation.channels);
    skins.chain(channels.filter_map(|channel| channel.node)).collect()
}

fn used(count: usize, numbers: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut used = vec![false; count];
    numbers.for_each(|number| used[number] = true);
    used
}

/// Leaves out attributes that no material uses, and numbers the sets of texture coordinates that are left from 0 on, which
/// glTF demands. Materials that primitives share, or switch between, are numbered alike.
fn attributes(document: &mut Document) {
    let needs: Vec<Needs> = document.materials.iter().map(Needs::of).collect();
    let group = material_groups(document);
    let mut sets: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); document.materials.len()];
    for (needs, &group) in needs.iter().zip(&group) {
        sets[group].extend(&needs.coordinates);
    }
    let numbers_of = |material: usize| -> BTreeMap<usize, usize> {
        sets[group[material]].iter().enumerate().map(|(new, &old)| (old, new)).collect()
    };
    for primitive in document.meshes.iter_mut().flat_map(|mesh| &mut mesh.primitives) {
        let materials = materials_of(primitive);
        // A primitive without a material is drawn with the default one.
        let plain = Needs::of(&Object::new());
        let mut of_primitive: Vec<&Needs> = materials.iter().map(|&material| &needs[material]).collect();
        if primitive.material.is_none() {
            of_primitive.push(&plain);
        }
        let numbers = materials.first().map(|&material| numbers_of(material)).unwrap_or_default();
        drop_unneeded(primitive, &of_primitive, &numbers);
    }
    for at in 0..document.materials.len() {
        let numbers = numbers_of(at);
        texture_info::visit_mut(&mut document.materials[at], &mut |_, info| {
            let old = texture_info::coordinates(info);
            if let Some(&new) = numbers.get(&old).filter(|&&new| new != old) {
                texture_info::set_coordinates(info, new);
            }
        });
    }
}

/// For every material the first of those that primitives are shown with besides, by variants.
fn material_groups(document: &Document) -> Vec<usize> {
    let mut group: Vec<usize> = (0..document.materials.len()).collect();
    let root = |group: &[usize], mut at: usize| {
        while group[at] != at {
            at = group[at];
        }
        at
    };
    for primitive in document.meshes.iter().flat_map(|mesh| &mesh.primitives) {
        for pair in materials_of(primitive).windows(2) {
            let (left, right) = (root(&group, pair[0]), root(&group, pair[1]));
            group[left.max(right)] = left.min(right);
        }
    }
    (0..group.len()).map(|at| root(&group, at)).collect()
}

struct Needs {
    coordinates: HashSet<usize>,
    normals: bool,
    tangents: bool,
}

impl Needs {
    fn of(material: &Object) -> Self {
        let mut coordinates = HashSet::new();
        let mut tangents = false;
        texture_info::visit(material, &mut |key, info| {
            coordinates.insert(texture_info::coordinates(info));
            tangents |= key.to_ascii_lowercase().contains("normal");
        });
        let has = |name: &str| material.get("extensions").and_then(|all| all.get(name)).is_some();
        let unlit = has("KHR_materials_unlit");
        Self { coordinates, normals: !unlit, tangents: !unlit && (tangents || has("KHR_materials_anisotropy")) }
    }
}

fn drop_unneeded(primitive: &mut Primitive, needs: &[&Needs], numbers: &BTreeMap<usize, usize>) {
    // The name that an attribute gets; none where it is left out.
    let new_name = |name: &str| -> Option<String> {
        let is_needed = match name {
            "NORMAL" => needs.iter().any(|needs| needs.normals),
            "TANGENT" => needs.iter().any(|needs| needs.tangents),
            _ => match coordinate_set(name) {
                Some(set) => return numbers.get(&set).map(|new| format!("TEXCOORD_{new}")),
                None => true,
            },
        };
        is_needed.then(|| name.to_owned())
    };
    let rename = |attributes: &mut Vec<Attribute>| {
        let old = std::mem::take(attributes);
        attributes.extend(old.into_iter().filter_map(|(name, accessor)| Some((new_name(&name)?, accessor))));
        attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    };
    rename(&mut primitive.attributes);
    primitive.targets.iter_mut().for_each(rename);
    fill_sets(primitive);
    // Targets that move nothing any more still have weights that animations drive: they stay, as positions at rest.
    if let Some((_, positions)) = primitive.attributes.iter().find(|(name, _)| name == "POSITION") {
        let count = positions.count;
        for target in primitive.targets.iter_mut().filter(|target| target.is_empty()) {
            let still = Accessor::of_floats(Shape::Vec3, &vec![0.0; count * 3]);
            target.push(("POSITION".to_owned(), Arc::new(still)));
        }
    }
}

/// A primitive may lack a set that others of its material have. Below a set that it has, zeros stand for it: they are what
/// viewers take for what is not there.
fn fill_sets(primitive: &mut Primitive) {
    let sets: Vec<usize> = primitive.attributes.iter().filter_map(|(name, _)| coordinate_set(name)).collect();
    let (Some(&last), count) = (sets.iter().max(), primitive.vertex_count()) else { return };
    if (0..last).all(|set| sets.contains(&set)) {
        return;
    }
    let zeros = Arc::new(Accessor::of_floats(Shape::Vec2, &vec![0.0; count * 2]));
    for set in (0..last).filter(|set| !sets.contains(set)) {
        primitive.attributes.push((format!("TEXCOORD_{set}"), Arc::clone(&zeros)));
    }
    primitive.attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
}

fn coordinate_set(name: &str) -> Option<usize> {
    name.strip_prefix("TEXCOORD_")?.parse().ok()
}
