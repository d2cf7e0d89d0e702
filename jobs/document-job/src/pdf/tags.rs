//! What a tagged PDF says its content is (ISO 32000-2, 14.7 and 14.8): headings, paragraphs, items of lists, cells of
//! tables. Elements are found by way of the page's entry in the parent tree, when the page is read.

use std::collections::{HashMap, HashSet};

use lopdf::{Dictionary, Object, ObjectId};

use super::content::{Shown, Tag};
use super::file::File;
use super::page_tree::Page;

/// Elements around one another.
const MAX_DEPTH: usize = 64;
/// Elements that are looked at to find out whether there are headings among them.
const MAX_SEARCHED: usize = 3000;
/// Rows and cells of one table.
const MAX_CELLS: usize = 50_000;
/// Nodes of the parent tree.
const MAX_NODES: usize = 100_000;

/// What a piece of content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Role {
    /// Nothing is said of it.
    #[default]
    None,
    Paragraph,
    /// 1 to 6.
    Heading(u8),
    /// By the lists around it, from 0.
    ListItem(u8),
    Cell,
    Code,
    Artifact,
}

/// What the structure says of marked content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Element {
    pub(crate) role: Role,
    /// The same for all content of one element; 0 of none.
    pub(crate) block: u32,
    /// The place of that element among those of its page, in the order of the structure, from 1; 0 of none.
    pub(crate) order: u32,
    pub(crate) cell: Option<Cell>,
}

/// Where a cell is in its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) table: u32,
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

/// The structure of a document.
pub(crate) struct Structure {
    roles: HashMap<Vec<u8>, Vec<u8>>,
    /// By the numbers that pages and forms have.
    parents: HashMap<i64, Object>,
    /// Some element is a heading, so that those that are not said to be are none.
    pub(crate) has_headings: bool,
}

impl Structure {
    /// The structure of a file; none where it is not tagged.
    pub(crate) fn of(file: &File) -> Option<Self> {
        let root = file.dictionary_entry(&file.catalog()?, b"StructTreeRoot")?;
        let mut roles = HashMap::new();
        if let Some(map) = file.dictionary_entry(&root, b"RoleMap") {
            for (name, role) in map.iter().take(1000) {
                if let Object::Name(role) = &*file.resolve(role) {
                    roles.insert(name.clone(), role.clone());
                }
            }
        }
        let mut parents = HashMap::new();
        let mut seen = HashSet::new();
        let mut pending: Vec<Object> = root.get(b"ParentTree").ok().cloned().into_iter().collect();
        while let Some(node) = pending.pop() {
            if node.as_reference().is_ok_and(|id| !seen.insert(id)) || seen.len() > MAX_NODES {
                continue;
            }
            let Some(node) = file.dictionary(&node) else { continue };
            for pair in file.array_entry(&node, b"Nums").unwrap_or_default().chunks_exact(2).take(MAX_NODES) {
                if let Ok(number) = file.resolve(&pair[0]).as_i64() {
                    parents.insert(number, pair[1].clone());
                }
            }
            pending.extend(file.array_entry(&node, b"Kids").unwrap_or_default().into_iter().take(MAX_NODES));
        }
        let mut structure = Self { roles, parents, has_headings: false };
        structure.has_headings = structure.find_heading(file, &root);
        Some(structure)
    }

    fn find_heading(&self, file: &File, root: &Dictionary) -> bool {
        let mut seen = HashSet::new();
        let mut pending = std::collections::VecDeque::from([root.clone()]);
        let mut count = 0;
        while let Some(element) = pending.pop_front() {
            count += 1;
            if count > MAX_SEARCHED {
                return false;
            }
            if matches!(
                self.role(file, &element),
                Some(b"H" | b"H1" | b"H2" | b"H3" | b"H4" | b"H5" | b"H6" | b"Title")
            ) {
                return true;
            }
            for kid in kids(file, &element).into_iter().take(MAX_SEARCHED) {
                if kid.as_reference().is_ok_and(|id| !seen.insert(id)) {
                    continue;
                }
                pending.extend(file.dictionary(&kid).filter(|kid| kid.has(b"S")));
            }
        }
        false
    }

    /// The standard type that an element's type stands for.
    fn role(&self, file: &File, element: &Dictionary) -> Option<&[u8]> {
        const STANDARD: [&[u8]; 31] = [
            b"H",
            b"H1",
            b"H2",
            b"H3",
            b"H4",
            b"H5",
            b"H6",
            b"Title",
            b"P",
            b"LI",
            b"L",
            b"Lbl",
            b"LBody",
            b"Table",
            b"TR",
            b"TH",
            b"TD",
            b"THead",
            b"TBody",
            b"TFoot",
            b"Caption",
            b"Code",
            b"Note",
            b"TOCI",
            b"BlockQuote",
            b"Artifact",
            b"Sect",
            b"Figure",
            b"Formula",
            b"FENote",
            b"Aside",
        ];
        let mut name = file.name_entry(element, b"S")?;
        for _ in 0..10 {
            if let Some(standard) = STANDARD.iter().find(|standard| **standard == name.as_slice()) {
                return Some(standard);
            }
            match self.roles.get(&name) {
                Some(role) if *role != name => name.clone_from(role),
                _ => break,
            }
        }
        None
    }

    /// Finds out what the content of a page is, for each of its tags.
    pub(crate) fn resolve(&self, file: &File, page: &Page, shown: &mut Shown) {
        let mut page_elements = PageElements {
            file,
            structure: self,
            known: HashMap::new(),
            tables: HashMap::new(),
            numbers: HashMap::new(),
            places_of_kids: HashMap::new(),
            paths: vec![Vec::new()],
        };
        let of_page =
            file.integer_entry(&page.dictionary, b"StructParents").and_then(|number| self.parents.get(&number));
        let of_page = of_page.map(|parents| file.resolve(parents));
        let mut of_forms: HashMap<ObjectId, Option<std::sync::Arc<Object>>> = HashMap::new();
        let tags: Vec<Tag> = shown.tags.clone();
        shown.elements = tags
            .into_iter()
            .map(|tag| {
                if tag.is_artifact {
                    return Element { role: Role::Artifact, ..Element::default() };
                }
                let Some(number) = tag.number.and_then(|number| usize::try_from(number).ok()) else {
                    return Element::default();
                };
                let own = tag.form.and_then(|form| {
                    let of_form = of_forms.entry(form).or_insert_with(|| {
                        let object = file.get(form);
                        let Object::Stream(stream) = &*object else { return None };
                        let number = file.integer_entry(&stream.dict, b"StructParents")?;
                        self.parents.get(&number).map(|parents| file.resolve(parents))
                    });
                    of_form.clone()
                });
                let Some(parents) = own.or_else(|| of_page.clone()) else { return Element::default() };
                let Object::Array(parents) = &*parents else { return Element::default() };
                parents.get(number).map_or_else(Element::default, |parent| page_elements.element(parent))
            })
            .collect();
        let mut ranked = page_elements.paths.clone();
        ranked.sort_unstable();
        ranked.dedup();
        for element in shown.elements.iter_mut().filter(|element| element.order > 0) {
            // The empty path of no element is the first.
            element.order = ranked.partition_point(|path| *path < page_elements.paths[element.order as usize]) as u32;
        }
    }
}

fn kids(file: &File, element: &Dictionary) -> Vec<Object> {
    match element.get(b"K") {
        Ok(single @ Object::Reference(_)) => match &*file.resolve(single) {
            Object::Array(kids) => kids.clone(),
            _ => vec![single.clone()],
        },
        Ok(Object::Array(kids)) => kids.clone(),
        Ok(single) => vec![single.clone()],
        Err(_) => Vec::new(),
    }
}

struct PageElements<'a, 'b> {
    file: &'a File<'b>,
    structure: &'a Structure,
    known: HashMap<ObjectId, Element>,
    /// The places of cells, table by table.
    tables: HashMap<ObjectId, HashMap<ObjectId, Cell>>,
    numbers: HashMap<ObjectId, u32>,
    /// Where the kids of an element stand among each other.
    places_of_kids: HashMap<ObjectId, HashMap<ObjectId, u32>>,
    /// The ways from the root to the elements, by the numbers that [`Element::order`] has before they are ranked.
    paths: Vec<Vec<u32>>,
}

impl PageElements<'_, '_> {
    fn number(&mut self, id: ObjectId) -> u32 {
        let next = self.numbers.len() as u32 + 1;
        *self.numbers.entry(id).or_insert(next)
    }

    fn place_of_kid(&mut self, parent: ObjectId, kid: ObjectId) -> u32 {
        let file = self.file;
        let places = self.places_of_kids.entry(parent).or_insert_with(|| {
            let kids =
                file.dictionary(&Object::Reference(parent)).map(|parent| kids(file, &parent)).unwrap_or_default();
            let kids = kids.iter().zip(0..).filter_map(|(kid, at)| Some((kid.as_reference().ok()?, at)));
            kids.take(MAX_NODES).collect()
        });
        places.get(&kid).copied().unwrap_or(u32::MAX)
    }

    /// What the element of some content is, by the elements around it.
    fn element(&mut self, object: &Object) -> Element {
        let Ok(first) = object.as_reference() else { return Element::default() };
        if let Some(known) = self.known.get(&first) {
            return *known;
        }
        let mut found = Element::default();
        let mut sections = 0;
        let mut heading_of_section = false;
        let mut cell: Option<ObjectId> = None;
        let mut lists: u8 = 0;
        // The way up, and where on it the element is that the content counts as.
        let mut way = Vec::new();
        let mut taken = 0;
        let mut next = Some(first);
        for _ in 0..MAX_DEPTH {
            let Some(id) = next else { break };
            let Some(element) = self.file.dictionary(&Object::Reference(id)) else { break };
            let role = self.structure.role(self.file, &element).map(<[u8]>::to_vec);
            let block = found.block;
            let mut take = |role: Role, block: u32| {
                if found.role == Role::None {
                    (found.role, found.block) = (role, block);
                }
            };
            match role.as_deref() {
                Some([b'H', digit @ b'1'..=b'6']) => {
                    let number = self.number(id);
                    // A paragraph within a heading is the heading.
                    (found.role, found.block) = (Role::Heading(digit - b'0'), number);
                }
                Some(b"H") => {
                    let number = self.number(id);
                    (found.role, found.block) = (Role::Heading(1), number);
                    heading_of_section = true;
                }
                Some(b"Title") => {
                    let number = self.number(id);
                    (found.role, found.block) = (Role::Heading(1), number);
                }
                Some(b"P" | b"Caption" | b"Note" | b"FENote" | b"TOCI" | b"BlockQuote" | b"Aside") => {
                    let number = self.number(id);
                    take(Role::Paragraph, number);
                }
                Some(b"Code") => {
                    let number = self.number(id);
                    take(Role::Code, number);
                }
                Some(b"LI") => {
                    let number = self.number(id);
                    // A paragraph of an item is the item.
                    if matches!(found.role, Role::None | Role::Paragraph) {
                        (found.role, found.block) = (Role::ListItem(0), number);
                    }
                }
                Some(b"L") => lists = lists.saturating_add(1),
                Some(b"TD" | b"TH") if cell.is_none() => {
                    let number = self.number(id);
                    cell = Some(id);
                    (found.role, found.block) = (Role::Cell, number);
                }
                Some(b"Table") => {
                    if let Some(cell) = cell.take() {
                        let places =
                            self.tables.entry(id).or_insert_with(|| places(self.file, self.structure, &element));
                        let place = places.get(&cell).copied();
                        let table = self.number(id);
                        found.cell = place.map(|place| Cell { table, ..place });
                    }
                }
                Some(b"Artifact") => found.role = Role::Artifact,
                Some(b"Sect") => sections += 1,
                _ => {}
            }
            if found.block != block {
                taken = way.len();
            }
            let parent = element.get(b"P").ok().and_then(|parent| parent.as_reference().ok());
            way.push(parent.map_or(0, |parent| self.place_of_kid(parent, id)));
            next = parent;
        }
        if let Role::ListItem(level) = &mut found.role {
            *level = lists.saturating_sub(1);
        }
        let mut path = way.split_off(taken.min(way.len()));
        path.reverse();
        found.order = self.paths.len() as u32;
        self.paths.push(path);
        if heading_of_section && let Role::Heading(level) = &mut found.role {
            // Headings without a level have that of their section.
            *level = sections.clamp(1, 6);
        }
        self.known.insert(first, found);
        found
    }
}

/// The places of a table's cells.
fn places(file: &File, structure: &Structure, table: &Dictionary) -> HashMap<ObjectId, Cell> {
    let mut places = HashMap::new();
    let mut row = 0;
    // Columns that cells of rows above reach into, and up to which row.
    let mut free_from: Vec<usize> = Vec::new();
    let mut pending: Vec<Object> = kids(file, table).into_iter().rev().collect();
    let mut steps = 0;
    while let Some(kid) = pending.pop() {
        steps += 1;
        if steps > MAX_CELLS {
            break;
        }
        let Some(element) = file.dictionary(&kid) else { continue };
        match structure.role(file, &element) {
            Some(b"THead" | b"TBody" | b"TFoot") => pending.extend(kids(file, &element).into_iter().rev()),
            Some(b"TR") => {
                let mut column = 0;
                for cell in kids(file, &element).into_iter().take(1000) {
                    let (Ok(id), Some(cell)) = (cell.as_reference(), file.dictionary(&cell)) else { continue };
                    if !matches!(structure.role(file, &cell), Some(b"TD" | b"TH")) {
                        continue;
                    }
                    while free_from.get(column).is_some_and(|free| *free > row) {
                        column += 1;
                    }
                    let rows = attribute(file, &cell, b"RowSpan");
                    let columns = attribute(file, &cell, b"ColSpan");
                    if rows > 1 && column + columns < 1000 {
                        free_from.resize(free_from.len().max(column + columns), 0);
                        free_from[column..column + columns].fill(row + rows);
                    }
                    places.insert(id, Cell { table: 0, row, column, rows, columns });
                    column += columns;
                }
                row += 1;
            }
            _ => {}
        }
    }
    places
}

/// A number in the attributes of a cell, which may be one object or several.
fn attribute(file: &File, element: &Dictionary, name: &[u8]) -> usize {
    let attributes = match element.get(b"A").map(|attributes| file.resolve(attributes)) {
        Ok(attributes) => match &*attributes {
            Object::Array(several) => several.iter().take(20).filter_map(|one| file.dictionary(one)).collect(),
            Object::Dictionary(one) => vec![one.clone()],
            _ => Vec::new(),
        },
        Err(_) => Vec::new(),
    };
    let found = attributes.iter().find_map(|attributes| file.integer_entry(attributes, name));
    found.and_then(|number| usize::try_from(number).ok()).unwrap_or(1).clamp(1, 1000)
}
