//! Which nodes never move against each other.

use crate::step::prune::referred_nodes;
use scene::document::Document;
use scene::transform::{IDENTITY, Matrix, multiply};

/// What a node moves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Anchor {
    /// Nothing: it stands still in that scene.
    Scene(usize),
    /// A node that an animation, a skin, an extension or the outside may move.
    Node(usize),
}

/// A node's place relative to its anchor.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// What it moves with.
    pub anchor: Anchor,
    /// From the node's space to the anchor's.
    pub matrix: Matrix,
}

/// For every node its place; `None` for nodes of no scene or of several.
pub fn places(document: &Document, named_nodes_move: bool) -> Vec<Option<Place>> {
    let referred = referred_nodes(document);
    let mut scene_of_root = vec![None; document.nodes.len()];
    let mut times_listed = vec![0; document.nodes.len()];
    for (scene, roots) in document.scenes.iter().enumerate() {
        for &root in &roots.nodes {
            scene_of_root[root] = Some(scene);
            times_listed[root] += 1;
        }
    }
    let mut places: Vec<Option<Place>> = vec![None; document.nodes.len()];
    let parents = document.parents();
    for at in document.parents_first() {
        let node = &document.nodes[at];
        let moves = referred.contains(&at)
            || node.rest.contains_key("extensions")
            || (named_nodes_move && node.name().is_some());
        let above = match parents[at] {
            // A node with a parent that a scene lists besides is shown from two places.
            Some(parent) if times_listed[at] == 0 => places[parent],
            None if times_listed[at] == 1 => {
                scene_of_root[at].map(|scene| Place { anchor: Anchor::Scene(scene), matrix: IDENTITY })
            }
            _ => None,
        };
        places[at] = above.map(|above| {
            if moves {
                Place { anchor: Anchor::Node(at), matrix: IDENTITY }
            } else {
                Place { anchor: above.anchor, matrix: multiply(&above.matrix, &node.transform.matrix()) }
            }
        });
    }
    places
}

/// Adds a node below its anchor.
pub fn attach(document: &mut Document, anchor: Anchor, node: usize) {
    match anchor {
        Anchor::Scene(scene) => document.scenes[scene].nodes.push(node),
        Anchor::Node(parent) => document.nodes[parent].children.push(node),
    }
}

/// Removes nodes that have become empty, and those above them that become so; says for each group the names they had.
/// Nodes stay in the list, detached, until the next pruning.
pub fn remove_emptied(document: &mut Document, groups: &[Vec<usize>]) -> Vec<Vec<String>> {
    let referred = referred_nodes(document);
    let parents = document.parents();
    let mut children: Vec<usize> = document.nodes.iter().map(|node| node.children.len()).collect();
    let mut is_removed = vec![false; document.nodes.len()];
    let names = groups.iter().map(|emptied| {
        let mut names = Vec::new();
        let mut waiting = emptied.clone();
        while let Some(at) = waiting.pop() {
            let node = &document.nodes[at];
            if is_removed[at] || children[at] > 0 || !node.is_plain() || referred.contains(&at) {
                continue;
            }
            is_removed[at] = true;
            names.extend(node.name().map(ToOwned::to_owned));
            if let Some(parent) = parents[at] {
                children[parent] -= 1;
                waiting.push(parent);
            }
        }
        names.reverse();
        names
    });
    let names = names.collect();
    for node in &mut document.nodes {
        node.children.retain(|&child| !is_removed[child]);
    }
    for scene in &mut document.scenes {
        scene.nodes.retain(|&root| !is_removed[root]);
    }
    names
}
